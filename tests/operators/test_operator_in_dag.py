"""Templates, XComs, mapping and callbacks, in DAGs that Airflow runs itself against the emulator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_ecsjobs.exceptions import EcsInvalidJobIdNoRetry, EcsJobFailed
from airflow_provider_ecsjobs.operators.ecs_jobs import EcsJobOperator
from airflow_provider_ecsjobs.sensors.ecs_jobs import EcsJobSensor
from tests.support.dag_runs import START, run_dag

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.emulator import Emulator

pytestmark = pytest.mark.usefixtures("airflow_db")


def test_templates_xcoms_mapping_and_callbacks(connected: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    name, value = connected.connection_env("second_cloud")
    monkeypatch.setenv(name, value)
    good = connected.start_job(sub_jobs=2, init_seconds=0, run_seconds=0)
    slow = connected.start_job(sub_jobs=1, init_seconds=0, run_seconds=0.5)
    bad = connected.start_job(sub_jobs=3, failing=1, init_seconds=0, run_seconds=0)
    seen: dict[str, Any] = {}

    def remember(context: Any) -> None:
        seen[context["ti"].task_id] = context["exception"]

    with DAG("templates_xcoms_mapping", start_date=START, schedule=None, params={"job_id": good}) as dag:

        @task
        def submit() -> dict[str, str]:
            return {"job_id": slow}

        @task
        def submit_nothing() -> None:
            return None

        submitted = submit()
        nothing = submit_nothing()
        EcsJobOperator(
            task_id="by_params",
            job_id="{{ params.job_id }}",
            huawei_ecs_conn_id="{{ 'second_cloud' }}",
            region="{{ 'emu-region-1' }}",
            project_id=connected.connection()["extra"]["project_id"],
            service="{{ 'ecs' }}",
        )
        EcsJobSensor(task_id="by_xcom", job_id=submitted["job_id"], poke_interval=0.1, max_wait=0.1)
        EcsJobSensor.partial(task_id="mapped", poke_interval=0.1, max_wait=0.1).expand(job_id=[good, slow])
        EcsJobOperator(task_id="fails", job_id=bad, retries=3, on_failure_callback=remember)
        pulled = EcsJobOperator(
            task_id="pulled",
            job_id="{{ ti.xcom_pull(task_ids='submit_nothing') }}",
            retries=3,
            on_failure_callback=remember,
        )
        nothing >> pulled

    run = run_dag(dag)

    assert run.states == {
        "submit": "success",
        "submit_nothing": "success",
        "by_params": "success",
        "by_xcom": "success",
        "mapped": "success",
        "fails": "failed",
        "pulled": "failed",
    }
    assert (run.xcoms["by_params"]["job_id"], run.xcoms["by_xcom"]["job_id"]) == (good, slow)
    assert isinstance(seen["fails"], EcsJobFailed)
    assert seen["fails"].job is not None
    assert seen["fails"].job.job_id == bad
    assert "Ecs.0219 No valid host was found" in str(seen["fails"])
    assert isinstance(seen["pulled"], EcsInvalidJobIdNoRetry)
    assert "'None'" in str(seen["pulled"])
