"""Two ways to handle an ECS job that fails.

Trigger the DAG with the id of a job that fails. Both tasks wait for it. One task fails, and its callback gets the job
with all reasons. The other task is skipped, for a job that is not essential to the DAG.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_ecsjobs.exceptions import EcsJobFailed
from airflow_provider_ecsjobs.operators.ecs_jobs import EcsJobOperator
from airflow_provider_ecsjobs.sensors.ecs_jobs import EcsJobSensor

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

log = logging.getLogger(__name__)


def report_failure(context: Context) -> None:
    """Log why the job and each of its sub-jobs failed. Instead, you could send a chat message."""
    error = context.get("exception")
    if not isinstance(error, EcsJobFailed) or error.job is None:
        log.error("The task failed for a reason of its own: %s", error)
        return
    log.error("The job's own reason: %s %s", error.job.error_code, error.job.fail_reason)
    for sub_job in error.job.sub_jobs:
        log.error("Sub-job %s: %s %s", sub_job.job_id, sub_job.status, sub_job.fail_reason or "")


with DAG(
    dag_id="example_ecs_job_failure",
    schedule=None,
    catchup=False,
    params={"job_id": Param(type="string", description="The id of an ECS job that fails")},
    tags=["example", "huawei-ecs"],
    doc_md=__doc__,
):
    EcsJobOperator(
        task_id="fails_with_the_reason",
        job_id="{{ params.job_id }}",
        # For jobs of seconds. Omit both for real jobs: the default, 10 s growing to 60 s, suits jobs of minutes.
        poll_interval=2,
        max_poll_interval=2,
        on_failure_callback=report_failure,
    )

    EcsJobSensor(
        task_id="is_skipped",
        job_id="{{ params.job_id }}",
        poke_interval=2,
        max_wait=2,
        soft_fail=True,
    )
