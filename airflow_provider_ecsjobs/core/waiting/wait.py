"""A wait for one job: when to poll next, and when the wait is over. Its decisions are pure; the time is passed in."""

from __future__ import annotations

import logging
import math
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from airflow_provider_ecsjobs.core.errors import ApiError, ErrorKind
from airflow_provider_ecsjobs.core.job import Job, JobStatus, format_time, outline_of
from airflow_provider_ecsjobs.core.steps import Log
from airflow_provider_ecsjobs.core.text import clean, duration
from airflow_provider_ecsjobs.core.waiting.durations import FIRST_STAGE, Durations, Stage, stage_of
from airflow_provider_ecsjobs.core.waiting.end import Outcome, WaitEnd
from airflow_provider_ecsjobs.core.waiting.schedule import (
    FINAL_POLL_SECONDS,
    JITTER,
    SHORTEST_DELAY,
    backoff,
    first_poll_delay,
    plain_delay,
    poll_delay,
)

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_ecsjobs.core.steps import Clock
    from airflow_provider_ecsjobs.core.waiting.policy import WaitPolicy

STILL_RUNNING_EVERY = 3600.0
"""How often a wait logs that it continues, in seconds."""
FAILURES_BEFORE_UNREACHABLE = 3
"""How many polls in a row must have failed. One failure after the machine was suspended for an hour is no outage."""
_RESUMED_AFTER = 60.0
"""If its first poll is this late, in seconds, a wait began in another triggerer."""
_NO_CLIENT = "the Airflow connection could not be looked up"
_NO_TURN = "too many waits were due at the same time, or the API had asked for a pause or gave no response"


class WaitObserver(Protocol):
    """An observer of waits, for metrics and the pages."""

    def polled(self, wait: Wait, result: Job | ApiError) -> None:
        """Handle the result of a poll."""

    def ended(self, wait: Wait, end: WaitEnd, now: float) -> None:
        """Handle the end of the wait."""


