"""Text from outside, made fit for a log line: bounded, and with no control characters in it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

MAX_TEXT = 2000
"""How much of one foreign text is shown, in characters; Huawei's longest known reasons have a few hundred."""
RENDERED_NOTHING = frozenset({"none", "null", "nan", "undefined", "true", "false"})
"""What a template without a value renders to, in lower case."""

# C0 and C1 controls, the line and paragraph separators, the marks that turn the reading direction, and those that
# nobody sees.
_CONTROL = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb"
    r"\U000e0000-\U000e007f]"
)


def clean(value: Any, limit: int = MAX_TEXT) -> str:
    """Make one safe line of a foreign value.

    :param value: what came; ``None`` gives an empty text, any other type its ``str``.
    :param limit: the number of characters to keep; a longer text ends in a count of what was left out.
    """
    if value is None:
        return ""
    # Cut before the costly part; an escaped character takes up to 6.
    text = (value if isinstance(value, str) else _plain(value)).strip()
    left_out = len(text) - limit
    shown = " ".join(text[:limit].split())
    shown = _CONTROL.sub(lambda match: f"\\u{ord(match.group()):04x}", shown)
    return f"{shown}... ({left_out} more characters)" if left_out > 0 else shown


def _plain(value: Any) -> str:
    try:
        return str(value)
    except (RecursionError, ValueError):  # nested too deep, or an integer of more digits than Python prints
        return f"<{type(value).__name__}>"


def join_limited(items: list[str], limit: int, separator: str = ", ") -> str:
    """Join the first ``limit`` items, and say how many more there are."""
    more = len(items) - limit
    return separator.join(items[:limit]) + (f" and {more} more" if more > 0 else "")


def point_in_time(seconds: float) -> str:
    """Write a point in time, given in seconds since the epoch: ``2026-11-28 00:15:00 UTC``."""
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):  # beyond the calendar
        return "a time beyond the calendar"


def duration(seconds: float) -> str:
    """Show a length of time as people say it: ``84 s``, ``12 min``, ``3 h 20 min``."""
    whole = max(0, round(seconds))
    if whole < 600:
        return f"{whole} s"
    minutes = whole // 60
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"
