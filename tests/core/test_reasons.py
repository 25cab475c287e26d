"""Where a job holds the reason of its failure, and its parts, on the services that share the jobs API."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_ecsjobs.core.failure_message import explain_failure
from airflow_provider_ecsjobs.core.job import Job

FAILED: dict[str, Any] = {"status": "FAIL", "job_id": "abc", "job_type": "someJob", "entities": {}}
PART: dict[str, Any] = {"status": "FAIL", "job_id": "part", "error_code": "Evs.5400", "fail_reason": "quota exceeded"}

REASONS: dict[str, tuple[dict[str, Any], str]] = {
    "error_code and fail_reason": ({"error_code": "Ecs.1", "fail_reason": "full"}, "Ecs.1 full"),
    "code and message": ({"error_code": None, "code": "Ecs.0207", "message": "sold out"}, "Ecs.0207 sold out"),
    "message alone": ({"message": "sold out"}, "sold out"),
    "an error object": ({"error": {"code": "Ecs.1", "message": "full"}}, "Ecs.1 full"),
    "IMS": ({"entities": {"error_code": "IMG.1", "error": "bad image"}}, "IMG.1 bad image"),
    "IMS, in addition": (
        {
            "entities": {
                "error_code": "IMG.1",
                "error": "bad image",
                "addition_error_code": "IMG.2",
                "addition_error_msg": "no driver",
            }
        },
        "IMG.1 bad image (IMG.2 no driver)",
    ),
    "IMS, in addition alone": (
        {"entities": {"addition_error_code": "IMG.2", "addition_error_msg": "no driver"}},
        "IMG.2 no driver",
    ),
    "a code here and its text there": (
        {"error_code": "Ecs.12", "entities": {"errorcode_message": "no IPs"}},
        "Ecs.12 no IPs",
    ),
    "a wrapper and its cause": (
        {"error_code": "Common.0021", "fail_reason": "SubJob-fail", "code": "BMS.0219", "message": "no valid host"},
        "Common.0021 SubJob-fail (BMS.0219 no valid host)",
    ),
    "the same twice": (
        {"error_code": "Ecs.1", "fail_reason": "full", "code": "Ecs.1", "message": "full"},
        "Ecs.1 full",
    ),
    "an error that is no object": ({"error": "text", "fail_reason": "full"}, "full"),
}

PARTS: dict[str, dict[str, Any]] = {
    "sub_jobs": {"entities": {"sub_jobs_total": 1, "sub_jobs": [PART]}},
    "sub_jobs_result": {"entities": {"sub_jobs_result": [PART]}},
    "sub_jobs_list": {"entities": {"sub_jobs_list": [PART]}},
    "results": {"entities": {"results": [PART]}},
    "sub_jobs beside entities": {"entities": {"backup_id": "b"}, "sub_jobs": [PART]},
    "sub_jobs_list beside entities": {"entities": {"backup_id": "b"}, "sub_jobs_list": [PART]},
    "an empty list before it": {"entities": {"sub_jobs": [], "results": [PART]}},
    "ids before it": {"entities": {"sub_jobs_list": ["part"], "results": [PART]}},
}


@pytest.mark.parametrize("name", REASONS)
def test_a_reason_is_found_wherever_an_answer_holds_it(name: str) -> None:
    body, reason = REASONS[name]
    assert Job({**FAILED, **body}).reason == reason
    assert explain_failure(Job({**FAILED, **body})).startswith(f"someJob failed: {reason}\n")


@pytest.mark.parametrize("name", REASONS)
def test_a_sub_job_gives_its_reason_in_the_same_places(name: str) -> None:
    body, reason = REASONS[name]
    job = Job({**FAILED, "error_code": "X.1", "entities": {"sub_jobs": [{**FAILED, **body}]}})
    assert explain_failure(job).startswith(f"someJob failed: {reason} (1 of 1 sub-jobs; the job itself: X.1)\n")


@pytest.mark.parametrize("name", PARTS)
def test_sub_jobs_are_found_wherever_an_answer_lists_them(name: str) -> None:
    job = Job({**FAILED, "error_code": "VBS.0022", "fail_reason": "subJob fail", **PARTS[name]})
    assert [part.job_id for part in job.sub_jobs] == ["part"]
    assert job.sub_jobs_total == 1
    assert explain_failure(job).startswith("someJob failed: Evs.5400 quota exceeded (1 of 1 sub-jobs;")


def test_servers_of_sub_jobs_beside_the_entities_are_found() -> None:
    parts = [{**PART, "entities": {"server_id": "s-1"}}, {**PART, "entities": {"server_id": "s-2"}}]
    assert Job({**FAILED, "sub_jobs": parts}).server_ids == ("s-1", "s-2")


def test_a_part_with_a_status_of_its_own_counts_as_failed_if_it_gives_a_reason() -> None:
    parts = [{"status": "failed", "error": {"code": "IMG.1", "message": "bad image"}}, {"status": "active"}]
    job = Job({**FAILED, "entities": {"results": parts}})
    assert explain_failure(job).startswith("someJob failed: IMG.1 bad image (1 of 2 sub-jobs)")


def test_the_reason_of_a_job_that_succeeded_is_empty() -> None:
    assert Job({**FAILED, "status": "SUCCESS", "error_code": None, "fail_reason": None}).reason == ""
