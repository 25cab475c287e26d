"""The 25 operations against the official SDK: what it would send, asked of its own code."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import huaweicloudsdkecs.v2 as sdk
import pytest

from airflow_provider_ecsjobs.core.operations import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_ecsjobs.core.operations import Operation


@dataclass(frozen=True)
class Sent:
    """What the SDK makes of a request whose every attribute is set.

    :param body: the SDK's model of the body.
    """

    method: str
    path: str
    path_parameters: tuple[str, ...]
    query: tuple[str, ...]
    headers: frozenset[str]
    answer: Any
    body: Any


def sent_by_sdk(name: str) -> Sent:
    make: Any = getattr(sdk, "".join(map(str.capitalize, name.split("_"))) + "Request")
    http = getattr(sdk.EcsClient, f"_{name}_http_info")(make(**dict.fromkeys(make.openapi_types, "x")))
    return Sent(
        http["method"],
        http["resource_path"],
        tuple(http["path_params"]),
        tuple(key for key, _ in http["query_params"]),
        frozenset(http["header_params"]) - {"Content-Type"},
        getattr(sdk, http["response_type"]),
        getattr(sdk, make.openapi_types["body"]) if http["body"] is not None else None,
    )


def methods_of_sdk() -> list[str]:
    return [
        name.removeprefix("_").removesuffix("_http_info")
        for name in vars(sdk.EcsClient)
        if re.fullmatch(r"_[a-z]\w*_http_info", name)
    ]


def keys(model: Any) -> dict[str, str]:
    """The keys of a model as they stand in JSON, with the types of their values."""
    return {model.attribute_map[name]: kind for name, kind in model.openapi_types.items()}


def required(model: Any) -> set[str]:
    """The keys that the SDK's model sets even to nothing: those that the API wants."""
    seen: set[str] = set()

    class Probe(model):  # type: ignore[misc]
        def __setattr__(self, name: str, value: Any) -> None:
            seen.add(name)
            super().__setattr__(name, value)

    Probe()
    return {key for name, key in model.attribute_map.items() if name in seen}


def follow(model: Any, path: str) -> Iterator[str]:
    """Walk a required path through the models; give what of it they do not have."""
    kind = model.__name__
    for step in re.findall(r"\[\]|[^.\[\]]+", path):
        item = re.fullmatch(r"list\[(\w+)\]", kind)
        if (step == "[]") != (item is not None):
            yield f"{step} of {kind}"
            return
        if item is not None:
            kind = item[1]
            continue
        known = keys(getattr(sdk, kind)) if hasattr(sdk, kind) else {}
        if step not in known:
            yield f"{step} of {kind}"
            return
        kind = known[step]


@pytest.fixture(params=list(OPERATIONS.values()), ids=list(OPERATIONS))
def operation(request: pytest.FixtureRequest) -> Operation:
    return request.param


@pytest.fixture
def sent(operation: Operation) -> Sent:
    return sent_by_sdk(operation.name)


def test_they_are_all_that_the_sdk_answers_with_a_job() -> None:
    methods = methods_of_sdk()
    assert len(methods) > 100
    on_success = {name for name in methods if "job_id" in keys(sent_by_sdk(name).answer)}
    assert set(OPERATIONS) == on_success - {"show_job"}
    assert len(OPERATIONS) == 25


def test_each_stands_under_its_own_name() -> None:
    assert [operation.name for operation in OPERATIONS.values()] == list(OPERATIONS)
    with pytest.raises(TypeError):
        OPERATIONS["another"] = next(iter(OPERATIONS.values()))  # type: ignore[index]


def test_it_goes_where_the_sdk_sends_it(operation: Operation, sent: Sent) -> None:
    assert (operation.method, operation.path) == (sent.method, sent.path)


def test_it_takes_the_parameters_of_the_sdk(operation: Operation, sent: Sent) -> None:
    assert operation.path_parameters == sent.path_parameters
    assert operation.query == sent.query


def test_it_takes_a_client_token_iff_the_sdk_sends_one(operation: Operation, sent: Sent) -> None:
    assert sent.headers == ({"X-Client-Token"} if operation.takes_client_token else set())


def test_its_body_has_the_keys_of_the_sdk(operation: Operation, sent: Sent) -> None:
    assert set(operation.body) == (set(keys(sent.body)) if sent.body else set())
    assert len(set(operation.body)) == len(operation.body)


def test_what_it_requires_is_in_the_models_of_the_sdk(operation: Operation, sent: Sent) -> None:
    assert [poll_delay for path in operation.required for poll_delay in follow(sent.body, path)] == []


def test_it_requires_what_the_sdk_requires_at_the_top(operation: Operation, sent: Sent) -> None:
    top = {re.split(r"[.\[]", path)[0] for path in operation.required}
    assert top == (required(sent.body) if sent.body else set())


def test_it_has_a_dry_run_iff_the_sdk_has_one(operation: Operation, sent: Sent) -> None:
    assert operation.has_dry_run == (sent.body is not None and "dry_run" in keys(sent.body))


def test_it_says_what_to_check_and_where_to_read(operation: Operation) -> None:
    assert operation.to_check.startswith(("whether ", "which ", "how "))
    assert operation.page


def test_only_what_can_be_done_twice_without_harm_is_repeatable() -> None:
    repeatable = {name for name, operation in OPERATIONS.items() if operation.is_idempotent}
    harmless = re.compile(r"(batch_)?(delete|detach|start|stop|revert)_\w+")
    assert repeatable == {name for name in OPERATIONS if harmless.fullmatch(name)}


@pytest.mark.parametrize(
    ("path", "gaps"),
    [
        ("server.name", []),
        ("server.names", ["names of PostPaidServer"]),
        ("server[].name", ["[] of PostPaidServer"]),
        ("server.nics.subnet_id", ["subnet_id of list[PostPaidServerNic]"]),
        ("server.nics[].subnet_id", []),
        ("server.name.first", ["first of str"]),
    ],
)
def test_the_walk_through_the_models_finds_a_wrong_step(path: str, gaps: list[str]) -> None:
    assert list(follow(sdk.CreatePostPaidServersRequestBody, path)) == gaps
