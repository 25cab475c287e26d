"""Wait for an ECS job with the operator, then use its result.

The operator waits like the sensor. Its default timeout is one day, and it has no ``soft_fail``.
"""

from __future__ import annotations

import logging
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_ecsjobs.operators.ecs_jobs import EcsJobOperator

log = logging.getLogger(__name__)

with DAG(
    dag_id="example_ecs_job_operator",
    schedule=None,
    catchup=False,
    params={"job_id": Param(type="string", description="The id of the ECS job to wait for")},
    tags=["example", "huawei-ecs"],
    doc_md=__doc__,
):
    wait_for_job = EcsJobOperator(
        task_id="wait_for_job",
        job_id="{{ params.job_id }}",
        # For jobs of seconds. Omit both for real jobs: the default, 10 s growing to 60 s, suits jobs of minutes.
        poll_interval=2,
        max_poll_interval=2,
    )

    @task
    def summarize(result: dict[str, Any]) -> str:
        """Return one line about the job's result."""
        summary = f"{result['job_type']} {result['job_id']}: {len(result['server_ids'])} servers"
        log.info("%s, done at %s", summary, result["end_time"])
        return summary

    summarize(wait_for_job.output)
