"""An HTTP answer of any kind becomes a job or a classified error, never an exception."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import example as at
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_ecsjobs.core.errors import ApiError, ErrorKind
from airflow_provider_ecsjobs.core.job import Job
from airflow_provider_ecsjobs.core.responses import MAX_RETRY_AFTER, parse_object, parse_retry_after, read_job
from airflow_provider_ecsjobs.core.steps import Response, TransportFailure
from tests.core.core_samples import API_PAGE_EXAMPLE, JOB_ID, json_values

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC).timestamp()
TRANSIENT, THROTTLED, UNAUTHORIZED = ErrorKind.TRANSIENT, ErrorKind.THROTTLED, ErrorKind.UNAUTHORIZED
FORBIDDEN, NOT_FOUND, REJECTED = ErrorKind.FORBIDDEN, ErrorKind.NOT_FOUND, ErrorKind.REJECTED


def read(status: int, body: Any = b"", **headers: str) -> Job | ApiError:
    """Read an answer; a header is given as ``retry_after``."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_job(Response(status, named, raw), job_id=JOB_ID, now=NOW)


def error(status: int, body: Any = b"", **headers: str) -> ApiError:
    answer = read(status, body, **headers)
    assert isinstance(answer, ApiError)
    return answer


def ecs(code: str, message: str = "said so", **more: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, **more}}


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
    "body",
    [
        *(b"", b"<html>401</html>", b"[]", {}, ecs("Common.1503"), ecs("Common.0011"), ecs("Ecs.0603")),
        *(gateway("APIGW.0308"), {"code": "Common.0025", "message": "x"}, {"status": "RUNNING"}),
        ecs("Odd.1", details=[{"code": "Common.0001"}]),
    ],
)
def test_a_401_never_passes_for_five_of_them_lock_the_key(body: Any) -> None:
    answer = error(401, body, retry_after="1")
    assert answer.kind is UNAUTHORIZED
    assert not answer.is_passing


def test_a_refused_key_in_the_details_goes_before_the_outer_code() -> None:
    assert error(500, ecs("Common.0001", details=[{"code": "APIGW.0301", "message": "key"}])).kind is UNAUTHORIZED


def test_an_endpoint_without_this_api_says_nothing_about_the_job() -> None:
    answer = error(404, gateway("APIGW.0101", "The API does not exist or has not been published"))
    assert answer.kind is REJECTED


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((400, REJECTED), (402, REJECTED), (403, FORBIDDEN), (404, NOT_FOUND), (405, REJECTED), (408, TRANSIENT)),
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


def test_trouble_is_passing_and_keeps_its_reason() -> None:
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
    def test_a_job_in_any_other_answer_is_not_believed(self, status: int) -> None:
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
        assert answer.message == "the answer has neither a job nor an error in it"


