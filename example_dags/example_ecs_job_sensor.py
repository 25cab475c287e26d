"""Wait for an ECS job with the sensor, then use its result.

Trigger the DAG with the id of a job: of a create, delete, resize, ... request, from the console or from an SDK call.
"""

from __future__ import annotations

import logging
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_ecsjobs.sensors.ecs_jobs import EcsJobSensor

log = logging.getLogger(__name__)

with DAG(
    dag_id="example_ecs_job_sensor",
    schedule=None,
    catchup=False,
    params={"job_id": Param(type="string", description="The id of the ECS job to wait for")},
    tags=["example", "huawei-ecs"],
    doc_md=__doc__,
):
    wait_for_servers = EcsJobSensor(
        task_id="wait_for_servers",
        job_id="{{ params.job_id }}",
        # For jobs of seconds. Omit both for real jobs: the default, 10 s growing to 60 s, suits jobs of minutes.
        poke_interval=2,
        max_wait=2,
        timeout=3600,
    )

    @task
    def list_servers(result: dict[str, Any]) -> list[str]:
        """Log and return the ids of the job's servers."""
        for server_id in result["server_ids"]:
            log.info("Server %s is there", server_id)
        return list(result["server_ids"])

    list_servers(wait_for_servers.output)
