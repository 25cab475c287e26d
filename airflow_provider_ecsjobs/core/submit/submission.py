"""A request that starts a job: what is sent, and what its answer says about whether it was carried out."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn
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
from airflow_provider_ecsjobs.core.responses import object_in, read_error
from airflow_provider_ecsjobs.core.steps import Response, TransportFailure
from airflow_provider_ecsjobs.core.text import clean

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.core.operations import Operation

DEFAULT_SUBMIT_TIMEOUT = 900.0
"""For how long a request is sent again where the trouble passes, in seconds."""
MAX_SERVERS_PER_REQUEST = 1000
"""How many servers of an answer are looked at; the API makes no more than 500 at once."""
_BUSY = frozenset({"Ecs.0603"})
"""Codes of a 5xx that say that nothing was done."""
_TOKEN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SECRET_KEYS = frozenset({"adminpass", "admin_pass", "user_data", "userdata", "password"})
_NO_SUCH_SERVER = frozenset({"Ecs.0114", "Ecs.0614"})


@dataclass(frozen=True, slots=True)
class Submission:
    """What the API answered to a request that it took.

    :param job_id: the job that it started; ``None`` where there is none to wait for: after a dry run, for an order
        that changes something once it is paid, and where nothing was left to delete or to detach.
    :param order_id: the order of a yearly/monthly request.
    :param server_ids: the servers that a create makes, in the answer's order.
    """

    job_id: str | None
    order_id: str | None = None
    server_ids: tuple[str, ...] = ()

    def described(self) -> str:
        """Name the job, the order and the servers, for a log line."""
        named = [
            f"ECS job {self.job_id}" if self.job_id is not None else "",
            f"order {self.order_id}" if self.order_id is not None else "",
            f"servers {', '.join(self.server_ids)}" if self.server_ids else "",
        ]
        return ", ".join(filter(None, named))

    def result(self) -> dict[str, Any]:
        """Give what a task returns that does not wait: ``job_id``, ``order_id`` and ``server_ids``."""
        return {"job_id": self.job_id, "order_id": self.order_id, "server_ids": list(self.server_ids)}

    def serialize(self) -> NoReturn:
        """Refuse to become an XCom: Airflow calls this, and could not read the submission downstream.

        :raises EcsJobsError: always. Airflow 2.11 hides a ``TypeError``.
        """
        raise EcsJobsError("A Submission can't be an XCom: no other task could read it. Return submission.result().")


@dataclass(frozen=True, slots=True)
class SubmitRequest:
    """A checked request that starts a job. The ``repr`` shows no body: it can hold a password.

    :param operation: what is asked for.
    :param parameters: the path and query parameters.
    :param body: the JSON object, ``None`` for none.
    :param payload: the body, encoded.
    :param client_token: makes it safe to send it again, where the operation takes one.
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
        """Build a request of parts that are checked; the body is encoded here, once.

        :raises EcsInvalidRequestError: the body holds what JSON can't, such as a date.
        """
        return cls(operation, parameters, body, _encoded(operation, body), client_token)

    @property
    def is_dry_run(self) -> bool:
        """Whether it only checks."""
        return bool(self.body) and self.body.get("dry_run") is True  # type: ignore[union-attr] # not empty, so not None

    @property
    def allow_resend(self) -> bool:
        """Whether it may be sent again when it is not known what became of it."""
        return self.client_token is not None or self.operation.is_idempotent or self.is_dry_run

    def with_token(self, token: str | None) -> SubmitRequest:
        """Give the request with this client token."""
        return replace(self, client_token=token)

    def call(self) -> ApiRequest:
        """Return what is sent."""
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
        # The error names a type, or says what is wrong with a number; it shows no value.
        raise EcsInvalidRequestError(
            f"{operation.name} can't be submitted: the body can't be written as JSON: {clean(error, 200)}"
        ) from None


def check_client_token(operation: Operation, token: Any) -> None:
    """Check a client token that a user gave.

    :raises EcsInvalidRequestError: the operation takes none, or it is no UUID in the form that the API takes.
    """
    if token is None:
        return
    if not operation.takes_client_token:
        raise EcsInvalidRequestError(f"client_token is given, but {operation.name} takes none; only the creates do.")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise EcsInvalidRequestError(
            f"client_token is {clean(repr(token), 100)}; expected a UUID in lower case, such as str(uuid.uuid4())."
        )


