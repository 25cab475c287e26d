"""The schemas of request bodies as data, and the check of a body against one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from airflow_provider_ecsjobs.emulator.rules import invalid_parameter


@dataclass(frozen=True, slots=True)
class Many:
    """A list of at least one item.

    :param item: the schema of each item.
    :param most: the largest number of items; None for no limit.
    """

    item: Shape
    most: int | None = None


@dataclass(frozen=True, slots=True)
class OneOf:
    """An object that requires at least one of several keys.

    :param keys: these keys.
    :param shape: the schema of the object.
    """

    keys: tuple[str, ...]
    shape: Mapping[str, Any]


# A type; a range of integers; the allowed values; or an object, with required keys marked as in {"name!": str}.
Shape: TypeAlias = type | range | tuple[str | bool, ...] | Mapping[str, Any] | Many | OneOf

_KINDS: dict[type, str] = {str: "a string", bool: "true or false", int: "an integer", dict: "an object"}


def check(value: object, shape: Shape, name: str = "") -> None:
    """Check a value against a schema.

    :param name: the name of the value in messages, such as ``server.nics[].subnet_id``; empty for the body itself.
    :raises ApiError: if it does not match.
    """
    if isinstance(shape, Many):
        _check_list(value, shape, name)
    elif isinstance(shape, OneOf):
        _check_object(value, shape.shape, name)
        if not any(_present(value, key) for key in shape.keys):
            raise invalid_parameter(f"{' or '.join(_join(name, key) for key in shape.keys)} is required")
    elif isinstance(shape, Mapping):
        _check_object(value, shape, name)
    elif isinstance(shape, range):
        if isinstance(value, bool) or not isinstance(value, int) or value not in shape:
            raise invalid_parameter(f"{name} must be between {shape[0]} and {shape[-1]}")
    elif isinstance(shape, tuple):
        # In Python True equals 1; in JSON it does not.
        if (type(value), value) not in [(type(choice), choice) for choice in shape]:
            raise invalid_parameter(f"{name} must be {' or '.join(map(str, shape))}")
    elif not isinstance(value, shape) or (isinstance(value, bool) and shape is not bool):
        raise invalid_parameter(f"{name} must be {_KINDS[shape]}")


def _check_list(value: object, shape: Many, name: str) -> None:
    if not isinstance(value, list) or not value or len(value) > (shape.most or len(value)):
        size = f"between 1 and {shape.most} items" if shape.most else "at least one item"
        raise invalid_parameter(f"{name} must hold {size}")
    for item in value:
        check(item, shape.item, f"{name}[]")


def _check_object(value: object, shape: Mapping[str, Any], name: str) -> None:
    if not isinstance(value, dict):
        # For an item that is not an object, a missing required key is the clearer message.
        required = next((key[:-1] for key in shape if key.endswith("!")), None)
        if required is not None and name.endswith("[]"):
            raise invalid_parameter(f"{_join(name, required)} is required")
        raise invalid_parameter(f"{name} must be an object")
    for marked, inner in shape.items():
        key = marked.removesuffix("!")
        if _present(value, key):
            check(value[key], inner, _join(name, key))
        elif key != marked:
            raise invalid_parameter(f"{_join(name, key)} is required")


def _present(value: object, key: str) -> bool:
    return isinstance(value, dict) and value.get(key) not in (None, "", [])


def _join(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key
