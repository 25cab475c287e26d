"""Sending requests in a login's name, and what to do when the cloud refuses it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow_provider_ecsjobs.core.auth.credentials import ApiRequest, Credentials, authorized_request
from airflow_provider_ecsjobs.core.auth.diagnosis import advised
from airflow_provider_ecsjobs.core.auth.providers import clock_skew, find_project, new_credentials
from airflow_provider_ecsjobs.core.errors import ApiError, ErrorKind
from airflow_provider_ecsjobs.core.redaction import Redactor
from airflow_provider_ecsjobs.core.responses import object_in, read_error
from airflow_provider_ecsjobs.core.steps import Mask, Priority, Reload, Response, Send, SingleFlight, TransportFailure

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_ecsjobs.core.auth.credentials import AuthConfig
    from airflow_provider_ecsjobs.core.steps import Clock, Flow, HttpRequest

UNAUTHORIZED_KEPT = 60.0
"""How long refused credentials are not tried again, in seconds: five failures in a row lock a key for five minutes."""
MAX_RENEWALS = 3
"""How many new tokens in a row may be refused: one can be revoked, by a change of the password, before it is used."""
_RETRY_REFRESH_AFTER = 30.0
_MAX_ROUNDS = 8


class AuthSession:
    """What is known of a login: its identity, its project, and whether the cloud takes them. Shared by all flows.

    :param config: the connection.
    :param secrets: what else must never show up, such as a proxy's password.
    """

    def __init__(self, config: AuthConfig, secrets: Iterable[str] = ()) -> None:
        self.config = config
        self.redactor = Redactor([*config.secrets, *secrets])
        self.credentials: Credentials | None = None
        self.project_id = config.project_id
        self.proven = False
        """Whether the cloud took this identity: until it has, one request at a time finds out."""
        self.doubt: ApiError | None = None
        """The 401 that this identity was answered with, while it is being seen to: nobody else need try it."""
        self.renewals = 0
        self.reloaded = False
        self.unauthorized: ApiError | None = None
        self._unauthorized_until = 0.0

    def is_ready(self, now: float) -> bool:
        """Whether requests can be authorized without asking anybody."""
        if self.unauthorized is not None or self.credentials is None or not self.project_id:
            return False
        return now < self.credentials.refresh_at

    def change(self, config: AuthConfig) -> None:
        """Begin anew with a connection that has changed."""
        self.config, self.credentials, self.project_id, self.unauthorized = config, None, config.project_id, None
        self.proven, self.doubt, self.renewals = False, None, 0
        self.redactor.add(config.secrets)

    def hold(self, credentials: Credentials) -> None:
        """Take a new identity, which the cloud has not seen yet."""
        self.redactor.add_handed_out(credentials.secrets)
        self.credentials, self.proven, self.doubt = credentials, False, None
        self.project_id = self.project_id or credentials.project_id

    def prove(self) -> None:
        """Note that the cloud took the identity."""
        self.proven, self.renewals, self.reloaded = True, 0, False

    def mark_unauthorized(self, error: ApiError, now: float) -> ApiError:
        """Note that the cloud did not take it, and keep everybody from trying it again for a while.

        :param now: the time by the monotonic clock.
        """
        self.proven, self.doubt = False, None
        error = advised(self.config, error)
        not_again = "This process does not try it again for a minute, since failures in a row lock a login."
        self.unauthorized = replace(error, advice=f"{error.advice} {not_again}")
        self._unauthorized_until = now + UNAUTHORIZED_KEPT
        return self.unauthorized

    def retry(self) -> None:
        """Begin anew after a refusal, with nothing of what was refused."""
        self.credentials, self.unauthorized = None, None
        self.renewals, self.reloaded = 0, False

    def is_unauthorized_now(self, now: float) -> bool:
        """Whether the credentials were refused just now, by the monotonic clock; after that they may be tried again."""
        return self.unauthorized is not None and now < self._unauthorized_until

    def authorize_if_current(self, call: ApiRequest, used: Credentials | None, clock: Clock) -> HttpRequest | None:
        """Build the request to the service, in the project's name.

        :param used: the identity that was meant; ``None`` is returned if it has been replaced, doubted or refused.
        """
        if used is None or self.credentials is not used or self.doubt is not None or self.unauthorized is not None:
            return None
        path = call.path.replace("{project_id}", quote(self.project_id, safe=""))
        call = replace(call, path=path)
        return authorized_request(self.config.endpoint, used, call, now=clock.now(), project_id=self.project_id)


def send(
    auth: AuthSession, call: ApiRequest, clock: Clock, priority: Priority = Priority.POLL
) -> Flow[Response | TransportFailure | ApiError]:
    """Send a request in the login's name: log in if need be, and once more where the cloud asks for it.

    On a 401 a token is replaced, then the connection is read again once, then the credentials count as refused.
    As long as they are not proven, a single request at a time tries them: a thousand waits on a wrong key ask once.

    :param priority: how urgent it is.
    :return: the answer to this very request, or the error that kept it from being sent or authorized.
    """
    for _ in range(_MAX_ROUNDS):
        failure = yield from establish(auth, clock)
        if failure is not None:
            return failure
        used, error = auth.credentials, auth.doubt
        if error is None:
            answer = yield from _send_step(auth, call, used, clock, priority)
            if answer is None:
                continue  # the identity was proven, or given up, before this request's turn came
            error = answer if isinstance(answer, ApiError) else _unauthorized_in(answer, clock.now())
            if error is None or not error.is_unauthorized:
                return answer
            if auth.credentials is used:
                auth.doubt = error
        lost: ApiError | None = yield SingleFlight("recovery", partial(_recover, auth, used, error, clock))
        if lost is not None:
            return lost
    return ApiError(ErrorKind.TRANSIENT, "the credentials were replaced again and again while the request was made")


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
    """Send a request; or, while the identity is not proven, let whoever is the first send theirs.

    :return: the answer to this request. If somebody else's was sent: what went wrong with it, but never its answer;
        ``None`` if nothing did.
    """
    ask = Send(partial(auth.authorize_if_current, call, used, clock), priority)
    if auth.proven:
        return (yield from _redacted(auth, call, ask))
    # The identity is part of the key: what is learnt of one says nothing of another that has replaced it.
    trial: _Trial = yield SingleFlight(("proof", used), partial(_try_out, auth, call, ask, used, clock))
    return trial.answer if trial.call is call else trial.transport_failure


def _redacted(auth: AuthSession, call: ApiRequest, ask: Send) -> Flow[Response | TransportFailure | None]:
    """Send a request, and take what is secret out of its answer before anybody reads it."""
    answer: Response | TransportFailure | None = yield ask
    return None if answer is None else auth.redactor.response(answer, call.secrets)


@dataclass(frozen=True, slots=True)
class _Trial:
    """The request that tries an identity out: whose it is, its answer, and what others learn from it."""

    call: ApiRequest
    answer: Response | TransportFailure | None
    transport_failure: ApiError | None = None


def _try_out(auth: AuthSession, call: ApiRequest, ask: Send, used: Credentials | None, clock: Clock) -> Flow[_Trial]:
    answer = yield from _redacted(auth, call, ask)
    if answer is None:
        return _Trial(call, None)
    transport_failure = _what_it_leaves_open(answer, clock.now())
    if transport_failure is None and auth.credentials is used:
        auth.prove()
    return _Trial(call, answer, transport_failure)


def _what_it_leaves_open(answer: Response | TransportFailure, now: float) -> ApiError | None:
    """Tell why an answer does not show whether the identity is good; ``None`` if it is, whatever else it says."""
    if isinstance(answer, TransportFailure):
        return ApiError(ErrorKind.TRANSIENT, answer.reason)
    body = object_in(answer)
    error = read_error(answer, body, now=now)
    # A job that failed has an error code too, but that is the job's.
    if body is not None and 200 <= answer.status < 300 and ("job_id" in body or not error.code):
        return None
    return replace(error, skew=clock_skew(answer, now)) if error.is_passing or error.is_unauthorized else None


def _unauthorized_in(answer: Response | TransportFailure, now: float) -> ApiError | None:
    if isinstance(answer, TransportFailure) or 200 <= answer.status < 300:
        return None
    error = read_error(answer, object_in(answer), now=now)
    return replace(error, skew=clock_skew(answer, now)) if error.kind is ErrorKind.UNAUTHORIZED else None


def _recover(auth: AuthSession, used: Credentials | None, error: ApiError, clock: Clock) -> Flow[ApiError | None]:
    """Respond to a 401: a new token; else the connection read again, once; else it is final."""
    if auth.unauthorized is not None:
        return auth.unauthorized
    if auth.credentials is not used:
        return None
    auth.proven = False
    if auth.config.auth in ("password", "agency") and auth.renewals < MAX_RENEWALS:
        auth.renewals += 1
        auth.credentials = None
    elif not (yield from _reload(auth)):
        return auth.mark_unauthorized(error, clock.monotonic())
    return (yield from establish(auth, clock))


def _reload(auth: AuthSession) -> Flow[bool]:
    """Read the connection again; tell whether it has changed."""
    if auth.reloaded:
        return False
    auth.reloaded = True
    config: AuthConfig | None = yield Reload()
    if config is None or config == auth.config:
        return False
    auth.change(config)
    return True


def _log_in(auth: AuthSession, clock: Clock) -> Flow[ApiError | None]:
    if auth.unauthorized is not None:
        if auth.is_unauthorized_now(clock.monotonic()):
            return auth.unauthorized
        auth.retry()
        yield from _reload(auth)
    while True:
        failure = yield from _renew_and_find(auth, clock)
        if failure is None or failure.kind is not ErrorKind.UNAUTHORIZED:
            return failure
        if not (yield from _reload(auth)):
            return auth.mark_unauthorized(failure, clock.monotonic())


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
