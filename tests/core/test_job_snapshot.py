"""The record that the pages show: what is in it, that it stays small, and that it takes whatever the cloud sends."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from airflow_provider_ecsjobs.core.job import Job
from airflow_provider_ecsjobs.core.job_snapshot import (
    MAX_CAUSES,
    MAX_SERVERS,
    MAX_SUB_JOBS,
    WaitFacts,
    final_snapshot,
    outline,
    snapshot,
)
from airflow_provider_ecsjobs.core.waiting.end import Outcome, WaitEnd
from airflow_provider_ecsjobs.core.waiting.policy import WaitPolicy
from tests.core.samples import JOB_ID, job, job_objects, part

TIMES = WaitFacts.of(JOB_ID, WaitPolicy(started=1000.04, deadline=4600.0, max_poll_interval=60.0, order_id="CS1"))
MOST_CHARACTERS = 300_000


def record_of(raw: dict[str, Any] | None, times: WaitFacts = TIMES) -> dict[str, Any]:
    return snapshot(None if raw is None else Job(raw), times, 1234.56)


def rows_of(record: dict[str, Any]) -> list[list[Any]]:
    return list(json.loads(record["sub_jobs"]))


def end_of(raw: dict[str, Any] | None, outcome: Outcome = Outcome.FINISHED, message: str = "m") -> dict[str, Any]:
    return final_snapshot(WaitEnd(outcome, message, None if raw is None else Job(raw)), TIMES, 2000.0)


def test_before_the_first_look_there_are_only_the_facts_of_the_wait() -> None:
    assert record_of(None) == {
        "version": 1,
        "job_id": JOB_ID,
        "started": 1000.0,
        "deadline": 4600.0,
        "poll_interval": 60.0,
        "refresh": None,
        "seen_at": None,
        "outcome": None,
        "order_id": "CS1",
    }


def test_a_job_with_sub_jobs_is_counted_and_listed_with_the_failed_ones_first() -> None:
    parts = [
        part("SUCCESS", job_id="a", server_id="server-1", begin_time="2026-01-01T00:00:00Z"),
        part("RUNNING", job_id="b", nic_id="nic-1"),
        part("FAIL", job_id="c", error_code="Ecs.0219", fail_reason="No valid host was found"),
    ]
    record = record_of(job("RUNNING", parts, begin_time="2026-01-01T00:00:00Z"))

    assert (record["job_type"], record["status"], record["seen_at"]) == ("createServer", "RUNNING", 1234.6)
    assert (record["total"], record["done"], record["failed"]) == (3, 2, 1)
    assert (record["began"], record["ended"]) == (1767225600.0, None)
    assert record["causes"] == ["Ecs.0219 No valid host was found"]
    assert rows_of(record) == [
        ["createSingleServer", "sub-job", "c", "FAIL", None, None, 0],
        ["createSingleServer", "server", "server-1", "SUCCESS", 1767225600.0, None, None],
        ["createSingleServer", "NIC", "nic-1", "RUNNING", None, None, None],
    ]


def test_a_failed_end_holds_causes_hint_and_the_servers_that_exist() -> None:
    failed = [part("FAIL", error_code="Ecs.0219", fail_reason="No valid host was found") for _ in range(2)]
    record = end_of(
        job("FAIL", [*failed, part(server_id="server-1")], error_code="Common.0021", fail_reason="CollectInfoTask-fail")
    )

    assert record["outcome"] == "finished"
    failure = record["failure"]
    assert failure["causes"] == [["Ecs.0219 No valid host was found", 2]]
    assert failure["own"] == "Common.0021 CollectInfoTask-fail"
    assert failure["hints"]
    assert failure["hints"][0].startswith("What can be done")
    assert failure["servers"] == ["server-1"]


def test_an_end_without_a_job_holds_its_id_and_the_message() -> None:
    record = end_of(None, Outcome.UNREACHABLE, "no good response")

    assert (record["job_id"], record["outcome"], record["message"]) == (JOB_ID, "unreachable", "no good response")
    assert "failure" not in record
    assert "status" not in record


def test_the_servers_of_a_submit_stand_for_those_that_the_job_names() -> None:
    end = WaitEnd(Outcome.FINISHED, "", Job(job("FAIL", [part("FAIL", server_id="gone")])))

    record = final_snapshot(end, WaitFacts(JOB_ID, server_ids=["kept", "gone"]), 0.0)

    assert (record["failure"]["servers"], record["failure"]["possible_servers"]) == ([], ["kept"])


def test_an_unknown_status_is_kept_and_is_not_finished() -> None:
    record = record_of(job("FROZEN", [part("THAWING")]))

    assert (record["status"], record["done"]) == ("FROZEN", 0)
    assert rows_of(record)[0][3] == "THAWING"


def test_a_huge_job_gives_a_bounded_record_and_true_counts() -> None:
    long = "x" * 5000
    parts = [part("SUCCESS", job_type=long, server_id=long) for _ in range(3000)]
    parts += [part("FAIL", job_type=long, job_id=long, fail_reason=f"{number} {long}") for number in range(3000)]
    record = end_of(job("FAIL", parts, job_type=f"create{long}", error_code=long, fail_reason=long))

    assert len(json.dumps(record)) < MOST_CHARACTERS
    assert (record["total"], record["done"], record["failed"]) == (6000, 6000, 3000)
    assert len(rows_of(record)) == MAX_SUB_JOBS
    assert {row[3] for row in rows_of(record)} == {"FAIL"}
    failure = record["failure"]
    assert (len(failure["causes"]), failure["more_causes"]) == (MAX_CAUSES, 3000 - MAX_CAUSES)
    assert len(failure["servers"]) <= MAX_SERVERS


@given(job_objects)
def test_whatever_json_the_cloud_sends_the_record_is_plain_json_of_a_bounded_size(raw: dict[str, Any]) -> None:
    for record in (record_of(raw), end_of(raw)):
        assert json.loads(json.dumps(record, allow_nan=False)) == record
        assert len(json.dumps(record)) < MOST_CHARACTERS
        rows_of(record)
        # Airflow's serialization takes no such key.
        assert not any(key.startswith("__") for key in record)


@pytest.mark.parametrize(
    "changed",
    [
        job("FAIL", [part("RUNNING"), part("RUNNING")]),
        job("RUNNING", [part("SUCCESS"), part("RUNNING")]),
        job("RUNNING", [part("RUNNING"), part("SUCCESS")]),
        job("RUNNING", [part("RUNNING")]),
        job("RUNNING", [part("RUNNING"), part("RUNNING", end_time="2026-01-01T00:00:00Z")]),
    ],
)
def test_the_outline_tells_what_has_changed(changed: dict[str, Any]) -> None:
    before = job("RUNNING", [part("RUNNING"), part("RUNNING")])

    assert outline(Job(before)) == outline(Job(json.loads(json.dumps(before))))
    assert outline(Job(before)) != outline(Job(changed))
