"""A request that starts a job, and the meaning of its response."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn
from urllib.parse import quote

from airflow_provider_ecsjobs.core.auth.credentials import ApiRequest
from airflow_provider_ecsjobs.core.errors import (
    ApiError,
    EcsInvalidJobIdError,
    EcsInvalidRequestError,
    EcsJobsError,
    ErrorKind,
)
from airflow_provider_ecsjobs.core.hints import hint_lines
from airflow_provider_ecsjobs.core.job import check_job_id
from airflow_provider_ecsjobs.core.redaction import REDACTED, is_secret
from airflow_provider_ecsjobs.core.responses import object_in, read_error
from airflow_provider_ecsjobs.core.steps import Response, TransportFailure
from airflow_provider_ecsjobs.core.text import clean, shown

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.core.operations import Operation

DEFAULT_SUBMIT_TIMEOUT = 900.0
"""For how many seconds a request is retried after temporary errors."""
MAX_SERVERS_PER_REQUEST = 1000
"""How many servers of a response are read. The API creates at most 500 at once."""
_BUSY = frozenset({"Ecs.0603"})
"""Codes of a 5xx response that mean that nothing was done."""
_TOKEN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NO_SUCH_SERVER = frozenset({"Ecs.0114", "Ecs.0614"})


@dataclass(frozen=True, slots=True)
class Submission:
    """The API's response to a request that it accepted.

    :param job_id: the job that the request started; ``None`` if there is none to wait for: after a dry run, for an
        order that takes effect once it is paid, and if nothing was left to delete or to detach.
    :param order_id: the order of a yearly/monthly request.
    :param server_ids: the servers that a create makes, in the order of the response.
    """

    job_id: str | None
    order_id: str | None = None
    server_ids: tuple[str, ...] = ()

    def described(self) -> str:
        """Return the job, the order and the servers as text, for a log line."""
        named = [
            f"ECS job {self.job_id}" if self.job_id is not None else "",
            f"order {self.order_id}" if self.order_id is not None else "",
            f"servers {', '.join(self.server_ids)}" if self.server_ids else "",
        ]
        return ", ".join(filter(None, named))

    def result(self) -> dict[str, Any]:
        """Return the result of a task that does not wait: ``job_id``, ``order_id`` and ``server_ids``."""
        return {"job_id": self.job_id, "order_id": self.order_id, "server_ids": list(self.server_ids)}

    def serialize(self) -> NoReturn:
        """Raise an error instead of becoming an XCom, which no downstream task could read. Airflow calls this.

        :raises EcsJobsError: always. Airflow 2.11 hides a ``TypeError``.
        """
        raise EcsJobsError("A Submission can't be an XCom: no other task could read it. Return submission.result().")


@dataclass(frozen=True, slots=True)
class SubmitRequest:
    """A checked request that starts a job. The ``repr`` shows no body: it can hold a password.

    :param operation: the operation.
    :param parameters: the path and query parameters.
    :param body: the JSON object; ``None`` for none.
    :param payload: the body, encoded.
    :param client_token: the token that makes a retry safe, if the operation takes one.
    """

    operation: Operation
    parameters: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    payload: bytes = field(default=b"", repr=False)
    client_token: str | None = None

    @classmethod
    def build(
        cls,
        operation: Operation,
        parameters: Mapping[str, Any] = MappingProxyType({}),
        body: Mapping[str, Any] | None = None,
        client_token: str | None = None,
    ) -> SubmitRequest:
        """Return a request made of checked parts. The body is encoded here, once.

        :raises EcsInvalidRequestError: the body holds a value that JSON can't hold, such as a date.
        """
        return cls(operation, parameters, body, _encoded(operation, body), client_token)

    @property
    def is_dry_run(self) -> bool:
        """Whether the API only checks the request."""
        return bool(self.body) and self.body.get("dry_run") is True  # type: ignore[union-attr] # not empty, so not None

    @property
    def is_safe_to_resend(self) -> bool:
        """Whether it may be sent again when its outcome is unknown."""
        return self.client_token is not None or self.operation.is_idempotent or self.is_dry_run

    def with_token(self, token: str | None) -> SubmitRequest:
        """Return the request with this client token."""
        return replace(self, client_token=token)

    def call(self) -> ApiRequest:
        """Return the API request to send."""
        operation = self.operation
        path = operation.path
        for name in operation.path_parameters:
            path = path.replace(f"{{{name}}}", quote(str(self.parameters[name]), safe=""))
        given = {name: self.parameters.get(name) for name in operation.query}
        query = [(name, _plain(value)) for name, value in given.items() if value is not None]
        headers = [("X-Client-Token", self.client_token)] if self.client_token is not None else []
        return ApiRequest(operation.method, path, query, self.payload, headers, frozenset(secrets_in(self.body)))


def _encoded(operation: Operation, body: Mapping[str, Any] | None) -> bytes:
    if body is None:
        return b""
    try:
        return json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        # The message names a type, or what is wrong with a number. It shows no value.
        raise EcsInvalidRequestError(
            f"{operation.name} can't be submitted: the body can't be written as JSON: {clean(error, 200)}"
        ) from None


def check_client_token(operation: Operation, token: Any) -> None:
    """Check a client token that a user gave.

    :raises EcsInvalidRequestError: the operation takes no client token, or the token is not a lower-case UUID.
    """
    if token is None:
        return
    if not operation.takes_client_token:
        raise EcsInvalidRequestError(f"client_token is given, but {operation.name} takes none; only the creates do.")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise EcsInvalidRequestError(
            f"client_token is {shown(token)}; expected a UUID in lower case, such as str(uuid.uuid4())."
        )


def read_submission(
    response: Response | TransportFailure, request: SubmitRequest, *, now: float
) -> Submission | ApiError:
    """Read the response to a request that starts a job.

    :return: what the API accepted, or an error. Its kind is ``OUTCOME_UNKNOWN`` if the request may have been carried
        out although the response does not say so.
    """
    if isinstance(response, TransportFailure):
        kind = ErrorKind.OUTCOME_UNKNOWN if response.may_have_arrived else ErrorKind.TRANSIENT
        return ApiError(kind, response.reason)
    body = object_in(response)
    error = read_error(response, body, now=now)
    if response.is_success:
        taken = _taken(body) if body is not None else None
        if taken is not None:
            return _usable(taken, error)
        is_empty = body is not None or not response.body.strip()
        if request.is_dry_run and is_empty and not error.code:
            return Submission(None)
    # A redirect counts too: it is not followed, but its sender may have passed the request on.
    if error.kind is ErrorKind.TRANSIENT and error.code not in _BUSY:
        servers = ", ".join(_servers(body or {}))
        named = f"{error.message}; it names the servers {servers}" if servers else error.message
        return replace(error, kind=ErrorKind.OUTCOME_UNKNOWN, message=named)
    return error


def _usable(taken: Submission, error: ApiError) -> Submission | ApiError:
    """Return the submission, or an error if its job id is not valid: such a job can't be polled."""
    if taken.job_id is not None:
        try:
            check_job_id(taken.job_id)
        except EcsInvalidJobIdError as wrong:
            beside = replace(taken, job_id=None).described()
            message = f"the response names no job: {wrong}{f' It names {beside}.' if beside else ''}"
            return replace(error, kind=ErrorKind.OUTCOME_UNKNOWN, message=message)
    return taken


