"""Which tasks the list has, in which order, and with which fields; for tasks with a record and without one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select
from sqlalchemy.dialects import mysql, postgresql, sqlite

from airflow_provider_ecsjobs.plugin.queries import SORTS
from tests.plugin.conftest import STARTED, a_record
from tests.plugin.test_web_data import JOB, listed

if TYPE_CHECKING:
    from typing import Any

    from tests.plugin.conftest import Pages, Tasks


def test_tasks_without_a_record_are_ordered_by_their_begin(pages: Pages, tasks: Tasks) -> None:
    def at(seconds: float) -> datetime:
        return datetime.fromtimestamp(STARTED + seconds, tz=UTC)

    tasks.add(task_id="e", start_date=at(30))
    tasks.add(task_id="a", record=a_record(started=STARTED + 99), start_date=at(500))
    tasks.add(task_id="d", start_date=at(20))
    tasks.add(task_id="b", record=a_record(started=STARTED), start_date=at(900))
    tasks.add(task_id="c", record=a_record(started="soon"), start_date=at(40))

    assert listed(pages) == ["b", "a", "d", "e", "c"]
    assert listed(pages, sort="waited") == ["c", "e", "d", "a", "b"]


@pytest.mark.parametrize("dialect", [sqlite.dialect(), postgresql.dialect(), mysql.dialect()], ids=lambda it: it.name)
def test_each_database_can_order_the_list(dialect: Any) -> None:
    for columns in SORTS.values():
        assert str(select(*columns).compile(dialect=dialect))


def test_a_begin_that_is_no_number_is_shown_as_that_of_the_task(pages: Pages, tasks: Tasks) -> None:
    tasks.add(record=a_record(started="soon"), start_date=datetime.fromtimestamp(STARTED, tz=UTC))

    assert pages.get("/api/jobs").json()["rows"][0]["started"] == STARTED


def test_the_list_knows_how_old_a_record_may_be(pages: Pages, tasks: Tasks) -> None:
    tasks.add(task_id="a", record=a_record(refresh=300.0))
    tasks.add(task_id="b", record=a_record())

    rows = pages.get("/api/jobs").json()["rows"]

    assert [(row["poll_interval"], row["refresh"]) for row in rows] == [(60.0, 300.0), (60.0, None)]


@pytest.mark.parametrize("state", ["scheduled", "queued"])
def test_a_sensor_that_waits_for_a_worker_to_poll_again_stays_in_the_list(
    pages: Pages, tasks: Tasks, state: str
) -> None:
    record = a_record(**{"try": 2})
    tasks.add(task_id="polls again", record=record, state=state, try_number=2)
    tasks.add(task_id="resumes", record=record, state=state, try_number=2, next_method="execute_complete")
    tasks.add(task_id="begins its next try", record=record, state=state, try_number=3)
    tasks.add(task_id="has ended", record={**record, "outcome": "finished"}, state=state, try_number=2)
    tasks.add(task_id="of an earlier version", record=a_record(), state=state, try_number=2)
    tasks.add(task_id="damaged", record={**record, "try": "two"}, state=state, try_number=2)
    tasks.add(task_id="without a record", state=state, try_number=2)

    assert listed(pages) == ["polls again"]


@pytest.mark.parametrize("next_method", [None, "execute_complete"])
def test_the_job_page_knows_whether_the_task_resumes(pages: Pages, tasks: Tasks, next_method: str | None) -> None:
    tasks.add(record=a_record(), state="queued", next_method=next_method)

    assert pages.get(JOB).json()["task"]["is_resuming"] is (next_method is not None)
