"""The worker slot that a deferred task occupies in a real Airflow, compared with another provider's operator."""

from __future__ import annotations

import json
import shutil
import statistics
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from airflow_provider_ecsjobs.emulator import Emulator
from benchmarks.figures import Bound, Section, Table
from benchmarks.processes import Server
from tests.live.standalone import LiveAirflow

if TYPE_CHECKING:
    from tests.live.timeline import Timeline

NAME = "worker_slot"
SIZES = {"full": {"warm": 1, "runs": 6}, "small": {"warm": 0, "runs": 1}}
OURS, PEER = "EcsCreateServersOperator", "DbtCloudRunJobOperator"
OURS_WITHOUT_XCOMS = f"{OURS}, do_xcom_push=False"
DAGS = {OURS: "slot_ours", OURS_WITHOUT_XCOMS: "slot_ours_without_xcoms", PEER: "slot_dbt_cloud"}
JOB_SECONDS = 6.0
_FOLDER = Path(__file__).with_name("dags")
_RUN_SECONDS = 180.0


def run(size: str) -> Section:
    """Run both DAGs in turn, several times. Without the other provider, run only ours."""
    sizes = SIZES[size]
    operators = [OURS, OURS_WITHOUT_XCOMS, *([PEER] if _has_peer() else [])]
    timelines: dict[str, list[Timeline]] = {operator: [] for operator in operators}
    with (
        TemporaryDirectory(prefix="ecsjobs-bench-") as folder,
        Emulator(tls=True, run_seconds=JOB_SECONDS) as emulator,
        Server("dbt_cloud", job_seconds=JOB_SECONDS) as dbt_cloud,
    ):
        dags = Path(folder, "dags")
        dags.mkdir()
        for name in ("slot_ours", *(DAGS[operator] for operator in operators if operator == PEER)):
            shutil.copy(_FOLDER / f"{name}.py", dags)
        dbt = {"conn_type": "dbt_cloud", "host": f"127.0.0.1:{dbt_cloud.about['port']}", "login": "1"}
        environment = {
            **dict([emulator.connection_env()]),
            "AIRFLOW_CONN_DBT_CLOUD_DEFAULT": json.dumps({**dbt, "password": "token"}),
            "SSL_CERT_FILE": dbt_cloud.about["ca_file"],
            "REQUESTS_CA_BUNDLE": dbt_cloud.about["ca_file"],
        }
        with LiveAirflow(Path(folder, "home"), dags, environment=environment) as airflow:
            for turn in range(sizes["warm"] + sizes["runs"]):
                for operator in operators if turn % 2 else reversed(operators):
                    timeline = _run_once(airflow, DAGS[operator])
                    if turn >= sizes["warm"]:
                        timelines[operator].append(timeline)
    return _section(timelines)


def _run_once(airflow: LiveAirflow, dag_id: str) -> Timeline:
    """Run a DAG, and return the timeline of its task.

    :raises RuntimeError: the task did not defer once and succeed.
    """
    run_id = airflow.trigger(dag_id)
    state = airflow.wait(dag_id, run_id, _RUN_SECONDS)
    (timeline,) = airflow.timelines(dag_id, run_id)
    if state != "success" or len(_spells(timeline)) != 2:
        raise RuntimeError(f"{dag_id}: {timeline}\n{airflow.log(dag_id, run_id, timeline.task_id)[-2000:]}")
    return timeline


def _spells(timeline: Timeline) -> list[float]:
    """Return how long the task ran each time, in seconds."""
    return [span.seconds for span in timeline.spans if span.state == "running"]


def _has_peer() -> bool:
    try:
        return bool(metadata.version("apache-airflow-providers-dbt-cloud"))
    except metadata.PackageNotFoundError:
        return False


def _section(timelines: dict[str, list[Timeline]]) -> Section:
    slots = {operator: [each.seconds_in("running") for each in all_] for operator, all_ in timelines.items()}
    rows = []
    for operator, all_ in timelines.items():
        before, after = zip(*(_spells(each) for each in all_), strict=True)
        rows.append(
            (
                operator if operator == PEER else f"**{operator}**",
                f"{statistics.median(slots[operator]):.2f}",
                f"{min(slots[operator]):.2f} to {max(slots[operator]):.2f}",
                f"{statistics.median(before):.2f}",
                f"{statistics.median(after):.2f}",
                f"{statistics.median(each.seconds_in('deferred') for each in all_):.1f}",
            )
        )
    head = ("operator", "seconds of worker slot", "least to most", "until it defers", "after the wait", "deferred, s")
    # Each ratio is of one turn: both were measured within the same minute, so other load cancels out.
    bounds = [
        Bound(
            f"seconds of worker slot, {OURS} / {PEER}",
            statistics.median(ours / peer for ours, peer in zip(slots[OURS], slots[PEER], strict=True)),
            1.0,
        )
        for _ in slots.keys() & {PEER}
    ]
    note = (
        "A real Airflow with the LocalExecutor and SQLite runs a DAG of one deferrable task, with each operator in"
        f" turn. The server of each is on this machine, over TLS; its job takes {JOB_SECONDS:g} s, and both poll every"
        " 5 s. The worker slot is occupied while the task's state is *running*: from the start of the task's process,"
        " which imports the DAG file, to its deferral, and again from the event to the end. Triggers of the"
        f" database note the states. Medians of {len(timelines[OURS])} runs of each, after one to warm up. Ours also"
        " stores its record for a retry, in three requests; pushes ids, servers and the link to the console; and"
        " publishes the job for the page in Airflow's UI. The second row has only the record."
        + ("" if PEER in timelines else f" Not installed and omitted: {PEER}.")
    )
    return Section(NAME, "Seconds of worker slot", bounds, [Table(head, rows)], note)
