"""Text from outside, made safe for a log line: limited in length and without control characters."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

MAX_TEXT = 2000
"""The maximum length of a foreign text, in characters. Huawei's longest known reasons have a few hundred."""
NO_VALUE_REASON = "the template or XCom it comes from had no value"
_NO_VALUE = frozenset({"none", "null", "nan", "undefined"})
_NO_NAME = _NO_VALUE | {"true", "false"}

# C0 and C1 controls, line and paragraph separators, bidirectional marks and invisible characters.
_CONTROL = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb"
    r"\U000e0000-\U000e007f]"
)


def has_no_value(text: str) -> bool:
    """Return whether a text is what a template without a value renders to."""
    return text.strip().lower() in _NO_VALUE


def is_no_name(text: str) -> bool:
    """Return the same for an id or a name, which a template with a wrong expression can render to ``True``, too."""
    return text.strip().lower() in _NO_NAME


def clean(value: Any, limit: int = MAX_TEXT) -> str:
    """Return a foreign value as one safe line.

    :param value: the value. ``None`` becomes an empty string, any other type its ``str``.
    :param limit: the number of characters to keep. A longer text ends with the number of omitted characters.
    """
    if value is None:
        return ""
    # Cut before the costly part. An escaped character takes up to 6.
    text = (value if isinstance(value, str) else _plain(value)).strip()
    left_out = len(text) - limit
    shown = " ".join(text[:limit].split())
    shown = _CONTROL.sub(lambda match: f"\\u{ord(match.group()):04x}", shown)
    return f"{shown}... ({left_out} more characters)" if left_out > 0 else shown


def shown(value: Any) -> str:
    """Return a wrong value for a message, as one safe line. A text is in quotes, unlike a number."""
    try:
        return clean(repr(value), 100)
    except (RecursionError, ValueError):  # as for `_plain`
        return f"<{type(value).__name__}>"


def _plain(value: Any) -> str:
    try:
        return str(value)
    except (RecursionError, ValueError):  # nested too deeply, or an integer with more digits than Python prints
        return f"<{type(value).__name__}>"


def join_limited(items: list[str], limit: int, separator: str = ", ") -> str:
    """Return the first ``limit`` items joined, and the number of further items."""
    more = len(items) - limit
    return separator.join(items[:limit]) + (f" and {more} more" if more > 0 else "")


def point_in_time(seconds: float) -> str:
    """Write a point in time, given in seconds since the epoch: ``2026-11-28 00:15:00 UTC``."""
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):  # beyond the calendar
        return "a time beyond the calendar"


def duration(seconds: float) -> str:
    """Return a duration in words: ``84 s``, ``12 min``, ``3 h 20 min``."""
    whole = max(0, round(seconds))
    if whole < 600:
        return f"{whole} s"
    minutes = whole // 60
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"
