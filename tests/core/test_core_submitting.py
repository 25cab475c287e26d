"""A request that starts a job: what is sent, and what its answer says about whether it was carried out."""

from __future__ import annotations

import json
import uuid
from collections import UserDict
from contextlib import suppress
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from huaweicloudsdkecs.v2 import CreateServersResponse, DeleteServersResponse, ResizeServerResponse
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_ecsjobs.core.errors import ApiError, EcsInvalidJobIdError, EcsInvalidRequestError, ErrorKind
from airflow_provider_ecsjobs.core.job import check_job_id
from airflow_provider_ecsjobs.core.operations import OPERATIONS
from airflow_provider_ecsjobs.core.steps import Response, TransportFailure
from airflow_provider_ecsjobs.core.submit.submission import (
    Submission,
    SubmitRequest,
    check_client_token,
    read_submission,
    redact,
    secrets_in,
    submission_in,
    with_advice,
    without_missing,
)
from airflow_provider_ecsjobs.core.submit.validation import check_request
from tests.core.core_samples import json_objects, json_values

NOW = 1_800_000_000.0
TOKEN = "0b0f5c2e-8f2a-5d0c-9f64-0a1b2c3d4e5f"
NEW_SERVER = {
    **dict.fromkeys(("name", "imageRef", "flavorRef", "vpcid"), "x"),
    "nics": [{"subnet_id": "x"}],
    "root_volume": {"volumetype": "SSD"},
}
HTML = b"<html><body>502 Bad Gateway</body></html>"
TRANSIENT, THROTTLED, UNAUTHORIZED = ErrorKind.TRANSIENT, ErrorKind.THROTTLED, ErrorKind.UNAUTHORIZED
FORBIDDEN, NOT_FOUND, REJECTED = ErrorKind.FORBIDDEN, ErrorKind.NOT_FOUND, ErrorKind.REJECTED
OUTCOME_UNKNOWN = ErrorKind.OUTCOME_UNKNOWN


def request(name: str = "attach_server_volume", **fields: Any) -> SubmitRequest:
    return SubmitRequest.build(OPERATIONS[name], **fields)


def ecs(code: str, message: str = "said so") -> bytes:
    return json.dumps({"error": {"code": code, "message": message}}).encode()


def gateway(code: str) -> bytes:
    return json.dumps({"error_code": code, "error_msg": "said so", "request_id": "r"}).encode()


def deletion(*ids: str) -> SubmitRequest:
    return request("delete_servers", body={"servers": [{"id": one} for one in ids], "delete_volume": True})


class TestCall:
    def test_a_create_has_its_body_and_its_token(self) -> None:
        call = request("create_servers", body={"server": {"name": "ñ"}, "dry_run": False}, client_token=TOKEN).call()
        assert (call.method, call.path) == ("POST", "/v1.1/{project_id}/cloudservers")
        assert call.body == b'{"server":{"name":"\\u00f1"},"dry_run":false}'
        assert (list(call.query), list(call.headers)) == ([], [("X-Client-Token", TOKEN)])

    def test_without_a_token_and_a_body_nothing_stands_for_them(self) -> None:
        call = request("execute_server_redeploy", parameters={"server_id": "s"}).call()
        assert (call.path, call.body, list(call.headers)) == (
            "/v1/{project_id}/cloudservers/s/actions/redeploy",
            b"",
            [],
        )

    @pytest.mark.parametrize(
        ("odd", "quoted"),
        [("../x", "..%2Fx"), ("a?b#c", "a%3Fb%23c"), ("ñ", "%C3%B1"), ("{volume_id}", "%7Bvolume_id%7D"), ("~", "~")],
    )
    def test_a_path_parameter_stays_within_its_segment(self, odd: str, quoted: str) -> None:
        call = request("detach_server_volume", parameters={"server_id": odd, "volume_id": "v"}).call()
        assert call.path == f"/v1/{{project_id}}/cloudservers/{quoted}/detachvolume/v"

    @pytest.mark.parametrize(
        ("flag", "query"),
        [(True, "1"), (False, "0"), (1, "1"), ("0", "0"), (None, None)],
    )
    def test_a_query_parameter_is_sent_as_the_api_writes_it(self, flag: Any, query: str | None) -> None:
        parameters = {"server_id": "s", "volume_id": "v", "delete_flag": flag}
        call = request("detach_server_volume", parameters=parameters).call()
        assert list(call.query) == ([] if query is None else [("delete_flag", query)])

    @pytest.mark.parametrize(
        ("value", "said"),
        [
            (datetime(2026, 3, 1, tzinfo=UTC), "type datetime"),
            ({"canary"}, "type set"),
            (b"canary", "type bytes"),
            (float("nan"), "Out of range float"),
            (float("inf"), "Out of range float"),
            ({("canary",): 1}, "tuple"),
        ],
    )
    def test_a_body_that_json_can_not_hold_is_refused_without_a_value(self, value: Any, said: str) -> None:
        with pytest.raises(EcsInvalidRequestError) as caught:
            request(body={"volumeAttachment": value}, parameters={"server_id": "s"}).call()
        assert str(caught.value).startswith(
            "attach_server_volume can't be submitted: the body can't be written as JSON"
        )
        assert said in str(caught.value)
        assert "canary" not in str(caught.value)

    def test_a_body_without_end_is_refused(self) -> None:
        body: dict[str, Any] = {}
        body["volumeAttachment"] = body
        with pytest.raises(EcsInvalidRequestError, match="Circular"):
            request(body=body, parameters={"server_id": "s"}).call()

    def test_the_repr_shows_no_body(self) -> None:
        shown = repr(request("create_servers", body={"server": {"adminPass": "canary"}}))
        assert "create_servers" in shown
        assert "canary" not in shown


