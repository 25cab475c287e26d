"""The bodies of requests and responses: parsed from JSON, or encoded."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow_provider_ecsjobs.emulator.values import InvalidValueError

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.emulator.jobs import JobBody


def parse_json(content: bytes) -> Any:
    """Return the JSON value in a body.

    :raises ValueError: if it is not JSON, nested too deeply for Python, or has a text that no response could hold.
    """
    try:
        value = json.loads(content)
        # An escape such as \ud800 alone is a text without an encoding: it would fail later, where it is sent or hashed.
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except UnicodeEncodeError:
        raise ValueError("half of a surrogate pair in a text") from None
    return value


def encode_body(body: JobBody) -> bytes:
    """Return a body as it is sent: text in UTF-8, an object as JSON.

    :raises ValueError: if it can't be sent.
    """
    if isinstance(body, bytes):
        return body
    if not isinstance(body, str | dict):
        raise InvalidValueError("body", f"must be text or an object, not {body!r}")
    try:
        return (body if isinstance(body, str) else json.dumps(body)).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidValueError("body", f"can't be sent: {error}") from None
