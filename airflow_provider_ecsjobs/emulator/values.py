"""Checks of the values that users set. A wrong value is an error where it enters, not in a later request."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

Found = TypeVar("Found")

MAX_SECONDS = 100 * 365 * 86_400
"""The longest duration: 100 years. The dates of responses end in the year 9999."""
_MOST_NAMED = 10


class InvalidValueError(ValueError):
    """A value that the emulator can't work with.

    :param name: the name of the parameter.
    :param reason: what the value must be, and what it is.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name} {reason}")
        self.name = name
        self.reason = reason


class Kind(NamedTuple):
    """A kind of text: what it matches, and its description."""

    pattern: re.Pattern[str]
    what: str


TEXT = Kind(re.compile(r".+", re.DOTALL), "text that is not empty")
WORD = Kind(re.compile(r"[^\s,]+"), "text without spaces and commas")
"""A value in the ``Authorization`` header."""
SEGMENT = Kind(re.compile(r"(?!\.{1,2}$)[^\s/?#%]+"), "a part of a path, without spaces, '/', '?', '#' and '%'")
HEADER_NAME = Kind(
    re.compile(r"(?i)(?!(content-length|transfer-encoding)$)[!#$%&'*+.^_`|~0-9a-z-]+"),
    "tokens of HTTP other than Content-Length and Transfer-Encoding",
)
HEADER_VALUE = Kind(re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*"), "text without control characters")


def check_text(kind: Kind, **texts: str) -> None:
    """Check texts, each given by its parameter's name.

    :raises ValueError: if one is not of this kind, or has no UTF-8 encoding.
    """
    for name, text in texts.items():
        if not isinstance(text, str) or not kind.pattern.fullmatch(text) or not _is_encodable(text):
            raise InvalidValueError(name, f"must be {kind.what}, not {text!r}")


def check_secret(**texts: str) -> None:
    """Check secrets, each given by its parameter's name. The message does not show them.

    :raises ValueError: if one is empty or has no UTF-8 encoding.
    """
    for name, text in texts.items():
        if not text or not _is_encodable(text):
            raise InvalidValueError(name, "must be text that is not empty")


def check_seconds(**durations: float) -> None:
    """Check durations that may be zero, each given by its parameter's name.

    :raises ValueError: if one is no number, negative or longer than 100 years.
    """
    for name, seconds in durations.items():
        if not (_is_number(seconds) and 0 <= seconds <= MAX_SECONDS):
            raise InvalidValueError(name, f"must be seconds, from 0 to {MAX_SECONDS}, not {seconds!r}")


def check_positive_seconds(**durations: float) -> None:
    """Check durations, each given by its parameter's name.

    :raises ValueError: if one is no number, zero, negative or longer than 100 years.
    """
    for name, seconds in durations.items():
        if not (_is_number(seconds) and 0 < seconds <= MAX_SECONDS):
            raise InvalidValueError(name, f"must be seconds, more than 0 and at most {MAX_SECONDS}, not {seconds!r}")


def check_choice(name: str, value: object, choices: Collection[object]) -> None:
    """Check that a value is one of these.

    :raises ValueError: if it is another one.
    """
    if value not in choices:
        raise InvalidValueError(name, f"must be one of {', '.join(map(str, choices))}, not {value!r}")


def check_pattern(name: str, pattern: str) -> None:
    """Check a regular expression.

    :raises ValueError: if it is none.
    """
    try:
        re.compile(pattern)
    except (re.error, TypeError, RecursionError, OverflowError) as error:
        raise InvalidValueError(name, f"is not a regular expression: {error}") from None


def check_address(host: str, port: int) -> None:
    """Check an address to listen on.

    :raises ValueError: if the host is empty or can't be the name of a host, or there is no such port.
    """
    if not host:
        raise InvalidValueError("host", "is empty, which would listen on every address; use 0.0.0.0 for that")
    try:
        host.encode("idna")
    except UnicodeError:
        raise InvalidValueError("host", f"must be an address or the name of a host, not {host!r}") from None
    if not 0 <= port <= 65535:
        raise InvalidValueError("port", f"must be from 0 to 65535, not {port}")


def look_up(what: str, key: str, known: Mapping[str, Found]) -> Found:
    """Return the value of a key.

    :param what: what the values are, for the message.
    :raises KeyError: if there is no such key; it names those that there are.
    """
    if key in known:
        return known[key]
    named = list(itertools.islice(known, _MOST_NAMED))
    more = [f"{len(known) - len(named)} more"] if len(known) > len(named) else []
    raise KeyError(f"there is no {what} {key!r}; known are {', '.join([*named, *more]) or 'none'}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