class TestMayRepeat:
    @pytest.mark.parametrize(
        ("of", "expected"),
        [
            (request(), False),
            (request("delete_servers"), True),
            (request("create_servers"), False),
            (request("create_servers", client_token=TOKEN), True),
            (request(body={"dry_run": True}), True),
            (request(body={"dry_run": False}), False),
            (request("create_servers", client_token=TOKEN).with_token(None), False),
        ],
    )
    def test_what_may_be_sent_again(self, of: SubmitRequest, expected: bool) -> None:
        assert of.allow_resend is expected

    @pytest.mark.parametrize("text", ["false", "False"])
    def test_a_text_is_either_refused_or_makes_no_dry_run(self, text: str) -> None:
        # The API may read it as the boolean: then it is no dry run, and without a token it must not be repeated.
        create = request("create_servers", body={"server": NEW_SERVER, "dry_run": text})
        with suppress(EcsInvalidRequestError):
            check_request(create.operation, {}, create.body)
            assert not create.allow_resend


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
    (401, HTML, UNAUTHORIZED),
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
    def test_no_answer(self, may_have_arrived: bool, kind: ErrorKind) -> None:
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
    def test_a_dry_run_that_is_answered_otherwise_did_not_pass(self, status: int, body: bytes, kind: ErrorKind) -> None:
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

    @given(
        st.integers(100, 599), json_objects | st.fixed_dictionaries({"job_id": json_values, "order_id": json_values})
    )
    def test_only_a_2xx_that_names_a_job_or_an_order_is_a_success(self, status: int, body: dict[str, Any]) -> None:
        found = read_submission(Response(status, {}, json.dumps(body).encode()), request(), now=NOW)
        job_id, order_id = (body.get(key) if isinstance(body.get(key), str) else "" for key in ("job_id", "order_id"))
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
        others = without_missing(deletion(*ids), error)
        assert others == (None if left is None else deletion(*left))

    def test_does_not_touch_the_request_it_is_given(self) -> None:
        first = deletion("a1", "b2")
        without_missing(first, ApiError(NOT_FOUND, "b2"))
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
        error = with_advice(
            ApiError(REJECTED, "no", code=code), request("create_servers"), outcome_unknown=outcome_unknown
        )
        assert error.advice.startswith(said)
        assert error.advice.endswith("check whether servers of this name, or an order for them, exist.")
        assert error.advice in str(error)

    def test_says_nothing_where_there_is_no_doubt(self) -> None:
        error = ApiError(REJECTED, "no", code="Ecs.0005", advice="as it was")
        assert with_advice(error, request(), outcome_unknown=False) is error


class TestClientToken:
    @pytest.mark.parametrize("name", list(OPERATIONS))
    def test_none_is_always_fine_and_one_only_for_a_create(self, name: str) -> None:
        check_client_token(OPERATIONS[name], None)
        if name.startswith("create_"):
            check_client_token(OPERATIONS[name], str(uuid.uuid4()))
        else:
            with pytest.raises(EcsInvalidRequestError, match=f"{name} takes none"):
                check_client_token(OPERATIONS[name], str(uuid.uuid4()))

    @pytest.mark.parametrize(
        "token", [TOKEN.upper(), TOKEN.replace("-", ""), f"{{{TOKEN}}}", f"{TOKEN}\n", "", "x", 7, uuid.UUID(TOKEN)]
    )
    def test_any_other_form_is_refused_and_shown(self, token: Any) -> None:
        with pytest.raises(EcsInvalidRequestError, match="expected a UUID in lower case") as caught:
            check_client_token(OPERATIONS["create_servers"], token)
        assert repr(token) in str(caught.value)


class TestSecrets:
    @pytest.mark.parametrize(
        ("body", "found"),
        [
            (None, set()),
            ("adminPass", set()),
            ({"server": {"adminPass": "one", "name": "web"}}, {"one"}),
            ({"os-change": {"adminpass": "one", "userid": "u"}}, {"one"}),
            ({"server": {"user_data": "two", "extendparam": {"deep": [{"adminPass": "one"}, ({"Password": "3"},)]}}},
             {"one", "two", "3"}),
            ({"adminPass": "", "password": None, "user_data": 7}, set()),
            ({"adminPass": {"adminPass": "one"}}, {"one"}),
            ({7: "x", "adminpass": "one"}, {"one"}),
            ({"server": UserDict({"adminPass": "one"})}, {"one"}),
        ],
    )  # fmt: skip
    def test_are_found_at_any_depth(self, body: Any, found: set[str]) -> None:
        assert secrets_in(body) == found

    @pytest.mark.parametrize(
        ("secrets", "hidden"),
        [
            (set(), "the pass passw0rd is weak"),
            ({"passw0rd"}, "the pass *** is weak"),
            ({"pass", "passw0rd"}, "the *** *** is weak"),
        ],
    )
    def test_are_hidden_the_longest_first(self, secrets: set[str], hidden: str) -> None:
        assert redact("the pass passw0rd is weak", secrets) == hidden


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
