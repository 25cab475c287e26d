"""Bodies that are no JSON object, or hold what a database or a log can not: they never end a wait."""

from __future__ import annotations

import json

import pytest
from hypothesis import example as at
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_ecsjobs.core.errors import ApiError
from airflow_provider_ecsjobs.core.job import Job
from airflow_provider_ecsjobs.core.responses import MAX_RETRY_AFTER, parse_object, read_job
from airflow_provider_ecsjobs.core.steps import Response
from tests.core.job_responses import NOW, THROTTLED, TRANSIENT, UNAUTHORIZED, error, read
from tests.core.samples import API_PAGE_EXAMPLE, JOB_ID, json_values

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
def test_an_unreadable_body_never_ends_a_wait(body: bytes) -> None:
    for status in (200, 202, 302, 400, 403, 404, 500, 502, 503, 504):
        answer = error(status, body, content_type="text/html", x_request_id="r")
        assert answer.kind is TRANSIENT, status
        assert (answer.status, answer.request_id) == (status, "r")
        if status != 302:
            assert answer.message == f"the response is not a JSON object (text/html, {len(body)} bytes)"


def test_an_unreadable_429_throttles() -> None:
    assert error(429, b"<html>", retry_after="7").kind is THROTTLED
    assert error(429, b"<html>", retry_after="7").retry_after == 7


def test_a_redirect_names_its_goal_without_the_query() -> None:
    answer = error(302, b"", location="https://login.example/sso?ticket=SECRET")
    assert answer.message == "the server responded with a redirect to https://login.example/sso, which is not followed"
    assert error(302, b"").message == "the server responded with a redirect to nowhere, which is not followed"


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
def test_any_response_is_a_job_or_an_error(status: int, named: dict[str, str], body: bytes) -> None:
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
        assert answer.kind is not UNAUTHORIZED or answer.code  # in the words of the cloud
