"""Runs a DAG of a test with ``dag.test()``, on Airflow 2.11 and 3.x alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from airflow import __version__ as airflow_version

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import DAG

AIRFLOW_3 = not airflow_version.startswith("2.")
START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Run:
    """What became of a DAG run.

    :param states: task id -> state.
    :param xcoms: task id -> what the task returned.
    :param dag_run: the run in the database.
    """

    states: dict[str, str]
    xcoms: dict[str, Any]
    dag_run: Any

    def key(self, task_id: str) -> Any:
        """Return the key of a task instance."""
        (found,) = (ti for ti in self.dag_run.get_task_instances() if ti.task_id == task_id)
        return found.key

    def xcom(self, task_id: str, key: str) -> Any:
        """Return what a task pushed under a key."""
        (found,) = (ti for ti in self.dag_run.get_task_instances() if ti.task_id == task_id)
        return _xcom(self.dag_run, found, key)


def run_dag(dag: DAG, conf: dict[str, Any] | None = None) -> Run:
    """Run all tasks of a DAG in this process, its triggers included."""
    if AIRFLOW_3:
        _sync(dag)
    dag_run = dag.test(run_conf=conf)
    states: dict[str, str] = {}
    xcoms: dict[str, Any] = {}
    for ti in dag_run.get_task_instances():
        state = str(ti.state.value if hasattr(ti.state, "value") else ti.state)
        # The instances of a mapped task have one state, or it is said which they have.
        states[ti.task_id] = state if states.get(ti.task_id, state) == state else f"{states[ti.task_id]}, {state}"
        xcoms[ti.task_id] = _xcom(dag_run, ti)
    return Run(states, xcoms, dag_run)


def _sync(dag: DAG) -> None:
    """Make a DAG known to the database: Airflow 3 runs none that is not serialized."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db

    DagBundlesManager().sync_bundles_to_db()
    bag = DagBag(collect_dags=False)
    bag.bag_dag(dag)
    sync_bag_to_db(bag, "dags-folder", None)


def _xcom(dag_run: Any, ti: Any, key: str = "return_value") -> Any:
    if not AIRFLOW_3:
        return ti.xcom_pull(task_ids=ti.task_id, map_indexes=ti.map_index, key=key)
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    query = XComModel.get_many(
        run_id=dag_run.run_id,
        dag_ids=dag_run.dag_id,
        task_ids=ti.task_id,
        map_indexes=ti.map_index,
        key=key,
    )
    with create_session() as session:
        row = session.execute(query.with_only_columns(XComModel.value)).scalar()
    return None if row is None else XComModel.deserialize_value(SimpleNamespace(value=row))
