"""How the state of a log-in changes while flows run: no socket, no clock."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_ecsjobs.core.auth.session import CONFIRM_AFTER, UNAUTHORIZED_KEPT, AuthSession
from airflow_provider_ecsjobs.core.auth.signing import AccessKey
from airflow_provider_ecsjobs.core.auth.state import TRANSITIONS, AuthEvent, AuthState, next_state
from airflow_provider_ecsjobs.core.errors import ApiError, ErrorKind
from airflow_provider_ecsjobs.core.flows import check_auth, poll_once
from airflow_provider_ecsjobs.core.job import Job
from airflow_provider_ecsjobs.core.steps import HttpRequest, Response, TransportFailure
from tests.support.scripted import ScriptedDriver
from tests.support.scripted_session import GOOD, JOB, REFUSED, answer, auth_of, login

if TYPE_CHECKING:
    from collections.abc import Iterable

HTML_401 = Response(401, {"content-type": "text/html"}, b"<html>proxy login</html>")
TOKEN = answer(201, {"token": {"expires_at": "2100-01-01T00:00:00.000Z"}}, x_subject_token="token")
BAD_LOGIN = answer(401, {"error": {"code": 401, "message": "wrong password", "title": "Unauthorized"}})
BUSY = answer(503, {})
AWAY = TransportFailure("no answer")


class Talk:
    """Polls with scripted answers of ECS and IAM, in order; the last one repeats."""

    def __init__(self, *ecs: Response | TransportFailure, iam: Iterable[Response] = (TOKEN,), auth: str = "aksk"):
        self.ecs, self.iam = list(ecs), list(iam)
        self.driver = ScriptedDriver(self._serve)
        self.auth = auth_of(auth)
        self.states: list[AuthState] = []

    def _serve(self, request: HttpRequest) -> Response | TransportFailure:
        self.states.append(self.auth.state)
        left = self.iam if "/v3/" in request.url else self.ecs
        return left.pop(0) if len(left) > 1 else left[0]

    def poll(self) -> Any:
        return self.driver.run(poll_once(self.auth, JOB["job_id"], self.driver.clock))


def test_a_coded_401_that_comes_once_is_no_refusal() -> None:
    talk = Talk(GOOD, REFUSED, GOOD)
    assert [type(talk.poll()) for _ in range(3)] == [Job] * 3
    assert talk.driver.sleeps == [CONFIRM_AFTER]
    assert talk.states == [AuthState.UNTRIED, AuthState.PROVEN, AuthState.SUSPECT, AuthState.PROVEN]
    assert "one more request in 5 s" in talk.driver.logs[0].message


def test_a_coded_401_that_is_confirmed_refuses_for_a_minute() -> None:
    talk = Talk(REFUSED)
    assert talk.poll().is_unauthorized
    assert talk.states == [AuthState.UNTRIED, AuthState.SUSPECT]
    assert talk.auth.state is AuthState.UNAUTHORIZED
    assert talk.poll().is_of_another
    assert len(talk.driver.requests) == 2


def test_after_a_minute_one_request_tries_again() -> None:
    talk = Talk(REFUSED)
    talk.poll()
    for _ in range(3):
        talk.driver.now += UNAUTHORIZED_KEPT + 1
        assert talk.poll().is_unauthorized
    assert len(talk.driver.requests) == 2 + 3  # so the lock after five in five minutes is not reached
    talk.ecs = [GOOD]
    talk.driver.now += UNAUTHORIZED_KEPT + 1
    assert isinstance(talk.poll(), Job)
    assert talk.auth.state is AuthState.PROVEN


@pytest.mark.parametrize("uncoded", [HTML_401, answer(401, {}), answer(401, {"message": "log in"})])
def test_an_uncoded_401_says_nothing_of_the_credentials(uncoded: Response) -> None:
    talk = Talk(GOOD, uncoded, GOOD)
    talk.poll()
    error = talk.poll()
    assert (error.kind, error.status) == (ErrorKind.TRANSIENT, 401)
    assert isinstance(talk.poll(), Job)
    assert talk.auth.state is AuthState.PROVEN
    assert talk.driver.sleeps == []


def test_the_secrets_of_a_changed_connection_are_redacted_beside_those_of_the_old_one() -> None:
    auth = auth_of("aksk")
    auth.change(replace(auth.config, key=AccessKey("AK", "first-secret-key")))
    auth.change(replace(auth.config, key=AccessKey("AK", "second-secret-key")))
    assert auth.redactor.text("first-secret-key second-secret-key") == "*** ***"


def test_a_permission_that_is_missing_proves_the_key() -> None:
    talk = Talk(answer(401, {"error": {"code": "EPS.0003", "message": "policy doesn't allow it"}}))
    assert talk.poll().kind is ErrorKind.FORBIDDEN
    assert talk.auth.state is AuthState.PROVEN


@pytest.mark.parametrize("open_ended", [BUSY, HTML_401, AWAY])
def test_a_confirmation_that_is_no_answer_leaves_it_open(open_ended: Any) -> None:
    talk = Talk(REFUSED, open_ended, GOOD)
    assert talk.poll().is_passing
    assert talk.auth.state is AuthState.SUSPECT
    assert isinstance(talk.poll(), Job)


def test_a_wrong_password_that_iam_says_once_is_no_refusal() -> None:
    talk = Talk(GOOD, iam=[BAD_LOGIN, TOKEN], auth="password")
    assert isinstance(talk.poll(), Job)
    assert talk.driver.sleeps == [CONFIRM_AFTER]


def test_an_uncoded_401_to_a_login_passes() -> None:
    talk = Talk(GOOD, iam=[HTML_401, TOKEN], auth="password")
    assert talk.poll().is_passing
    assert isinstance(talk.poll(), Job)


def test_a_login_that_iam_refuses_while_a_token_is_renewed_is_told_in_the_words_of_iam() -> None:
    talk = Talk(REFUSED, iam=[TOKEN, BAD_LOGIN], auth="password")
    error = talk.poll()
    assert error.is_unauthorized
    assert "wrong password" in error.message


def test_a_connection_that_changes_at_each_read_is_read_a_bounded_number_of_times() -> None:
    talk = Talk(REFUSED)
    talk.driver.reload = lambda: login(key=AccessKey(f"AK{talk.driver.reloads}", "SK"))
    assert talk.poll().is_unauthorized
    assert len(talk.driver.requests) == 3


@pytest.mark.parametrize("response", [answer(404, {"error_code": "APIGW.0103", "error_msg": "no backend"}), HTML_401])
def test_the_connection_check_takes_only_an_answer_of_ecs_for_proof(response: Response) -> None:
    driver = ScriptedDriver(lambda _: response)
    failure = driver.run(check_auth(auth_of(), driver.clock))
    assert isinstance(failure, ApiError)
    assert failure.status == response.status


@given(
    st.sampled_from(["aksk", "password", "token"]),
    st.lists(st.sampled_from([GOOD, REFUSED, HTML_401, BUSY, AWAY]), min_size=1, max_size=12),
    st.lists(st.sampled_from([TOKEN, BAD_LOGIN, HTML_401, BUSY]), min_size=1, max_size=5),
    st.lists(st.floats(0, 200), min_size=1, max_size=10),
)
def test_whatever_is_answered_each_poll_ends_and_wrong_requests_are_few(
    auth: str, ecs: list[Any], iam: list[Any], pauses: list[float]
) -> None:
    talk = Talk(*ecs, iam=iam, auth=auth)
    for pause in pauses:
        assert isinstance(talk.poll(), (Job, ApiError))
        talk.driver.now += pause
    if auth != "password" and all(one is REFUSED for one in ecs):
        # Two at first, then one a minute.
        assert len(talk.driver.requests) <= 2 + sum(pauses) / UNAUTHORIZED_KEPT


def test_every_transition_of_the_table_is_the_one_that_a_session_makes() -> None:
    for event, moves in TRANSITIONS.items():
        for state in AuthState:
            session = AuthSession(login())
            session.state = state
            session._on(event)
            assert session.state is moves.get(state, state) is next_state(state, event)
    assert set(TRANSITIONS) == set(AuthEvent)
