"""Sending requests in a login's name, and what to do when the cloud refuses it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow_provider_ecsjobs.core.auth.credentials import ApiRequest, Identity, authorized_request
from airflow_provider_ecsjobs.core.auth.diagnosis import advice_on_unauthorized
from airflow_provider_ecsjobs.core.auth.providers import clock_skew, find_project, new_identity
from airflow_provider_ecsjobs.core.errors import ApiError, ErrorKind
from airflow_provider_ecsjobs.core.redaction import Redactor
from airflow_provider_ecsjobs.core.responses import object_in, read_error
from airflow_provider_ecsjobs.core.steps import Mask, Reload, Response, Send, SingleFlight, TransportFailure

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_ecsjobs.core.auth.credentials import Login
    from airflow_provider_ecsjobs.core.steps import Clock, Flow, HttpRequest

UNAUTHORIZED_KEPT = 60.0
"""How long refused credentials are not tried again, in seconds: five failures in a row lock a key for five minutes."""
MAX_RENEWALS = 3
"""How many new tokens in a row may be refused: one can be revoked, by a change of the password, before it is used."""
_RETRY_REFRESH_AFTER = 30.0
_MAX_ROUNDS = 8


class Access:
    """What is known of a login: its identity, its project, and whether the cloud takes them. Shared by all flows.

    :param login: the connection.
    :param secrets: what else must never show up, such as a proxy's password.
    """

    def __init__(self, login: Login, secrets: Iterable[str] = ()) -> None:
        self.login = login
        self.redactor = Redactor([*login.secrets, *secrets])
        self.identity: Identity | None = None
        self.project_id = login.project_id
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
        if self.unauthorized is not None or self.identity is None or not self.project_id:
            return False
        return now < self.identity.refresh_at

    def change(self, login: Login) -> None:
        """Begin anew with a connection that has changed."""
        self.login, self.identity, self.project_id, self.unauthorized = login, None, login.project_id, None
        self.proven, self.doubt, self.renewals = False, None, 0
        self.redactor.add(login.secrets)

    def hold(self, identity: Identity) -> None:
        """Take a new identity, which the cloud has not seen yet."""
        self.redactor.add_handed_out(identity.secrets)
        self.identity, self.proven, self.doubt = identity, False, None
        self.project_id = self.project_id or identity.project_id

    def prove(self) -> None:
        """Note that the cloud took the identity."""
        self.proven, self.renewals, self.reloaded = True, 0, False

    def mark_unauthorized(self, error: ApiError, now: float) -> ApiError:
        """Note that the cloud did not take it, and keep everybody from trying it again for a while.

        :param now: the time by the monotonic clock.
        """
        self.proven, self.doubt = False, None
        advice = f"Connection '{self.login.conn_id}', {advice_on_unauthorized(self.login, error)}"
        not_again = "This process does not try it again for a minute, since failures in a row lock a key."
        self.unauthorized = replace(error, advice=f"{advice} {not_again}")
        self._unauthorized_until = now + UNAUTHORIZED_KEPT
        return self.unauthorized

    def retry(self) -> None:
        """Begin anew after a refusal, with nothing of what was refused."""
        self.identity, self.unauthorized = None, None
        self.renewals, self.reloaded = 0, False

    def is_unauthorized_now(self, now: float) -> bool:
        """Whether the credentials were refused just now, by the monotonic clock; after that they may be tried again."""
        return self.unauthorized is not None and now < self._unauthorized_until

    def authorize_if_current(self, call: ApiRequest, used: Identity | None, clock: Clock) -> HttpRequest | None:
        """Build the request to the service, in the project's name.

        :param used: the identity that was meant; ``None`` is returned if it has been replaced, doubted or refused.
        """
        if used is None or self.identity is not used or self.doubt is not None or self.unauthorized is not None:
            return None
        path = call.path.replace("{project_id}", quote(self.project_id, safe=""))
        call = replace(call, path=path)
        return authorized_request(self.login.endpoint, used, call, now=clock.now(), project_id=self.project_id)


def send(
    access: Access, call: ApiRequest, clock: Clock, *, is_last: bool = False
) -> Flow[Response | TransportFailure | ApiError]:
    """Send a request in the login's name: log in if need be, and once more where the cloud asks for it.

    On a 401 a token is replaced, then the connection is read again once, then the credentials count as refused.
    As long as they are not proven, a single request at a time tries them: a thousand waits on a wrong key ask once.

    :param is_last: whether it is a wait's last look, as in :class:`Send`.
    :return: the answer to this very request, or the error that kept it from being sent or authorized.
    """
    for _ in range(_MAX_ROUNDS):
        failure = yield from establish(access, clock)
        if failure is not None:
            return failure
        used, error = access.identity, access.doubt
        if error is None:
            answer = yield from _send_step(access, call, used, clock, is_last)
            if answer is None:
                continue  # the identity was proven, or given up, before this request's turn came
            error = answer if isinstance(answer, ApiError) else _unauthorized_in(answer, clock.now())
            if error is None or not error.is_unauthorized:
                return answer
            if access.identity is used:
                access.doubt = error
        lost: ApiError | None = yield SingleFlight("recovery", partial(_recover, access, used, error, clock))
        if lost is not None:
            return lost
    return ApiError(ErrorKind.TRANSIENT, "the credentials were replaced again and again while the request was made")


def establish(access: Access, clock: Clock) -> Flow[ApiError | None]:
    """Log in and find the project, if that has not been done yet.

    :return: what kept it from being done, ``None`` if it is.
    """
    if access.is_ready(clock.now()):
        return None
    failure: ApiError | None = yield SingleFlight("login", partial(_log_in, access, clock))
    return failure


def _send_step(
    access: Access, call: ApiRequest, used: Identity | None, clock: Clock, is_last: bool
) -> Flow[Response | TransportFailure | ApiError | None]:
    """Send a request; or, while the identity is not proven, let whoever is the first send theirs.

    :return: the answer to this request. If somebody else's was sent: what went wrong with it, but never its answer;
        ``None`` if nothing did.
    """
    ask = Send(partial(access.authorize_if_current, call, used, clock), is_last)
    if access.proven:
        return (yield from _redacted(access, call, ask))
    # The identity is part of the key: what is learnt of one says nothing of another that has replaced it.
    trial: _Trial = yield SingleFlight(("proof", used), partial(_try_out, access, call, ask, used, clock))
    return trial.answer if trial.call is call else trial.transport_failure


def _redacted(access: Access, call: ApiRequest, ask: Send) -> Flow[Response | TransportFailure | None]:
    """Send a request, and take what is secret out of its answer before anybody reads it."""
    answer: Response | TransportFailure | None = yield ask
    return None if answer is None else access.redactor.answer(answer, call.secrets)


@dataclass(frozen=True, slots=True)
class _Trial:
    """The request that tries an identity out: whose it is, its answer, and what others learn from it."""

    call: ApiRequest
    answer: Response | TransportFailure | None
    transport_failure: ApiError | None = None


def _try_out(access: Access, call: ApiRequest, ask: Send, used: Identity | None, clock: Clock) -> Flow[_Trial]:
    answer = yield from _redacted(access, call, ask)
    if answer is None:
        return _Trial(call, None)
    transport_failure = _what_it_leaves_open(answer, clock.now())
    if transport_failure is None and access.identity is used:
        access.prove()
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


def _recover(access: Access, used: Identity | None, error: ApiError, clock: Clock) -> Flow[ApiError | None]:
    """Respond to a 401: a new token; else the connection read again, once; else it is final."""
    if access.unauthorized is not None:
        return access.unauthorized
    if access.identity is not used:
        return None
    access.proven = False
    if access.login.auth in ("password", "agency") and access.renewals < MAX_RENEWALS:
        access.renewals += 1
        access.identity = None
    elif not (yield from _reload(access)):
        return access.mark_unauthorized(error, clock.monotonic())
    return (yield from establish(access, clock))


def _reload(access: Access) -> Flow[bool]:
    """Read the connection again; tell whether it has changed."""
    if access.reloaded:
        return False
    access.reloaded = True
    login: Login | None = yield Reload()
    if login is None or login == access.login:
        return False
    access.change(login)
    return True


def _log_in(access: Access, clock: Clock) -> Flow[ApiError | None]:
    if access.unauthorized is not None:
        if access.is_unauthorized_now(clock.monotonic()):
            return access.unauthorized
        access.retry()
        yield from _reload(access)
    while True:
        failure = yield from _renew_and_find(access, clock)
        if failure is None or failure.kind is not ErrorKind.UNAUTHORIZED:
            return failure
        if not (yield from _reload(access)):
            return access.mark_unauthorized(failure, clock.monotonic())


def _renew_and_find(access: Access, clock: Clock) -> Flow[ApiError | None]:
    now, held = clock.now(), access.identity
    if held is None or now >= held.refresh_at:
        fresh = yield from new_identity(access.login, clock, access.redactor)
        if isinstance(fresh, Identity):
            access.hold(fresh)
            if access.login.auth in ("password", "agency"):
                yield Mask(fresh.secrets)
        elif held is not None and access.identity is held and fresh.is_passing and now < held.expires_at:
            # The one we hold is good for a while yet: go on with it, and try again soon.
            access.identity = replace(held, refresh_at=min(now + _RETRY_REFRESH_AFTER, held.expires_at))
        else:
            return fresh
    if access.project_id:
        return None
    assert access.identity is not None
    found = yield from find_project(access.login, access.identity, clock, access.redactor)
    if isinstance(found, ApiError):
        return found
    access.project_id = found
    return None
