"""The sensor and the operator in a DAG, run by Airflow itself against the emulator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_ecsjobs.operators.ecs_jobs import EcsJobOperator
from airflow_provider_ecsjobs.sensors.ecs_jobs import EcsJobSensor
from tests.support.dag_runs import START, run_dag

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.emulator import Emulator

pytestmark = pytest.mark.usefixtures("airflow_db")


def test_waits_of_all_kinds(connected: Emulator) -> None:
    good = connected.start_job("createServer", sub_jobs=3)
    bad = connected.start_job("createServer", sub_jobs=3, failing=1)
    with DAG("waits_of_all_kinds", start_date=START, schedule=None) as dag:
        EcsJobSensor(task_id="deferred_sensor", job_id=good, poke_interval=0.2)
        EcsJobSensor(task_id="poking_sensor", job_id=good, poke_interval=0.2, deferrable=False)
        EcsJobSensor(task_id="rescheduled", job_id=good, poke_interval=0.2, deferrable=False, mode="reschedule")
        EcsJobOperator(task_id="deferred", job_id=good, poll_interval=0.2)
        EcsJobOperator(task_id="in_worker", job_id=good, poll_interval=0.2, deferrable=False)
        EcsJobSensor(task_id="failed_sensor", job_id=bad, poke_interval=0.2, retries=3)
        EcsJobOperator(task_id="failed", job_id=bad, poll_interval=0.2, retries=3)
        EcsJobSensor(task_id="soft", job_id=bad, poke_interval=0.2, soft_fail=True)
        EcsJobSensor(task_id="soft_poking", job_id=bad, poke_interval=0.2, soft_fail=True, deferrable=False)

    run = run_dag(dag)

    assert run.states == {
        "deferred_sensor": "success",
        "poking_sensor": "success",
        "rescheduled": "success",
        "deferred": "success",
        "in_worker": "success",
        "failed_sensor": "failed",
        "failed": "failed",
        "soft": "skipped",
        "soft_poking": "skipped",
    }
    results = [run.xcoms[task] for task in ("deferred_sensor", "poking_sensor", "rescheduled", "deferred", "in_worker")]
    assert len(results[0]["server_ids"]) == 3
    assert results[0]["status"] == "SUCCESS"
    assert all(result == results[0] for result in results)
