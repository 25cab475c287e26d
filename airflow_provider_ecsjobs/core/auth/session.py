"""Sends requests in a log-in's name, and responds to a 401."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow_provider_ecsjobs.core.auth.credentials import ApiRequest, Credentials, authorized_request
from airflow_provider_ecsjobs.core.auth.diagnosis import advised
from airflow_provider_ecsjobs.core.auth.providers import clock_skew, find_project, new_credentials
from airflow_provider_ecsjobs.core.auth.state import AuthEvent, AuthState, next_state
from airflow_provider_ecsjobs.core.errors import ApiError, ErrorKind
from airflow_provider_ecsjobs.core.redaction import Redactor
from airflow_provider_ecsjobs.core.response_table import POLL_TABLE
from airflow_provider_ecsjobs.core.responses import object_in, read_error
from airflow_provider_ecsjobs.core.steps import (
    Log,
    Mask,
    Priority,
    Reload,
    Response,
    Send,
    SingleFlight,
    Sleep,
    TransportFailure,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_ecsjobs.core.auth.credentials import AuthConfig
    from airflow_provider_ecsjobs.core.steps import Clock, Flow, HttpRequest

UNAUTHORIZED_KEPT = 60.0
"""How long refused credentials are not tried again, in seconds: five failures in a row lock a key for five minutes."""
CONFIRM_AFTER = 5.0
"""How many seconds after a coded 401 one more request confirms it."""
MAX_RENEWALS = 3
"""How many new tokens in a row may be refused: one can be revoked, by a change of the password, before it is used."""
MAX_RELOADS = 1
"""How often in a row the Airflow connection is read again. A secrets backend may return another key each time."""
_RETRY_REFRESH_AFTER = 30.0
_MAX_ROUNDS = 8


class AuthSession:
    """What is known of a log-in: its credentials, its project, and whether the cloud takes them. Shared by all flows.

    :param config: the connection.
    :param secrets: what else must never show up, such as a proxy's password.
    """

    def __init__(self, config: AuthConfig, secrets: Iterable[str] = ()) -> None:
        self.config = config
        self.redactor = Redactor([*config.secrets, *secrets])
        self.credentials: Credentials | None = None
        self.project_id = config.project_id
        self.state = AuthState.NONE
        self._renewals = 0
        self._reloads = 0
        self._refusal: ApiError | None = None
        self._refused_until = 0.0

    @property
    def unauthorized(self) -> ApiError | None:
        """The confirmed 401; ``None`` unless the credentials are refused."""
        return self._refusal if self.state is AuthState.REFUSED else None

    def is_ready(self, now: float) -> bool:
        """Return whether requests can be authorized without another request before them."""
        if self.state is AuthState.REFUSED or self.credentials is None or not self.project_id:
            return False
        return now < self.credentials.refresh_at

    def hold(self, credentials: Credentials) -> None:
        """Take new credentials, which the cloud has not seen yet."""
        self.redactor.add_handed_out(credentials.secrets)
        self.credentials = credentials
        self.project_id = self.project_id or credentials.project_id
        self._on(AuthEvent.LOGGED_IN)

    def accept(self) -> None:
        """Note that the cloud took the credentials."""
        self._on(AuthEvent.ACCEPTED)
        self._renewals = self._reloads = 0

    def reject(self, error: ApiError, now: float) -> None:
        """Note that the cloud answered with a coded 401. If that was to be confirmed, the credentials are refused.

        :param error: the response, as those see it who did not send the request.
        :param now: the time by the monotonic clock.
        """
        self._on(AuthEvent.UNAUTHORIZED)
        if self.state is AuthState.REFUSED:
            not_again = "This process does not try it again for a minute, since failures in a row lock a login."
            error = advised(self.config, error)
            self._refusal = replace(error, advice=f"{error.advice} {not_again}")
            self._refused_until = now + UNAUTHORIZED_KEPT

    def renew(self) -> bool:
        """Give up a token or temporary key that is doubted; return whether another one can be fetched."""
        if self.config.auth not in ("password", "agency") or self._renewals >= MAX_RENEWALS:
            return False
        self._renewals += 1
        self.credentials = None
        self._on(AuthEvent.REPLACED)
        return True

    def may_reload(self) -> bool:
        """Return whether the connection is to be read again, and count it."""
        self._reloads += 1
        return self._reloads <= MAX_RELOADS

    def change(self, config: AuthConfig) -> None:
        """Begin anew with a connection that has changed."""
        self.config, self.credentials, self.project_id = config, None, config.project_id
        self._renewals = 0
        self.redactor.add(config.secrets)
        self._on(AuthEvent.REPLACED)

    def await_confirmation(self) -> None:
        """Let one more request tell, since nothing helped."""
        self._on(AuthEvent.NOTHING_NEW)

    def is_refused_now(self, now: float) -> bool:
        """Return whether the credentials were refused within the last minute, by the monotonic clock."""
        return self.state is AuthState.REFUSED and now < self._refused_until

    def retry(self) -> None:
        """Let one request try again what was refused some time ago. A token is fetched anew."""
        self.credentials = None
        self._renewals = self._reloads = 0
        self._on(AuthEvent.RETRY_DUE)

    def authorize_if_current(
        self, call: ApiRequest, used: Credentials | None, meant_in: AuthState, clock: Clock
    ) -> HttpRequest | None:
        """Build the request to the service, in the project's name.

        :param used: the credentials that were meant.
        :param meant_in: the state then.
        :return: the request; ``None`` if the credentials have been replaced, doubted or refused since.
        """
        if used is None or self.credentials is not used or self.state is not meant_in:
            return None
        path = call.path.replace("{project_id}", quote(self.project_id, safe=""))
        call = replace(call, path=path)
        return authorized_request(self.config.endpoint, used, call, now=clock.now(), project_id=self.project_id)

    def _on(self, event: AuthEvent) -> None:
        self.state = next_state(self.state, event)


def send(
    auth: AuthSession, call: ApiRequest, clock: Clock, priority: Priority = Priority.POLL
) -> Flow[Response | TransportFailure | ApiError]:
    """Send a request in the log-in's name: log in if need be, and send it again after a coded 401.

    After such a 401 a token is replaced, then the connection is read again once, then one more request confirms the
    401 some seconds later. Only then the credentials are refused. While they are not proven, a single request at a
    time tries them: a thousand waits on a wrong key ask twice.

    :param priority: how urgent it is.
    :return: the answer to this very request, or the error that kept it from being sent or authorized.
    """
    own: ApiError | None = None
    for _ in range(_MAX_ROUNDS):
        failure = yield from establish(auth, clock)
        if failure is not None:
            return _refused(own, failure)
        if auth.state is not AuthState.DOUBTED:
            used, meant_in = auth.credentials, auth.state
            answer = yield from _send_step(auth, call, used, clock, priority)
            if answer is None:
                continue  # the credentials were proven, or given up, before this request's turn came
            unauthorized = answer if isinstance(answer, ApiError) else _unauthorized_in(answer, clock.now())
            if unauthorized is None or not unauthorized.is_unauthorized:
                return answer
            if isinstance(answer, Response):
                own = unauthorized
            # Whoever learns of it first notes it: the one that sent the request may have been cancelled.
            if auth.credentials is used and auth.state is meant_in:
                auth.reject(replace(unauthorized, is_of_another=True), clock.monotonic())
        lost: ApiError | None = yield SingleFlight("recovery", partial(_recover, auth, clock))
        if lost is not None:
            return _refused(own, lost)
    return ApiError(ErrorKind.TRANSIENT, "the credentials were replaced again and again while the request was made")


def _refused(own: ApiError | None, shared: ApiError) -> ApiError:
    """Return why a request was not authorized: what it was answered itself, or what all are told."""
    if own is None or not shared.is_of_another:
        return shared
    return replace(own, advice=shared.advice)


def establish(auth: AuthSession, clock: Clock) -> Flow[ApiError | None]:
    """Log in and find the project, if that has not been done yet.

    :return: what kept it from being done, ``None`` if it is.
    """
    if auth.is_ready(clock.now()):
        return None
    failure: ApiError | None = yield SingleFlight("login", partial(_log_in, auth, clock))
    return failure


def _send_step(
    auth: AuthSession, call: ApiRequest, used: Credentials | None, clock: Clock, priority: Priority
) -> Flow[Response | TransportFailure | ApiError | None]:
    """Send a request; or, while the credentials are not proven, wait for the one that tries them.

    :return: the answer to this request. If another one was sent: what went wrong with it, but never its answer;
        ``None`` if nothing did.
    """
    ask = Send(partial(auth.authorize_if_current, call, used, auth.state, clock), priority)
    if auth.state is AuthState.PROVEN:
        return (yield from _redacted(auth, call, ask))
    # The credentials are part of the key: what is learnt of them says nothing of others that have replaced them.
    trial: _Trial = yield SingleFlight(("proof", used), partial(_try_out, auth, call, ask, used, clock))
    return trial.answer if trial.call is call else trial.transport_failure


def _redacted(auth: AuthSession, call: ApiRequest, ask: Send) -> Flow[Response | TransportFailure | None]:
    """Send a request, and take what is secret out of its answer before anybody reads it."""
    answer: Response | TransportFailure | None = yield ask
    return None if answer is None else auth.redactor.response(answer, call.secrets)


@dataclass(frozen=True, slots=True)
class _Trial:
    """The request that tries credentials: whose it is, its answer, and what others learn from it."""

    call: ApiRequest
    answer: Response | TransportFailure | None
    transport_failure: ApiError | None = None


def _try_out(auth: AuthSession, call: ApiRequest, ask: Send, used: Credentials | None, clock: Clock) -> Flow[_Trial]:
    answer = yield from _redacted(auth, call, ask)
    if answer is None:
        return _Trial(call, None)
    transport_failure = _what_it_leaves_open(answer, clock.now())
    if transport_failure is None and auth.credentials is used:
        auth.accept()
    return _Trial(call, answer, transport_failure)


def _what_it_leaves_open(answer: Response | TransportFailure, now: float) -> ApiError | None:
    """Return why an answer does not show whether the credentials are good; ``None`` if they are."""
    if isinstance(answer, TransportFailure):
        return ApiError(ErrorKind.TRANSIENT, answer.reason)
    error = _error_in(answer, now)
    if error is None or not (error.is_passing or error.is_unauthorized):
        return None
    return replace(error, is_of_another=True, skew=clock_skew(answer, now))


def _unauthorized_in(answer: Response | TransportFailure, now: float) -> ApiError | None:
    if isinstance(answer, TransportFailure):
        return None
    error = _error_in(answer, now)
    return replace(error, skew=clock_skew(answer, now)) if error is not None and error.is_unauthorized else None


def _error_in(answer: Response, now: float) -> ApiError | None:
    """Return the error in a response, also in one with a 2xx; ``None`` if there is none."""
    body = object_in(answer)
    is_taken = body is not None and 200 <= answer.status < 300
    # A job that failed has an error code too, but that is the job's.
    if is_taken and "job_id" in (body or {}):
        return None
    error = read_error(answer, body, now=now, table=POLL_TABLE)
    return None if is_taken and not error.code else error


def _recover(auth: AuthSession, clock: Clock) -> Flow[ApiError | None]:
    """Respond to a 401, once for all: fetch a new token; else read the connection again; else have it confirmed."""
    if auth.state is AuthState.DOUBTED and not auth.renew():
        yield from _reload_or_pause(auth)
    return auth.unauthorized or (yield from establish(auth, clock))


def _reload_or_pause(auth: AuthSession) -> Flow[None]:
    """Read the connection again. If there is nothing new in it, wait before the 401 is confirmed."""
    if auth.may_reload() and (yield from _has_changed(auth)):
        return
    again = f"one more request in {CONFIRM_AFTER:g} s shows whether they are refused for good"
    yield Log(logging.WARNING, f"Connection '{auth.config.conn_id}': the credentials were not accepted; {again}")
    yield Sleep(CONFIRM_AFTER)
    auth.await_confirmation()


def _has_changed(auth: AuthSession) -> Flow[bool]:
    """Read the connection again; return whether it has changed, and take it over then."""
    config: AuthConfig | None = yield Reload()
    if config is None or config == auth.config:
        return False
    auth.change(config)
    return True


def _log_in(auth: AuthSession, clock: Clock) -> Flow[ApiError | None]:
    if auth.state is AuthState.REFUSED:
        if auth.is_refused_now(clock.monotonic()):
            return auth.unauthorized
        if not (yield from _has_changed(auth)):
            auth.retry()
    while True:
        failure = yield from _renew_and_find(auth, clock)
        if failure is None or failure.kind is not ErrorKind.UNAUTHORIZED:
            return failure
        auth.reject(failure, clock.monotonic())
        if auth.unauthorized is not None:
            return auth.unauthorized
        yield from _reload_or_pause(auth)


def _renew_and_find(auth: AuthSession, clock: Clock) -> Flow[ApiError | None]:
    now, held = clock.now(), auth.credentials
    if held is None or now >= held.refresh_at:
        fresh = yield from new_credentials(auth.config, clock, auth.redactor)
        if isinstance(fresh, Credentials):
            auth.hold(fresh)
            if auth.config.auth in ("password", "agency"):
                yield Mask(fresh.secrets)
        elif held is not None and auth.credentials is held and fresh.is_passing and now < held.expires_at:
            # The one we hold is good for a while yet: go on with it, and try again soon.
            auth.credentials = replace(held, refresh_at=min(now + _RETRY_REFRESH_AFTER, held.expires_at))
        else:
            return fresh
    if auth.project_id:
        return None
    assert auth.credentials is not None
    found = yield from find_project(auth.config, auth.credentials, clock, auth.redactor)
    if isinstance(found, ApiError):
        return found
    auth.project_id = found
    return None
