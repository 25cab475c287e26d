"""What the response to a submit says about whether the request was carried out."""

from __future__ import annotations

import json
from collections import UserDict
from types import SimpleNamespace
from typing import Any

import pytest
from huaweicloudsdkecs.v2 import CreateServersResponse, DeleteServersResponse, ResizeServerResponse
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_ecsjobs.core.errors import ApiError, EcsInvalidJobIdError, EcsInvalidRequestError, ErrorKind
from airflow_provider_ecsjobs.core.job import check_job_id
from airflow_provider_ecsjobs.core.responses import object_in
from airflow_provider_ecsjobs.core.steps import Response, TransportFailure
from airflow_provider_ecsjobs.core.submit.submission import (
    Submission,
    SubmitRequest,
    read_submission,
    remainder_of,
    submission_in,
    with_hints,
)
from tests.core.samples import json_objects, json_values
from tests.core.submit_requests import request

NOW = 1_800_000_000.0

HTML = b"<html><body>502 Bad Gateway</body></html>"

TRANSIENT, THROTTLED, UNAUTHORIZED = ErrorKind.TRANSIENT, ErrorKind.THROTTLED, ErrorKind.UNAUTHORIZED

FORBIDDEN, NOT_FOUND, REJECTED = ErrorKind.FORBIDDEN, ErrorKind.NOT_FOUND, ErrorKind.REJECTED

OUTCOME_UNKNOWN = ErrorKind.OUTCOME_UNKNOWN


def ecs(code: str, message: str = "said so") -> bytes:
    return json.dumps({"error": {"code": code, "message": message}}).encode()


def gateway(code: str) -> bytes:
    return json.dumps({"error_code": code, "error_msg": "said so", "request_id": "r"}).encode()


def deletion(*ids: str) -> SubmitRequest:
    return request("delete_servers", body={"servers": [{"id": one} for one in ids], "delete_volume": True})


# status, body -> kind, for a request that is no dry run
ANSWERS: list[tuple[int, bytes, ErrorKind]] = [
    # said not to be done
    (202, ecs("Common.0024"), THROTTLED),
    (503, ecs("Common.1503"), THROTTLED),
    (429, ecs("Common.1503"), THROTTLED),
    (429, gateway("APIGW.0308"), THROTTLED),
    (429, HTML, THROTTLED),
    (429, b"", THROTTLED),
    (501, ecs("Ecs.0603"), TRANSIENT),
    (400, ecs("Ecs.0005"), REJECTED),
    (400, ecs("Ecs.0122"), REJECTED),
    (409, ecs("Ecs.9999"), REJECTED),
    (400, ecs("Common.0018"), REJECTED),
    (401, ecs("Common.0013"), UNAUTHORIZED),
    (401, HTML, OUTCOME_UNKNOWN),
    (403, ecs("Pdp.0001"), FORBIDDEN),
    (403, b"{}", FORBIDDEN),
    (404, ecs("Ecs.0114"), NOT_FOUND),
    (404, b'{"itemNotFound":{"code":404,"message":"gone"}}', NOT_FOUND),
    # may have been done
    *((status, body, OUTCOME_UNKNOWN) for status in (301, 302, 303, 307, 308) for body in (HTML, b"", b"{}")),
    (200, HTML, OUTCOME_UNKNOWN),
    (200, b"", OUTCOME_UNKNOWN),
    (200, b"{}", OUTCOME_UNKNOWN),
    (202, b'{"job_id": nul', OUTCOME_UNKNOWN),
    (200, b'{"job_id":""}', OUTCOME_UNKNOWN),
    (200, b'{"job_id":null,"order_id":null}', OUTCOME_UNKNOWN),
    (200, b'{"job_id":7}', OUTCOME_UNKNOWN),
    (200, b'["job"]', OUTCOME_UNKNOWN),
    (204, b"", OUTCOME_UNKNOWN),
    (500, ecs("Common.0001"), OUTCOME_UNKNOWN),
    (500, b"{}", OUTCOME_UNKNOWN),
    (500, HTML, OUTCOME_UNKNOWN),
    (502, HTML, OUTCOME_UNKNOWN),
    (503, HTML, OUTCOME_UNKNOWN),
    (504, HTML, OUTCOME_UNKNOWN),
    (504, b'{"job_id":"j"}', OUTCOME_UNKNOWN),
    (408, b"{}", OUTCOME_UNKNOWN),
    (404, HTML, OUTCOME_UNKNOWN),
]


def is_job_id(text: str) -> bool:
    try:
        return bool(check_job_id(text))
    except EcsInvalidJobIdError:
        return False


