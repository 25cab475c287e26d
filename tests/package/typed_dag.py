"""A DAG that ``make types`` checks: what the decorated function takes and returns is known to a type checker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_ecsjobs.decorators.ecs_job import ecs_job_task

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import XComArg

with DAG("typed", schedule=None):

    @task.ecs_job(poll_interval=5, huawei_ecs_conn_id="other")
    def submit(name: str, client_token: str = "") -> str:
        return f"{name} {client_token}"

    @ecs_job_task(poll_interval=5)
    def submit_more() -> dict[str, Any]:
        return {"job_id": "x"}

    result: XComArg = submit("web")
    mapped: XComArg = submit.override(task_id="mapped").expand(name=["a", "b"])
    more: XComArg = submit_more()
