"""A response to a query of a job becomes a job or a classified error, never an exception."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_ecsjobs.core.errors import ApiError, ErrorKind
from airflow_provider_ecsjobs.core.job import Job
from airflow_provider_ecsjobs.core.responses import read_job
from airflow_provider_ecsjobs.core.steps import TransportFailure
from tests.core.job_responses import NOW, THROTTLED, TRANSIENT, UNAUTHORIZED, ecs, error, read
from tests.core.samples import API_PAGE_EXAMPLE, JOB_ID

FORBIDDEN, NOT_FOUND, REJECTED = ErrorKind.FORBIDDEN, ErrorKind.NOT_FOUND, ErrorKind.REJECTED


def gateway(code: str, message: str = "said so") -> dict[str, Any]:
    return {"error_code": code, "error_msg": message, "request_id": "in-the-body"}


TABLE = [
    # flow control
    (503, ecs("Common.1503"), THROTTLED),
    (429, ecs("Common.1503"), THROTTLED),
    (202, ecs("Common.0024"), THROTTLED),
    (429, gateway("APIGW.0308", "policy user over ratelimit,limit:200,time:5 minute"), THROTTLED),
    # auth
    (401, ecs("Common.0013"), UNAUTHORIZED),
    (401, gateway("APIGW.0301", "Incorrect IAM authentication information"), UNAUTHORIZED),
    (401, gateway("APIG.0301"), UNAUTHORIZED),
    (401, gateway("APIGW.0307", "The token must be updated."), UNAUTHORIZED),
    (403, ecs("Pdp.0001"), FORBIDDEN),
    (403, ecs("Ecs.0003"), FORBIDDEN),
    (403, ecs("Ecs.0110"), FORBIDDEN),
    # wrong project
    (400, ecs("Common.0018"), REJECTED),
    (400, ecs("Ecs.0023"), REJECTED),
    # job query
    (400, ecs("Common.0011", "Failed to query system tasks"), NOT_FOUND),
    (400, ecs("Common.0025"), TRANSIENT),
    (500, ecs("Common.0001"), TRANSIENT),
    # busy
    (501, ecs("Ecs.0603", "try again 1 minute later"), TRANSIENT),
    # server missing
    (404, ecs("Ecs.0114"), NOT_FOUND),
    (404, ecs("Ecs.0614"), NOT_FOUND),
]


@pytest.mark.parametrize(
    ("status", "body", "kind"), TABLE, ids=[f"{row[0]}-{next(iter(row[1].values()))}" for row in TABLE]
)
def test_every_row_of_the_table(status: int, body: dict[str, Any], kind: ErrorKind) -> None:
    said = body.get("error") or body
    answer = error(status, body, x_request_id="req-1")
    assert answer.kind is kind
    assert answer.code == (said.get("code") or said.get("error_code"))
    assert answer.message == (said.get("message") or said.get("error_msg"))
    assert (answer.status, answer.request_id, answer.details) == (status, "req-1", ())
    assert str(answer) == f"{answer.code} {answer.message} (HTTP {status}, request id req-1)"


@pytest.mark.parametrize("status", [200, 202, 400, 403, 404, 500, 503])
@pytest.mark.parametrize(
    ("code", "kind"), [("Common.1503", THROTTLED), ("Common.0011", NOT_FOUND), ("APIGW.0301", UNAUTHORIZED)]
)
def test_the_code_goes_before_the_http_status(status: int, code: str, kind: ErrorKind) -> None:
    assert error(status, ecs(code)).kind is kind


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        *((body, TRANSIENT) for body in (b"", b"<html>401</html>", b"[]", {}, {"status": "RUNNING"})),
        *((body, TRANSIENT) for body in ({"message": "log in"}, ecs("Ecs.0603"), ecs("Odd.1"))),
        *((body, THROTTLED) for body in (ecs("Common.1503"), gateway("APIGW.0308"))),
        *((body, UNAUTHORIZED) for body in (gateway("APIGW.0301"), ecs("401", title="Unauthorized"))),
        *((body, FORBIDDEN) for body in (ecs("EPS.0003"), ecs("Ecs.9999"))),
    ],
)
def test_a_401_ends_a_wait_only_in_the_words_of_the_cloud(body: Any, kind: ErrorKind) -> None:
    assert error(401, body, retry_after="1").kind is kind


def test_a_rejected_key_in_the_details_goes_before_the_outer_code() -> None:
    assert error(500, ecs("Common.0001", details=[{"code": "APIGW.0301", "message": "key"}])).kind is UNAUTHORIZED


def test_an_endpoint_without_this_api_says_nothing_about_the_job() -> None:
    answer = error(404, gateway("APIGW.0101", "The API does not exist or has not been published"))
    assert answer.kind is REJECTED


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((400, REJECTED), (402, REJECTED), (403, FORBIDDEN), (404, TRANSIENT), (405, REJECTED), (408, TRANSIENT)),
        *((409, REJECTED), (425, TRANSIENT), (429, THROTTLED), (500, TRANSIENT), (502, TRANSIENT), (599, TRANSIENT)),
        *((100, TRANSIENT), (200, TRANSIENT), (204, TRANSIENT), (302, TRANSIENT)),
    ],
)
def test_an_unknown_code_leaves_it_to_the_http_status(status: int, kind: ErrorKind) -> None:
    answer = error(status, ecs("Odd.0001"))
    assert answer.kind is kind
    assert answer.is_passing is (kind in (TRANSIENT, THROTTLED))


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({"error": {"code": "Ecs.1", "message": "m"}}, "Ecs.1", "m"),
        ({"error": {"code": 403, "message": "m", "title": "Forbidden"}}, "403", "m"),
        ({"error_code": "APIGW.1", "error_msg": "m"}, "APIGW.1", "m"),
        ({"error": {"error_code": "APIGW.1", "error_msg": "m"}}, "APIGW.1", "m"),
        ({"badRequest": {"code": 400, "message": "m"}}, "400", "m"),
        ({"itemNotFound": {"code": 404, "message": "m"}}, "404", "m"),
        ({"forbidden": {"code": 403, "message": "m"}}, "403", "m"),
        ({"code": "Common.1", "message": "m"}, "Common.1", "m"),
        ({"code": "Common.1", "message": "m", "data": {"message": "beside the point"}}, "Common.1", "m"),
        ({"error_code": "A.1", "error_msg": "m", "trace": {"code": "beside the point"}}, "A.1", "m"),
        ({"message": "m"}, "", "m"),
        ({"error": {"message": "m"}}, "", "m"),
        ({"error": {"code": None, "message": {"a": [1]}}}, "", "{'a': [1]}"),
        ({"error": None, "code": "C.1"}, "C.1", ""),
        ({"error": "a text"}, "", ""),
    ],
)
def test_each_family_of_error_bodies(body: dict[str, Any], code: str, message: str) -> None:
    answer = error(400, body)
    assert (answer.code, answer.message) == (code, message)


def test_details_are_kept_and_their_codes_count() -> None:
    details = [{"code": "Common.0011", "message": "gone"}, {"error_code": "E.2"}, {"message": "only"}, "text", None]
    answer = error(400, ecs("Odd.1", "outer", details=details), x_request_id="r")
    assert answer.kind is NOT_FOUND
    assert answer.details == ("Common.0011 gone", "E.2", "only")
    assert str(answer) == "Odd.1 outer [Common.0011 gone; E.2; only] (HTTP 400, request id r)"


def test_the_request_id_of_the_header_goes_before_that_of_the_body() -> None:
    assert error(429, gateway("APIGW.0308")).request_id == "in-the-body"
    assert error(429, gateway("APIGW.0308"), x_request_id="in-the-header").request_id == "in-the-header"
    assert error(502, b"<html>", x_request_id="in-the-header").request_id == "in-the-header"


def test_an_error_without_a_word_says_so() -> None:
    assert str(ApiError(TRANSIENT, "")) == "no reason given"
    assert str(error(400, {"error": "text"})) == "no reason given (HTTP 400)"


def test_a_transport_failure_is_transient_and_keeps_its_reason() -> None:
    answer = read_job(TransportFailure("connection refused by 127.0.0.1:1"), job_id=JOB_ID, now=NOW)
    assert answer == ApiError(TRANSIENT, "connection refused by 127.0.0.1:1")


class TestSuccess:
    def test_the_example_of_the_api_page(self) -> None:
        answer = read(200, API_PAGE_EXAMPLE.encode())
        assert isinstance(answer, Job)
        assert answer.to_dict() == json.loads(API_PAGE_EXAMPLE)

    @pytest.mark.parametrize("status", [200, 201, 202, 299])
    def test_any_2xx_with_a_status_is_a_job(self, status: int) -> None:
        assert isinstance(read(status, {"status": "RUNNING"}), Job)

    @pytest.mark.parametrize("status", [199, 300, 304, 400, 404, 500])
    def test_a_job_in_any_other_response_is_not_believed(self, status: int) -> None:
        assert isinstance(read(status, {"status": "SUCCESS", "job_id": JOB_ID}), ApiError)

    def test_the_id_asked_for_is_added(self) -> None:
        answer = read(200, {"status": "RUNNING"})
        assert isinstance(answer, Job)
        assert answer.job_id == JOB_ID

    def test_a_job_that_failed_is_a_job(self) -> None:
        answer = read(200, {"status": "FAIL", "error_code": "Common.1503", "code": None})
        assert isinstance(answer, Job)

    @pytest.mark.parametrize("code", ["Common.0025", "Common.0011", "Odd.1"])
    def test_a_200_with_only_code_and_message_is_an_error(self, code: str) -> None:
        answer = error(200, {"code": code, "message": "query failed"})
        assert (answer.code, answer.message, answer.status) == (code, "query failed", 200)
        assert answer.is_passing is (code != "Common.0011")

    @pytest.mark.parametrize("status", [None, "", "  ", 3, True, [], {}, ["SUCCESS"]])
    def test_a_200_without_a_status_is_no_job(self, status: Any) -> None:
        answer = error(200, {"status": status, "job_id": JOB_ID})
        assert answer.kind is TRANSIENT
        assert answer.message == "the response holds neither a job nor an error"


def test_what_the_server_says_stays_one_bounded_line() -> None:
    answer = error(400, ecs("A\nB", "x\x1b[31m" + "y" * 9999), x_request_id="r\n" + "z" * 999)
    assert "\n" not in str(answer)
    assert "\x1b" not in str(answer)
    assert len(str(answer)) < 3000
