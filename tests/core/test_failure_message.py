"""The text of a failed job, word for word."""

from __future__ import annotations

import re
from typing import Any

import pytest

from airflow_provider_ecsjobs.core.failure_message import (
    explain_failure,
    reason_of,
    surviving_servers,
)
from airflow_provider_ecsjobs.core.hints import HINTS
from airflow_provider_ecsjobs.core.job import Job
from airflow_provider_ecsjobs.core.text import MAX_TEXT, clean, duration, join_limited
from tests.core.samples import JOB_ID, SERVER_ID, job, part

SERVER_2 = "0ab1f9e2-6c1d-4a57-9b51-3f0f6c8a1d10"
SERVER_3 = "77c2a4d8-1f0e-4c3b-8f60-d5a2b7c9e811"
PROJECT = "0123456789abcdef0123456789abcdef"
IN_PROJECT = f"project {PROJECT}, cn-north-4"
WRAPPER = {"error_code": "Common.0021", "fail_reason": "CollectInfoTask-fail"}
NO_HOST = {"error_code": "Ecs.0219", "fail_reason": "No valid host was found"}
SOLD_OUT = {"error_code": "Evs.0001", "fail_reason": "Sold out"}
AFTER_84_S = {"begin_time": "2016-04-25T20:04:34.604Z", "end_time": "2016-04-25T20:05:58.604Z"}


def explain(*parts: dict[str, Any], **fields: Any) -> str:
    return explain_failure(Job(job(parts=list(parts) or None, **fields), project_id=PROJECT, region="cn-north-4"))


def test_the_example_of_the_design() -> None:
    text = explain(
        part("FAIL", job_id="2c9eb2c5544cbf6101544f0635672b60", server_id=SERVER_ID, **NO_HOST),
        part(job_id="2c9eb2c5544cbf6101544f0635672b61", server_id=SERVER_2),
        part(job_id="2c9eb2c5544cbf6101544f0635672b62", server_id=SERVER_3),
        **WRAPPER,
        **AFTER_84_S,
    )
    assert text == (
        "createServer failed: Ecs.0219 No valid host was found"
        " (1 of 3 sub-jobs; the job itself: Common.0021 CollectInfoTask-fail)\n"
        "  What can be done: no host has room for this flavor; choose another availability zone or flavor, or try"
        " later.\n"
        "  Failed: Ecs.0219 No valid host was found: createSingleServer, server bae51750-0089-41a1-9b18-5c777978ff6d,"
        " sub-job 2c9eb2c5544cbf6101544f0635672b60\n"
        "  Exist and cost money: server 0ab1f9e2-6c1d-4a57-9b51-3f0f6c8a1d10,"
        " server 77c2a4d8-1f0e-4c3b-8f60-d5a2b7c9e811\n"
        "  ECS job 2c9eb2c5544cbf6101544f0602af2b4f, project 0123456789abcdef0123456789abcdef, cn-north-4; took 84 s."
    )


@pytest.mark.parametrize(
    ("fields", "first", "last"),
    [
        (SOLD_OUT, "createServer failed: Evs.0001 Sold out", f"ECS job {JOB_ID}, {IN_PROJECT}."),
        (
            SOLD_OUT | AFTER_84_S,
            "createServer failed: Evs.0001 Sold out",
            f"ECS job {JOB_ID}, {IN_PROJECT}; took 84 s.",
        ),
        (SOLD_OUT | {"job_type": None}, "ECS job failed: Evs.0001 Sold out", f"ECS job {JOB_ID}, {IN_PROJECT}."),
        (
            SOLD_OUT | {"job_id": ""},
            "createServer failed: Evs.0001 Sold out",
            f"ECS job without an id, {IN_PROJECT}.",
        ),
        (
            SOLD_OUT | {"entities": {"server_id": SERVER_2}},
            "createServer failed: Evs.0001 Sold out",
            f"ECS job {JOB_ID}, server {SERVER_2}, {IN_PROJECT}.",
        ),
        ({"fail_reason": "only this"}, "createServer failed: only this", f"ECS job {JOB_ID}, {IN_PROJECT}."),
        ({"error_code": "Evs.0001"}, "createServer failed: Evs.0001", f"ECS job {JOB_ID}, {IN_PROJECT}."),
    ],
)
def test_a_job_without_sub_jobs_begins_with_its_own_reason(fields: dict[str, Any], first: str, last: str) -> None:
    assert explain(**fields) == f"{first}\n  {last}"


