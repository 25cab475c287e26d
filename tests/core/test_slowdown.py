"""Which answers make all waits of a client ask more slowly, or not for a while."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_ecsjobs.core.errors import ApiError, ErrorKind
from airflow_provider_ecsjobs.core.job import Job
from airflow_provider_ecsjobs.core.responses import read_job, slowdown_in
from airflow_provider_ecsjobs.core.steps import Parsed, Response
from tests.core.samples import JOB_ID

NOW = 1_772_366_400.0
LIMITED = {"error_code": "APIGW.0308", "error_msg": "policy user over ratelimit,limit:200,time:5 minute"}


def found(status: int, body: Any, **headers: str) -> ApiError | None:
    """What is found in an answer; a header is given as ``retry_after``."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return slowdown_in(Response(status, named, raw), now=NOW)


def ecs(code: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": "said so"}}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (503, ecs("Common.1503")),
        (429, ecs("Common.1503")),
        (202, ecs("Common.0024")),
        (200, ecs("Common.1503")["error"]),
        (400, ecs("Common.1503")),
        (429, LIMITED),
        (503, LIMITED),
        (429, {}),
        (429, b"<html>"),
    ],
)
def test_flow_control_is_one_at_any_status(status: int, body: Any) -> None:
    slowdown = found(status, body)
    assert slowdown is not None
    assert slowdown.kind is ErrorKind.THROTTLED
    assert ("limit:200" in slowdown.message) is (body is LIMITED)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, {"error_code": "APIGW.0301"}),
        (403, ecs("Pdp.0001")),
        (400, ecs("Common.0011")),
        (500, ecs("Common.0001")),
        (501, ecs("Ecs.0603")),  # it asks for a pause, but one of its own request
        (502, b"<html>"),
        (201, {"token": {}}),
        (200, {"projects": []}),
        (200, b"{"),
    ],
)
def test_other_errors_are_none(status: int, body: Any) -> None:
    assert found(status, body) is None


@pytest.mark.parametrize("status", [500, 502, 503, 408])
def test_a_time_to_come_back_at_is_one(status: int) -> None:
    slowdown = found(status, {}, retry_after="60")
    assert slowdown is not None
    assert (slowdown.kind, slowdown.retry_after) == (ErrorKind.TRANSIENT, 60)


@pytest.mark.parametrize("status", [200, 201, 400, 403, 404])
def test_it_is_none_where_nothing_is_in_the_way(status: int) -> None:
    assert found(status, {}, retry_after="60") is None


@pytest.mark.parametrize("body", [{"status": "FAIL", "error_code": "Common.1503"}, {"status": "RUNNING"}])
def test_a_job_is_none_whatever_is_said_of_it(body: dict[str, Any]) -> None:
    assert found(200, body, retry_after="60") is None


def test_what_the_driver_has_parsed_is_not_parsed_again() -> None:
    answer = Response(200, {}, b"not looked at", parsed=Parsed({"status": "RUNNING"}))
    assert slowdown_in(answer, now=NOW) is None
    job = read_job(answer, job_id=JOB_ID, now=NOW)
    assert isinstance(job, Job)
    assert job.job_id == JOB_ID
