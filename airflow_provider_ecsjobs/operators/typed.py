"""What the operators for one request each have in common: their parameters become the request's body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from airflow_provider_ecsjobs.core.checking import read_ids
from airflow_provider_ecsjobs.operators.request import EcsRequestOperator, is_template


class EcsTypedOperator(EcsRequestOperator):
    """An operator for one request; what it has no parameter for goes into ``body``, which overrides the parameters."""

    _request_name: ClassVar[str]

    def _operation(self) -> str:
        return self._request_name

    def _own_body(self) -> dict[str, Any]:
        """Make the body that the parameters stand for."""
        return {}

    def _request_body(self) -> Any:
        if is_template(self.body) or (self.body is not None and not isinstance(self.body, Mapping)):
            return self.body
        return merged(self._own_body(), self.body or {}) or None


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Merge two JSON objects, at any depth: the second goes before the first."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        result[key] = merged(below, value) if both else value  # type: ignore[arg-type] # mypy does not follow `both`
    return result


def given(**fields: Any) -> dict[str, Any]:
    """Give the fields that are set."""
    return {name: value for name, value in fields.items() if value is not None}


def ids(name: str, value: Any) -> Any:
    """Give a list of ids, or what is no list yet: a template, or a list with templates in it."""
    is_partly_open = isinstance(value, list | tuple) and any(is_template(item) for item in value)
    return value if is_template(value) or is_partly_open else read_ids(name, value)


def objects(name: str, value: Any, key: str) -> Any:
    """Make the list of objects that the API wants of a list of ids; an item that is an object stays as it is."""
    if is_template(value):
        return value
    if isinstance(value, list | tuple) and any(isinstance(item, Mapping) for item in value):
        return [item if isinstance(item, Mapping) else {key: item} for item in value]
    listed = ids(name, value)
    return [{key: item} for item in listed]
