"""Logging in, expiry, rotation and refusal, as flows: no socket, no clock."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs.core.auth.credentials import ApiRequest, Credentials
from airflow_provider_ecsjobs.core.auth.session import CONFIRM_AFTER, send
from airflow_provider_ecsjobs.core.auth.signing import AccessKey
from airflow_provider_ecsjobs.core.auth.state import AuthState
from airflow_provider_ecsjobs.core.errors import ApiError, ErrorKind
from airflow_provider_ecsjobs.core.flows import check_auth, poll_once
from airflow_provider_ecsjobs.core.job import Job
from airflow_provider_ecsjobs.core.steps import HttpRequest, Response, Send, SingleFlight, TransportFailure
from tests.support.scripted import START, ScriptedDriver
from tests.support.scripted_session import GOOD, JOB, PROJECT, REFUSED, answer, auth_of, login

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.core.auth.session import AuthSession


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


class Cloud:
    """Answers as IAM, metadata and ECS do; counts, and can be told what to refuse."""

    def __init__(self, lifetime: float = 86400.0) -> None:
        self.lifetime = lifetime
        self.tokens: list[str] = []
        self.keys: list[str] = []
        self.revoked: set[str] = set()
        self.iam_is_down = False
        self.projects: list[dict[str, Any]] = [{"id": PROJECT, "name": "r-1"}]
        self.driver = ScriptedDriver(self)

    def __call__(self, request: HttpRequest) -> Response | TransportFailure:
        if "/v3/auth/tokens" in request.url:
            return self._token(request)
        if "/v3/projects" in request.url:
            named = [p for p in self.projects if "name=" not in request.url or p["name"] == "r-1"]
            return answer(200, {"projects": named})
        if "/latest/api/token" in request.url:
            return Response(404)
        if "securitykey" in request.url:
            assert request.is_direct
            self.keys.append(f"TMP{len(self.keys)}")
            end = iso(self.driver.now + self.lifetime)
            key = {"access": self.keys[-1], "secret": "s", "securitytoken": "st", "expires_at": end}
            return answer(200, {"credential": key})
        authorized_by = request.headers.get("X-Auth-Token") or request.headers["Authorization"]
        return REFUSED if any(name in authorized_by for name in self.revoked) else GOOD

    def _token(self, request: HttpRequest) -> Response | TransportFailure:
        if self.iam_is_down:
            return TransportFailure("no response from iam.example.com")
        scope = json.loads(request.body)["auth"]["scope"]["project"]
        assert scope in ({"id": PROJECT}, {"name": "r-1"})
        self.tokens.append(f"token-{len(self.tokens)}")
        body = {"token": {"expires_at": iso(self.driver.now + self.lifetime), "project": {"id": PROJECT}}}
        return answer(201, body, x_subject_token=self.tokens[-1])

    def poll_once(self, auth: AuthSession) -> Any:
        return self.driver.run(poll_once(auth, JOB["job_id"], self.driver.clock))


def test_a_key_signs_at_once_with_no_question_to_iam() -> None:
    cloud = Cloud()
    assert isinstance(cloud.poll_once(auth_of()), Job)
    (request,) = cloud.driver.requests
    assert request.headers["Authorization"].startswith("SDK-HMAC-SHA256 Access=AK, ")
    assert request.headers["X-Project-Id"] == PROJECT


def test_a_temporary_key_sends_its_token_signed() -> None:
    cloud = Cloud()
    cloud.poll_once(auth_of(key=AccessKey("AK", "SK", "st-1")))
    (request,) = cloud.driver.requests
    assert request.headers["X-Security-Token"] == "st-1"
    assert "x-security-token" in request.headers["Authorization"]


@pytest.mark.parametrize("project_id", [PROJECT, ""])
def test_a_password_gives_one_token_for_all(project_id: str) -> None:
    cloud, auth = Cloud(), auth_of("password", project_id=project_id)
    for _ in range(3):
        assert isinstance(cloud.poll_once(auth), Job)
    assert cloud.tokens == ["token-0"]
    assert cloud.driver.requests[-1].headers["X-Auth-Token"] == "token-0"
    assert auth.project_id == PROJECT
    assert not any("projects" in path for path in cloud.driver.paths())  # the token says it


@pytest.mark.parametrize("way", ["password", "agency"])
def test_what_expires_is_replaced_shortly_before(way: str) -> None:
    cloud, auth = Cloud(lifetime=3600), auth_of(way)
    cloud.poll_once(auth)
    got = cloud.tokens or cloud.keys
    cloud.driver.now = START + 3600 - 361
    cloud.poll_once(auth)
    assert len(got) == 1
    cloud.driver.now = START + 3600 - 359
    cloud.poll_once(auth)
    assert len(got) == 2


def test_a_held_token_serves_while_iam_is_down() -> None:
    cloud, auth = Cloud(lifetime=3600), auth_of("password")
    cloud.poll_once(auth)
    cloud.iam_is_down = True
    cloud.driver.now = START + 3600 - 300
    assert isinstance(cloud.poll_once(auth), Job)
    asked = len(cloud.driver.requests)
    cloud.poll_once(auth)
    assert len(cloud.driver.requests) == asked + 1  # IAM is left alone for a while
    cloud.driver.now = START + 3601
    error = cloud.poll_once(auth)
    assert isinstance(error, ApiError)
    assert error.kind is ErrorKind.TRANSIENT
    assert "asking IAM" in error.message


@pytest.mark.parametrize("way", ["password", "agency"])
def test_a_revoked_token_or_key_is_replaced_once(way: str) -> None:
    cloud, auth = Cloud(), auth_of(way)
    cloud.poll_once(auth)
    cloud.revoked = {"token-0", "TMP0"}
    assert isinstance(cloud.poll_once(auth), Job)
    assert cloud.driver.reloads == 0
    # And again later: "once" is once in a row.
    cloud.revoked |= {"token-1", "TMP1"}
    assert isinstance(cloud.poll_once(auth), Job)
    assert len(cloud.tokens or cloud.keys) == 3


def test_a_late_401_says_nothing_of_the_credentials_that_replaced_its_own() -> None:
    class CloudOfAnother(Cloud):
        def __call__(self, request: HttpRequest) -> Response | TransportFailure:
            response = super().__call__(request)
            if response is REFUSED:  # another wait has fetched a token meanwhile, and used it
                auth.hold(Credentials(iam_token="of another wait", expires_at=START + 86400, refresh_at=START + 86000))
                auth.accept()
            return response

    cloud, auth = CloudOfAnother(), auth_of("password")
    cloud.poll_once(auth)
    cloud.revoked.add("token-0")
    assert isinstance(cloud.poll_once(auth), Job)
    assert cloud.tokens == ["token-0"]
    assert auth.state is AuthState.PROVEN


def test_a_401_of_before_the_pause_does_not_confirm_the_one_that_led_to_it() -> None:
    auth, clock = auth_of(), Cloud().driver.clock
    ScriptedDriver(lambda _: GOOD).run(poll_once(auth, JOB["job_id"], clock))
    first, second = (send(auth, ApiRequest("GET", "/jobs"), clock) for _ in range(2))
    for flow in (first, second):
        step = next(flow)
        assert isinstance(step, Send)
        assert step.make() is not None
    recovery = first.send(REFUSED)
    assert isinstance(recovery, SingleFlight)
    ScriptedDriver(lambda _: GOOD).run(recovery.make())
    assert auth.state is AuthState.SUSPECT

    second.send(REFUSED)

    assert auth.state is AuthState.SUSPECT


def test_a_rotated_key_is_read_from_the_connection_again() -> None:
    cloud, auth = Cloud(), auth_of()
    cloud.poll_once(auth)
    cloud.revoked = {"Access=AK,"}
    cloud.driver.reload = lambda: login(key=AccessKey("NEW", "SK2"))
    assert isinstance(cloud.poll_once(auth), Job)
    assert cloud.driver.reloads == 1
    assert "Access=NEW," in cloud.driver.requests[-1].headers["Authorization"]


@pytest.mark.parametrize("way", ["aksk", "token"])
def test_a_wrong_key_is_tried_twice_and_then_left_alone(way: str) -> None:
    cloud, auth = Cloud(), auth_of(way)
    cloud.revoked = {"Access=AK,", "given-token"}
    cloud.driver.reload = lambda: login(way)
    errors = [cloud.poll_once(auth) for _ in range(20)]
    assert all(error.kind is ErrorKind.UNAUTHORIZED for error in errors)
    assert len(cloud.driver.requests) == 2
    assert cloud.driver.reloads == 1
    assert cloud.driver.sleeps == [CONFIRM_AFTER]


@pytest.mark.parametrize("status", [200, 202, 301, 400, 401, 502])
def test_a_coded_refusal_is_confirmed_at_any_status(status: int) -> None:
    refusal = Response(status, REFUSED.headers, REFUSED.body)
    answers = [refusal, GOOD]
    driver = ScriptedDriver(lambda request: answers.pop(0))
    assert isinstance(driver.run(poll_once(auth_of(), JOB["job_id"], driver.clock)), Job)
    assert driver.sleeps == [CONFIRM_AFTER]


def test_a_job_that_failed_for_its_credentials_is_no_refusal() -> None:
    failed = answer(200, {**JOB, "status": "FAIL", "error_code": "Common.0013", "fail_reason": "token expired"})
    driver, auth = ScriptedDriver(lambda request: failed), auth_of()
    for _ in range(2):
        assert isinstance(driver.run(poll_once(auth, JOB["job_id"], driver.clock)), Job)
    assert (auth.state, len(driver.requests)) == (AuthState.PROVEN, 2)


def test_a_rejected_key_is_tried_again_after_a_while_and_the_connection_read_first() -> None:
    cloud, auth = Cloud(), auth_of()
    cloud.revoked = {"Access=AK,"}
    cloud.poll_once(auth)
    cloud.driver.now += 61
    cloud.driver.reload = lambda: login(key=AccessKey("NEW", "SK2"))
    assert isinstance(cloud.poll_once(auth), Job)
    assert len(cloud.driver.requests) == 3


def test_an_unauthorized_login_gets_a_new_token_after_a_while() -> None:
    cloud, auth = Cloud(), auth_of("password")
    cloud.revoked = {"token-"}
    assert cloud.poll_once(auth).kind is ErrorKind.UNAUTHORIZED
    assert len(cloud.tokens) == 4  # one, and three in its place
    cloud.driver.now += 61
    cloud.revoked = set()
    assert isinstance(cloud.poll_once(auth), Job)
    assert len(cloud.tokens) == 5


def test_tokens_that_are_revoked_before_they_are_used_are_replaced() -> None:
    cloud, auth = Cloud(), auth_of("password")
    cloud.revoked = {"token-0", "token-1", "token-2"}
    assert isinstance(cloud.poll_once(auth), Job)
    assert cloud.driver.reloads == 0


def test_a_wrong_password_is_tried_twice() -> None:
    def iam(request: HttpRequest) -> Response:
        assert "/v3/auth/tokens" in request.url
        return answer(401, {"error": {"code": 401, "message": "The username or password is wrong."}})

    driver, auth = ScriptedDriver(iam), auth_of("password")
    errors = [driver.run(poll_once(auth, "j", driver.clock)) for _ in range(5)]
    assert len(driver.requests) == 2
    assert "IAM user user of domain" in str(errors[-1])
    assert "'domain_name'" in str(errors[-1])
    assert "pw" not in str(errors[-1]).split()


def test_a_refusal_names_connection_and_key_and_what_to_check() -> None:
    cloud, auth = Cloud(), auth_of()
    cloud.revoked = {"Access=AK,"}
    text = str(cloud.poll_once(auth))
    assert "APIGW.0301 Incorrect IAM authentication information (HTTP 401)" in text
    assert "Connection 'my_conn', access key AK" in text
    assert "check that the key exists" in text


@pytest.mark.parametrize(("minutes", "way"), [(20, "20 min behind"), (-20, "20 min ahead of")])
def test_a_clock_that_is_off_is_named_as_the_cause(minutes: float, way: str) -> None:
    def refuse(_: HttpRequest) -> Response:
        date = format_datetime(datetime.fromtimestamp(driver.now + minutes * 60, UTC), usegmt=True)
        return Response(401, {"date": date}, REFUSED.body)

    driver, auth = ScriptedDriver(refuse), auth_of()
    error = driver.run(poll_once(auth, "j", driver.clock))
    assert f"this machine's clock is {way} the server's" in str(error)


@pytest.mark.parametrize(
    ("projects", "text"),
    [
        ([], "sees no project named 'r-1', only: none at all"),
        ([{"id": "p9", "name": "r-9"}], "sees no project named 'r-1', only: r-9 (p9)"),
        (
            [{"id": "p1", "name": "r-1"}, {"id": "p2", "name": "r-1"}],
            "several projects named 'r-1': r-1 (p1), r-1 (p2)",
        ),
    ],
)
def test_a_project_that_is_not_the_only_one_is_an_error_that_lists_them(projects: list[Any], text: str) -> None:
    cloud, auth = Cloud(), auth_of(project_id="")
    cloud.projects = projects
    error = cloud.poll_once(auth)
    assert text in str(error)
    assert not error.is_passing


def test_the_project_is_looked_up_once() -> None:
    cloud, auth = Cloud(), auth_of(project_id="")
    for _ in range(3):
        cloud.poll_once(auth)
    assert [path for path in cloud.driver.paths() if "projects" in path] == ["v3/projects?name=r-1"]
    assert cloud.driver.requests[0].url.startswith("https://iam.example.com/")


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (answer(404, {"error": {"code": "404", "message": "none"}}), "an agency assigned"),
        (answer(200, {"credential": {"access": "a"}}), "there is no key in the response"),
        (Response(200, {}, b"<html>"), "not a JSON object"),
    ],
)
def test_a_server_without_an_agency_is_told_so(reply: Response, text: str) -> None:
    driver = ScriptedDriver(lambda _: reply)
    error = driver.run(poll_once(auth_of("agency"), "j", driver.clock))
    assert text in str(error)
    assert error.kind is not ErrorKind.UNAUTHORIZED


def test_a_trial_that_reaches_nobody_settles_nothing() -> None:
    driver, auth = ScriptedDriver(lambda _: TransportFailure("no answer")), auth_of()
    error = driver.run(poll_once(auth, "j", driver.clock))
    assert error.kind is ErrorKind.TRANSIENT
    assert auth.state is AuthState.UNTRIED


@pytest.mark.parametrize(
    ("reply", "fine"),
    [
        (answer(400, {"error": {"code": "Common.0011", "message": "Failed to query system tasks"}}), True),
        (answer(403, {"error": {"code": "Pdp.0001", "message": "denied"}}), False),
        (answer(400, {"error": {"code": "Common.0018", "message": "wrong project"}}), False),
    ],
)
def test_the_connection_check_asks_for_a_job_that_does_not_exist(reply: Response, fine: bool) -> None:
    driver = ScriptedDriver(lambda _: reply)
    failure = driver.run(check_auth(auth_of(), driver.clock))
    assert (failure is None) is fine


@pytest.mark.parametrize("way", ["password", "agency"])
def test_a_wrong_address_of_iam_or_metadata_is_not_a_missing_job(way: str) -> None:
    not_found = answer(404, {"error": {"code": "404", "message": "no such page"}})
    driver = ScriptedDriver(lambda _: not_found)
    error = driver.run(poll_once(auth_of(way), "j", driver.clock))
    assert error.kind is ErrorKind.REJECTED
    assert "asking " in str(error)


def test_a_locked_key_is_said_to_be_locked() -> None:
    locked = answer(401, {"error_code": "APIGW.0301", "error_msg": "AK access failed to reach the limit,forbidden"})
    driver = ScriptedDriver(lambda _: locked)
    error = driver.run(poll_once(auth_of(), "j", driver.clock))
    assert "the key is locked for 5 min" in str(error)


@pytest.mark.parametrize("jump", [-86_400, 86_400])
def test_a_key_is_unauthorized_for_a_minute_however_the_clock_is_set(jump: float) -> None:
    cloud, auth = Cloud(), auth_of()
    cloud.revoked = {"Access=AK,"}
    cloud.poll_once(auth)
    cloud.revoked = set()
    cloud.driver.ahead += jump
    cloud.driver.now += 59
    assert cloud.poll_once(auth).is_unauthorized
    cloud.driver.now += 2
    assert isinstance(cloud.poll_once(auth), Job)


@pytest.mark.parametrize("jump", [-3600, 3600, 2 * 86_400])
def test_a_clock_that_is_set_costs_new_tokens_at_most(jump: float) -> None:
    cloud, auth = Cloud(), auth_of("password")
    assert isinstance(cloud.poll_once(auth), Job)
    cloud.driver.ahead += jump
    for _ in range(10):
        cloud.driver.now += 3600
        assert isinstance(cloud.poll_once(auth), Job)
    assert sum(path.endswith("/auth/tokens") for path in cloud.driver.paths()) <= 3
