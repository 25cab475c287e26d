"""Parses the JSON of request bodies."""

from __future__ import annotations

import json
from typing import Any


def parse_json(content: bytes) -> Any:
    """Return the JSON value in a body.

    :raises ValueError: if it is not JSON, or nested too deeply for Python.
    """
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("nested too deeply") from None