def test_a_job_that_was_read_without_its_place_names_none() -> None:
    assert explain_failure(Job(job(**SOLD_OUT))).endswith(f"\n  ECS job {JOB_ID}.")


@pytest.mark.parametrize("nothing", [None, "", "  ", "\n"])
def test_a_missing_reason_is_said_to_be_missing(nothing: str | None) -> None:
    text = explain(part("FAIL", fail_reason=nothing, error_code=nothing), error_code=nothing, fail_reason=nothing)
    assert text == (
        "createServer failed: no reason given (1 of 1 sub-jobs, which give no reason)\n"
        "  Failed: no reason given: createSingleServer\n"
        f"  ECS job {JOB_ID}, {IN_PROJECT}."
    )


def test_the_jobs_own_reason_comes_first_where_its_sub_jobs_give_none() -> None:
    first = explain(part("FAIL"), part("FAIL"), **WRAPPER).split("\n")[0]
    assert first == "createServer failed: Common.0021 CollectInfoTask-fail (2 of 2 sub-jobs, which give no reason)"


def test_a_reason_comes_before_sub_jobs_without_one_however_many() -> None:
    text = explain(*[part("FAIL")] * 3, part("FAIL", job_id="a", **NO_HOST), **WRAPPER)
    assert text.startswith(
        "createServer failed: Ecs.0219 No valid host was found (1 of 4 sub-jobs; 3 more failed for other reasons;"
    )


def test_a_reason_that_job_and_sub_job_share_stands_there_once() -> None:
    assert explain(part("FAIL", **NO_HOST), **NO_HOST).split("\n")[0].endswith("(1 of 1 sub-jobs)")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"errorcode_message": "no IPs left"}, "no IPs left"),
        ({"errorcode_message": "no IPs left", "error_code": "Ecs.0012"}, "Ecs.0012 no IPs left"),
        ({"errorcode_message": "no IPs left", "fail_reason": "NicTask-fail"}, "NicTask-fail (no IPs left)"),
        (
            {"errorcode_message": "no IPs left", "error_code": "Ecs.0012", "fail_reason": "NicTask-fail"},
            "Ecs.0012 NicTask-fail (no IPs left)",
        ),
        ({"errorcode_message": "no IPs left", "fail_reason": "NicTask: no IPs left."}, "NicTask: no IPs left."),
        ({"errorcode_message": ["a", 1], "fail_reason": {"b": None}}, "{'b': None} (['a', 1])"),
    ],
)
def test_the_cause_in_the_entities_is_never_lost(fields: dict[str, Any], reason: str) -> None:
    assert reason_of(Job(part("FAIL", **fields))) == reason
    first, *others = explain(part("FAIL", **fields), **WRAPPER).split("\n")
    assert first == f"createServer failed: {reason} (1 of 1 sub-jobs; the job itself: Common.0021 CollectInfoTask-fail)"
    assert f"  Failed: {reason}: createSingleServer" in others


def test_a_wrapper_leaves_the_reason_visible() -> None:
    parts = [part("FAIL", job_id=str(n), fail_reason=f"reason {n}") for n in range(5)]
    lines = explain(*parts, **WRAPPER).split("\n")
    assert lines[1:-1] == [f"  Failed: reason {n}: createSingleServer, sub-job {n}" for n in range(5)]


def test_the_reasons_of_deeper_sub_jobs_are_shown() -> None:
    inner = [part("FAIL", job_id="deep", **NO_HOST), part()]
    text = explain(part("FAIL", fail_reason="a wrapper", entities={"sub_jobs": inner}), **WRAPPER)
    assert text.startswith("createServer failed: Ecs.0219 No valid host was found (1 of 2 sub-jobs;")
    assert "  Failed: Ecs.0219 No valid host was found: createSingleServer, sub-job deep\n" in text


def test_a_sub_job_that_failed_although_its_own_parts_did_not_gives_its_reason() -> None:
    middle = part("FAIL", job_id="middle", fail_reason="EipTask-fail", entities={"sub_jobs": [part(job_id="inner")]})
    first, *others = explain(middle, **WRAPPER).split("\n")
    assert first.startswith("createServer failed: EipTask-fail (1 of 2 sub-jobs;")
    assert others[:-1] == [
        "  Failed: EipTask-fail: createSingleServer, sub-job middle",
        "  Succeeded: 1 sub-jobs",
    ]