class TestReadSubmission:
    @pytest.mark.parametrize(
        ("status", "body", "submission"),
        [
            (200, {"job_id": "j"}, Submission("j")),
            (202, {"job_id": "j", "order_id": None}, Submission("j")),
            (200, {"order_id": "o"}, Submission(None, "o")),
            (
                200,
                {"job_id": "j", "order_id": "o", "serverIds": ["b", "a", "b"]},
                Submission("j", "o", ("b", "a")),
            ),
            (200, {"job_id": "j", "serverIds": "a"}, Submission("j")),
            (200, {"job_id": "j", "serverIds": [None, "", 7, "a"]}, Submission("j", None, ("a",))),
        ],
    )
    def test_what_the_api_took(self, status: int, body: Any, submission: Submission) -> None:
        assert read_submission(Response(status, {}, json.dumps(body).encode()), request(), now=NOW) == submission

    @pytest.mark.parametrize(
        ("status", "body", "kind"), ANSWERS, ids=[f"{row[0]}-{row[1].decode()[:30]}" for row in ANSWERS]
    )
    def test_every_row_of_the_table(self, status: int, body: bytes, kind: ErrorKind) -> None:
        error = read_submission(Response(status, {}, body), request(), now=NOW)
        assert isinstance(error, ApiError)
        assert (error.kind, error.status) == (kind, status)

    @pytest.mark.parametrize(("may_have_arrived", "kind"), [(True, OUTCOME_UNKNOWN), (False, TRANSIENT)])
    def test_no_response(self, may_have_arrived: bool, kind: ErrorKind) -> None:
        error = read_submission(TransportFailure("no answer from x", may_have_arrived), request(), now=NOW)
        assert error == ApiError(kind, "no answer from x")

    @pytest.mark.parametrize(("status", "body"), [(202, b""), (200, b"{}"), (204, b" "), (202, b'{"job_id":null}')])
    def test_a_dry_run_that_finds_nothing_wrong_starts_nothing(self, status: int, body: bytes) -> None:
        dry = request(body={"dry_run": True})
        assert read_submission(Response(status, {}, body), dry, now=NOW) == Submission(None)

    @pytest.mark.parametrize(
        ("status", "body", "kind"),
        [
            (202, ecs("Common.0024"), THROTTLED),
            (200, HTML, OUTCOME_UNKNOWN),
            (200, ecs("Ecs.0005"), OUTCOME_UNKNOWN),
            (400, ecs("Ecs.0005"), REJECTED),
            (400, b"{}", REJECTED),
        ],
    )
    def test_a_dry_run_that_gets_another_response_did_not_pass(self, status: int, body: bytes, kind: ErrorKind) -> None:
        error = read_submission(Response(status, {}, body), request(body={"dry_run": True}), now=NOW)
        assert isinstance(error, ApiError)
        assert error.kind is kind

    @pytest.mark.parametrize(
        ("status", "headers", "body", "pause"),
        [
            (429, {"retry-after": "7"}, b"", 7.0),
            (503, {"retry-after": "7"}, HTML, 7.0),
            (501, {}, ecs("Ecs.0603"), 60.0),
        ],
    )
    def test_the_pause_that_is_asked_for_and_the_request_id_are_kept(
        self, status: int, headers: dict[str, str], body: bytes, pause: float
    ) -> None:
        error = read_submission(Response(status, {**headers, "x-request-id": "r-1"}, body), request(), now=NOW)
        assert isinstance(error, ApiError)
        assert (error.retry_after, error.request_id) == (pause, "r-1")

    @example(200, {"job_id": None, "order_id": 1 << 63})
    @given(
        st.integers(100, 599), json_objects | st.fixed_dictionaries({"job_id": json_values, "order_id": json_values})
    )
    def test_only_a_2xx_that_names_a_job_or_an_order_is_a_success(self, status: int, body: dict[str, Any]) -> None:
        response = Response(status, {}, json.dumps(body).encode())
        found = read_submission(response, request(), now=NOW)
        read = object_in(response) or {}  # a number that a database can't hold is a text there
        job_id, order_id = (read.get(key) if isinstance(read.get(key), str) else "" for key in ("job_id", "order_id"))
        is_named = is_job_id(job_id.strip()) if job_id.strip() else bool(order_id.strip())
        assert isinstance(found, Submission) is (200 <= status < 300 and is_named)
        if isinstance(found, ApiError) and found.kind is TRANSIENT:
            assert 300 <= status < 400 or found.code == "Ecs.0603"


