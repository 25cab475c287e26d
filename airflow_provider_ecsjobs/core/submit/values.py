"""Reads the values of a request that a template may have rendered to text: flags, numbers, one of several words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_ecsjobs.core.errors import EcsInvalidRequestError
from airflow_provider_ecsjobs.core.text import NO_VALUE_REASON, has_no_value, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    Reader = Callable[[str, Any], Any]
    IsTemplated = Callable[[Any], bool]

_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})
_MOST_DIGITS = 20
"""The most digits of a number in a text. Python converts no text of more than 4,300."""
_LARGEST = 10**_MOST_DIGITS


def read_flag(name: str, value: Any) -> bool:
    """Return a flag that is given as a boolean or as text: a template renders ``False`` to the text ``"False"``.

    :param name: the parameter, for the message.
    :param value: the value.
    :raises EcsInvalidRequestError: the value is neither true nor false.
    """
    is_number = isinstance(value, int) and value in (0, 1)  # a boolean, too
    word = str(value).strip().lower() if isinstance(value, str) or is_number else ""
    if word not in _TRUE | _FALSE:
        raise EcsInvalidRequestError(f"{name} is {shown(value)}; expected true or false.")
    return word in _TRUE


def read_flag_as_digit(name: str, value: Any) -> str:
    """Return a flag as the API takes it in a query: ``"1"`` or ``"0"``."""
    return "1" if read_flag(name, value) else "0"


def whole_number(least: int, most: int | None = None) -> Reader:
    """Return a reader of whole numbers within bounds."""

    def read(name: str, value: Any) -> int:
        is_number = isinstance(value, int) and not isinstance(value, bool)
        is_text = isinstance(value, str) and value.strip().isdecimal() and len(value) <= _MOST_DIGITS
        number = int(value) if is_number or is_text else None
        if number is None or not least <= number <= (_LARGEST if most is None else most):
            expected = f"a whole number, {least} or more" if most is None else f"{least} to {most}"
            raise EcsInvalidRequestError(f"{name} is {shown(value)}; expected {expected}.")
        return number

    return read


def one_of(*choices: str) -> Reader:
    """Return a reader that accepts one of several words."""

    def read(name: str, value: Any) -> str:
        if not isinstance(value, str) or value not in choices:
            raise EcsInvalidRequestError(f"{name} is {shown(value)}; expected {' or '.join(map(repr, choices))}.")
        return value

    return read


def optional(reader: Reader) -> Reader:
    """Return a reader that also accepts ``None`` and an empty text. Both mean that no value was given."""

    def read(name: str, value: Any) -> Any:
        return None if value is None or value == "" else reader(name, value)

    return read


def text(name: str, value: Any) -> str | None:
    """Return a text; ``None`` if none is given.

    :param name: the parameter, for the message.
    :param value: the value.
    :raises EcsInvalidRequestError: the value is no text, or a template had no value.
    """
    return _text(name, value, shown)


def secret_text(name: str, value: Any) -> str | None:
    """Return a text as :func:`text` does. A message never shows it."""
    return _text(name, value, lambda wrong: f"of type {type(wrong).__name__}")


def _text(name: str, value: Any, described: Callable[[Any], str]) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise EcsInvalidRequestError(
            f"{name} is {described(value)}; expected a text. A template of a DAG with render_template_as_native_obj"
            " makes a number of a text that looks like one."
        )
    if has_no_value(value):
        raise EcsInvalidRequestError(f"{name} is {value!r}: {NO_VALUE_REASON}.")
    return value


def as_given(name: str, value: Any) -> Any:
    """Return the value as it is. The rules of the request check it."""
    return value
