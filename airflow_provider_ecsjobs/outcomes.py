"""The meaning of a wait's end for a task: its result or exception, and the event that carries it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_ecsjobs.core.errors import EcsApiError, EcsUnauthorizedError
from airflow_provider_ecsjobs.core.failure_message import explain_failure
from airflow_provider_ecsjobs.core.job import Job, JobStatus
from airflow_provider_ecsjobs.core.text import clean, shown
from airflow_provider_ecsjobs.core.waiting.end import Outcome, WaitEnd
from airflow_provider_ecsjobs.exceptions import (
    EcsJobFailed,
    EcsJobNotFound,
    EcsJobPaymentTimeout,
    EcsJobTimeout,
    EcsUnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


LONGEST_DURATION = 100 * 365 * 86400.0
"""The longest duration of a parameter, in seconds. Airflow adds it to a date."""


def seconds_of(name: str, value: Any, *, zero_allowed: bool = False) -> float:
    """Return the seconds of a duration parameter.

    :param name: the parameter, for the message.
    :param value: seconds or a ``timedelta``.
    :param zero_allowed: whether 0 is allowed.
    :return: the seconds.
    :raises ValueError: the value is not a valid duration.
    """
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    accepted = "0 or more seconds" if zero_allowed else "more than 0 seconds"
    # Compared, not converted: a float holds no integer of more than 308 digits. NaN is not below anything.
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not abs(seconds) <= LONGEST_DURATION:
        raise ValueError(
            f"{name} is {shown(value)}; expected {accepted}, as a number or a timedelta, and less than 100 years."
        )
    if seconds < 0 or (seconds == 0 and not zero_allowed):
        raise ValueError(f"{name} is {seconds:g} s; expected {accepted}.")
    return float(seconds)


def succeeded_or_raise(
    end: WaitEnd,
    *,
    failed: type[EcsJobFailed] = EcsJobFailed,
    not_found: type[EcsJobNotFound] = EcsJobNotFound,
    unauthorized: type[EcsUnauthorizedError] = EcsUnauthorizedError,
    submitted: Sequence[str] = (),
) -> Job:
    """Return the job of a wait that ended with ``SUCCESS``. Raise an exception for any other end.

    :param end: the end of a wait.
    :param failed: the exception for a failed job. It decides whether Airflow retries the task.
    :param not_found: the exception for a job that the API does not know.
    :param unauthorized: the exception for credentials that the API did not accept.
    :param submitted: the servers in the response to a create, without those known not to exist.
    """
    if (finished := end.finished_job) is not None:
        if finished.status is JobStatus.SUCCESS:
            return finished
        raise failed(explain_failure(finished, submitted), finished)
    job = end.job
    if end.outcome is Outcome.TIMEOUT:
        raise EcsJobTimeout(end.message, job)
    if end.outcome is Outcome.PAYMENT_TIMEOUT:
        raise EcsJobPaymentTimeout(end.message, job)
    if end.outcome is Outcome.NOT_FOUND:
        raise not_found(end.message, job)
    if end.outcome is Outcome.UNAUTHORIZED:
        raise unauthorized(end.message, end.error)
    if end.outcome is Outcome.UNREACHABLE:
        raise EcsUnreachableError(end.message, end.error)
    raise EcsApiError(end.message, end.error)


def event_of(end: WaitEnd, job_id: str, server_ids: list[str] | None) -> dict[str, Any]:
    """Return the event that a trigger sends at the end of a wait, in JSON primitives.

    :param end: the end of the wait.
    :param job_id: the job's id.
    :param server_ids: the servers in the response to its request, for the task that resumes.
    """
    return {
        "outcome": end.outcome.value,
        "message": end.message,
        "job": None if end.job is None else end.job.to_dict(),
        "job_id": job_id,
        "server_ids": server_ids,
        "project_id": "" if end.job is None else end.job.project_id,
        "region": "" if end.job is None else end.job.region,
    }


def read_event(event: Mapping[str, Any] | None, job_id: Any) -> WaitEnd:
    """Return the end of a wait from the event that a task was resumed with.

    :param event: the trigger's event.
    :param job_id: the job's id, for the message.
    :raises EcsApiError: the event is not one of :class:`EcsJobTrigger`.
    """
    what = f"ECS job {clean(job_id, 200)}: the task was resumed with"
    if not isinstance(event, dict):
        raise EcsApiError(
            f"{what} no event ({type(event).__name__}). Was it resumed by something other than its trigger?"
        )
    try:
        outcome = Outcome(event.get("outcome", ""))
    except ValueError:
        known = ", ".join(Outcome)
        raise EcsApiError(
            f"{what} the unknown outcome {shown(event.get('outcome'))}; known are {known}. Do worker and"
            " triggerer run the same version of airflow-provider-ecsjobs?"
        ) from None
    job = event.get("job")
    # Triggers of earlier versions did not send project and region.
    where = {name: clean(event.get(name), 200) for name in ("project_id", "region")}
    seen = Job.from_dict(job, **where) if isinstance(job, dict) else None
    if outcome is Outcome.FINISHED and (seen is None or not seen.status.is_finished):
        raise EcsApiError(f"{what} the outcome 'finished', but without a finished job.")
    return WaitEnd(outcome, clean(event.get("message")) or f"{what} no message.", seen)
