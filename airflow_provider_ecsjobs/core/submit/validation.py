"""Checks a request before it is sent: the operation, its path parameters, and the required parts of its body."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from airflow_provider_ecsjobs.core.errors import EcsInvalidRequestError
from airflow_provider_ecsjobs.core.operations import OPERATIONS
from airflow_provider_ecsjobs.core.submit.rules import Severity, broken_rules, split_path, values_at
from airflow_provider_ecsjobs.core.submit.values import read_flag
from airflow_provider_ecsjobs.core.text import NO_VALUE_REASON, clean, has_no_value, is_no_name, join_limited, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_ecsjobs.core.operations import Operation
    from airflow_provider_ecsjobs.core.submit.rules import Rule
    from airflow_provider_ecsjobs.core.submit.values import IsTemplated

MAX_NESTING = 100
"""How deep the body of a request may be nested. Airflow renders and encodes it recursively, and fails on much more."""
_ID = re.compile(r"[A-Za-z0-9_.-]{1,128}")


def check_nesting(body: Any) -> None:
    """Check that a body is not nested too deep.

    :raises EcsInvalidRequestError: it is nested deeper than :data:`MAX_NESTING` levels.
    """
    level = [body]
    for _ in range(MAX_NESTING):
        below: list[Any] = []
        for node in level:
            inner = node.values() if isinstance(node, Mapping) else node if isinstance(node, list | tuple) else ()
            below += [value for value in inner if isinstance(value, Mapping | list | tuple)]
        if not below:
            return
        level = below
    raise EcsInvalidRequestError(f"the body is nested deeper than {MAX_NESTING} levels.")


def find_operation(name: Any) -> Operation:
    """Return an operation by its name.

    :raises EcsInvalidRequestError: there is no such operation; the message lists similar names, or all names.
    """
    if isinstance(name, str) and name in OPERATIONS:
        return OPERATIONS[name]
    import difflib  # for this message alone

    like = difflib.get_close_matches(clean(name), OPERATIONS, n=3, cutoff=0.5) or sorted(OPERATIONS)
    raise EcsInvalidRequestError(
        f"operation is {shown(name)}, which is not one of the {len(OPERATIONS)} asynchronous requests, named"
        f" as the official SDK's methods. Did you mean one of these: {join_limited(like, 30)}?"
    )


def check_request(
    operation: Operation,
    parameters: Mapping[str, Any],
    body: Any,
    *,
    is_templated: IsTemplated = lambda value: False,
    names: Mapping[str, str] = MappingProxyType({}),
    rules: Sequence[Rule] = (),
) -> None:
    """Check the parameters and the body of a request.

    :param operation: the operation.
    :param parameters: the path and query parameters; ``None`` counts as not given.
    :param body: the JSON object, ``None`` for none.
    :param is_templated: returns whether a value is a template and so not known yet. Such values are not checked.
    :param names: the caller's parameter names of the body's keys, where they differ.
    :param rules: the cloud's rules for the values in the body.
    :raises EcsInvalidRequestError: something is missing, wrong or unused; the message lists all problems.
    """
    check_nesting(body)
    problems = [
        *_parameter_problems(operation, parameters, is_templated),
        *_body_problems(operation, body, is_templated, names),
        *broken_rules(rules, Severity.REJECTED, body, is_templated=is_templated, names=names),
    ]
    if problems:
        page = f"See the API page '{operation.page}'."
        raise EcsInvalidRequestError(f"{operation.name} can't be submitted: {'; '.join(problems)}. {page}")


def _parameter_problems(
    operation: Operation, parameters: Mapping[str, Any], is_templated: IsTemplated
) -> Iterator[str]:
    for name in operation.path_parameters:
        value = parameters.get(name)
        if is_templated(value):
            continue
        if value is None or value == "":
            yield f"{name} is missing"
        elif not isinstance(value, str) or not _ID.fullmatch(value) or value.strip(".") == "":
            yield f"{name} is {shown(value)}; expected an id of letters, digits, '-' and '_'"
        elif is_no_name(value):
            yield f"{name} is {value!r}: {NO_VALUE_REASON}"
    known = (*operation.path_parameters, *operation.query)
    for name, value in parameters.items():
        if value is not None and name not in known:
            takes = f"takes {' and '.join(known)}" if known else "takes no parameters but its body"
            yield f"{name} is given, but {operation.name} {takes}"


def _body_problems(
    operation: Operation, body: Any, is_templated: IsTemplated, names: Mapping[str, str]
) -> Iterator[str]:
    if is_templated(body):
        return
    if not operation.body:
        if body:
            yield "a body is given, but this request has none"
        return
    if not isinstance(body, Mapping):
        given = "missing" if body is None else f"of type {type(body).__name__}"
        yield f"the body is {given}; expected a dict with {' and '.join(_top(operation))}"
        return
    lacking: set[str] = set()
    for path in operation.required:
        if path in operation.nullable and path in body:
            continue
        lacking |= set(_lacking(body, split_path(path), "", is_templated))
    for path in sorted(lacking):
        name = names.get(re.sub(r"\[.*", "", path))
        yield f"{name} is missing ({path.split()[0]} in the body)" if name else f"the body lacks {path}"
    yield from _flag_problems(operation, body, is_templated)


def _flag_problems(operation: Operation, body: Mapping[str, Any], is_templated: IsTemplated) -> Iterator[str]:
    for path in operation.flags:
        for name, value in values_at(body, path, is_templated):
            if value is not None and not isinstance(value, bool):
                yield f"{name} in the body is {shown(value)}; expected true or false"
    if body.get("dry_run") and not operation.has_dry_run:
        yield "the API has no dry run for it"


def with_flags(operation: Operation, body: Any, is_templated: IsTemplated) -> Any:
    """Return a body with its flags as booleans. A template renders them to text.

    :param operation: the operation.
    :param body: the JSON object.
    :param is_templated: returns whether a value is not known yet. Such values stay as they are.
    :raises EcsInvalidRequestError: a flag is neither true nor false.
    """
    for path in operation.flags:
        body = _with_flag(body, split_path(path), path, is_templated)
    return body


def _with_flag(node: Any, steps: Sequence[str], path: str, is_templated: IsTemplated) -> Any:
    if node is None or is_templated(node):
        return node
    if not steps:
        return read_flag(f"{path} in the body", node)
    step, *rest = steps
    if step == "[]" and isinstance(node, list | tuple):
        return [_with_flag(item, rest, path, is_templated) for item in node]
    if isinstance(node, Mapping) and step in node:
        return {**node, step: _with_flag(node[step], rest, path, is_templated)}
    return node


def _lacking(node: Any, steps: list[str], path: str, is_templated: IsTemplated) -> Iterator[str]:
    """Yield the missing parts of a required path, such as ``servers[1].id``."""
    if is_templated(node):
        return
    if not steps:
        if node is None or node == "" or (isinstance(node, str) and has_no_value(node)):
            yield path
        return
    step, *rest = steps
    if step == "[]":
        if not isinstance(node, list | tuple) or not node:
            yield f"{path}[] (a list, not empty)"
            return
        for index, item in enumerate(node):
            yield from _lacking(item, rest, f"{path}[{index}]", is_templated)
        return
    below = f"{path}.{step}" if path else step
    if not isinstance(node, Mapping) or node.get(step) is None:
        yield below
    else:
        yield from _lacking(node[step], rest, below, is_templated)


def _top(operation: Operation) -> list[str]:
    return list(dict.fromkeys(split_path(path)[0] for path in operation.required))


def read_ids(name: str, value: Any) -> list[str]:
    """Return the ids in a parameter, each once. See :func:`ids_in`."""
    return list(dict.fromkeys(ids_in(name, value)))


def ids_in(name: str, value: Any) -> list[str]:
    """Return the ids in a parameter: a list, one id, a list rendered as a string, or the outputs of mapped tasks.

    :param name: the parameter, for the message.
    :param value: the ids.
    :return: the ids in their order. Those of a set are sorted.
    :raises EcsInvalidRequestError: the value is none of these, or a template had no value.
    """
    if isinstance(value, str):
        # A template renders a list as a string: ['a', 'b'].
        value = [part.strip(" \t\n'\"[]") for part in value.split(",")]
        value = [part for part in value if part]
    if not isinstance(value, Sequence | Set) or isinstance(value, bytes):
        raise EcsInvalidRequestError(f"{name} is of type {type(value).__name__}; expected a list of ids.")
    found: list[str] = []
    for part in in_order(value):
        # Mapped tasks that each return a list result in a list of lists.
        is_list = isinstance(part, Sequence | Set) and not isinstance(part, str | bytes)
        for one in in_order(part) if is_list else [part]:
            if one is None or (isinstance(one, str) and is_no_name(one)):
                raise EcsInvalidRequestError(f"{name} holds {one!r}: {NO_VALUE_REASON}.")
            if not isinstance(one, str) or not _ID.fullmatch(one):
                raise EcsInvalidRequestError(f"{name} holds {shown(one)}, which is not an id.")
            found.append(one)
    return found


def in_order(values: Iterable[Any]) -> Iterable[Any]:
    """Return the values in an order that is the same in each process. A set has none, so it is sorted."""
    return sorted(values, key=repr) if isinstance(values, Set) else values
