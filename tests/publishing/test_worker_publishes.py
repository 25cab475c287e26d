"""What the worker publishes: at each end, before anything is raised, so that a failed task has its record, too."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_ecsjobs import publishing
from airflow_provider_ecsjobs.core.job import Job
from airflow_provider_ecsjobs.core.job_snapshot import shown_record
from airflow_provider_ecsjobs.core.waiting.policy import WaitPolicy
from airflow_provider_ecsjobs.core.waiting.wait import Wait
from airflow_provider_ecsjobs.operators.ecs_jobs import EcsJobOperator
from airflow_provider_ecsjobs.operators.servers import EcsCreateServersOperator
from airflow_provider_ecsjobs.sensors.ecs_jobs import EcsJobSensor
from tests.core.samples import job, part
from tests.support.dag_runs import START, Run, run_dag

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.emulator import Emulator

pytestmark = pytest.mark.usefixtures("airflow_db")
QUICK: dict[str, Any] = {"poll_interval": 0.2}
CREATE = {"name": "web", "flavor": "f", "image": "i", "vpc": "v", "subnets": ["s"], "root_volume": "SSD"}
WAYS = pytest.mark.parametrize("deferrable", [True, False], ids=["deferred", "in the worker"])


def record_of(run: Run, task_id: str) -> dict[str, Any]:
    values = [run.xcom(task_id, key) for key in (publishing.XCOM_KEY, publishing.END_XCOM_KEY)]
    current, end = (json.loads(value) if isinstance(value, str) else value for value in values)
    return dict(shown_record(current, end))


@pytest.mark.skipif(not publishing._has_pages, reason="Airflow 2 has no page to show a job")
@WAYS
def test_each_end_is_published_also_that_of_a_failed_task(connected: Emulator, deferrable: bool) -> None:
    good, bad = connected.start_job(sub_jobs=2), connected.start_job(sub_jobs=3, failing=1)
    connected.fail_next("createServer", failing=2)
    with DAG(f"each_end_{deferrable}", start_date=START, schedule=None) as dag:
        EcsJobSensor(task_id="good", job_id=good, poke_interval=0.2, deferrable=deferrable)
        EcsJobSensor(task_id="soft", job_id=bad, poke_interval=0.2, soft_fail=True, deferrable=deferrable)
        EcsJobOperator(task_id="bad", job_id=bad, deferrable=deferrable, **QUICK)
        EcsJobOperator(task_id="late", job_id=connected.start_job(run_seconds=60), timeout=0, deferrable=deferrable)
        EcsJobOperator(task_id="unknown", job_id="nobody-knows", deferrable=deferrable, **QUICK)
        EcsCreateServersOperator(task_id="create", count=5, deferrable=deferrable, **CREATE, **QUICK)

    run = run_dag(dag)

    records = {task_id: record_of(run, task_id) for task_id in run.states}
    assert {task_id: record["outcome"] for task_id, record in records.items()} == {
        "good": "finished",
        "soft": "finished",
        "bad": "finished",
        "late": "timeout",
        "unknown": "not_found",
        "create": "finished",
    }
    assert (records["good"]["status"], records["good"]["done"]) == ("SUCCESS", 2)
    assert records["soft"]["failure"]["causes"] == records["bad"]["failure"]["causes"]
    assert records["unknown"]["job_id"] == "nobody-knows"
    assert "the limit is" in records["late"]["message"]
    create = records["create"]
    assert (create["total"], create["failed"], len(create["failure"]["servers"])) == (5, 2, 3)


@pytest.mark.parametrize("place", ["compat.get_current_context", "LastPublish.due", "snapshot", "final_snapshot"])
def test_what_is_not_published_is_missed_by_nobody(
    connected: Emulator, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("no context, or a job that nobody thought of")

    monkeypatch.setattr(f"{publishing.__name__}.{place}", broken, raising=False)
    with DAG(f"not_published_{place.replace('.', '_')}", start_date=START, schedule=None) as dag:
        EcsJobSensor(task_id="wait", job_id=connected.start_job(), poke_interval=0.2)
        EcsJobOperator(task_id="in_the_worker", job_id=connected.start_job(), deferrable=False, **QUICK)

    assert run_dag(dag).states == {"wait": "success", "in_the_worker": "success"}


def test_nothing_is_published_where_it_is_switched_off(connected: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__ECSJOBS__PUBLISH_JOBS", "False")
    with DAG("switched_off", start_date=START, schedule=None) as dag:
        EcsJobSensor(task_id="wait", job_id=connected.start_job(), poke_interval=0.2)

    run = run_dag(dag)

    assert run.states == {"wait": "success"}
    assert run.xcom("wait", publishing.XCOM_KEY) is None


@pytest.mark.skipif(not publishing._has_pages, reason="Airflow 2 has no page to show a job")
def test_a_wait_in_the_worker_publishes_what_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    now, published = [0.0], []
    monkeypatch.setattr(publishing, "monotonic_time", lambda: now[0])
    monkeypatch.setattr(publishing, "_push", lambda _, __, make: not published.append((now[0], make()["done"])))
    observer = publishing.observer_in_worker()
    wait = Wait("job-1", WaitPolicy(started=0.0))

    for second in range(100):
        now[0] = float(second)
        observer.polled(wait, Job(job("RUNNING", [part("SUCCESS" if second >= 5 else "RUNNING"), part("RUNNING")])))
    observer.polled(wait, Job(job("SUCCESS", [part("SUCCESS")])))

    assert published == [(0.0, 0), (15.0, 1), (75.0, 1)]