def read_submission(
    answer: Response | TransportFailure, request: SubmitRequest, *, now: float
) -> Submission | ApiError:
    """Read the answer to a request that starts a job.

    :return: what the API took; or an error, of the kind ``OUTCOME_UNKNOWN`` where the request may have been carried out
        although the answer does not say so.
    """
    if isinstance(answer, TransportFailure):
        kind = ErrorKind.OUTCOME_UNKNOWN if answer.may_have_arrived else ErrorKind.TRANSIENT
        return ApiError(kind, answer.reason)
    body = object_in(answer)
    error = read_error(answer, body, now=now)
    if 200 <= answer.status < 300:
        taken = _taken(body) if body is not None else None
        if taken is not None:
            return _usable(taken, error)
        is_empty = body is not None or not answer.body.strip()
        if request.is_dry_run and is_empty and not error.code:
            return Submission(None)
    # A redirect, too: it is not followed, but whoever sent it may have passed the request on.
    if error.kind is ErrorKind.TRANSIENT and error.code not in _BUSY:
        servers = ", ".join(_servers(body or {}))
        named = f"{error.message}; it names the servers {servers}" if servers else error.message
        return replace(error, kind=ErrorKind.OUTCOME_UNKNOWN, message=named)
    return error


def _usable(taken: Submission, error: ApiError) -> Submission | ApiError:
    """Give what was taken, unless it names what can't be a job: nothing could be asked of that."""
    if taken.job_id is not None:
        try:
            check_job_id(taken.job_id)
        except EcsInvalidJobIdError as wrong:
            beside = replace(taken, job_id=None).described()
            message = f"the answer names no job: {wrong}{f' It names {beside}.' if beside else ''}"
            return replace(error, kind=ErrorKind.OUTCOME_UNKNOWN, message=message)
    return taken


def _taken(body: Mapping[str, Any]) -> Submission | None:
    """Find what was taken: a job, an order, or both; ``None`` if neither is named."""
    job_id, order_id = (_text(body.get(name)) for name in ("job_id", "order_id"))
    if job_id is None and order_id is None:
        return None
    return Submission(job_id, order_id, _servers(body))


def _servers(body: Mapping[str, Any]) -> tuple[str, ...]:
    listed = body.get("serverIds")
    servers = [_text(server) for server in listed[:MAX_SERVERS_PER_REQUEST]] if isinstance(listed, list | tuple) else []
    return tuple(dict.fromkeys(server for server in servers if server))


def submission_in(value: Any, function: str) -> Submission:
    """Find the job in what a user's function returned: an id, a dict, or an answer of the official SDK.

    :param function: the function's name, for the message.
    :raises EcsInvalidRequestError: there is none in it.
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
            " 'job_id', or the SDK's answer."
        )
    if taken.job_id is not None:
        try:
            check_job_id(taken.job_id)
        except EcsInvalidJobIdError as error:
            raise EcsInvalidRequestError(f"{function}() returned no job: {error}") from None
    return taken


def with_advice(error: ApiError, request: SubmitRequest, *, outcome_unknown: bool) -> ApiError:
    """Add to a rejection what it does not say by itself.

    :param error: why the API did not take the request.
    :param request: the request.
    :param outcome_unknown: whether it was sent before, and it is not known what became of that.
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


def without_missing(request: SubmitRequest, error: ApiError) -> SubmitRequest | None:
    """Leave out of a deletion the servers that the answer says do not exist.

    :param request: a request to delete servers.
    :param error: the answer that one or more of them do not exist.
    :return: the request for the others, whose list may be empty; ``None`` if it can't be told which are missing.
    """
    assert request.body is not None
    said = " ".join((error.code, error.message, *error.details))
    if not any(code in said for code in _NO_SUCH_SERVER):
        return None  # a 404 of a gateway, say, is no proof that they are gone
    servers = list(request.body["servers"])
    named = set(re.findall(r"[A-Za-z0-9_-]+", said))
    others = [server for server in servers if server["id"] not in named]
    if len(servers) == 1:
        others = []
    elif len(others) in (0, len(servers)):
        return None  # which of those that are named, if any, can't be told
    body = {**request.body, "servers": others}
    return SubmitRequest.build(request.operation, request.parameters, body, request.client_token)


def secrets_in(body: Any) -> set[str]:
    """Find the passwords and user data in a body, at any depth: they must not show up in a log."""
    found: set[str] = set()
    stack = [body]
    while stack:
        node = stack.pop()
        if isinstance(node, Mapping):
            for key, value in node.items():
                if isinstance(value, str) and value and str(key).lower() in _SECRET_KEYS:
                    found.add(value)
                stack.append(value)
        elif isinstance(node, list | tuple):
            stack.extend(node)
    return found


def digest(request: SubmitRequest) -> str:
    """Tell two requests apart without keeping what they hold: the passwords and user data are left out."""
    told = [request.operation.name, dict(request.parameters), request.body]
    text = redact(json.dumps(told, sort_keys=True, default=str), secrets_in(request.body))
    return hashlib.sha256(text.encode()).hexdigest()


def redact(text: str, secrets: set[str]) -> str:
    """Replace secrets in a text, the longest first: one may be a part of another."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def _text(value: Any) -> str | None:
    return clean(value, 200) or None if isinstance(value, str) else None


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(value) if not isinstance(value, float) or math.isfinite(value) else ""
