"""Stop a fleet of servers in groups: one mapped task, with its own job, for each group.

Trigger the DAG with the ids of servers. Each task stops its group and waits until it is off, without a worker slot. If
a group can't be stopped, only its task fails, and only that task has to be cleared.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_ecsjobs.operators.servers import EcsStopServersOperator

with DAG(
    dag_id="example_ecs_stop_fleet",
    schedule=None,
    catchup=False,
    params={
        "server_ids": Param(type="array", items={"type": "string"}, description="The ids of the servers to stop"),
        "group_size": Param(2, type="integer", minimum=1, maximum=1000, description="How many in one request"),
    },
    tags=["example", "huawei-ecs"],
    doc_md=__doc__,
):

    @task
    def group_servers(params: dict[str, Any] | None = None) -> list[list[str]]:
        """Divide the servers into groups."""
        server_ids, size = params["server_ids"], params["group_size"]
        return [server_ids[start : start + size] for start in range(0, len(server_ids), size)]

    EcsStopServersOperator.partial(
        task_id="stop_servers",
        # For jobs of seconds. Omit both for real jobs: the default, 10 s growing to 60 s, suits jobs of minutes.
        poll_interval=2,
        max_poll_interval=2,
    ).expand(server_ids=group_servers())
