"""One deferred create, with its XComs and without them, for ``benchmarks/worker_slot.py``."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_ecsjobs.operators.servers import EcsCreateServersOperator

for dag_id, pushes_xcoms in {"slot_ours": True, "slot_ours_without_xcoms": False}.items():
    with DAG(dag_id=dag_id, schedule=None, catchup=False):
        EcsCreateServersOperator(
            task_id="wait",
            name="benchmark",
            flavor="s6.small.1",
            image="image",
            vpc="vpc",
            subnets=["subnet"],
            root_volume="GPSSD",
            poll_interval=5,
            max_poll_interval=5,
            do_xcom_push=pushes_xcoms,
        )
