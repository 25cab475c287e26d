"""What the pages are told of a task that has published its end, and of one that has published late."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.plugin.conftest import STARTED, Pages, Tasks, a_record

if TYPE_CHECKING:
    from collections.abc import Iterator

JOB = "/api/dags/open/job?run_id=run&task_id=wait"
END = {
    "version": 1,
    "try": 1,
    "job_id": a_record()["job_id"],
    "outcome": "timeout",
    "message": "too late",
    "order_id": "",
}


@pytest.fixture
def ended(tasks: Tasks) -> Iterator[Any]:
    """Return a function that writes the record of an end beside that of the wait."""
    from airflow.models.xcom import XComModel

    def write(record: Any, task_id: str = "wait") -> None:
        (found,) = tasks.session.query(XComModel).filter_by(dag_id="open", task_id=task_id, key="ecs_job").all()
        where = {name: getattr(found, name) for name in ("dag_id", "run_id", "task_id", "map_index", "dag_run_id")}
        tasks.session.add(XComModel(**where, key="ecs_job_end", value=record, timestamp=found.timestamp))
        tasks.session.commit()

    return write


def test_the_page_shows_the_end_with_what_was_published_before_or_after_it(
    pages: Pages, tasks: Tasks, ended: Any
) -> None:
    tasks.add(record=a_record(), state="failed")
    ended(END)

    record = pages.get(JOB).json()["record"]

    assert (record["outcome"], record["message"], record["done"]) == ("timeout", "too late", 1)
    assert (record["started"], record["deadline"]) == (STARTED, STARTED + 3600)


def test_a_task_that_has_ended_its_wait_is_not_listed(pages: Pages, tasks: Tasks, ended: Any) -> None:
    for task_id in ("waits", "resumed"):
        tasks.add(task_id=task_id, record=a_record(), state="running")
    ended(END, "resumed")

    assert [row["task_id"] for row in pages.get("/api/jobs").json()["rows"]] == ["waits"]


@pytest.mark.parametrize("end", [[], 5, "s3://elsewhere", {}, {"outcome": {}}])
def test_a_damaged_end_breaks_neither_page(pages: Pages, tasks: Tasks, ended: Any, end: Any) -> None:
    tasks.add(record=a_record(), state="running")
    ended(end)

    assert pages.get(JOB).json()["record"]
    assert pages.get("/api/jobs").status_code == 200
