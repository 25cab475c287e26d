"""A body that is nested too deep is an error text, wherever it is found; no traceback of a recursion."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs.core.errors import EcsInvalidRequestError
from airflow_provider_ecsjobs.exceptions import EcsInvalidRequestNoRetry
from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook
from airflow_provider_ecsjobs.operators.ecs_jobs import EcsSubmitJobOperator
from tests.upgrade.writing import TASKS

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.emulator import Emulator

DEEP = [101, 900, 5_000, 100_000]


def body(depth: int, kind: type = dict) -> dict[str, Any]:
    inner: Any = {}
    for _ in range(depth):
        inner = {"a": inner} if kind is dict else [inner]
    return {"server": {**TASKS["create"]["body"]["server"], "metadata": inner}}


@pytest.mark.parametrize("kind", [dict, list])
@pytest.mark.parametrize("depth", DEEP)
def test_a_deep_body_is_told_when_the_dag_is_parsed(depth: int, kind: type) -> None:
    with pytest.raises(EcsInvalidRequestError, match="nested deeper than 100 levels"):
        EcsSubmitJobOperator(task_id="task", operation="create_post_paid_servers", body=body(depth, kind))


@pytest.mark.parametrize("depth", DEEP)
def test_a_deep_body_is_told_by_the_hook(connected: Emulator, depth: int) -> None:
    with pytest.raises(EcsInvalidRequestError, match="nested deeper than 100 levels"):
        EcsJobsHook().submit("create_post_paid_servers", body=body(depth))
    assert connected.counters["requests"] == 0


@pytest.mark.parametrize("depth", DEEP)
def test_a_deep_body_that_a_template_renders_to_is_told_at_the_run(connected: Emulator, depth: int) -> None:
    task = EcsSubmitJobOperator(task_id="task", operation="create_post_paid_servers", body="{{ 'x' }}")
    task.body = json.dumps(body(101)).replace("{}", "{}" if depth == 101 else "[" * depth + "]" * depth)
    with pytest.raises(EcsInvalidRequestNoRetry, match=r"nested deeper|no JSON object"):
        task.execute({})  # type: ignore[arg-type]
    assert connected.counters["requests"] == 0


def test_an_ordinary_depth_is_taken(connected: Emulator) -> None:
    assert EcsSubmitJobOperator(task_id="task", operation="create_post_paid_servers", body=body(20))