@dataclass(slots=True)
class Wait:
    """One wait for one job. It receives each poll, and decides what to log, when to poll next and when it is over.

    There may be thousands of them, asleep nearly all the time. A job can be large, so a wait keeps only its outline.

    :param job_id: the job.
    :param policy: how to wait, and what earlier waits for the job have seen.
    :param observer: is told of each poll, and of the end.
    :param durations: how long earlier jobs took; ``None`` to wait by the usual schedule.
    :param was_unfinished: whether the job was seen before it had ended.
    """

    job_id: str
    policy: WaitPolicy
    observer: WaitObserver | None = None
    durations: Durations | None = None
    was_unfinished: bool = False
    polls: int = 0
    """How many polls there were."""
    failures: int = 0
    """How many polls in a row have failed."""
    logs: tuple[Log, ...] = ()
    pending_since: float | None = None
    """Since when the order is known to be unpaid."""
    seen: tuple[str, int] | None = None
    """The status and the number of finished sub-jobs, as last logged."""
    sub_jobs_total: int = 0
    stage: Stage = FIRST_STAGE
    _is_in_step: bool = True
    _due: float | None = None
    _odd: tuple[str, ...] = ()
    _last_error: ApiError | None = None
    _failing_since: float | None = None
    seen_at: float | None = None
    _answered_at: float | None = None
    _anchor: float | None = None
    _has_begun: bool = False
    _is_resumed: bool = False
    _hour: int | None = None
    _whole_job: Job | None = None
    _job_type: str | None = None
    _begin_time: datetime | None = None

    def __post_init__(self) -> None:
        policy = self.policy
        self.pending_since, self.seen = policy.pending_since, policy.seen
        if policy.seen_job is not None:
            self._keep_outline(policy.seen_job)
            self.policy = replace(policy, seen_job=None)  # frees memory: the next poll replaces the job
        self.sub_jobs_total = policy.seen_sub_jobs_total
        # More may have been seen before than is known here.
        self._is_resumed = self.was_unfinished
        self.was_unfinished = self.was_unfinished or self.seen is not None

    @property
    def job(self) -> Job | None:
        """The job as last seen; ``None`` if it was never seen. Once it is asleep, a wait knows only its outline."""
        if self._whole_job is not None or self._job_type is None:
            return self._whole_job
        status = self.seen[0] if self.seen is not None else ""
        return outline_of(self.job_id, self._job_type, status, format_time(self._begin_time))

    @property
    def job_type(self) -> str | None:
        """The job's type; ``None`` if the job was never seen."""
        return self._job_type

    @property
    def begin_time(self) -> datetime | None:
        """When the job began (UTC), if it was seen."""
        return self._begin_time

    def _keep_outline(self, job: Job) -> None:
        # No object that the garbage collector would traverse; and what many jobs have in common is kept once.
        self._job_type, self._begin_time = sys.intern(job.job_type), job.begin_time
        self.sub_jobs_total, self.stage = job.sub_jobs_total, stage_of(job) if self.durations else FIRST_STAGE

    def now(self, clock: Clock) -> float:
        """Return the time, in seconds since the epoch.

        It starts with the time of day and goes on by the monotonic clock. So a change of the system clock makes no wait
        longer or shorter.
        """
        if self._anchor is None:
            self._anchor = clock.anchor()
        return self._anchor + clock.monotonic()

    def seconds_left(self, clock: Clock) -> float:
        """Return the time to the deadline in seconds."""
        return math.inf if self.policy.deadline is None else self.policy.deadline - self.now(clock)

    def receive(self, result: Job | ApiError, now: float) -> WaitEnd | None:
        """Receive the result of one poll.

        :param result: the job, or the error of the poll.
        :param now: the time, in seconds since the epoch.
        :return: the end of the wait; ``None`` if it continues.
        """
        end = self._take_in(result, now)
        self.polls += 1
        if self.observer is not None:
            self.observer.polled(self, result)
        if end is None:
            self.was_unfinished = self.was_unfinished or isinstance(result, Job)
            return None
        return self._end(end, now)

    def receive_lookup_error(self, error: ApiError, now: float) -> WaitEnd | None:
        """Receive the error of a look-up of the connection. It counts like a temporary error of the API.

        A look-up may come late at the deadline, like a final poll, which is made once there is a client.

        :return: the end of the wait; ``None`` if it continues.
        """
        self._begin(now)
        end = self._receive_error(error, now)
        if end is None and self.policy.deadline is not None and now >= self.policy.deadline + FINAL_POLL_SECONDS:
            end = self._timeout(now)
        return None if end is None else self._end(end, now)

    def give_up(self, now: float) -> WaitEnd:
        """End the wait at its deadline, without another poll."""
        return self._end(self._timeout(now), now)

    def _end(self, end: WaitEnd, now: float) -> WaitEnd:
        if self.observer is not None:
            self.observer.ended(self, end, now)
            self.observer = None  # a wait ends once
        return end

    def _begin(self, now: float) -> None:
        if not self._has_begun:
            self._has_begun = True
            self._is_resumed |= now - self.policy.started > _RESUMED_AFTER + 2 * self.policy.max_poll_interval

    def _take_in(self, result: Job | ApiError, now: float) -> WaitEnd | None:
        self._begin(now)
        self._answered_at = now
        end = self._receive_job(result, now) if isinstance(result, Job) else self._receive_error(result, now)
        if end is None and self.policy.deadline is not None and now >= self.policy.deadline:
            end = self._timeout(now)
        if end is None:
            self._whole_job = None
        return end

    def take_logs(self) -> tuple[Log, ...]:
        """Return the log lines since the last call."""
        logs, self.logs = self.logs, ()
        return logs

    @property
    def requested_delay(self) -> float:
        """The delay that the last response asked for, in seconds; 0 if it asked for none."""
        return (self._last_error.retry_after if self._last_error else None) or 0.0

    def next_delay(self, now: float, random: float, least: float = 0.0) -> float:
        """Return the delay before the next poll, in seconds. It ends at the deadline at the latest.

        :param now: the time, in seconds since the epoch.
        :param random: a random number in [0, 1).
        :param least: the shortest delay, in seconds.
        """
        policy = self.policy
        if self.failures:
            seconds = backoff(self.failures, policy.max_poll_interval, random)
            # Not before the time asked for, and spread after it: others were told the same time.
            asked = self.requested_delay
            seconds = max(seconds, asked and asked + max(JITTER * asked, policy.poll_interval) * random)
        else:
            arguments = (now - policy.started, policy.poll_interval, policy.max_poll_interval, random)
            likely = self.durations.likely_delay(self, now) if self.durations else None
            # If an end is expected, the first poll needs no spreading: it comes at its own job's time.
            is_together = self._is_in_step and (likely is None or self.polls > 0)
            seconds = first_poll_delay(*arguments, least, likely) if is_together else poll_delay(*arguments, likely)
            # Not after a failure: past this time, it would leave no delay at all until a response comes.
            if policy.payment_timeout is not None and self.pending_since is not None:
                seconds = min(seconds, self.pending_since + policy.payment_timeout - now)
        seconds = max(seconds, least)
        if policy.deadline is not None and not (self.failures and now >= policy.deadline):  # a look-up that is late
            seconds = min(seconds, policy.deadline - now)
        seconds = max(seconds, SHORTEST_DELAY)
        self._due = now + seconds
        return seconds

    def _receive_job(self, job: Job, now: float) -> WaitEnd | None:
        failed_before = self._last_error is not None and self._last_error.is_passing
        if failed_before:
            self._log(logging.INFO, f"ECS job {self.job_id}: the API answers again")
        # Others were held up by the same error, and get their responses at the same time.
        self._is_in_step = failed_before or self._is_late(now)
        is_first, seen, total = self.seen_at is None, (job.status.value, job.sub_jobs_finished), job.sub_jobs_total
        if is_first or seen != self.seen or total != self.sub_jobs_total:
            self._keep_outline(job)
        self._whole_job, self.failures, self._last_error, self._failing_since = job, 0, None, None
        self.seen_at = now
        waited = max(now - self.policy.started, 0.0)
        if seen != self.seen:
            self._log(logging.INFO, job.progress(waited))
            is_new = job.status.value not in self._odd and (self.seen is None or self.seen[0] != job.status.value)
            if not job.status.is_known and is_new:
                self._odd = (*self._odd, job.status.value)
                self._log(
                    logging.WARNING,
                    f"ECS job {self.job_id} has the status {job.status.value!r}, which the API page does not list;"
                    " it is taken as not finished, and waited for",
                )
            self.seen = seen
        elif self._hour is not None and waited >= (self._hour + 1) * STILL_RUNNING_EVERY and not job.status.is_finished:
            self._log(logging.INFO, f"{job.progress(waited)}; the wait goes on")
        self._hour = int(waited // STILL_RUNNING_EVERY)
        if job.status.is_finished:
            return WaitEnd(Outcome.FINISHED, job.progress(waited), job)
        if job.status is JobStatus.PENDING_PAYMENT:
            return self._receive_unpaid(job, now, self._unpaid_since(job, now) if is_first else now)
        self.pending_since = None
        return None

    def _is_late(self, now: float) -> bool:
        """Return whether a response was delayed by more than its jitter: by the queue, or by the API."""
        plain = plain_delay(now - self.policy.started, self.policy.poll_interval, self.policy.max_poll_interval)
        return self._due is not None and now - self._due > JITTER * plain

    def _unpaid_since(self, job: Job, now: float) -> float:
        # Since the job began, and not from before the wait. A restart of the triggerer does not change that.
        began = job.begin_time
        return min(max(self.policy.started, began.timestamp() if began else 0.0), now)

    def _receive_unpaid(self, job: Job, now: float, since: float) -> WaitEnd | None:
        order = clean(job.order_id or self.policy.order_id, 200)
        order = f"its order {order}" if order else "its order"
        if self.pending_since is None:
            self.pending_since = since
            self._log(
                logging.WARNING,
                f"ECS job {self.job_id} waits for a payment: {order} has to be paid in the Huawei Cloud console"
                " (auto_pay=True pays when it is submitted). If the order is cancelled, this status never changes.",
            )
        allowed = self.policy.payment_timeout
        if allowed is None or now - self.pending_since < allowed:
            return None
        unpaid = duration(now - self.pending_since)
        return WaitEnd(
            Outcome.PAYMENT_TIMEOUT,
            f"ECS job {self.job_id} ({job.job_type or 'unknown type'}): {order} is unpaid or was cancelled"
            f" (PENDING_PAYMENT for {unpaid}, payment_timeout is {duration(allowed)})."
            " Pay the order, or submit anew; a cancelled order never changes this status.",
            job,
        )

    def _receive_error(self, error: ApiError, now: float) -> WaitEnd | None:
        waited = max(now - self.policy.started, 0.0)
        if error.kind is ErrorKind.NOT_FOUND:
            self._failing_since = None  # the API answers, it only does not know the job yet
            if waited >= self.policy.not_found_grace:
                return WaitEnd(Outcome.NOT_FOUND, self._not_found(error, waited), self.job, error)
        elif error.kind is ErrorKind.UNAUTHORIZED:
            message = self._rejected("the credentials were not accepted", error)
            return WaitEnd(Outcome.UNAUTHORIZED, message, self.job, error)
        elif not error.is_passing:
            why = "permission is missing" if error.kind is ErrorKind.FORBIDDEN else "the request was rejected"
            return WaitEnd(Outcome.ERROR, self._rejected(why, error), self.job, error)
        else:
            self._failing_since = now if self._failing_since is None else self._failing_since
            silent = now - self._failing_since
            if silent >= self.policy.unreachable_timeout and self.failures + 1 >= FAILURES_BEFORE_UNREACHABLE:
                message = (
                    f"ECS job {self.job_id}: no good response from the API for {duration(silent)}"
                    f" ({self._last_seen()}); the job itself may well go on. Last error: {error}"
                )
                return WaitEnd(Outcome.UNREACHABLE, message, self.job, error)
        self.failures += 1
        if self.failures == 1 or (self._last_error and self._last_error.kind is not error.kind):
            self._log(logging.WARNING, f"ECS job {self.job_id}: {error}; asking again")
        self._last_error = error
        return None

    def _log(self, level: int, message: str) -> None:
        self.logs = (*self.logs, Log(level, message))

    def _rejected(self, why: str, error: ApiError) -> str:
        return f"ECS job {self.job_id} can't be queried, {why}: {error}"

    def _not_found(self, error: ApiError, waited: float) -> str:
        check = "Check the job id, and that the connection's project and region are those it was submitted to"
        if self.seen is not None:
            gone = f"the API no longer knows it, {duration(waited)} into the wait ({self._last_seen()})"
        elif self._is_resumed:
            gone = f"the API does not know it, {duration(waited)} into the wait ({self._last_seen()})."
            gone += f" It may have been purged. If not: {check[0].lower()}{check[1:]}"
        else:
            gone = f"the API does not know it. {check}"
        return (
            f"ECS job {self.job_id}: {gone}. Finished jobs are purged after a day, unpaid ones after 14 days."
            f" The API said: {error}"
        )

    def _timeout(self, now: float) -> WaitEnd:
        """Return the end at the deadline. Only a poll at the deadline shows that the job had not finished."""
        started, deadline, last_seen = self.policy.started, self.policy.deadline, self._last_seen()
        assert deadline is not None  # no wait without a deadline ends at one
        waited = f"after {duration(now - started)}, the limit is {self.policy.limit or duration(deadline - started)}"
        if self.seen_at is not None and self.seen_at >= deadline:
            message = (
                f"ECS job {self.job_id} had not finished {waited} ({last_seen})."
                " The job goes on: there is no API that cancels it."
            )
        else:
            if self.seen_at is not None:
                last_seen += f", {duration(now - self.seen_at)} ago"
            was_polled = self._answered_at is not None and self._answered_at >= deadline
            hindrance = _NO_CLIENT if self._answered_at is None and self._last_error is not None else _NO_TURN
            why = "The final poll failed" if was_polled else f"A final poll was not possible: {hindrance}"
            message = (
                f"ECS job {self.job_id} had not been seen to finish {waited} ({last_seen}). {why}."
                " The job may have ended since; if not, it goes on: there is no API that cancels it."
            )
        if self._last_error:
            message += f" Last error: {self._last_error}"
        return WaitEnd(Outcome.TIMEOUT, message, self.job, self._last_error)

    def _last_seen(self) -> str:
        if self.seen is None:
            return "its status was never seen" + (" since the wait was resumed" if self._is_resumed else "")
        status, finished = self.seen
        done = f", {finished} of {self.sub_jobs_total} sub-jobs done" if self.sub_jobs_total else ""
        return f"last status {status}{done}"
