"""The option of Airflow that leaves the worker out is not offered, and asking for it is told so when a DAG is read."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_ecsjobs.operators.ecs_jobs import EcsJobOperator
from airflow_provider_ecsjobs.sensors.ecs_jobs import EcsJobSensor

WITHOUT_WORKER = {"start_from_trigger": True}


@pytest.mark.parametrize("task", [EcsJobSensor, EcsJobOperator])
def test_a_task_does_not_take_it(task: Any) -> None:
    with pytest.raises((AirflowException, TypeError), match="start_from_trigger"):
        task(task_id="wait", job_id="job-1", **WITHOUT_WORKER)


@pytest.mark.parametrize("task", [EcsJobSensor, EcsJobOperator])
def test_nor_does_a_mapped_one(task: Any) -> None:
    with pytest.raises((AirflowException, TypeError), match="start_from_trigger"):
        task.partial(task_id="wait", **WITHOUT_WORKER)


@pytest.mark.parametrize("task", [EcsJobSensor, EcsJobOperator])
def test_nor_is_it_on_by_default(task: Any) -> None:
    assert not task(task_id="wait", job_id="job-1").start_from_trigger