UNREADABLE = {
    "empty": b"",
    "html": b"<html><body>Bad gateway</body></html>",
    "cut off": API_PAGE_EXAMPLE.encode()[:300],
    "list": b'[{"status": "SUCCESS"}]',
    "text": b'"SUCCESS"',
    "number": b"200",
    "null": b"null",
    "nested list": b"[" * 100_000 + b"]" * 100_000,
    "nested object": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "nested in a job": b'{"status":"SUCCESS","entities":' + b'{"a":' * 200 + b"1" + b"}" * 201,
    "never closed": b'{"a":' * 100_000,
    "binary": bytes(range(256)),
    "not utf-8": b'{"status": "SUCC\xff"}',
    "half of utf-16": '{"status"'.encode("utf-16"),
    "too many digits": b'{"status":"SUCCESS","n":' + b"9" * 5000 + b"}",
    "two objects": b'{"status":"SUCCESS"}{"status":"FAIL"}',
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("status", [200, 202, 302, 400, 403, 404, 500, 502, 503, 504])
def test_an_unreadable_body_never_ends_a_wait(status: int, body: bytes) -> None:
    answer = error(status, body, content_type="text/html", x_request_id="r")
    assert answer.kind is TRANSIENT
    assert (answer.status, answer.request_id) == (status, "r")
    if status != 302:
        assert answer.message == f"the answer is not a JSON object (text/html, {len(body)} bytes)"


def test_an_unreadable_429_throttles() -> None:
    assert error(429, b"<html>", retry_after="7").kind is THROTTLED
    assert error(429, b"<html>", retry_after="7").retry_after == 7


def test_a_redirect_names_its_goal_without_the_query() -> None:
    answer = error(302, b"", location="https://login.example/sso?ticket=SECRET")
    assert answer.message == "the server answered with a redirect to https://login.example/sso, which is not followed"
    assert error(302, b"").message == "the server answered with a redirect to nowhere, which is not followed"


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_numbers_that_are_none_become_null(constant: str) -> None:
    body = f'{{"status":"RUNNING","entities":{{"n":{constant},"l":[{constant}, 1.5]}}}}'.encode()
    answer = read(200, body)
    assert isinstance(answer, Job)
    assert answer.entities == {"n": None, "l": [None, 1.5]}
    json.dumps(answer.result(), allow_nan=False)


def test_what_a_database_refuses_is_replaced() -> None:
    entities = rb'{"a\u0000b":"c\u0000","\ud800":["\udfff", {"x\ud800":1}],"ok":"\ud83d\ude00"}'
    answer = read(200, b'{"status":"RUNNING","entities":' + entities + b"}")
    assert isinstance(answer, Job)
    assert answer.entities == {"a\ufffdb": "c\ufffd", "?": ["?", {"x?": 1}], "ok": "\N{GRINNING FACE}"}


@pytest.mark.parametrize("number", [2**63, -(2**63), 10**300])
def test_integers_beyond_a_database_become_text(number: int) -> None:
    answer = read(200, {"status": "RUNNING", "entities": {"n": [number], "kept": 2**63 - 1}})
    assert isinstance(answer, Job)
    assert answer.entities["kept"] == 2**63 - 1
    assert answer.entities["n"][0].startswith(str(number)[:90])


def test_moderate_nesting_is_kept() -> None:
    body = b'{"a":' * 99 + b"{}" + b"}" * 99
    assert parse_object(body) == json.loads(body)
    assert parse_object(b'{"a":' + body + b"}") is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_every_encoding_of_json_is_read(encoding: str) -> None:
    assert isinstance(read(200, '{"status":"RUNNING","x":"ñ"}'.encode(encoding)), Job)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("30", 30),
        (" 30 ", 30),
        ("1.5", 1.5),
        ("0", 0),
        ("-5", 0),
        ("1e999", MAX_RETRY_AFTER),
        ("999999999", MAX_RETRY_AFTER),
        ("9" * 5000, MAX_RETRY_AFTER),
        ("inf", MAX_RETRY_AFTER),
        ("-inf", 0),
        ("nan", None),
        ("Sun, 01 Mar 2026 12:00:30 GMT", 30),
        ("Sun, 01 Mar 2026 13:00:30 +0100", 30),
        ("Sun, 01 Mar 2026 12:00:30 -0000", 30),
        ("Sun Mar  1 12:00:30 2026", 30),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", MAX_RETRY_AFTER),
        ("Fri, 31 Dec 9999 23:59:59 -2359", MAX_RETRY_AFTER),
        ("Mon, 01 Jan 0001 00:00:00 +2359", 0),
        ("Sun, 99 Mar 2026 12:00:30 GMT", None),
        ("soon", None),
        (",", None),
        ("30, 60", None),
        ("\x00", None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, now=NOW) == seconds


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Shanghai"])
def test_retry_after_does_not_depend_on_the_local_time_zone(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        try:
            assert parse_retry_after("Sun Mar  1 12:00:30 2026", now=NOW) == 30
        finally:
            patch.undo()
            time.tzset()


@given(st.datetimes(timezones=st.just(UTC)))
def test_any_date_gives_a_bounded_pause(date: datetime) -> None:
    pause = parse_retry_after(format_datetime(date, usegmt=True), now=NOW)
    assert pause is not None
    assert 0 <= pause <= MAX_RETRY_AFTER


def test_a_busy_server_asks_for_its_minute_unless_it_says_otherwise() -> None:
    assert error(501, ecs("Ecs.0603")).retry_after == 60
    assert error(501, ecs("Ecs.0603"), retry_after="5").retry_after == 5
    assert error(501, ecs("Odd.1", details=[{"code": "Ecs.0603"}])).retry_after == 60
    assert error(501, ecs("Odd.1")).retry_after is None


def test_what_the_server_says_stays_one_bounded_line() -> None:
    answer = error(400, ecs("A\nB", "x\x1b[31m" + "y" * 9999), x_request_id="r\n" + "z" * 999)
    assert "\n" not in str(answer)
    assert "\x1b" not in str(answer)
    assert len(str(answer)) < 3000


header_values = st.one_of(st.text(max_size=30), st.sampled_from(["30", "-1", "Sun, 01 Mar 2026 12:00:30 GMT", "1e9"]))
headers = st.dictionaries(
    st.sampled_from(["retry-after", "x-request-id", "content-type", "location", "date"]), header_values
)
bodies = st.one_of(
    st.binary(max_size=60),
    json_values.map(lambda value: json.dumps(value).encode("utf-8", "replace")),
    st.builds(lambda cut: API_PAGE_EXAMPLE.encode()[:cut], st.integers(0, len(API_PAGE_EXAMPLE))),
    st.dictionaries(st.sampled_from(["status", "error", "code", "details", "entities"]), json_values).map(
        lambda value: json.dumps(value).encode()
    ),
)


@given(status=st.integers(-1, 1000), named=headers, body=bodies)
@at(status=200, named={}, body=b'{"status":"\\u0000"}')
def test_any_answer_is_a_job_or_an_error(status: int, named: dict[str, str], body: bytes) -> None:
    answer = read_job(Response(status, named, body), job_id=JOB_ID, now=NOW)
    if isinstance(answer, Job):
        assert 200 <= status < 300
        json.dumps(answer.result(), allow_nan=False).encode()
        assert "\x00" not in str(answer.result())
    else:
        assert isinstance(answer, ApiError)
        assert "\n" not in str(answer)
        str(answer).encode()
        assert answer.retry_after is None or 0 <= answer.retry_after <= MAX_RETRY_AFTER
        assert answer.kind is UNAUTHORIZED or status != 401


@given(st.text(max_size=40))
@at("Sun, 01 Mar 2026 12:00:30 GMT junk")
def test_any_retry_after_is_a_bounded_pause_or_none(value: str) -> None:
    pause = parse_retry_after(value, now=NOW)
    assert pause is None or 0 <= pause <= MAX_RETRY_AFTER


@given(
    st.one_of(
        st.text("0123456789:+-, JanFebGMTSu", max_size=30),
        st.from_regex(r"\A[A-Z][a-z]{2}, \d{1,3} [A-Z][a-z]{2} \d{1,5} \d{1,4}:\d{1,4}(:\d{1,4})? [+-]?\w{0,6}\Z"),
    )
)
def test_nothing_like_a_date_breaks_retry_after(value: str) -> None:
    pause = parse_retry_after(value, now=NOW)
    assert pause is None or 0 <= pause <= MAX_RETRY_AFTER
