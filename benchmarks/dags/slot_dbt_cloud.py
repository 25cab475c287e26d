"""One deferred run of a dbt Cloud job, for ``benchmarks/worker_slot.py``."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG
from airflow.providers.dbt.cloud.operators.dbt import DbtCloudRunJobOperator

with DAG(dag_id="slot_dbt_cloud", schedule=None, catchup=False):
    DbtCloudRunJobOperator(task_id="wait", job_id=1, check_interval=5, deferrable=True)
