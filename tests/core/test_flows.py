"""The flows as generators: what they ask for, step by step, with a clock that only their own pauses move."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_ecsjobs.core.auth.credentials import AuthConfig
from airflow_provider_ecsjobs.core.auth.session import AuthSession
from airflow_provider_ecsjobs.core.auth.signing import AccessKey, signature_of
from airflow_provider_ecsjobs.core.errors import ApiError, ErrorKind
from airflow_provider_ecsjobs.core.flows import check_auth, get_job, poll_once, wait_for_job
from airflow_provider_ecsjobs.core.job import Job
from airflow_provider_ecsjobs.core.steps import HttpRequest, Response, TransportFailure
from airflow_provider_ecsjobs.core.waiting.end import Outcome
from airflow_provider_ecsjobs.core.waiting.policy import WaitPolicy
from airflow_provider_ecsjobs.core.waiting.wait import Wait
from tests.core.samples import API_PAGE_EXAMPLE, JOB_ID, job, part
from tests.support.scripted import ScriptedDriver

NOW = 1_772_366_400.0  # 2026-03-01T12:00:00Z
SECRET = "canary-secret-key"
LOGIN = AuthConfig(
    conn_id="huawei",
    auth="aksk",
    endpoint="https://ecs.eu-west-101.myhuaweicloud.com",
    region="eu-west-101",
    project_id="0a1b2c",
    key=AccessKey("AK", SECRET, "canary-session-token"),
)
GONE = Response(400, {}, b'{"error":{"code":"Common.0011","message":"Failed to query system tasks"}}')
BUSY = Response(503, {"x-request-id": "req-1"}, b'{"error":{"code":"Common.1503","message":"slow down"}}')
REFUSED = Response(401, {}, b'{"error_code":"APIGW.0301","error_msg":"Incorrect IAM authentication information"}')
RESET = TransportFailure("connection reset by ecs.eu-west-101.myhuaweicloud.com")


def ok(status: str, parts: list[dict[str, Any]] | None = None) -> Response:
    return Response(200, {}, json.dumps(job(status, parts)).encode())


class Drive(ScriptedDriver):
    """Gives the answers in order, the last one for ever."""

    def __init__(
        self, *answers: Response | TransportFailure, login: AuthConfig = LOGIN, reloaded: AuthConfig | None = None
    ) -> None:
        self.answers = list(answers)
        super().__init__(self._next_answer, lambda: reloaded, now=NOW)
        self.auth = AuthSession(login)

    def _next_answer(self, request: HttpRequest) -> Response | TransportFailure:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def poll_once(self, job_id: str = JOB_ID) -> Any:
        return self.run(poll_once(self.auth, job_id, self.clock))

    def get_job(self) -> Any:
        return self.run(get_job(self.auth, JOB_ID, self.clock))

    def wait(self, *, poll_first: bool = True, **policy: Any) -> Any:
        wait = Wait(JOB_ID, WaitPolicy(started=NOW, **policy))
        return self.run(wait_for_job(self.auth, wait, self.clock, poll_first=poll_first))


class TestLook:
    def test_one_request_gives_the_job(self) -> None:
        drive = Drive(Response(200, {}, API_PAGE_EXAMPLE.encode()))
        found = drive.poll_once()
        assert isinstance(found, Job)
        assert found.to_dict() == json.loads(API_PAGE_EXAMPLE)
        (request,) = drive.requests
        assert (request.method, request.body) == ("GET", b"")
        assert request.url == f"https://ecs.eu-west-101.myhuaweicloud.com/v1/0a1b2c/jobs/{JOB_ID}"

    def test_the_request_is_signed_over_what_is_sent(self) -> None:
        drive = Drive(ok("RUNNING"))
        drive.poll_once()
        headers = dict(drive.requests[0].headers)
        assert headers["Host"] == "ecs.eu-west-101.myhuaweicloud.com"
        assert headers["X-Sdk-Date"] == "20260301T120000Z"
        assert headers["X-Project-Id"] == "0a1b2c"
        assert headers["X-Security-Token"] == "canary-session-token"
        authorization = headers.pop("Authorization")
        names, signature = signature_of(
            SECRET, method="GET", path=f"/v1/0a1b2c/jobs/{JOB_ID}", query=[], headers=headers, body=b""
        )
        assert names == "content-type;host;x-project-id;x-sdk-date;x-security-token"
        assert authorization == f"SDK-HMAC-SHA256 Access=AK, SignedHeaders={names}, Signature={signature}"

    def test_no_secret_and_no_signature_is_shown(self) -> None:
        drive = Drive(ok("RUNNING"))
        drive.poll_once()
        shown = repr(drive.requests[0]) + repr(drive.auth.config) + repr(drive.auth.credentials)
        signature = drive.requests[0].headers["Authorization"].rpartition("=")[2]
        assert not [secret for secret in (SECRET, "canary-session-token", signature) if secret in shown]

    @pytest.mark.parametrize(
        ("endpoint", "url"),
        [
            ("http://127.0.0.1:8899", "http://127.0.0.1:8899/v1/0a1b2c/jobs/j"),
            ("https://proxy.example/ecs", "https://proxy.example/ecs/v1/0a1b2c/jobs/j"),
            ("https://[::1]:8443", "https://[::1]:8443/v1/0a1b2c/jobs/j"),
        ],
    )
    def test_an_endpoint_may_have_a_port_and_a_path(self, endpoint: str, url: str) -> None:
        drive = Drive(ok("RUNNING"), login=replace(LOGIN, endpoint=endpoint))
        drive.poll_once("j")
        assert drive.requests[0].url == url
        assert url.split("/")[2] == drive.requests[0].headers["Host"]

    @pytest.mark.parametrize("odd", ["../x", "a/b", "a?b", "a#b", "a b", "ñ", "{project_id}"])
    def test_an_odd_id_stays_within_its_segment(self, odd: str) -> None:
        drive = Drive(ok("RUNNING"), login=replace(LOGIN, project_id=odd))
        drive.poll_once(odd)
        path = drive.requests[0].url.removeprefix(LOGIN.endpoint)
        assert path.isascii()
        assert path.count("/") == 4
        assert not {"?", "#", " "} & set(path)

    @pytest.mark.parametrize(
        ("answer", "kind"),
        [(RESET, ErrorKind.TRANSIENT), (BUSY, ErrorKind.THROTTLED), (GONE, ErrorKind.NOT_FOUND)],
    )
    def test_what_came_instead_of_a_job_is_classified_and_not_asked_again(self, answer: Any, kind: ErrorKind) -> None:
        drive = Drive(answer)
        found = drive.poll_once()
        assert isinstance(found, ApiError)
        assert found.kind is kind
        assert len(drive.requests) == 1

    def test_a_rejected_key_is_sent_twice_however_often_it_is_asked_for(self) -> None:
        drive = Drive(REFUSED)
        for _ in range(20):
            found = drive.poll_once()
            assert isinstance(found, ApiError)
            assert found.kind is ErrorKind.UNAUTHORIZED
        assert (len(drive.requests), drive.reloads) == (2, 1)

    def test_a_changed_connection_is_tried_once_with_its_own_key(self) -> None:
        fresh = replace(LOGIN, key=AccessKey("AK2", SECRET))
        drive = Drive(REFUSED, ok("RUNNING"), reloaded=fresh)
        assert isinstance(drive.poll_once(), Job)
        assert ["Access=AK," in one.headers["Authorization"] for one in drive.requests] == [True, False]
        assert "Access=AK2," in drive.requests[1].headers["Authorization"]


class TestGetJob:
    @pytest.mark.parametrize("transport_failure", [RESET, BUSY, Response(502, {}, b"<html>"), Response(200, {}, b"{")])
    def test_passing_failures_are_polled_three_times(self, transport_failure: Any) -> None:
        drive = Drive(transport_failure)
        found = drive.get_job()
        assert isinstance(found, ApiError)
        assert found.is_passing
        assert (len(drive.requests), len(drive.sleeps)) == (3, 2)
        assert [log.level for log in drive.logs] == [logging.WARNING] * 2

    def test_the_second_response_may_be_the_job(self) -> None:
        drive = Drive(RESET, ok("SUCCESS"))
        assert isinstance(drive.get_job(), Job)
        assert drive.sleeps == [1.5]

    @pytest.mark.parametrize("final", [GONE, Response(403, {}, b'{"error":{"code":"Pdp.0001","message":"no"}}')])
    def test_what_can_not_pass_is_asked_once(self, final: Response) -> None:
        drive = Drive(final)
        assert isinstance(drive.get_job(), ApiError)
        assert (len(drive.requests), drive.sleeps, drive.logs) == (1, [], [])

    @pytest.mark.parametrize(("asked", "slept"), [("10", 10), ("0", 1.5), ("30", 30)])
    def test_retry_after_is_honoured_within_reason(self, asked: str, slept: float) -> None:
        drive = Drive(replace(BUSY, headers={"retry-after": asked}), ok("RUNNING"))
        assert isinstance(drive.get_job(), Job)
        assert drive.sleeps == [slept]

    def test_a_longer_delay_than_a_query_may_take_ends_it(self) -> None:
        drive = Drive(replace(BUSY, headers={"retry-after": "31"}), ok("RUNNING"))
        assert isinstance(drive.get_job(), ApiError)
        assert (len(drive.requests), drive.sleeps) == (1, [])


class TestWait:
    def test_a_whole_wait(self) -> None:
        drive = Drive(
            ok("INIT"),
            *[ok("RUNNING", [part(), part("RUNNING")])] * 12,
            ok("SUCCESS", [part(server_id="a"), part(server_id="b")]),
        )
        end = drive.wait(deadline=NOW + 3600)
        assert end.outcome is Outcome.FINISHED
        assert end.job.server_ids == ("a", "b")
        assert len(drive.requests) == 14
        # Ten seconds until a tenth of the wait is more.
        assert drive.sleeps == pytest.approx([10] * 10 + [10, 11, 12.1])
        assert [log.message for log in drive.logs] == [
            f"createServer {JOB_ID}: INIT, waited 0 s",
            f"createServer {JOB_ID}: RUNNING, 1 of 2 sub-jobs done, waited 10 s",
            f"createServer {JOB_ID}: SUCCESS, 2 of 2 sub-jobs done, waited 133 s",
        ]

    def test_each_request_is_signed_anew(self) -> None:
        drive = Drive(ok("RUNNING"), ok("RUNNING"), ok("SUCCESS"))
        drive.wait()
        dates = [request.headers["X-Sdk-Date"] for request in drive.requests]
        assert dates == ["20260301T120000Z", "20260301T120010Z", "20260301T120020Z"]
        assert len({request.headers["Authorization"] for request in drive.requests}) == 3

    def test_a_finished_job_needs_no_pause(self) -> None:
        drive = Drive(ok("FAIL"))
        assert drive.wait().outcome is Outcome.FINISHED
        assert drive.sleeps == []

    def test_it_can_begin_with_a_pause(self) -> None:
        drive = Drive(ok("SUCCESS"))
        assert drive.wait(poll_first=False).outcome is Outcome.FINISHED
        assert (drive.sleeps, len(drive.requests)) == ([5.5], 1)

    def test_failures_in_between_are_waited_out(self) -> None:
        drive = Drive(
            ok("RUNNING"),
            RESET,
            BUSY,
            Response(502, {}, b"<html>"),
            Response(200, {}, b'{"sta'),
            ok("RUNNING"),
            ok("SUCCESS"),
        )
        end = drive.wait(deadline=NOW + 3600)
        assert end.outcome is Outcome.FINISHED
        assert drive.sleeps == pytest.approx([10, 1.5, 3, 6, 12, 5.5])
        assert [log.message for log in drive.logs if "answers again" in log.message] == [
            f"ECS job {JOB_ID}: the API answers again"
        ]

    def test_retry_after_is_honoured(self) -> None:
        drive = Drive(replace(BUSY, headers={"retry-after": "100"}), ok("SUCCESS"))
        assert drive.wait().outcome is Outcome.FINISHED
        assert drive.sleeps == pytest.approx([105])

    def test_the_final_poll_is_at_the_deadline(self) -> None:
        drive = Drive(ok("RUNNING"))
        end = drive.wait(deadline=NOW + 95)
        assert end.outcome is Outcome.TIMEOUT
        assert drive.now == pytest.approx(NOW + 95, abs=0.1)
        assert drive.sleeps[-1] == pytest.approx(5, abs=0.1)

    def test_a_temporary_error_that_comes_after_the_deadline_is_followed_by_the_final_poll_at_once(self) -> None:
        drive = Drive(BUSY, ok("SUCCESS"))
        answer = drive.serve

        def late(request: HttpRequest) -> Response | TransportFailure:
            drive.now += 20
            return answer(request)

        drive.serve = late
        assert drive.wait(deadline=NOW + 10).outcome is Outcome.FINISHED
        assert len(drive.requests) == 2
        assert drive.sleeps == []

    def test_an_outage_ends_it_with_the_last_error(self) -> None:
        drive = Drive(ok("RUNNING"), BUSY)
        end = drive.wait(deadline=NOW + 86_400)
        assert (end.outcome, end.error.request_id) == (Outcome.UNREACHABLE, "req-1")
        assert 900 <= drive.now - NOW <= 900 + 60 + 10
        assert len(drive.requests) < 40

    @pytest.mark.parametrize(
        ("answer", "outcome", "requests"),
        [
            (GONE, Outcome.NOT_FOUND, 2),
            (REFUSED, Outcome.UNAUTHORIZED, 3),
            (Response(400, {}, b'{"error":{"code":"Ecs.9999"}}'), Outcome.ERROR, 2),
        ],
    )
    def test_what_can_not_pass_ends_it(self, answer: Response, outcome: Outcome, requests: int) -> None:
        drive = Drive(ok("RUNNING"), answer)
        assert drive.wait(deadline=NOW + 3600).outcome is outcome
        assert len(drive.requests) == requests

    def test_a_secret_is_in_no_report_and_no_end(self) -> None:
        for last in (ok("SUCCESS"), ok("FAIL"), GONE, REFUSED):
            drive = Drive(ok("RUNNING"), RESET, BUSY, last)
            end = drive.wait(deadline=NOW + 3600)
            shown = repr(end) + repr(drive.logs)
            assert not [secret for secret in (SECRET, "canary-session-token", "Signature=") if secret in shown]


@pytest.mark.parametrize(("answer", "fine"), [(GONE, True), (ok("RUNNING"), False), (REFUSED, False), (RESET, False)])
def test_access_is_checked_with_a_job_that_does_not_exist(answer: Any, fine: bool) -> None:
    drive = Drive(answer)
    wrong = drive.run(check_auth(drive.auth, drive.clock))
    assert (wrong is None) is fine
    assert drive.requests[0].url.endswith("/jobs/" + "0" * 32)