class TestResult:
    def test_is_what_a_task_can_return(self) -> None:
        result = Submission("j", "o", ("a",)).result()
        assert json.loads(json.dumps(result)) == {"job_id": "j", "order_id": "o", "server_ids": ["a"]}


class TestWithoutMissing:
    @pytest.mark.parametrize(
        ("ids", "message", "details", "left"),
        [
            (("a1",), "not found", (), ()),
            (("a1", "b2"), "server b2 could not be found", (), ("a1",)),
            (("a1", "b2", "c3"), "", ("Ecs.0114 server a1", "Ecs.0114 server c3"), ("b2",)),
            # Of several that are named, it may be one that is missing.
            (("a1", "b2"), "of a1 and b2 one could not be found", (), None),
            (("a1", "b2"), "could not be found", (), None),
            (("a1", "b2"), "server z9 could not be found", (), None),
        ],
    )
    def test_leaves_out_those_that_are_named(
        self, ids: tuple[str, ...], message: str, details: tuple[str, ...], left: tuple[str, ...] | None
    ) -> None:
        error = ApiError(NOT_FOUND, message, code="Ecs.0114", status=404, details=details)
        found = remainder_of(deletion(*ids), error)
        if left is None:
            assert found is None
        else:
            assert found is not None
            assert found.request == (deletion(*left) if left else None)

    def test_does_not_touch_the_request_it_is_given(self) -> None:
        first = deletion("a1", "b2")
        remainder_of(first, ApiError(NOT_FOUND, "b2", code="Ecs.0114"))
        assert first == deletion("a1", "b2")


class TestWithAdvice:
    @pytest.mark.parametrize(
        ("code", "outcome_unknown", "said"),
        [
            ("Ecs.0122", False, "An earlier try sent the same client token with other parameters"),
            ("Ecs.0124", False, "An earlier try sent the same client token, over 8 hours ago"),
            ("Ecs.0122", True, "An earlier try sent the same client token with other parameters"),
            ("Ecs.0005", True, "It was sent before, and may have been carried out then"),
        ],
    )
    def test_says_what_to_check(self, code: str, outcome_unknown: bool, said: str) -> None:
        error = with_hints(
            ApiError(REJECTED, "no", code=code), request("create_servers"), outcome_unknown=outcome_unknown
        )
        assert error.advice.startswith(said)
        assert error.advice.endswith("check whether servers of this name, or an order for them, exist.")
        assert error.advice in str(error)

    def test_says_nothing_where_the_outcome_is_known(self) -> None:
        error = ApiError(REJECTED, "no", code="Ecs.0005", advice="as it was")
        assert with_hints(error, request(), outcome_unknown=False) == error


class TestSubmissionIn:
    @pytest.mark.parametrize(
        ("returned", "submission"),
        [
            ("j", Submission("j")),
            ({"job_id": "j"}, Submission("j")),
            ({"order_id": "o"}, Submission(None, "o")),
            ({"job_id": "j", "order_id": "o", "server_ids": ["a"]}, Submission("j", "o", ("a",))),
            ({"job_id": "j", "serverIds": ["a"], "more": 1}, Submission("j", None, ("a",))),
            (UserDict({"job_id": "j"}), Submission("j")),
            (CreateServersResponse(job_id="j", order_id="o", server_ids=["a"]), Submission("j", "o", ("a",))),
            (DeleteServersResponse(job_id="j"), Submission("j")),
            (ResizeServerResponse(order_id="o"), Submission(None, "o")),
            (SimpleNamespace(job_id="j"), Submission("j")),
        ],
    )
    def test_is_found_in_what_a_function_returns(self, returned: Any, submission: Submission) -> None:
        assert submission_in(returned, "f") == submission

    @pytest.mark.parametrize(
        ("returned", "said"),
        [
            (None, "of type NoneType"),
            ("", "of type str"),
            ("  ", "of type str"),
            (7, "of type int"),
            ({}, "a dict with "),
            ({"id": "canary", "name": "x"}, "a dict with 'id', 'name'"),
            ({"job_id": 7}, "a dict with 'job_id'"),
            (["j"], "of type list"),
            (CreateServersResponse(), "of type CreateServersResponse"),
        ],
    )
    def test_is_asked_for_where_there_is_none(self, returned: Any, said: str) -> None:
        with pytest.raises(EcsInvalidRequestError) as caught:
            submission_in(returned, "make_servers")
        assert str(caught.value).startswith(f"make_servers() returned no job: what it returned is {said}".rstrip())
        assert "canary" not in str(caught.value)
