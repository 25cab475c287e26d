"""Reads the values of a request that a template may have rendered to text: flags, numbers, one of several words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_ecsjobs.core.errors import EcsInvalidRequestError
from airflow_provider_ecsjobs.core.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable

    Reader = Callable[[str, Any], Any]
    IsTemplated = Callable[[Any], bool]

_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})


def read_flag(name: str, value: Any) -> bool:
    """Return a flag that is given as a boolean or as text: a template renders ``False`` to the text ``"False"``.

    :param name: the parameter, for the message.
    :param value: the value.
    :raises EcsInvalidRequestError: the value is neither true nor false.
    """
    word = str(value).strip().lower() if isinstance(value, str | int) else ""
    if word not in _TRUE | _FALSE:
        raise EcsInvalidRequestError(f"{name} is {_shown(value)}; expected true or false.")
    return word in _TRUE


def read_flag_as_digit(name: str, value: Any) -> str:
    """Return a flag as the API takes it in a query: ``"1"`` or ``"0"``."""
    return "1" if read_flag(name, value) else "0"


def whole_number(least: int, most: int | None = None) -> Reader:
    """Return a reader of whole numbers within bounds."""

    def read(name: str, value: Any) -> int:
        is_number = isinstance(value, int) and not isinstance(value, bool)
        number = int(value) if is_number or (isinstance(value, str) and value.strip().isdecimal()) else None
        if number is None or number < least or (most is not None and number > most):
            expected = f"a whole number, {least} or more" if most is None else f"{least} to {most}"
            raise EcsInvalidRequestError(f"{name} is {_shown(value)}; expected {expected}.")
        return number

    return read


def one_of(*choices: str) -> Reader:
    """Return a reader that accepts one of several words."""

    def read(name: str, value: Any) -> str:
        if not isinstance(value, str) or value not in choices:
            raise EcsInvalidRequestError(f"{name} is {_shown(value)}; expected {' or '.join(map(repr, choices))}.")
        return value

    return read


def optional(reader: Reader) -> Reader:
    """Return a reader that also accepts ``None`` and an empty text. Both mean that no value was given."""

    def read(name: str, value: Any) -> Any:
        return None if value is None or value == "" else reader(name, value)

    return read


def as_given(name: str, value: Any) -> Any:
    """Return the value as it is. The rules of the request check it."""
    return value


def _shown(value: Any) -> str:
    return clean(repr(value), 100)
