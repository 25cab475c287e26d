"""What the pages are told: of one task, and of all that wait; whatever lies in the database."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select
from sqlalchemy.dialects import postgresql

from airflow_provider_ecsjobs.core.job import Job
from airflow_provider_ecsjobs.core.job_snapshot import WaitFacts, snapshot
from airflow_provider_ecsjobs.plugin.queries import SORTS, TRIGGER
from airflow_provider_ecsjobs.triggers.ecs_jobs import EcsJobTrigger
from tests.core.samples import job, part
from tests.plugin.conftest import STARTED, Pages, Tasks, a_record

if TYPE_CHECKING:
    from collections.abc import Mapping

JOB = "/api/dags/open/job?run_id=run&task_id=wait"
MANY = 10_000


def listed(pages: Pages, **query: Any) -> list[str]:
    return [row["task_id"] for row in pages.get("/api/jobs", params=query).json()["rows"]]


def test_the_list_knows_our_trigger() -> None:
    assert EcsJobTrigger("job-1").serialize()[0] == TRIGGER


def test_the_job_of_a_task_comes_with_its_state_and_the_console(pages: Pages, tasks: Tasks) -> None:
    tasks.add(record=a_record(), console_url="https://console.huaweicloud.com/ecm/")

    answer = pages.get(JOB).json()

    assert answer["record"] == a_record()
    assert answer["console_url"] == "https://console.huaweicloud.com/ecm/"
    assert (answer["task"]["state"], answer["task"]["is_over"], answer["task"]["try_number"]) == ("deferred", False, 1)
    assert answer["is_elsewhere"] is False


def test_a_mapped_task_has_its_own_record(pages: Pages, tasks: Tasks) -> None:
    for index in range(3):
        tasks.add(record=a_record(job_id=f"job-{index}"), map_index=index)

    assert [pages.get(f"{JOB}&map_index={index}").json()["record"]["job_id"] for index in range(3)] == [
        "job-0",
        "job-1",
        "job-2",
    ]
    assert pages.get(JOB).status_code == 404


@pytest.mark.parametrize("state", ["success", "failed", "skipped"])
def test_a_task_that_is_over_says_so(pages: Pages, tasks: Tasks, state: str) -> None:
    tasks.add(state=state)

    answer = pages.get(JOB).json()

    assert (answer["task"]["is_over"], answer["record"]) == (True, None)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "http://console.example", {"a": 1}, "data:text/html,x"])
def test_only_a_console_is_linked_to(pages: Pages, tasks: Tasks, url: Any) -> None:
    tasks.add(record=a_record(), console_url=url)

    assert pages.get(JOB).json()["console_url"] == ""


def test_a_record_that_a_backend_keeps_elsewhere_is_told_of(pages: Pages, tasks: Tasks) -> None:
    tasks.add(record="s3://bucket/xcoms/ecs_job")

    answer = pages.get(JOB).json()
    (row,) = pages.get("/api/jobs").json()["rows"]

    assert (answer["record"], answer["is_elsewhere"]) == (None, True)
    assert (row["task_id"], row["job_id"]) == ("wait", None)


@pytest.mark.parametrize("record", [[], 5, True, {}, {"status": {"deep": []}}, {"sub_jobs": 7, "started": "soon"}])
def test_a_damaged_record_breaks_neither_page(pages: Pages, tasks: Tasks, record: Any) -> None:
    tasks.add(record=record)

    assert pages.get(JOB).status_code == 200
    assert pages.get("/api/jobs").status_code == 200


def test_texts_of_the_cloud_come_as_they_are_in_json_alone(pages: Pages, tasks: Tasks) -> None:
    hostile = "</script><img src=x onerror=alert(1)>\u202e{{7*7}}"
    raw = job("FAIL", [part("FAIL", fail_reason=hostile, server_id=hostile)], job_type=hostile, fail_reason=hostile)
    tasks.add(record=snapshot(Job(raw), WaitFacts(hostile), 0.0))

    answer = pages.get(JOB)

    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["record"]["job_type"].startswith("</script>")
    page = pages.get("/dags/open/job", params={"run_id": hostile, "task_id": hostile})
    assert "<img" not in page.text


def test_a_thousand_sub_jobs_reach_the_page(pages: Pages, tasks: Tasks) -> None:
    parts = [part("RUNNING", server_id=f"{number:036x}", job_id=f"{number:032x}") for number in range(1000)]
    tasks.add(record=snapshot(Job(job("RUNNING", parts)), WaitFacts("job-1"), 0.0))

    answer = pages.get(JOB)

    assert answer.json()["record"]["total"] == 1000
    assert len(answer.content) < 300_000


def test_the_list_has_what_waits_now_and_nothing_else(pages: Pages, tasks: Tasks) -> None:
    tasks.add(task_id="deferred", record=a_record())
    tasks.add(task_id="not_published_yet")
    tasks.add(task_id="in_the_worker", record=a_record(), state="running")
    tasks.add(task_id="rescheduled", record=a_record(), state="up_for_reschedule")
    tasks.add(task_id="resumed", record=a_record(outcome="finished"), state="running")
    tasks.add(task_id="other", state="running")
    tasks.add(task_id="over", record=a_record(outcome="finished", status="SUCCESS"), state="success")
    tasks.add_many(
        [
            {
                "dag_id": "open",
                "run_id": "run",
                "task_id": "of_another_trigger",
                "map_index": -1,
                "state": "deferred",
                "record": None,
                "trigger": "airflow.triggers.testing.SuccessTrigger",
            }
        ]
    )

    assert set(listed(pages)) == {"deferred", "not_published_yet", "in_the_worker", "rescheduled"}


SORTED: Mapping[str, tuple[dict[str, Any], dict[str, Any]]] = {
    # the sort: the record that comes first, and the one that comes last
    "job": ({"job_type": "attachVolume"}, {"job_type": "stopVMs"}),
    "status": ({"status": "INIT"}, {"status": "RUNNING"}),
    "progress": ({"done": 1, "total": 10}, {"done": 9, "total": 10}),
    "waited": ({"started": STARTED + 99}, {"started": STARTED}),
    "deadline": ({"deadline": STARTED + 10}, {"deadline": STARTED + 900}),
    "changed": ({"changed_at": STARTED}, {"changed_at": STARTED + 1}),
}


@pytest.mark.parametrize("sort", SORTED)
def test_the_list_can_be_sorted_both_ways(pages: Pages, tasks: Tasks, sort: str) -> None:
    least, greatest = SORTED[sort]
    tasks.add(task_id="a", record=a_record(**greatest))
    tasks.add(task_id="b", record=a_record(**least))

    assert listed(pages, sort=sort) == ["b", "a"]
    assert listed(pages, sort=f"-{sort}") == ["a", "b"]


@pytest.mark.parametrize("sort", ["", "-", "nothing", "1; drop table t"])
def test_an_unknown_sort_is_the_usual_one(pages: Pages, tasks: Tasks, sort: str) -> None:
    tasks.add(task_id="a", record=a_record())

    assert listed(pages, sort=sort) == ["a"]
    assert set(SORTED) < set(SORTS)


def test_the_list_can_be_searched_and_filtered(pages: Pages, tasks: Tasks) -> None:
    tasks.add(task_id="create_web", record=a_record(job_id="aaa111", status="INIT"))
    tasks.add(task_id="create%web", record=a_record(job_id="bbb222"), run_id="nightly")
    tasks.add("secret", task_id="stop", record=a_record(job_id="ccc333", job_type="stopVMs"))

    assert listed(pages, q="AAA1") == ["create_web"]
    assert listed(pages, q="nightly") == ["create%web"]
    assert listed(pages, q="stopvms") == listed(pages, q="secret") == ["stop"]
    assert listed(pages, q="e_w") == ["create_web"]
    assert listed(pages, q="%") == ["create%web"]
    assert listed(pages, q="\\") == listed(pages, q="' or 1=1 --") == []
    assert listed(pages, status="INIT") == ["create_web"]
    assert listed(pages, status="PAUSED") == []


@pytest.mark.parametrize(
    "address",
    [
        "/jobs?q=%00",
        "/api/jobs?q=a%00b",
        "/api/jobs?status=%00",
        "/dags/o%00pen/job?run_id=run&task_id=wait",
        "/api/dags/o%00pen/job?run_id=run&task_id=wait",
        "/api/dags/open/job?run_id=run%00&task_id=wait",
        "/static/%00",
    ],
)
def test_no_database_is_asked_for_a_text_with_nul(pages: Pages, address: str) -> None:
    """PostgreSQL ends the query with an error there."""
    refused = pages.get(address)

    assert refused.status_code == 400
    assert "NUL" in refused.json()["detail"]


def test_ten_thousand_waits_come_by_the_page(pages: Pages, tasks: Tasks) -> None:
    tasks.add_many(
        [
            {
                "dag_id": "open",
                "run_id": f"run_{number % 100}",
                "task_id": f"wait_{number:05}",
                "map_index": -1,
                "state": "deferred",
                "record": a_record(started=STARTED + number, job_id=f"{number:032x}"),
            }
            for number in range(MANY)
        ]
    )

    def page(**query: Any) -> tuple[int, list[str]]:
        answer = pages.get("/api/jobs", params=query).json()
        return answer["total"], [row["task_id"] for row in answer["rows"]]

    first, second, last = page(), page(page=2), page(page=MANY)

    assert [total for total, _ in (first, second, last)] == [MANY] * 3
    assert first[1] == [f"wait_{number:05}" for number in range(50)]
    assert second[1][0] == "wait_00050"
    assert last[1][-1] == f"wait_{MANY - 1:05}"
    assert page(q="wait_04321")[1] == ["wait_04321"]
    assert page(sort="waited")[1][0] == f"wait_{MANY - 1:05}"


@pytest.mark.parametrize("sort", SORTS)
def test_no_database_has_to_convert_what_is_no_number(sort: str) -> None:
    """PostgreSQL ends the whole query with an error there: one strange record would take the list from everybody."""
    ordered = select(*SORTS[sort])
    statement = str(ordered.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True}))

    conversions = re.findall(r"(THEN )?CAST\(xcom\.value ->> '\w+' AS FLOAT\)", statement)
    assert all(conversions)


def test_a_number_that_is_none_comes_as_the_least(pages: Pages, tasks: Tasks) -> None:
    for task_id, deadline in {"a": STARTED + 5.5, "b": "soon", "c": STARTED, "d": None, "e": [1]}.items():
        tasks.add(task_id=task_id, record=a_record(deadline=deadline))

    assert [name for name in listed(pages, sort="-deadline") if name in "ac"] == ["a", "c"]
    assert len(listed(pages, sort="-deadline")) == 5
