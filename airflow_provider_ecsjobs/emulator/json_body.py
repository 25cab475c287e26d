"""The JSON of request bodies."""

from __future__ import annotations

import json
from typing import Any


def parse_json(content: bytes) -> Any:
    """Return what a body holds.

    :raises ValueError: if it is no JSON, or nested so deeply that Python does not read it.
    """
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("nested too deeply") from None