def _taken(body: Mapping[str, Any]) -> Submission | None:
    """Return the submission that a body names: a job, an order, or both. ``None`` if it names neither."""
    job_id, order_id = (_text(body.get(name)) for name in ("job_id", "order_id"))
    if job_id is None and order_id is None:
        return None
    return Submission(job_id, order_id, _servers(body))


def _servers(body: Mapping[str, Any]) -> tuple[str, ...]:
    listed = body.get("serverIds")
    servers = [_text(server) for server in listed[:MAX_SERVERS_PER_REQUEST]] if isinstance(listed, list | tuple) else []
    return tuple(dict.fromkeys(server for server in servers if server))


def submission_in(value: Any, function: str) -> Submission:
    """Return the submission in the return value of a user's function.

    :param value: the return value: a job id, a dict, or a response of the official SDK.
    :param function: the function's name, for the message.
    :raises EcsInvalidRequestError: the value names neither a job nor an order, or the job id is not valid.
    """
    kind = type(value)
    if isinstance(value, str):
        value = {"job_id": value}
    elif not isinstance(value, Mapping):
        value = {name: getattr(value, name, None) for name in ("job_id", "order_id", "server_ids")}
    fields = {"serverIds": value.get("server_ids"), **value}
    taken = _taken(fields)
    if taken is None:
        shown = f"a dict with {', '.join(map(repr, value))}" if kind is dict else f"of type {kind.__name__}"
        raise EcsInvalidRequestError(
            f"{function}() returned no job: what it returned is {clean(shown, 300)}. Return the job's id, a dict with"
            " 'job_id', or the SDK's response."
        )
    if taken.job_id is not None:
        try:
            check_job_id(taken.job_id)
        except EcsInvalidJobIdError as error:
            raise EcsInvalidRequestError(f"{function}() returned no job: {error}") from None
    return taken


