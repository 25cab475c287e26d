"""The metrics, sent through Airflow's own stats. Every metric and every value of its tags is named here.

Airflow sends them where its configuration says (StatsD, Datadog, OpenTelemetry), and nowhere by default. No tag holds
an id or a text from outside. An error in a metric never fails a wait or a submit.
"""

from __future__ import annotations

import logging
import sys
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from airflow.providers.common.compat.sdk import Stats

from airflow_provider_ecsjobs.core.errors import ApiError, ErrorKind
from airflow_provider_ecsjobs.core.job import Job, JobStatus
from airflow_provider_ecsjobs.core.operations import OPERATIONS
from airflow_provider_ecsjobs.core.submit.submission import Submission
from airflow_provider_ecsjobs.core.waiting.end import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_ecsjobs.core.waiting.end import WaitEnd
    from airflow_provider_ecsjobs.core.waiting.wait import Wait

log = logging.getLogger(__name__)

OTHER = "other"
"""The tag value of a job type or operation that is not listed here. The API may add any number of them."""
UNKNOWN = "unknown"
"""The job type of a job that was never seen."""
POLL = "poll"
"""The operation of a poll, beside the operations that submit."""
JOB_TYPES = frozenset(
    {
        # These are named in the API pages.
        "attachVolume",
        "changeOS",
        "createServer",
        "createSingleServer",
        "deleteVMs",
        "detachVolume",
        "reInitOs",
        "resizeServer",
        # These are the other operations' jobs, as the emulator names them.
        "addNics",
        "attachVolumeToVMs",
        "changeChargeMode",
        "changeVpc",
        "deleteNics",
        "deleteRecycledServer",
        "detachVolumeFromVMs",
        "migrateServer",
        "rebootVMs",
        "redeployServer",
        "resizeVMs",
        "revertRecycledServer",
        "startVMs",
        "stopVMs",
    }
)

_POLLED = "job"
_JOB_TYPE_VALUES = JOB_TYPES | {OTHER, UNKNOWN}
_OPERATION_VALUES = frozenset(OPERATIONS) | {OTHER}
_POLL_OUTCOMES = frozenset({_POLLED, *(kind.value for kind in ErrorKind)})
_WAIT_OUTCOMES = frozenset({"success", "fail", *(outcome.value for outcome in Outcome)} - {Outcome.FINISHED.value})
_SUBMIT_OUTCOMES = frozenset({"accepted", *(kind.value for kind in ErrorKind)})


class Kind(StrEnum):
    """The kind of a metric in Airflow's stats."""

    COUNTER = "counter"
    TIMER = "timer"


class Metric(NamedTuple):
    """A metric.

    :param name: its name, without the prefix from Airflow's configuration.
    :param kind: counter or timer.
    :param tags: its tags, each with all values it can have.
    """

    name: str
    kind: Kind
    tags: Mapping[str, frozenset[str]]


POLLS = Metric("ecsjobs.polls", Kind.COUNTER, {"job_type": _JOB_TYPE_VALUES, "outcome": _POLL_OUTCOMES})
THROTTLES = Metric("ecsjobs.throttles", Kind.COUNTER, {"operation": _OPERATION_VALUES | {POLL}})
WAITS = Metric("ecsjobs.waits", Kind.COUNTER, {"job_type": _JOB_TYPE_VALUES, "outcome": _WAIT_OUTCOMES})
WAIT_TIME = Metric("ecsjobs.wait_time", Kind.TIMER, {"job_type": _JOB_TYPE_VALUES, "outcome": _WAIT_OUTCOMES})
DETECTION_DELAY = Metric("ecsjobs.detection_delay", Kind.TIMER, {"job_type": _JOB_TYPE_VALUES})
SUBMITS = Metric("ecsjobs.submits", Kind.COUNTER, {"operation": _OPERATION_VALUES, "outcome": _SUBMIT_OUTCOMES})

METRICS = (POLLS, THROTTLES, WAITS, WAIT_TIME, DETECTION_DELAY, SUBMITS)


