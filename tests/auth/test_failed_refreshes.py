"""A refresh that fails while the present token or key is valid, and first logins that get no word of the cloud."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs.core.auth.state import AuthState
from airflow_provider_ecsjobs.core.errors import ApiError, ErrorKind
from airflow_provider_ecsjobs.core.flows import poll_once
from airflow_provider_ecsjobs.core.job import Job
from airflow_provider_ecsjobs.core.steps import Response, TransportFailure
from tests.support.scripted import START, ScriptedDriver
from tests.support.scripted_session import GOOD, JOB, PROJECT, answer, auth_of

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.core.auth.session import AuthSession
    from airflow_provider_ecsjobs.core.steps import HttpRequest

LIFETIME = 3600.0
IN_REFRESH = START + LIFETIME - 300
HTML = "<html>not now</html>"


def iam(status: int, message: str) -> Response:
    return answer(status, {"error": {"code": status, "message": message, "title": "Said"}})


def html(status: int) -> Response:
    return Response(status, {}, HTML.encode())


class Login:
    """IAM and the metadata service. They log in, or give ``trouble``; ECS accepts all."""

    def __init__(self) -> None:
        self.trouble: Response | TransportFailure | None = None
        self.logins = 0
        self.driver = ScriptedDriver(self)

    def __call__(self, request: HttpRequest) -> Response | TransportFailure:
        if "/latest/api/token" in request.url:
            return Response(404)
        if "/auth/tokens" not in request.url and "securitykey" not in request.url:
            return GOOD
        self.logins += 1
        if self.trouble is not None:
            return self.trouble
        end = datetime.fromtimestamp(self.driver.now + LIFETIME, UTC).isoformat()
        if "securitykey" in request.url:
            key = {"access": "A", "secret": "s", "securitytoken": "t", "expires_at": end}
            return answer(200, {"credential": key})
        return answer(201, {"token": {"expires_at": end, "project": {"id": PROJECT}}}, x_subject_token="a-token")

    def poll(self, auth: AuthSession) -> Any:
        return self.driver.run(poll_once(auth, JOB["job_id"], self.driver.clock))


TROUBLES = {
    "html 404": html(404),
    "html 401": html(401),
    "no agency": Response(401, {}, b"Please configure Cloud Service Agency first\n"),
    "json 403 of a gateway": answer(403, {"message": "Forbidden"}),
    "json 400 without a code": answer(400, {}),
    "json 409 without a code": answer(409, {"message": "conflict"}),
    "403 of IAM": iam(403, "Access is denied by the ACL"),
    "401 of IAM": iam(401, "The account is locked."),
    "no answer": TransportFailure("no answer"),
    "no key or token": answer(200, {}),
}


@pytest.mark.parametrize("way", ["password", "agency"])
@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
def test_valid_credentials_are_kept_whatever_a_refresh_gets(way: str, trouble: Response | TransportFailure) -> None:
    login, auth = Login(), auth_of(way)
    login.poll(auth)
    login.trouble = trouble
    login.driver.now = IN_REFRESH
    assert isinstance(login.poll(auth), Job)
    assert auth.credentials is not None
    assert IN_REFRESH < auth.credentials.refresh_at <= START + LIFETIME
    assert login.driver.sleeps == []


@pytest.mark.parametrize("way", ["password", "agency"])
def test_a_failed_refresh_is_logged_and_made_up_for_soon(way: str) -> None:
    login, auth = Login(), auth_of(way)
    login.poll(auth)
    login.trouble = html(404)
    login.driver.now = IN_REFRESH
    login.poll(auth)
    (line,) = login.driver.logs
    assert "the present credentials are valid for another 300 s" in line.message
    login.trouble = None
    login.driver.now = IN_REFRESH + 31
    login.poll(auth)
    assert login.logins == 3
    assert auth.credentials is not None
    assert auth.credentials.expires_at == IN_REFRESH + 31 + LIFETIME


def test_no_refresh_is_put_off_beyond_the_end_of_the_token() -> None:
    login, auth = Login(), auth_of("password")
    login.poll(auth)
    login.trouble = html(404)
    login.driver.now = START + LIFETIME - 10
    login.poll(auth)
    login.trouble = None
    login.driver.now = START + LIFETIME + 5
    assert isinstance(login.poll(auth), Job)
    assert login.logins == 3


def test_a_token_that_got_a_401_meanwhile_is_not_kept() -> None:
    class LoginWithA401(Login):
        def __call__(self, request: HttpRequest) -> Response | TransportFailure:
            response = super().__call__(request)
            if response is self.trouble:  # the 401 of another request comes while the token is fetched
                auth.reject(ApiError(ErrorKind.UNAUTHORIZED, "token expired"), self.driver.now)
            return response

    login, auth = LoginWithA401(), auth_of("password")
    login.poll(auth)
    login.trouble = html(503)
    login.driver.now = IN_REFRESH
    error = login.poll(auth)
    assert isinstance(error, ApiError)
    assert error.kind is ErrorKind.TRANSIENT

    login.trouble = None
    assert isinstance(login.poll(auth), Job)
    assert auth.state is AuthState.PROVEN


def test_a_refused_refresh_is_repeated_after_minutes_only() -> None:
    login, auth = Login(), auth_of("password")
    login.poll(auth)
    login.trouble = TROUBLES["401 of IAM"]
    for second in range(0, 300, 10):
        login.driver.now = IN_REFRESH - 60 + second
        assert isinstance(login.poll(auth), Job)
    assert login.logins == 2


@pytest.mark.parametrize("way", ["password", "agency"])
def test_expired_credentials_are_not_kept(way: str) -> None:
    login, auth = Login(), auth_of(way)
    login.poll(auth)
    login.trouble = iam(403, "Access is denied by the ACL")
    login.driver.now = START + LIFETIME + 1
    error = login.poll(auth)
    assert isinstance(error, ApiError)
    assert error.kind is ErrorKind.FORBIDDEN


@pytest.mark.parametrize(
    ("way", "trouble", "kind"),
    [
        ("password", "json 403 of a gateway", ErrorKind.TRANSIENT),
        ("password", "json 400 without a code", ErrorKind.TRANSIENT),
        ("password", "json 409 without a code", ErrorKind.TRANSIENT),
        ("password", "html 404", ErrorKind.TRANSIENT),
        ("password", "403 of IAM", ErrorKind.FORBIDDEN),
        ("password", "401 of IAM", ErrorKind.UNAUTHORIZED),
        ("agency", "html 401", ErrorKind.TRANSIENT),
        ("agency", "json 403 of a gateway", ErrorKind.TRANSIENT),
        ("agency", "no agency", ErrorKind.REJECTED),
        ("agency", "html 404", ErrorKind.REJECTED),
    ],
)
def test_a_first_login_fails_for_good_only_in_words_of_the_cloud(way: str, trouble: str, kind: ErrorKind) -> None:
    login, auth = Login(), auth_of(way)
    login.trouble = TROUBLES[trouble]
    error = login.poll(auth)
    assert isinstance(error, ApiError)
    assert error.kind is kind


def test_a_server_without_an_agency_is_told_so_in_json_too() -> None:
    login, auth = Login(), auth_of("agency")
    login.trouble = answer(401, {"message": "Please configure Cloud Service Agency first"})
    error = login.poll(auth)
    assert error.kind is ErrorKind.REJECTED
    assert "with an agency assigned to it?" in json.dumps(str(error))
