"""Order a server by the month, and do not wait for ever for somebody to pay.

With ``auto_pay=False`` the API takes the order, and its job stays in ``PENDING_PAYMENT`` until it is paid in the
console. After ``payment_timeout`` the task fails with ``EcsJobPaymentTimeout``: a retry would not help, so there is
none. ``tell`` then reports the order, whose id is in the XCom since before the wait.

The order itself stays. If somebody pays it later, the server comes, and no task waits for it. So cancel it in the
console before you clear ``order_server``: that orders anew.
"""

from __future__ import annotations

import logging
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_ecsjobs.operators.servers import EcsCreateServersOperator

log = logging.getLogger(__name__)

with DAG(
    dag_id="example_ecs_yearly_order",
    schedule=None,
    catchup=False,
    params={
        "image": Param("image", type="string", description="The id of an image"),
        "vpc": Param("vpc", type="string", description="The id of a VPC"),
        "subnet": Param("subnet", type="string", description="The id of a subnet of it"),
    },
    tags=["example", "huawei-ecs"],
    doc_md=__doc__,
):
    order_server = EcsCreateServersOperator(
        task_id="order_server",
        name="by-the-month",
        flavor="s6.small.1",
        image="{{ params.image }}",
        vpc="{{ params.vpc }}",
        subnets=["{{ params.subnet }}"],
        root_volume="GPSSD",
        period_type="month",
        period_count=1,
        auto_pay=False,
        # Seconds, to see the end of it. People need longer: timedelta(hours=8).
        payment_timeout=20,
        # Leave both out for real jobs: 10 s, growing to 60 s.
        poll_interval=2,
        max_poll_interval=2,
    )

    @task
    def use_server(result: dict[str, Any]) -> str:
        """Use the server, which is paid and there."""
        return str(result["server_ids"][0])

    # The run is failed although this task is not: `use_server` could not run.
    @task(trigger_rule="all_failed")
    def tell(order_id: str) -> str:
        """Report the unpaid order; in place of the log it could be a message to a chat."""
        log.error("Order %s is not paid: pay or cancel it in the console", order_id)
        return order_id

    use_server(order_server.output)
    tell(order_server.output["order_id"])
