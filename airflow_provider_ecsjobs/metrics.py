"""What is counted, through Airflow's own stats: every metric and every value of its tags is named here.

Airflow sends them where its configuration says (StatsD, Datadog, OpenTelemetry), and nowhere by default. No tag holds
an id or a text that came from outside. Whatever goes wrong with a metric, the wait or submit goes on.
"""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import Stats

from airflow_provider_ecsjobs.core.errors import ApiError, ErrorKind
from airflow_provider_ecsjobs.core.job import Job, JobStatus
from airflow_provider_ecsjobs.core.operations import OPERATIONS
from airflow_provider_ecsjobs.core.steps import Log
from airflow_provider_ecsjobs.core.submit.submission import Submission
from airflow_provider_ecsjobs.core.waiting.wait import Outcome, Wait, WaitEnd

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_ecsjobs.core.steps import Flow
    from airflow_provider_ecsjobs.core.waiting.wait import WaitPolicy

log = logging.getLogger(__name__)

OTHER = "other"
"""Stands for a job type or request that is not listed here: the API may invent any number of them."""
UNKNOWN = "unknown"
"""Stands for the type of a job that was never seen."""
POLL = "poll"
"""Stands among the operations for the question how far a job is."""
JOB_TYPES = frozenset(
    {
        # The API pages name these.
        "attachVolume",
        "changeOS",
        "createServer",
        "createSingleServer",
        "deleteVMs",
        "detachVolume",
        "reInitOs",
        "resizeServer",
        # The other requests' jobs, as the emulator names them.
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
    """What a metric is to Airflow's stats."""

    COUNTER = "counter"
    TIMER = "timer"


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric.

    :param name: its name, less the prefix that Airflow is configured with.
    :param kind: what it is.
    :param tags: its tags, each with all the values it can have.
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


class CountedWait(Wait):
    """A wait whose polls and end are counted; in all else it is a :class:`Wait`.

    :param was_running: whether the job was seen unfinished before: only then is its end something that was detected.
    """

    __slots__ = ("_is_counted", "_polls", "_was_running")

    def __init__(self, job_id: str, policy: WaitPolicy, *, was_running: bool = False) -> None:
        super().__init__(job_id, policy)
        self._was_running = was_running or self.seen is not None
        self._polls = 0
        self._is_counted = False

    def receive(self, answer: Job | ApiError, now: float, *, is_poll: bool = True) -> WaitEnd | None:
        """Take in the answer to one poll, and count it.

        :param is_poll: whether the API was asked; not if there was no connection to ask it with.
        """
        end = super().receive(answer, now)
        if is_poll:
            self._polls += 1
            count_poll(answer, self.job)
        if end is None:
            self._was_running = self._was_running or isinstance(answer, Job)
        else:
            self._count_end(end, now)
        return end

    def give_up(self, now: float) -> WaitEnd:
        """End the wait at its deadline, and count it."""
        end = super().give_up(now)
        self._count_end(end, now)
        return end

    def _count_end(self, end: WaitEnd, now: float) -> None:
        if self._is_counted:
            return
        self._is_counted = True
        count_wait(end, now - self.policy.started)
        if self._was_running and end.outcome is Outcome.FINISHED and end.job is not None:
            count_detection(end.job, now)
        job_type = end.job.job_type if end.job is not None else ""
        describe_on_span(job_id=self.job_id, job_type=job_type, outcome=_outcome_of(end), polls=self._polls)


def count_poll(answer: Job | ApiError, job: Job | None) -> None:
    """Count an answer to the question how far a job is.

    :param answer: what came.
    :param job: the job as it was seen last, if it was.
    """
    outcome = _POLLED if isinstance(answer, Job) else answer.kind.value
    _count(POLLS, job_type=_type_of(answer if isinstance(answer, Job) else job), outcome=outcome)
    if outcome == ErrorKind.THROTTLED:
        _count(THROTTLES, operation=POLL)


def count_wait(end: WaitEnd, seconds: float) -> None:
    """Count the end of a wait.

    :param seconds: how long it has lasted.
    """
    tags = {"job_type": _type_of(end.job), "outcome": _outcome_of(end)}
    _count(WAITS, **tags)
    _time(WAIT_TIME, seconds, **tags)


def count_detection(job: Job, now: float) -> None:
    """Note how long after its end a job was seen to have ended.

    The end is by the cloud's clock, ``now`` by ours: where ours is behind, the delay is taken as 0.
    """
    if job.end_time is not None:
        _time(DETECTION_DELAY, now - job.end_time.timestamp(), job_type=_type_of(job))


def counted_submit(flow: Flow[Submission | ApiError], operation: str) -> Flow[Submission | ApiError]:
    """Carry a submit on as it is, and count its end and how often it was throttled.

    :param flow: the submit.
    :param operation: the request.
    """
    answer: Any = None
    name = operation if operation in OPERATIONS else OTHER
    while True:
        try:
            step = flow.send(answer)
        except StopIteration as end:
            taken: Submission | ApiError = end.value
            break
        if isinstance(step, Log) and step.kind == ErrorKind.THROTTLED:
            _count(THROTTLES, operation=name)
        answer = yield step
    outcome = "accepted" if isinstance(taken, Submission) else taken.kind.value
    _count(SUBMITS, operation=name, outcome=outcome)
    describe_on_span(operation=name, outcome=outcome)
    return taken


def describe_on_span(**attributes: str | int) -> None:
    """Add attributes to the span that Airflow has open around a task or trigger, if it traces.

    A span is about one run of one task, so that it may hold ids. Airflow has OpenTelemetry loaded where it traces.
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
        log.debug("%s could not be noted", metric.name, exc_info=True)


def _type_of(job: Job | None) -> str:
    if job is None or not job.job_type:
        return UNKNOWN
    return job.job_type if job.job_type in JOB_TYPES else OTHER


def _outcome_of(end: WaitEnd) -> str:
    if end.outcome is not Outcome.FINISHED or end.job is None:
        return end.outcome.value
    return "success" if end.job.status is JobStatus.SUCCESS else "fail"
