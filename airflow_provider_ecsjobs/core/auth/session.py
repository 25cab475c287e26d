"""Sends authorized requests, and handles a 401."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from airflow_provider_ecsjobs.core.auth.credentials import ApiRequest, Credentials, authorized_request
from airflow_provider_ecsjobs.core.auth.diagnosis import advised
from airflow_provider_ecsjobs.core.auth.providers import clock_skew, find_project, new_credentials
from airflow_provider_ecsjobs.core.auth.state import AuthEvent, AuthState, next_state
from airflow_provider_ecsjobs.core.errors import ApiError, ErrorKind
from airflow_provider_ecsjobs.core.redaction import Redactor
from airflow_provider_ecsjobs.core.response_table import POLL_TABLE
from airflow_provider_ecsjobs.core.responses import object_in, read_error
from airflow_provider_ecsjobs.core.steps import (
    ORDINARY,
    Log,
    Mask,
    Reload,
    Response,
    Send,
    SingleFlight,
    Sleep,
    TransportFailure,
    Turn,
)
from airflow_provider_ecsjobs.core.text import duration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_ecsjobs.core.auth.credentials import AuthConfig
    from airflow_provider_ecsjobs.core.steps import Clock, Flow, HttpRequest

UNAUTHORIZED_KEPT = 60.0
"""For how many seconds rejected credentials are not tried again. Five failures in a row lock a key for five minutes."""
CONFIRM_AFTER = 5.0
"""The delay before one more request confirms a coded 401, in seconds."""
MAX_RENEWALS = 3
"""How many times in a row a rejected token is replaced. A change of the password can revoke a token before its use."""
MAX_RELOADS = 1
"""How many times in a row the Airflow connection is read again. A secrets backend may return a new key each time."""
_RETRY_REFRESH_AFTER = 30.0
"""The delay after a failed refresh of credentials that are still valid, in seconds."""
_RETRY_REJECTED_REFRESH_AFTER = 300.0
"""The same, if IAM rejected the log-in: each further rejection brings the lock of the user nearer."""
_MAX_ROUNDS = 10
"""How many times a request may be authorized anew. More is needed only if the connection changes again and again."""


class AuthSession:
    """The state of a login: its credentials, its project, and whether the cloud accepts them. All flows share it.

    :param config: the connection.
    :param secrets: further secrets to redact, such as a proxy's password.
    """

    def __init__(self, config: AuthConfig, secrets: Iterable[str] = ()) -> None:
        self.config = config
        self.redactor = Redactor([*config.secrets, *secrets])
        self.credentials: Credentials | None = None
        self.project_id = config.project_id
        self.state = AuthState.NONE
        self._renewals = 0
        self._reloads = 0
        self._confirmed: ApiError | None = None
        self._unauthorized_until = 0.0

    @property
    def unauthorized(self) -> ApiError | None:
        """The confirmed 401; ``None`` unless the state is ``UNAUTHORIZED``."""
        return self._confirmed if self.state is AuthState.UNAUTHORIZED else None

    def is_ready(self, now: float) -> bool:
        """Return whether requests can be authorized without another request before them."""
        if self.state in (AuthState.DOUBTED, AuthState.UNAUTHORIZED) or self.credentials is None or not self.project_id:
            return False
        return now < self.credentials.refresh_at

    def hold(self, credentials: Credentials) -> None:
        """Store new credentials, which the cloud has not seen yet."""
        self.redactor.add_handed_out(credentials.secrets)
        self.credentials = credentials
        self.project_id = self.project_id or credentials.project_id
        self._on(AuthEvent.LOGGED_IN)

    def accept(self) -> None:
        """Record that the cloud accepted the credentials."""
        self._on(AuthEvent.ACCEPTED)
        self._renewals = self._reloads = 0

    def reject(self, error: ApiError, now: float) -> None:
        """Record a coded 401 of the cloud. If it confirms an earlier 401, the credentials are rejected.

        :param error: the error, as the flows see it that did not send the request.
        :param now: the monotonic time, in seconds.
        """
        self._on(AuthEvent.UNAUTHORIZED)
        if self.state is AuthState.UNAUTHORIZED:
            not_again = "This client does not try it again for a minute, since failures in a row lock a login."
            error = advised(self.config, error)
            self._confirmed = replace(error, advice=f"{error.advice} {not_again}")
            self._unauthorized_until = now + UNAUTHORIZED_KEPT

    def renew(self) -> bool:
        """Discard a doubted token or temporary key, if another one can be fetched. Return whether that is so."""
        if not self.config.is_renewable or self._renewals >= MAX_RENEWALS:
            return False
        self._renewals += 1
        self.credentials = None
        self._on(AuthEvent.REPLACED)
        return True

    def count_reload(self) -> bool:
        """Count a reload of the connection. Return whether it is allowed."""
        self._reloads += 1
        return self._reloads <= MAX_RELOADS

    def change(self, config: AuthConfig) -> None:
        """Replace the connection with a changed one, and discard the credentials of the old one."""
        self.config, self.credentials, self.project_id = config, None, config.project_id
        self._renewals = 0
        self.redactor.add(config.secrets)
        self._on(AuthEvent.REPLACED)

    def await_confirmation(self) -> None:
        """Allow one request that confirms the 401, since there were no other credentials."""
        self._on(AuthEvent.NOTHING_NEW)

    def is_unauthorized_now(self, now: float) -> bool:
        """Return whether the credentials were rejected within the last minute.

        :param now: the monotonic time, in seconds.
        """
        return self.state is AuthState.UNAUTHORIZED and now < self._unauthorized_until

    def retry(self) -> None:
        """Allow one request to try the rejected credentials again. A token is fetched anew."""
        self.credentials = None
        self._renewals = self._reloads = 0
        self._on(AuthEvent.RETRY_DUE)

    def authorize_if_current(
        self, call: ApiRequest, used: Credentials | None, meant_in: AuthState, clock: Clock
    ) -> HttpRequest | None:
        """Return the authorized request to the service.

        :param call: the request.
        :param used: the credentials to authorize it with.
        :param meant_in: the state when they were chosen.
        :param clock: the time of the signature.
        :return: the request; ``None`` if the credentials or the state have changed since.
        """
        if used is None or self.credentials is not used or self.state is not meant_in:
            return None
        return authorized_request(self.config.endpoint, used, call, now=clock.now(), project_id=self.project_id)

    def _on(self, event: AuthEvent) -> None:
        self.state = next_state(self.state, event)


def send(
    auth: AuthSession,
    call: ApiRequest,
    clock: Clock,
    turn: Turn = ORDINARY,
) -> Flow[Response | TransportFailure | ApiError]:
    """Send an authorized request. Log in first if necessary, and send the request again after a coded 401.

    After a coded 401, a token is replaced. Then the connection is read again once. Then one more request confirms the
    401 some seconds later. Only after that are the credentials rejected. While the credentials are not proven, one
    request at a time tries them: a thousand waits with a wrong key send two requests.

    :param auth: the session that authorizes the request.
    :param call: the request.
    :param clock: time and random numbers.
    :param turn: the place of the request in the queue.
    :return: the response to this request, or the error that prevented it from being sent or authorized.
    """
    own: ApiError | None = None
    for _ in range(_MAX_ROUNDS):
        failure = yield from establish(auth, clock)
        if failure is not None:
            return _rejected(own, failure)
        used, meant_in = auth.credentials, auth.state
        response = yield from _send_step(auth, call, used, clock, turn)
        if response is None:
            continue  # the credentials were proven or discarded before this request was sent
        unauthorized = response if isinstance(response, ApiError) else _unauthorized_in(response, clock.now())
        if unauthorized is None or not unauthorized.is_unauthorized:
            return response
        if isinstance(response, Response):
            own = unauthorized
        # The first flow that learns of the 401 records it: the flow that sent the request may have been cancelled.
        if auth.credentials is used and auth.state is meant_in:
            auth.reject(replace(unauthorized, is_of_another=True), clock.monotonic())
    return ApiError(ErrorKind.TRANSIENT, "the credentials were replaced again and again while the request was made")


def _rejected(own: ApiError | None, shared: ApiError) -> ApiError:
    """Return why a request was not authorized: its own error if it has one, else the shared error."""
    if own is None or not shared.is_of_another:
        return shared
    return replace(own, advice=shared.advice)


def establish(auth: AuthSession, clock: Clock) -> Flow[ApiError | None]:
    """Log in and find the project, if that has not been done yet. After a 401, do what may help.

    All of this is one flow for all: a log-in and the handling of a 401 side by side would undo each other's state.

    :return: the error; ``None`` if the session is ready.
    """
    if auth.is_ready(clock.now()):
        return None
    failure: ApiError | None = yield SingleFlight("login", partial(_log_in, auth, clock))
    return failure


def _send_step(
    auth: AuthSession, call: ApiRequest, used: Credentials | None, clock: Clock, turn: Turn
) -> Flow[Response | TransportFailure | ApiError | None]:
    """Send a request. While the credentials are not proven, one request tries them and the others wait for it.

    :return: the response to this request. If another request tried the credentials, its error but never its response;
        ``None`` if it had no error.
    """
    sending = Send(partial(auth.authorize_if_current, call, used, auth.state, clock), turn)
    if auth.state is AuthState.PROVEN:
        return (yield from _redacted(auth, call, sending))
    # The credentials are part of the key: their trial says nothing about credentials that replace them.
    trial: _Trial = yield SingleFlight(("proof", used), partial(_try_out, auth, call, sending, used, clock))
    return trial.response if trial.call is call else trial.error


def _redacted(auth: AuthSession, call: ApiRequest, sending: Send) -> Flow[Response | TransportFailure | None]:
    """Send a request. Return its response with all secrets redacted."""
    response: Response | TransportFailure | None = yield sending
    return None if response is None else auth.redactor.response(response, call.secrets)


@dataclass(frozen=True, slots=True)
class _Trial:
    """The trial of credentials: the request, its response, and the error that the waiting requests get."""

    call: ApiRequest
    response: Response | TransportFailure | None
    error: ApiError | None = None


def _try_out(
    auth: AuthSession, call: ApiRequest, sending: Send, used: Credentials | None, clock: Clock
) -> Flow[_Trial]:
    response = yield from _redacted(auth, call, sending)
    if response is None:
        return _Trial(call, None)
    error = _error_unless_proven(response, clock.now())
    if error is None and auth.credentials is used:
        auth.accept()
    return _Trial(call, response, error)


def _error_unless_proven(response: Response | TransportFailure, now: float) -> ApiError | None:
    """Return the error of a response that does not prove the credentials; ``None`` if it proves them."""
    if isinstance(response, TransportFailure):
        return ApiError(ErrorKind.TRANSIENT, response.reason)
    error = _error_in(response, now)
    if error is None or not (error.is_passing or error.is_unauthorized):
        return None
    return replace(error, is_of_another=True, skew=clock_skew(response, now))


def _unauthorized_in(response: Response | TransportFailure, now: float) -> ApiError | None:
    if isinstance(response, TransportFailure):
        return None
    error = _error_in(response, now)
    return replace(error, skew=clock_skew(response, now)) if error is not None and error.is_unauthorized else None


def _error_in(response: Response, now: float) -> ApiError | None:
    """Return the error in a response, also in one with a 2xx; ``None`` if there is none."""
    body = object_in(response)
    is_success = body is not None and response.is_success
    # A failed job has an error code too, but it is not the error of the request.
    if is_success and "job_id" in (body or {}):
        return None
    error = read_error(response, body, now=now, table=POLL_TABLE)
    return None if is_success and not error.code else error


def _reload_or_pause(auth: AuthSession) -> Flow[None]:
    """Read the connection again. If it has not changed, wait before the 401 is confirmed."""
    if auth.count_reload() and (yield from _has_changed(auth)):
        return
    again = f"one more request in {CONFIRM_AFTER:g} s shows whether they are rejected for good"
    yield Log(logging.WARNING, f"Connection '{auth.config.conn_id}': the credentials were not accepted; {again}")
    yield Sleep(CONFIRM_AFTER)
    auth.await_confirmation()


def _has_changed(auth: AuthSession) -> Flow[bool]:
    """Read the connection again, and use it if it has changed. Return whether it has."""
    config: AuthConfig | None = yield Reload()
    if config is None or config == auth.config:
        return False
    auth.change(config)
    return True


def _log_in(auth: AuthSession, clock: Clock) -> Flow[ApiError | None]:
    """Log in. After a 401, fetch a new token, else read the connection again, else have the 401 confirmed."""
    if auth.state is AuthState.DOUBTED and not auth.renew():
        yield from _reload_or_pause(auth)
    if auth.is_unauthorized_now(clock.monotonic()):
        return auth.unauthorized
    if auth.state is AuthState.UNAUTHORIZED and not (yield from _has_changed(auth)):
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
            if auth.config.is_renewable:
                yield Mask(fresh.secrets)
        elif held is not None and auth.state is not AuthState.DOUBTED and now < held.expires_at:
            # The present credentials are still valid, whatever prevents new ones: keep them, and retry the refresh.
            # Not if a request got a 401 meanwhile.
            delay = _RETRY_REJECTED_REFRESH_AFTER if fresh.is_unauthorized else _RETRY_REFRESH_AFTER
            auth.credentials = replace(held, refresh_at=min(now + delay, held.expires_at))
            left = duration(held.expires_at - now)
            kept = f"Connection '{auth.config.conn_id}': {fresh}; the present credentials are valid for another {left}"
            yield Log(logging.WARNING, kept)
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
