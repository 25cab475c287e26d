"""Submitting as a flow: what is sent again and what never, in virtual time."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs.core.auth.session import CONFIRM_AFTER
from airflow_provider_ecsjobs.core.errors import ApiError, ErrorKind
from airflow_provider_ecsjobs.core.flows import submit
from airflow_provider_ecsjobs.core.operations import OPERATIONS
from airflow_provider_ecsjobs.core.steps import Response, TransportFailure
from airflow_provider_ecsjobs.core.submit.submission import Submission, SubmitRequest
from tests.support.scripted import START, ScriptedDriver
from tests.support.scripted_session import GOOD, REFUSED, answer, auth_of

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.core.steps import HttpRequest

TOKEN = "0b0f5c2e-8f2a-5d0c-9f64-0a1b2c3d4e5f"
TAKEN = answer(200, {"job_id": "job", "serverIds": ["a"]})
LOST = TransportFailure("no answer from ecs.example.com: the connection was reset")
UNREACHABLE = TransportFailure("no answer from ecs.example.com: the connection was refused", may_have_arrived=False)
HTML = Response(502, {}, b"<html>502</html>")
BUSY = answer(503, {"error": {"code": "Common.1503", "message": "slow down"}})
WRONG = answer(400, {"error": {"code": "Ecs.0005", "message": "no such flavor"}})
FOREIGN_TOKEN = answer(400, {"error": {"code": "Ecs.0122", "message": "token reused"}})
OUTCOME_UNKNOWN, THROTTLED, TRANSIENT = ErrorKind.OUTCOME_UNKNOWN, ErrorKind.THROTTLED, ErrorKind.TRANSIENT

CREATE = SubmitRequest.build(OPERATIONS["create_servers"], body={"server": {"name": "web"}}, client_token=TOKEN)
ATTACH = SubmitRequest.build(
    OPERATIONS["attach_server_volume"], {"server_id": "s"}, {"volumeAttachment": {"volumeId": "v"}}
)
DETACH = SubmitRequest.build(
    OPERATIONS["detach_server_volume"], {"server_id": "s", "volume_id": "v", "delete_flag": True}
)


def deletion(*ids: str) -> SubmitRequest:
    return SubmitRequest.build(OPERATIONS["delete_servers"], body={"servers": [{"id": one} for one in ids]})


def missing(message: str, code: str = "Ecs.0114") -> Response:
    return answer(404, {"error": {"code": code, "message": message}})


class Submit:
    """Submits, and is given the answers in order, the last one for ever.

    :param options: of the flow, and ``auth``: how to log in.
    """

    def __init__(
        self, request: SubmitRequest, *answers: Response | TransportFailure, auth: str = "aksk", **options: Any
    ) -> None:
        self.answers = list(answers)
        self.driver = ScriptedDriver(self._serve)
        options = {"timeout": 900, **options}
        self.result = self.driver.run(submit(auth_of(auth), request, self.driver.clock, **options))

    def _serve(self, request: HttpRequest) -> Response | TransportFailure:
        assert len(self.driver.requests) < 200
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    @property
    def sent(self) -> list[HttpRequest]:
        return self.driver.requests

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(request.body) for request in self.sent]

    @property
    def seconds(self) -> float:
        return self.driver.now - START

    @property
    def error(self) -> ApiError:
        assert isinstance(self.result, ApiError)
        return self.result


class TestTaken:
    @pytest.mark.parametrize(
        ("request_", "method", "url"),
        [
            (CREATE, "POST", "/v1.1/{}/cloudservers"),
            (ATTACH, "POST", "/v1/{}/cloudservers/s/attachvolume"),
            (DETACH, "DELETE", "/v1/{}/cloudservers/s/detachvolume/v?delete_flag=1"),
        ],
    )
    def test_at_once(self, request_: SubmitRequest, method: str, url: str) -> None:
        run = Submit(request_, TAKEN)
        assert run.result == Submission("job", None, ("a",))
        (sent,) = run.sent
        assert sent.method == method
        assert sent.url == "https://ecs.example.com" + url.format("0123456789abcdef0123456789abcdef")
        assert sent.body == request_.call().body
        assert (run.seconds, run.driver.logs) == (0, [])

    def test_the_token_is_sent_and_signed(self) -> None:
        (sent,) = Submit(CREATE, TAKEN).sent
        assert sent.headers["X-Client-Token"] == TOKEN
        assert "x-client-token" in sent.headers["Authorization"]


class TestALostAnswer:
    @pytest.mark.parametrize("lost", [LOST, HTML, Response(200, {}, b'{"job'), answer(500, {})])
    def test_to_a_create_is_asked_for_with_the_same_token(self, lost: Response | TransportFailure) -> None:
        run = Submit(CREATE, lost, lost, TAKEN)
        assert run.result == Submission("job", None, ("a",))
        assert [request.headers["X-Client-Token"] for request in run.sent] == [TOKEN] * 3
        assert len({request.body for request in run.sent}) == 1
        assert [log.level for log in run.driver.logs] == [logging.WARNING] * 2
        assert "create_servers" in run.driver.logs[0].message

    @pytest.mark.parametrize("lost", [LOST, HTML, Response(200, {}, b'{"job'), answer(500, {}), answer(200, {})])
    def test_to_an_attach_leaves_it_open_after_one_request(self, lost: Response | TransportFailure) -> None:
        run = Submit(ATTACH, lost, TAKEN)
        assert run.error.kind is OUTCOME_UNKNOWN
        assert (len(run.sent), run.seconds) == (1, 0)

    def test_to_a_create_without_a_token_leaves_it_open(self) -> None:
        run = Submit(CREATE.with_token(None), LOST, TAKEN)
        assert (run.error.kind, len(run.sent)) == (OUTCOME_UNKNOWN, 1)

    def test_to_what_may_be_done_twice_is_asked_for(self) -> None:
        assert Submit(ATTACH, LOST, TAKEN, allow_resend=True).result == Submission("job", None, ("a",))
        assert Submit(DETACH, LOST, TAKEN).result == Submission("job", None, ("a",))
        dry = SubmitRequest.build(ATTACH.operation, ATTACH.parameters, {**(ATTACH.body or {}), "dry_run": True})
        assert Submit(dry, LOST, Response(202)).result == Submission(None)

    def test_leaves_the_outcome_unknown_whatever_follows(self) -> None:
        run = Submit(CREATE, LOST, BUSY, UNREACHABLE)
        assert run.error.kind is OUTCOME_UNKNOWN
        assert run.error.message == UNREACHABLE.reason

    @pytest.mark.parametrize("last", [BUSY, UNREACHABLE])
    def test_of_an_earlier_try_is_the_same_unknown_outcome(self, last: Response | TransportFailure) -> None:
        assert Submit(CREATE, last, outcome_unknown=True).error.kind is OUTCOME_UNKNOWN

    @pytest.mark.parametrize(("before", "doubtful"), [([LOST], False), ([HTML, BUSY], False), ([], True)])
    def test_before_a_rejection_is_told_with_it(
        self, before: list[Response | TransportFailure], doubtful: bool
    ) -> None:
        error = Submit(CREATE, *before, WRONG, outcome_unknown=doubtful).error
        assert (error.kind, error.code) == (ErrorKind.REJECTED, "Ecs.0005")
        assert "It was sent before, and may have been carried out then: check whether servers of this name" in str(
            error
        )

    def test_that_was_another_request_of_the_same_token_is_told(self) -> None:
        error = Submit(CREATE, FOREIGN_TOKEN).error
        assert error.kind is ErrorKind.REJECTED
        assert "An earlier try sent the same client token with other parameters" in str(error)


class TestNotDone:
    @pytest.mark.parametrize("passing", [UNREACHABLE, BUSY, answer(202, {"error": {"code": "Common.0024"}}), HTML])
    def test_is_sent_again_where_it_was_not_done(self, passing: Response | TransportFailure) -> None:
        run = Submit(DETACH if passing is HTML else ATTACH, passing, passing, TAKEN)
        assert run.result == Submission("job", None, ("a",))
        assert (len(run.sent), run.seconds) == (3, 1.5 + 3.0)

    @pytest.mark.parametrize(
        ("request_", "passing", "kind"),
        [(ATTACH, UNREACHABLE, TRANSIENT), (ATTACH, BUSY, THROTTLED), (DETACH, HTML, OUTCOME_UNKNOWN)],
    )
    def test_gives_up_in_time(
        self, request_: SubmitRequest, passing: Response | TransportFailure, kind: ErrorKind
    ) -> None:
        run = Submit(request_, passing, timeout=100)
        assert run.error.kind is kind
        # 1.5, 3, 6, 12, and then 22.5 s at a time: the last pause would end beyond the limit.
        assert (len(run.sent), run.seconds) == (8, 22.5 + 3 * 22.5)

    @pytest.mark.parametrize("jump", [-3600, 3600])
    def test_a_clock_that_is_set_changes_nothing_about_that(self, jump: float) -> None:
        class SetClock(Submit):
            def _serve(self, request: HttpRequest) -> Response | TransportFailure:
                self.driver.ahead = jump if len(self.sent) == 2 else self.driver.ahead
                return super()._serve(request)

        run = SetClock(ATTACH, BUSY, timeout=100)
        assert (len(run.sent), run.seconds) == (8, 22.5 + 3 * 22.5)

    @pytest.mark.parametrize(
        ("busy", "pause"),
        [
            (answer(429, {}, retry_after="120"), 120.0),
            (answer(429, {}, retry_after="0"), 1.5),
            (answer(501, {"error": {"code": "Ecs.0603", "message": "try again 1 minute later"}}), 60.0),
        ],
    )
    def test_waits_for_as_long_as_it_is_asked_to(self, busy: Response, pause: float) -> None:
        run = Submit(ATTACH, busy, TAKEN)
        assert run.result == Submission("job", None, ("a",))
        assert run.seconds == pause
        assert f"sending it again in {pause:.0f} s" in run.driver.logs[0].message

    @pytest.mark.parametrize(("limit", "requests"), [(119, 1), (120, 1), (121, 2), (0, 1), (-5, 1)])
    def test_does_not_begin_a_pause_that_ends_too_late(self, limit: float, requests: int) -> None:
        run = Submit(ATTACH, answer(429, {}, retry_after="120"), timeout=limit)
        assert (run.error.kind, run.error.retry_after) == (THROTTLED, 120.0)
        assert len(run.sent) == requests

    @pytest.mark.parametrize(
        ("unauthorized", "kind"),
        [
            (WRONG, ErrorKind.REJECTED),
            (answer(403, {"error": {"code": "Pdp.0001"}}), ErrorKind.FORBIDDEN),
            (missing("volume v"), ErrorKind.NOT_FOUND),
        ],
    )
    def test_a_rejection_is_final(self, unauthorized: Response, kind: ErrorKind) -> None:
        run = Submit(ATTACH, unauthorized, TAKEN, allow_resend=True, missing_ok=True)
        assert (run.error.kind, len(run.sent)) == (kind, 1)
        assert "may have been carried out" not in run.error.advice


class TestDeletingWhatIsGone:
    def test_is_an_error_unless_it_is_allowed(self) -> None:
        run = Submit(deletion("a1", "b2"), missing("server a1"), TAKEN)
        assert (run.error.kind, len(run.sent)) == (ErrorKind.NOT_FOUND, 1)

    def test_the_others_are_deleted_where_it_is_allowed(self) -> None:
        run = Submit(deletion("a1", "b2", "c3"), missing("server a1"), missing("server c3"), TAKEN, missing_ok=True)
        assert run.result == Submission("job", None, ("a",))
        assert [[one["id"] for one in body["servers"]] for body in run.bodies] == [
            ["a1", "b2", "c3"],
            ["b2", "c3"],
            ["b2"],
        ]
        assert run.seconds == 0
        assert "server a1" in run.driver.logs[0].message

    @pytest.mark.parametrize("code", ["Ecs.0114", "Ecs.0614"])
    def test_nothing_is_left_to_do_if_all_are_gone(self, code: str) -> None:
        run = Submit(deletion("a1"), missing("it could not be found", code), missing_ok=True)
        assert (run.result, len(run.sent)) == (Submission(None), 1)
        run = Submit(deletion("a1", "b2"), missing("a1", code), missing("which?", code), missing_ok=True)
        assert (run.result, len(run.sent)) == (Submission(None), 2)

    def test_it_is_an_error_if_it_can_not_be_told_which(self) -> None:
        run = Submit(deletion("a1", "b2"), missing("one of them could not be found"), TAKEN, missing_ok=True)
        assert (run.error.kind, len(run.sent)) == (ErrorKind.NOT_FOUND, 1)

    def test_after_a_lost_response_they_are_gone_by_our_own_hand(self) -> None:
        run = Submit(deletion("a1", "b2"), LOST, missing("a1"), missing("b2"))
        assert (run.result, len(run.sent)) == (Submission(None), 3)
        assert Submit(deletion("a1"), missing("a1"), outcome_unknown=True).result == Submission(None)

    def test_the_others_are_retried_like_the_first(self) -> None:
        run = Submit(deletion("a1", "b2"), missing("a1"), LOST, BUSY, TAKEN, missing_ok=True)
        assert run.result == Submission("job", None, ("a",))
        assert [len(body["servers"]) for body in run.bodies] == [2, 1, 1, 1]

    @pytest.mark.parametrize("message", ["no Route matched with those values", ""])
    def test_a_404_without_a_code_is_no_proof_that_they_are_gone(self, message: str) -> None:
        # A gateway in between knows nothing of servers: to call it done would leave them running.
        run = Submit(deletion("a1"), answer(404, {"message": message}), missing_ok=True)
        assert len(run.sent) == 1
        assert run.error.status == 404


class TestLoggingIn:
    def test_a_refused_key_is_confirmed_once(self) -> None:
        run = Submit(CREATE, REFUSED)
        assert (run.error.kind, len(run.sent), run.seconds) == (ErrorKind.UNAUTHORIZED, 2, CONFIRM_AFTER)
        assert "Connection 'my_conn'" in run.error.advice

    def test_a_401_that_passes_is_no_refusal(self) -> None:
        assert Submit(CREATE, REFUSED, TAKEN).result == Submission("job", None, ("a",))

    def test_a_rejected_key_after_a_lost_response_is_told_with_the_unknown_outcome(self) -> None:
        run = Submit(CREATE, LOST, REFUSED)
        assert (run.error.kind, len(run.sent)) == (ErrorKind.UNAUTHORIZED, 3)
        assert "It was sent before" in str(run.error)

    def test_an_unauthorized_token_is_replaced_and_the_request_sent_once_more(self) -> None:
        token = Response(201, {"x-subject-token": "t"}, b'{"token":{"expires_at":"2030-01-01T00:00:00.000Z"}}')
        run = Submit(ATTACH, token, REFUSED, token, TAKEN, auth="password")
        assert run.result == Submission("job", None, ("a",))
        assert [request.url.split("/")[2][:3] for request in run.sent] == ["iam", "ecs", "iam", "ecs"]

    @pytest.mark.parametrize("transport_failure", [LOST, HTML, answer(500, {})])
    def test_failures_of_the_login_leave_nothing_open(self, transport_failure: Response | TransportFailure) -> None:
        token = Response(201, {"x-subject-token": "t"}, b'{"token":{"expires_at":"2030-01-01T00:00:00.000Z"}}')
        run = Submit(ATTACH, transport_failure, token, TAKEN, auth="password")
        assert run.result == Submission("job", None, ("a",))
        assert Submit(ATTACH, transport_failure, auth="password").error.kind is TRANSIENT

    def test_a_job_is_no_response_to_a_login(self) -> None:
        assert Submit(ATTACH, GOOD, auth="password").error.kind is not OUTCOME_UNKNOWN
