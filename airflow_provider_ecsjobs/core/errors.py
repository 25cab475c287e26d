"""The errors of requests to the API, as exceptions that need no Airflow.

DAG authors find them in :mod:`airflow_provider_ecsjobs.exceptions`, next to the exceptions about a job's outcome.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from airflow_provider_ecsjobs.core.text import join_limited


class EcsJobsError(Exception):
    """The base of all errors of this provider."""


class EcsConfigError(EcsJobsError, ValueError):
    """A setting is missing or wrong. The message names its source and the accepted values."""


class EcsInvalidJobIdError(EcsJobsError, ValueError):
    """A value is not a valid job id. No request was sent."""


class EcsInvalidRequestError(EcsJobsError, ValueError):
    """A request to be submitted is incomplete or wrong. It was not sent."""


class ErrorKind(StrEnum):
    """The kind of an error, by what the caller can do."""

    TRANSIENT = "transient"
    """A temporary error: the connection failed, the server is busy or broken, or the response could not be read."""
    THROTTLED = "throttled"
    """A rate limit. A retry must come later, and more slowly."""
    UNAUTHORIZED = "unauthorized"
    """The credentials were not accepted. More requests with the same key can lock it."""
    FORBIDDEN = "forbidden"
    """The credentials were accepted, but lack a permission."""
    NOT_FOUND = "not_found"
    """There is no such job or resource, or it no longer exists."""
    REJECTED = "rejected"
    """The request itself is wrong. A retry can't help."""
    OUTCOME_UNKNOWN = "outcome_unknown"
    """A request that changes something was sent, and it is unknown whether it was carried out."""


class Source(StrEnum):
    """The service that a request was sent to."""

    SERVICE = "service"
    """ECS, or the other service that the job belongs to."""
    IAM_TOKEN = "iam token"  # noqa: S105 - no secret
    """IAM, for a token."""
    IAM_PROJECTS = "iam projects"
    """IAM, for the project of a region."""
    METADATA = "metadata"
    """The metadata service, for an agency's key."""


@dataclass(frozen=True, slots=True)
class ApiError:
    """A response that is an error or can't be used, or the lack of a response.

    :param kind: the kind of error.
    :param message: the API's message, or what happened to the connection; one line, without secrets.
    :param code: the API's error code, such as ``Common.0011``; empty if there is none.
    :param status: the HTTP status; 0 if there was no response.
    :param request_id: the request id, which Huawei's support asks for.
    :param details: the more specific errors, as ``code message``.
    :param retry_after: the delay in seconds that the server asked for.
    :param skew: how far our clock is ahead of the server's, in seconds.
    :param advice: what the user can do about the error, in sentences.
    :param hints: what the user can do about its error codes, in lines.
    :param source: the service that the request was sent to.
    :param outcome_unknown: whether the request was sent before, and may have been carried out then.
    :param is_of_another: whether this is the response to another request of the same connection.
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
        """Whether the error is temporary, so that a retry may help."""
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
    """A request to the API failed. It is not an ``AirflowException``, so ``soft_fail`` never hides it.

    :param message: the request and its result.
    :param error: the classified error, with code, HTTP status, ``details`` and request id.
    """

    def __init__(self, message: str, error: ApiError | None = None) -> None:
        super().__init__(message)
        self.error = error


class EcsUnauthorizedError(EcsApiError):
    """The API did not accept the credentials."""


class EcsRejectedError(EcsApiError):
    """The API rejected a request: it is wrong, not permitted, or about something that does not exist."""


class EcsOutcomeUnknownError(EcsApiError):
    """A request was sent, and it is unknown whether it was carried out. The message says what to check."""


class EcsUnreachableError(EcsApiError):
    """There was no usable response for longer than ``unreachable_timeout``, in a wait, a submit or a query."""
