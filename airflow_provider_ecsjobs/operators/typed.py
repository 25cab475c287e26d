"""What the operators for one request each have in common: their parameters become the request's body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_ecsjobs.core.submit.validation import read_ids
from airflow_provider_ecsjobs.operators.base_request import EcsBaseRequestOperator

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.operators.base_request import IsTemplated


class EcsTypedOperator(EcsBaseRequestOperator):
    """An operator for one request; what it has no parameter for goes into ``body``, which overrides the parameters."""

    _request_name: ClassVar[str]

    def _operation(self) -> str:
        return self._request_name

    def _own_body(self, is_templated: IsTemplated) -> dict[str, Any]:
        """Make the body that the parameters stand for.

        :param is_templated: tells which values are not known yet; they are put in as they are.
        """
        return {}

    def _request_body(self, is_templated: IsTemplated) -> Any:
        if is_templated(self.body) or (self.body is not None and not isinstance(self.body, Mapping)):
            return self.body
        return merged(self._own_body(is_templated), self.body or {}) or None


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


def objects(name: str, value: Any, key: str, is_templated: IsTemplated) -> Any:
    """Make the list of objects that the API wants of a list of ids.

    :param name: the parameter, for messages.
    :param value: the ids; an item that is an object stays as it is.
    :param key: what the id is called in the object.
    :param is_templated: tells what is not known yet, and stays as it is.
    """
    if value is None or is_templated(value):
        return value
    if isinstance(value, list | tuple) and any(isinstance(item, Mapping) or is_templated(item) for item in value):
        return [item if isinstance(item, Mapping) else {key: item} for item in value]
    return [{key: item} for item in read_ids(name, value)]
