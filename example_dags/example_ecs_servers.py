"""Create servers, use them, and always delete them.

The create is the setup and the delete is the teardown of the work between. If the work fails, the servers are still
deleted and the run still fails. Trigger the DAG with ``fail_work`` to see that. The defaults suit the emulator; in a
real cloud, set the ids of an image, a VPC and a subnet.

A delete that fails does not fail the run: that is Airflow's rule for teardowns. Its ``on_failure_callback`` reports it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_ecsjobs.operators.servers import EcsCreateServersOperator, EcsDeleteServersOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

log = logging.getLogger(__name__)


def report_leftovers(context: Context) -> None:
    """Log that servers were not deleted. Instead, you could send a chat message."""
    log.error("Servers may be left, and cost money: %s", context.get("exception"))


with DAG(
    dag_id="example_ecs_servers",
    schedule=None,
    catchup=False,
    params={
        "flavor": Param("s6.small.1", type="string"),
        "image": Param("image", type="string", description="The id of an image"),
        "vpc": Param("vpc", type="string", description="The id of a VPC"),
        "subnet": Param("subnet", type="string", description="The id of a subnet of it"),
        "fail_work": Param(False, type="boolean", description="Make the work fail"),
    },
    tags=["example", "huawei-ecs"],
    doc_md=__doc__,
):
    create_servers = EcsCreateServersOperator(
        task_id="create_servers",
        name="airflow-example",
        flavor="{{ params.flavor }}",
        image="{{ params.image }}",
        vpc="{{ params.vpc }}",
        subnets=["{{ params.subnet }}"],
        root_volume="GPSSD",
        count=3,
        # Airflow runs no teardown after a failed setup. If only some of the servers can be created, continue with
        # those, so that they are deleted too.
        on_partial_failure="keep",
        # For jobs of seconds. Omit both for real jobs: the default, 10 s growing to 60 s, suits jobs of minutes.
        poll_interval=2,
        max_poll_interval=2,
    )
    server_ids = create_servers.output["server_ids"]

    @task
    def use_servers(server_ids: list[str], params: dict[str, Any] | None = None) -> int:
        """Do the work for which the servers are needed."""
        for server_id in server_ids:
            log.info("Server %s is there", server_id)
        if params and params["fail_work"]:
            raise RuntimeError("The work failed, as fail_work asked for.")
        return len(server_ids)

    delete_servers = EcsDeleteServersOperator(
        task_id="delete_servers",
        server_ids=server_ids,
        delete_volumes=True,
        # A second delete does no harm, and a server that is already gone is not an error.
        retries=2,
        missing_ok=True,
        poll_interval=2,
        max_poll_interval=2,
        on_failure_callback=report_leftovers,
    )

    use_servers(server_ids) >> delete_servers.as_teardown(setups=create_servers)