class WaitMetrics:
    """Counts the polls and the ends of waits. One observer serves any number of waits."""

    def polled(self, wait: Wait, result: Job | ApiError) -> None:
        """Count a poll."""
        count_poll(result, wait.job_type or "")

    def ended(self, wait: Wait, end: WaitEnd, now: float) -> None:
        """Count the end of a wait, and describe it on the span."""
        count_wait(end, now - wait.policy.started)
        # A detection delay exists only if the job was seen unfinished before.
        if wait.was_unfinished and end.finished_job is not None:
            count_detection(end.finished_job, now)
        job_type = end.job.job_type if end.job is not None else ""
        describe_on_span(job_id=wait.job_id, job_type=job_type, outcome=_outcome_of(end), polls=wait.polls)


WAIT_METRICS = WaitMetrics()


def count_poll(result: Job | ApiError, job_type: str) -> None:
    """Count a poll.

    :param result: the job or the error that the poll returned.
    :param job_type: the type of the job; empty if it is not known.
    """
    outcome = _POLLED if isinstance(result, Job) else result.kind.value
    _count(POLLS, job_type=_type_tag(job_type), outcome=outcome)
    if outcome == ErrorKind.THROTTLED:
        _count(THROTTLES, operation=POLL)


def count_wait(end: WaitEnd, seconds: float) -> None:
    """Count the end of a wait.

    :param seconds: how long the wait lasted.
    """
    tags = {"job_type": _type_of(end.job), "outcome": _outcome_of(end)}
    _count(WAITS, **tags)
    _time(WAIT_TIME, seconds, **tags)


def count_detection(job: Job, now: float) -> None:
    """Record the time between a job's end and the poll that saw it.

    The job's end is in the cloud's time, ``now`` in ours. If our clock is behind, the delay counts as 0.
    """
    if job.end_time is not None:
        _time(DETECTION_DELAY, now - job.end_time.timestamp(), job_type=_type_of(job))


def count_submit_throttled(operation: str) -> None:
    """Count a submit that was throttled and will be retried."""
    _count(THROTTLES, operation=_operation_tag(operation))


def count_submit(operation: str, result: Submission | ApiError) -> None:
    """Count the end of a submit, and describe it on the span.

    :param operation: the operation's name.
    :param result: the submission or the error.
    """
    outcome = "accepted" if isinstance(result, Submission) else result.kind.value
    _count(SUBMITS, operation=_operation_tag(operation), outcome=outcome)
    describe_on_span(operation=_operation_tag(operation), outcome=outcome)


def describe_on_span(**attributes: str | int) -> None:
    """Add attributes to the span that Airflow has open around a task or trigger, if tracing is on.

    A span belongs to one run of one task, so it may hold ids. Airflow has loaded OpenTelemetry if tracing is on.
    """
    tracing = sys.modules.get("opentelemetry.trace")
    if tracing is None:
        return
    try:
        span = tracing.get_current_span()
        if span.is_recording():
            span.set_attributes({f"ecsjobs.{name}": value for name, value in attributes.items()})
    except Exception:
        log.debug("The span could not be described", exc_info=True)


def _count(metric: Metric, **tags: str) -> None:
    try:
        Stats.incr(metric.name, tags=tags)
    except Exception:
        log.debug("%s could not be counted", metric.name, exc_info=True)


def _time(metric: Metric, seconds: float, **tags: str) -> None:
    try:
        Stats.timing(metric.name, timedelta(seconds=max(seconds, 0.0)), tags=tags)
    except Exception:
        log.debug("%s could not be recorded", metric.name, exc_info=True)


def _operation_tag(operation: str) -> str:
    return operation if operation in OPERATIONS else OTHER


def _type_of(job: Job | None) -> str:
    return _type_tag("" if job is None else job.job_type)


def _type_tag(job_type: str) -> str:
    if not job_type:
        return UNKNOWN
    return job_type if job_type in JOB_TYPES else OTHER


def _outcome_of(end: WaitEnd) -> str:
    if (job := end.finished_job) is None:
        return end.outcome.value
    return "success" if job.status is JobStatus.SUCCESS else "fail"