def test_three_hundred_sub_jobs_are_read_in_ten_seconds() -> None:
    reasons = [NO_HOST] * 70 + [{"error_code": "Ecs.0319", "fail_reason": "The flavor is sold out"}] * 40 + [{}] * 10
    failed = [part("FAIL", job_id=f"job-{n}", server_id=f"srv-{n}", **why) for n, why in enumerate(reasons)]
    made = [part(job_id=f"job-{n}", server_id=f"srv-{n}") for n in range(120, 295)]
    text = explain(
        *made,
        *failed,
        *[part("RUNNING")] * 5,
        **WRAPPER,
        begin_time="2016-04-25T20:00:00Z",
        end_time="2016-04-25T20:12:40Z",
    )
    assert text == (
        "createServer failed: Ecs.0219 No valid host was found (70 of 300 sub-jobs; 50 more failed for other reasons;"
        " the job itself: Common.0021 CollectInfoTask-fail)\n"
        "  What can be done about Ecs.0219: no host has room for this flavor; choose another availability zone or"
        " flavor, or try later.\n"
        "  What can be done about Ecs.0319: the flavor is sold out in the availability zone; choose another zone or"
        " flavor.\n"
        "  Failed: 70 x Ecs.0219 No valid host was found: createSingleServer, server srv-0, sub-job job-0"
        " and 69 more\n"
        "  Failed: 40 x Ecs.0319 The flavor is sold out: createSingleServer, server srv-70, sub-job job-70"
        " and 39 more\n"
        "  Failed: 10 x no reason given: createSingleServer, server srv-110, sub-job job-110 and 9 more\n"
        "  Exist and cost money: server srv-120, server srv-121, server srv-122, server srv-123, server srv-124,"
        " server srv-125, server srv-126, server srv-127, server srv-128, server srv-129, server srv-130,"
        " server srv-131, server srv-132, server srv-133, server srv-134, server srv-135, server srv-136,"
        " server srv-137, server srv-138, server srv-139 and 155 more\n"
        "  Not finished when the job failed: 5 of 300 sub-jobs\n"
        f"  ECS job {JOB_ID}, {IN_PROJECT}; took 12 min."
    )


def test_many_failures_for_one_reason() -> None:
    text = explain(*[part("FAIL", job_id=str(n), **NO_HOST) for n in range(6)])
    first, _, *others, _ = text.split("\n")
    assert first == "createServer failed: Ecs.0219 No valid host was found (6 of 6 sub-jobs)"
    assert others == ["  Failed: 6 x Ecs.0219 No valid host was found: createSingleServer, sub-job 0 and 5 more"]


def test_reasons_beyond_twenty_are_counted() -> None:
    lines = explain(*[part("FAIL", job_id=str(n), fail_reason=f"reason {n}") for n in range(50)]).split("\n")
    assert len(lines) == 1 + 20 + 1 + 1
    assert lines[-2] == "  Failed: 30 more, for 30 further reasons"


def test_the_total_is_the_clouds_own_count() -> None:
    data = job(parts=[part("FAIL", job_id="a", **NO_HOST)])
    data["entities"]["sub_jobs_total"] = 5
    text = explain_failure(Job(data))
    assert text.startswith("createServer failed: Ecs.0219 No valid host was found (1 of 5 sub-jobs)")
    assert "\n  Counted in the API's response, but not listed in it: 4 more sub-jobs\n" in text


@pytest.mark.parametrize("status", ["RUNNING", "INIT", "PAUSED", None])
def test_unfinished_sub_jobs_are_counted(status: str | None) -> None:
    text = explain(part("FAIL", **NO_HOST), part(status))
    assert "\n  Not finished when the job failed: 1 of 2 sub-jobs\n" in text


def test_what_a_delete_did_does_not_exist() -> None:
    deleted = [part(job_type="deleteSingleServer", server_id=one) for one in ("a", "b")]
    text = explain(*deleted, part("FAIL", job_type="deleteSingleServer", **NO_HOST), job_type="deleteServer")
    assert "\n  Succeeded: server a, server b\n" in text
    assert "Exist" not in text


