"""Order a server by the month, and wait for its payment only for a limited time.

With ``auto_pay=False`` the API accepts the order, and its job stays in ``PENDING_PAYMENT`` until it is paid in the
console. After ``payment_timeout`` the task fails with ``EcsJobPaymentTimeout``. It is not retried, as a retry would not
help. ``tell`` then reports the order. Its id has been in the XCom since before the wait.

The order itself stays. If it is paid later, the server is created, and no task waits for it. So cancel the order in the
console before you clear ``order_server``, which places a new order.
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
        # 20 s for this demonstration. Users need longer to pay: timedelta(hours=8).
        payment_timeout=20,
        # Omit both for real jobs: the default is 10 s growing to 60 s.
        poll_interval=2,
        max_poll_interval=2,
    )

    @task
    def use_server(result: dict[str, Any]) -> str:
        """Use the server, which is paid and running."""
        return str(result["server_ids"][0])

    # The run is failed although this task is not: `use_server` could not run.
    @task(trigger_rule="all_failed")
    def tell(order_id: str) -> str:
        """Log the unpaid order. Instead, you could send a chat message."""
        log.error("Order %s is not paid: pay or cancel it in the console", order_id)
        return order_id

    use_server(order_server.output)
    tell(order_server.output["order_id"])
