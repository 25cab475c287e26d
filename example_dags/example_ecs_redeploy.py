"""Send any request of the API by its name: here one that redeploys a server, moves it away from a host that ails.

Trigger it with the id of a server. To redeploy twice does harm, so the request is sent once, whatever becomes of its
worker: where its answer is lost, the task fails and says what to check. The retry is for what comes before that, such
as a connection that is refused.
"""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_ecsjobs.operators.ecs_jobs import EcsSubmitJobOperator

with DAG(
    dag_id="example_ecs_redeploy",
    schedule=None,
    catchup=False,
    params={"server_id": Param(type="string", description="The id of the server to redeploy")},
    tags=["example", "huawei-ecs"],
    doc_md=__doc__,
):
    EcsSubmitJobOperator(
        task_id="redeploy_server",
        operation="execute_server_redeploy",
        server_id="{{ params.server_id }}",
        retries=1,
        # For jobs of seconds. Leave both out for real ones: 10 s, growing to 60 s, suits jobs of minutes.
        poll_interval=2,
        max_poll_interval=2,
    )