@pytest.mark.parametrize("job_type", ["createServer", "deleteServer"])
def test_only_what_a_create_made_survives(job_type: str) -> None:
    data = job(
        job_type=job_type,
        parts=[part(server_id="a"), part("FAIL", server_id="b"), part(server_id="a"), part("RUNNING")],
    )
    assert surviving_servers(Job(data)) == (["a"] if job_type == "createServer" else [])


@pytest.mark.parametrize(
    "hostile",
    [
        "line one\nline two",
        "a\r\nERROR forged line",
        "\x1b[31mred\x1b[0m",
        "\x9b31m",
        "bell\x07 back\x08 null\x00",
        "left \u202e tfel",
        "\u2066isolate\u2069 \u200f mark",
        "separator\u2028two\u2029three\x85four",
        "\ud800 lone",
    ],
)
def test_what_a_reason_holds_stays_one_harmless_line(hostile: str) -> None:
    for fields in ({"fail_reason": hostile}, {"error_code": hostile}, {"errorcode_message": hostile}):
        text = explain(part("FAIL", job_id=hostile, job_type=hostile, server_id=hostile, **fields), fail_reason=hostile)
        assert text.count("\n") == 2, text
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]", text)
        text.encode()


def test_escape_sequences_can_be_seen() -> None:
    assert explain(fail_reason="\x1b[31mred").startswith("createServer failed: \\u001b[31mred\n")


def test_lengths_are_bounded() -> None:
    huge = "x" * 1_000_000
    parts = [
        part("FAIL", job_id=huge, server_id=huge, error_code=huge, fail_reason=f"{n}{huge}", errorcode_message=huge)
        for n in range(30)
    ]
    text = explain(*parts, *[part(server_id=f"{n}{huge}") for n in range(100)], fail_reason=huge)
    assert len(text) < 22 * 5000
    assert "(998000 more characters)" in text


def hinted(data: dict[str, Any]) -> list[str]:
    return [line.strip() for line in explain_failure(Job(data)).split("\n") if line.startswith("  What can be done")]


@pytest.mark.parametrize("code", HINTS)
def test_every_code_with_a_hint_is_hinted_wherever_it_stands(code: str) -> None:
    expected = [f"What can be done: {HINTS[code]}."]
    assert hinted(job(error_code=code)) == expected
    assert hinted(job(fail_reason=f'failed: {{"code":"{code}"}}')) == expected
    assert hinted(job(parts=[part("FAIL", errorcode_message=f"{code}: sorry")], **WRAPPER)) == expected
    assert hinted(job(parts=[part("FAIL", error_code=code, entities={"sub_jobs": [part()]})], **WRAPPER)) == expected


def test_each_hint_comes_once_in_the_order_of_the_failures() -> None:
    parts = [part("FAIL", error_code=code) for code in ("Ecs.0319", "Ecs.0219", "Ecs.0319")]
    assert [line.split(":")[0] for line in hinted(job(parts=parts))] == [
        "What can be done about Ecs.0319",
        "What can be done about Ecs.0219",
    ]


@pytest.mark.parametrize("code", ["Ecs.02190", "Ecs.021", "Ecs90219", "Common.0021", "", None])
def test_other_codes_have_no_hint(code: str | None) -> None:
    assert hinted(job(error_code=code)) == []


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (0, "0"),
        (False, "False"),
        ("  a \n b  ", "a b"),
        (" " * 5000 + "late", "late"),
        (" " * 5000, ""),
        ("x" * (MAX_TEXT + 7), "x" * MAX_TEXT + "... (7 more characters)"),
        pytest.param(10**5000, "<int>", id="more digits than Python prints"),
    ],
)
def test_foreign_values_become_one_bounded_line(value: Any, shown: str) -> None:
    assert clean(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        *(
            (-3, "0 s"),
            (0.4, "0 s"),
            (84.2, "84 s"),
            (599, "599 s"),
            (600, "10 min"),
            (7199, "119 min"),
            (7200, "2 h 0 min"),
        ),
        *((12_060, "3 h 21 min"), (90_000, "25 h 0 min")),
    ],
)
def test_durations_read_as_people_say_them(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_a_list_says_how_many_it_left_out() -> None:
    assert join_limited(["a", "b"], 2) == "a, b"
    assert join_limited(["a", "b", "c", "d"], 2) == "a, b and 2 more"
