"""What can go wrong between us and the API, as exceptions that need no Airflow.

:mod:`airflow_provider_ecsjobs.exceptions` is where DAG authors find them, next to those about a job's outcome.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from airflow_provider_ecsjobs.core.text import join_limited


class EcsJobsError(Exception):
    """The base of all errors of this provider."""


class EcsConfigError(EcsJobsError, ValueError):
    """A setting is missing or wrong; the message names where it came from and what is accepted."""


class EcsInvalidJobIdError(EcsJobsError, ValueError):
    """What was given as a job id can't be one; nothing was asked of the API."""


class EcsInvalidRequestError(EcsJobsError, ValueError):
    """A request to be submitted lacks something, or holds something wrong; nothing was sent."""


class ErrorKind(StrEnum):
    """What an error answer means for the caller."""

    TRANSIENT = "transient"
    """Ask again: the connection failed, the server is busy or broken, or no answer could be read."""
    THROTTLED = "throttled"
    """Ask again, later and more slowly: flow control."""
    UNAUTHORIZED = "unauthorized"
    """The credentials were not accepted. Asking again with the same key can lock it."""
    FORBIDDEN = "forbidden"
    """The credentials are good, but not for this."""
    NOT_FOUND = "not_found"
    """There is no such job or resource, or there is none any more."""
    REJECTED = "rejected"
    """The request itself is wrong; asking again can't help."""
    OUTCOME_UNKNOWN = "outcome_unknown"
    """A request that changes something was sent, and it is not known whether it was carried out."""


class Source(StrEnum):
    """Who was asked."""

    SERVICE = "service"
    """ECS, or another service whose jobs are meant."""
    IAM_TOKEN = "iam token"  # noqa: S105 - no secret
    """IAM, for a token."""
    IAM_PROJECTS = "iam projects"
    """IAM, for the project of a region."""
    METADATA = "metadata"
    """The metadata service, for an agency's key."""


@dataclass(frozen=True, slots=True)
class ApiError:
    """An answer that was not what was asked for, or no answer at all.

    :param kind: what it means for the caller.
    :param message: what the API said, or what happened to the connection; one line, no secrets.
    :param code: the API's error code, such as ``Common.0011``; empty if there is none.
    :param status: the HTTP status, 0 when no answer came.
    :param request_id: what Huawei's support asks for.
    :param details: the more specific errors, as ``code message``.
    :param retry_after: the pause in seconds that the server asked for.
    :param skew: how far our clock is ahead of the server's, in seconds.
    :param advice: what a person can do about it; sentences.
    :param hints: what can be done about the codes in it; lines.
    :param source: who was asked.
    :param outcome_unknown: whether the request was sent before, and may have been carried out then.
    :param is_of_another: whether it was answered to another request of the same connection.
    """

    kind: ErrorKind
    message: str
    code: str = ""
    status: int = 0
    request_id: str = ""
    details: tuple[str, ...] = field(default=())
    retry_after: float | None = None
    skew: float = 0.0
    advice: str = ""
    hints: tuple[str, ...] = field(default=())
    source: Source = Source.SERVICE
    outcome_unknown: bool = False
    is_of_another: bool = False

    @property
    def is_passing(self) -> bool:
        """Whether asking again later may help."""
        return self.kind in (ErrorKind.TRANSIENT, ErrorKind.THROTTLED)

    @property
    def is_unauthorized(self) -> bool:
        """Whether the credentials were not accepted."""
        return self.kind is ErrorKind.UNAUTHORIZED

    def __str__(self) -> str:
        said = f"{self.code} {self.message}".strip() or "no reason given"
        if self.details:
            said += f" [{join_limited(list(self.details), 5, '; ')}]"
        where = [f"HTTP {self.status}"] if self.status else []
        if self.is_of_another:
            where.append("to another request of this connection")
        if self.request_id:
            where.append(f"request id {self.request_id}")
        said = f"{said} ({', '.join(where)})" if where else said
        said = f"{said}. {self.advice}" if self.advice else said
        return "\n  ".join((said, *self.hints))


class EcsApiError(EcsJobsError):
    """The API did not do what was asked. Not an ``AirflowException``: ``soft_fail`` never hides it.

    :param message: what was asked and what came back.
    :param error: the classified answer, with code, HTTP status, ``details`` and request id.
    """

    def __init__(self, message: str, error: ApiError | None = None) -> None:
        super().__init__(message)
        self.error = error


class EcsUnauthorizedError(EcsApiError):
    """The API did not accept the credentials."""


class EcsRejectedError(EcsApiError):
    """The API did not take a request: it is wrong, not permitted, or about something that does not exist."""


class EcsOutcomeUnknownError(EcsApiError):
    """A request was sent, and it is not known whether it was carried out. The message says what to check."""


class EcsUnreachableError(EcsApiError):
    """There was no good answer for longer than ``unreachable_timeout``: to a wait, a submit or a query."""