def with_hints(error: ApiError, request: SubmitRequest, *, outcome_unknown: bool) -> ApiError:
    """Return an error with hints, and with advice if the request may have been carried out before.

    :param error: why the API rejected the request.
    :param request: the request.
    :param outcome_unknown: whether the request was sent before, and its outcome is unknown.
    """
    error = replace(error, hints=tuple(hint_lines(" ".join((error.code, error.message, *error.details)))))
    if error.code == "Ecs.0122":
        advice = "An earlier try sent the same client token with other parameters, and may have been carried out"
    elif error.code == "Ecs.0124":
        advice = "An earlier try sent the same client token, over 8 hours ago, and may have been carried out"
    elif outcome_unknown:
        advice = "It was sent before, and may have been carried out then"
    else:
        return error
    return replace(error, advice=f"{advice}: check {request.operation.to_check}.", outcome_unknown=True)


class Remainder(NamedTuple):
    """What is left to do of a request that was carried out before, in whole or in part.

    :param request: the request for the rest; ``None`` if nothing is left.
    :param why: the reason, for a log line.
    """

    request: SubmitRequest | None
    why: str


def remainder_of(request: SubmitRequest, error: ApiError) -> Remainder | None:
    """Return what is left to do of a request whose target may be gone already.

    :param request: the request.
    :param error: why the API rejected it.
    :return: the rest; ``None`` if the error does not show that anything was carried out before.
    """
    if error.code in request.operation.done_codes:
        return Remainder(None, "it was sent before, so it counts as carried out")
    if error.kind is not ErrorKind.NOT_FOUND or request.operation.name != "delete_servers":
        return None
    others = _other_servers(request, error)
    if others is None:
        return None
    body = {**(request.body or {}), "servers": others}
    rest = SubmitRequest.build(request.operation, request.parameters, body, request.client_token)
    return Remainder(rest if others else None, "the missing servers are left out")


def _other_servers(request: SubmitRequest, error: ApiError) -> list[Any] | None:
    """Return the servers of a deletion that the error does not name as missing; ``None`` if it does not show them."""
    assert request.body is not None
    said = " ".join((error.code, error.message, *error.details))
    if not any(code in said for code in _NO_SUCH_SERVER):
        return None  # a 404 of a gateway does not prove that they are gone
    servers = list(request.body["servers"])
    named = set(re.findall(r"[A-Za-z0-9_-]+", said))
    others = [server for server in servers if server["id"] not in named]
    if len({server["id"] for server in servers}) == 1:
        return []
    return None if len(others) in (0, len(servers)) else others


def secrets_in(body: Any) -> set[str]:
    """Return the passwords, user data and files in a body, at any depth. They must not appear in a log."""
    found: set[str] = set()
    stack = [body]
    while stack:
        node = stack.pop()
        if isinstance(node, Mapping):
            for key, value in node.items():
                if _is_secret(key, value):
                    found.add(value)
                stack.append(value)
        elif isinstance(node, list | tuple):
            stack.extend(node)
    return found


def digest(request: SubmitRequest) -> str:
    """Return a hash that tells two requests apart. Passwords, user data and files are left out of it."""
    told = [request.operation.name, dict(request.parameters), _without_secrets(request.body)]
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()


def _without_secrets(node: Any) -> Any:
    """Return a body with its passwords, user data and files replaced."""
    if isinstance(node, Mapping):
        # JSON has only texts as keys, and those of several types can't be sorted.
        return {
            key if isinstance(key, str) else clean(key): REDACTED if _is_secret(key, value) else _without_secrets(value)
            for key, value in node.items()
        }
    return [_without_secrets(item) for item in node] if isinstance(node, list | tuple) else node


def _is_secret(key: Any, value: Any) -> bool:
    # A file for the server (`personality`) may hold a key, as user data may.
    return is_secret(key, value) or (key == "contents" and isinstance(value, str) and bool(value))


def _text(value: Any) -> str | None:
    return clean(value, 200) or None if isinstance(value, str) else None


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(value) if not isinstance(value, float) or math.isfinite(value) else ""
