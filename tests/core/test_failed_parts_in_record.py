"""The record blames the same parts of a job as the task's own message: those with the cause, not their wrappers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_ecsjobs.core.failure_message import explain_failure
from airflow_provider_ecsjobs.core.job import Job
from airflow_provider_ecsjobs.core.job_snapshot import WaitFacts, final_snapshot
from airflow_provider_ecsjobs.core.waiting.end import Outcome, WaitEnd
from tests.core.samples import JOB_ID, job, part

NO_HOST = {"error_code": "Ecs.0219", "fail_reason": "No valid host was found"}
CAUSE = "Ecs.0219 No valid host was found"


def record_of(raw: dict[str, Any]) -> dict[str, Any]:
    return final_snapshot(WaitEnd(Outcome.FINISHED, "", Job(raw)), WaitFacts(JOB_ID), 0.0)


def with_parts(status: str, parts: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    """Make a sub-job that has sub-jobs."""
    return {**part(status, **fields), "entities": {"sub_jobs": parts}}


@pytest.mark.parametrize(
    ("parts", "counts", "statuses"),
    [
        ([part("ABORTED", **NO_HOST), part()], (2, 2, 1), ["ABORTED", "SUCCESS"]),
        ([with_parts("FAIL", [part(), part()], **NO_HOST)], (3, 3, 1), ["FAIL", "SUCCESS", "SUCCESS"]),
        ([with_parts("FAIL", [part("RUNNING")], **NO_HOST)], (2, 1, 1), ["FAIL", "RUNNING"]),
        (
            [with_parts("FAIL", [part("FAIL", **NO_HOST), part()], fail_reason="SubTask-fail")],
            (2, 2, 1),
            ["FAIL", "SUCCESS"],
        ),
    ],
    ids=[
        "an unknown status with a reason",
        "a part whose parts went well",
        "one whose parts go on",
        "one below another",
    ],
)
def test_the_part_with_the_cause_is_counted_and_listed_first(
    parts: list[dict[str, Any]], counts: tuple[int, int, int], statuses: list[str]
) -> None:
    raw = job("FAIL", parts, error_code="Common.0021", fail_reason="CollectInfoTask-fail")
    record = record_of(raw)
    rows = json.loads(record["sub_jobs"])

    assert explain_failure(Job(raw)).startswith(f"createServer failed: {CAUSE} (1 of {counts[0]} sub-jobs;")
    assert record["failure"]["causes"] == [[CAUSE, 1]]
    assert record["failure"]["hints"]
    assert record["causes"] == [CAUSE]
    assert (record["total"], record["done"], record["failed"]) == counts
    assert [row[3] for row in rows] == statuses
    assert [row[6] for row in rows] == [0] + [None] * (len(rows) - 1)


def test_an_unknown_status_without_a_reason_has_not_failed() -> None:
    record = record_of(job("FAIL", [part("THAWING"), part("FAIL", **NO_HOST)]))

    assert (record["total"], record["done"], record["failed"]) == (2, 1, 1)
