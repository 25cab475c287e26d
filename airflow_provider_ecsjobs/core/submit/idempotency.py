"""Decides what a try sends, given what earlier tries have sent, so that a request is submitted exactly once.

:func:`decide` reads the table of :mod:`airflow_provider_ecsjobs.core.submit.decision_table`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_ecsjobs.core.errors import ApiError, ErrorKind
from airflow_provider_ecsjobs.core.job import Job, JobStatus
from airflow_provider_ecsjobs.core.steps import Log
from airflow_provider_ecsjobs.core.submit.decision_table import (
    Action,
    Cleared,
    Recorded,
    Repeat,
    Request,
    Seen,
    Situation,
    look_up,
)
from airflow_provider_ecsjobs.core.submit.record import Record, next_token
from airflow_provider_ecsjobs.core.text import clean, duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_ecsjobs.core.submit.record import TaskTry


class SentBefore(Enum):
    """Whether the same request was sent before."""

    NO = "no"
    TAKEN = "an earlier try sent it, and the API may well have taken it"
    UNKNOWN = "it may have been sent, and its outcome is unknown"


class Poll(NamedTuple):
    """Poll this job, then decide again."""

    job_id: str


class Submit(NamedTuple):
    """Write this record, then send the request with its token.

    :param record: the record to write before the request is sent.
    :param sent_before: whether the same request was sent before.
    :param may_find_job: whether the response may name a job of an earlier try. If so, poll it, and decide again.
    :param logs: the lines to log first.
    """

    record: Record
    sent_before: SentBefore = SentBefore.NO
    may_find_job: bool = False
    logs: tuple[Log, ...] = ()


class Done(NamedTuple):
    """Submit nothing: the request was submitted already.

    :param record: the record of the submit, as it is to be kept.
    :param logs: the lines to log.
    """

    record: Record
    logs: tuple[Log, ...] = ()


class Failure(Enum):
    """The reason why nothing may be sent."""

    OUTCOME_UNKNOWN = "outcome_unknown"
    PURGED = "purged"
    BUSY = "busy"


class Fail(NamedTuple):
    """Fail the task.

    :param failure: the reason.
    :param message: the message for the user.
    :param record: the record that was found.
    """

    failure: Failure
    message: str
    record: Record


@dataclass(frozen=True, slots=True)
class SubmitPolicy:
    """The conditions under which a task's request may be sent.

    :param operation: the name of the request in the record.
    :param repeat: the reason why a retry is safe.
    :param to_check: what a user should check if the outcome is unknown.
    :param digest: a hash that tells requests of that name apart; empty if the request is not known.
    :param keeps_record: whether a record outlives the worker: on Airflow 3.3 and later.
    :param shows_rejection: whether an error shows that the API did not take the request. A user's function may have
        sent it before something else failed.
    :param is_good: returns whether a failed job is good enough.
    :param grace: for how many seconds after its submit the API may not know the job.
    """

    operation: str
    repeat: Repeat
    to_check: str
    digest: str = ""
    keeps_record: bool = True
    shows_rejection: bool = True
    is_good: Callable[[Job], bool] = lambda job: False
    grace: float = 60.0


def decide(
    record: Record | None, task_try: TaskTry, policy: SubmitPolicy, seen: Job | ApiError | None, now: float
) -> Poll | Submit | Done | Fail:
    """Return the next step of a try.

    :param record: the record that earlier tries have left; ``None`` if there is none.
    :param task_try: this try.
    :param policy: the conditions under which the request may be sent.
    :param seen: the recorded job as it is now, or the error of its poll; ``None`` if it was not polled.
    :param now: the time, in seconds since the epoch.
    """
    situation = situation_of(record, task_try, policy, seen, now)
    action = look_up(situation)
    if record is None:
        sent_before = SentBefore.TAKEN if situation.recorded is Recorded.NOT_KEPT else SentBefore.NO
        return Submit(_new_record(task_try, policy, task_try.token, now), sent_before, action is Action.SEND_THEN_POLL)
    return _Case(record, task_try, policy, seen, now, situation).step(action)


def situation_of(
    record: Record | None, task_try: TaskTry, policy: SubmitPolicy, seen: Job | ApiError | None, now: float
) -> Situation:
    """Return the situation to look up in the table."""
    if record is None:
        is_lost = not policy.keeps_record and task_try.earlier_tries > 0
        recorded = Recorded.NOT_KEPT if is_lost else Recorded.NOTHING
        return Situation(recorded, Cleared.NO, policy.repeat, Seen.NOT_YET, Request.SAME)
    cleared = Cleared.YES if record.max_tries != task_try.max_tries else Cleared.NO
    if not record.is_answered and record.told_at not in (None, task_try.max_tries):
        cleared = Cleared.AFTER_TOLD
    return Situation(
        _recorded(record), cleared, _repeat(record, policy), _seen(record, policy, seen, now), _request(record, policy)
    )


def _recorded(record: Record) -> Recorded:
    if not record.is_answered:
        return Recorded.UNANSWERED
    return Recorded.ORDER if record.job_id is None else Recorded.JOB


def _repeat(record: Record, policy: SubmitPolicy) -> Repeat:
    """Return why a retry of the recorded request is safe. It is not safe if the task sends another request now."""
    had_token, has_token = record.token is not None, policy.repeat is Repeat.BY_TOKEN
    is_other = record.operation != policy.operation or had_token is not has_token
    return Repeat.HARMFUL if is_other and not record.is_answered else policy.repeat


def _seen(record: Record, policy: SubmitPolicy, seen: Job | ApiError | None, now: float) -> Seen:
    if seen is None:
        return Seen.NOT_YET
    if isinstance(seen, ApiError):
        is_purged = seen.kind is ErrorKind.NOT_FOUND and now - record.submitted_at >= policy.grace
        return Seen.PURGED if is_purged else Seen.UNSEEN
    if not seen.status.is_finished:
        # A cancelled order stays unpaid for 14 days. A user who clears the task after such a wait wants a new order.
        is_dead = record.is_given_up and seen.status is JobStatus.PENDING_PAYMENT
        return Seen.UNPAID if is_dead else Seen.RUNNING
    return Seen.SUCCEEDED if seen.status is JobStatus.SUCCESS or policy.is_good(seen) else Seen.FAILED


def _request(record: Record, policy: SubmitPolicy) -> Request:
    is_known = bool(record.request and policy.digest)
    is_same = record.operation == policy.operation and (not is_known or record.request == policy.digest)
    return Request.SAME if is_same else Request.CHANGED


def _new_record(task_try: TaskTry, policy: SubmitPolicy, token: str | None, now: float) -> Record:
    """Return the record of a request that is about to be sent."""
    return Record(
        policy.operation,
        task_try.max_tries,
        now,
        token if policy.repeat is Repeat.BY_TOKEN else None,
        retries=task_try.retries,
        request=policy.digest,
        highest_max_tries=task_try.max_tries,
    )


class _Case(NamedTuple):
    """A record with its situation. It makes the step of an action."""

    record: Record
    task_try: TaskTry
    policy: SubmitPolicy
    seen: Job | ApiError | None
    now: float
    situation: Situation

    def step(self, action: Action) -> Poll | Submit | Done | Fail:
        record = self.record
        match action:
            case Action.POLL:
                return Poll(record.job_id or "")
            case Action.DONE:
                return Done(self._owned(), self._why_nothing_is_sent())
            case Action.SEND_RECORDED:
                asked = replace(record.owned_by(self.task_try), submitted_at=self.now, request=self.policy.digest)
                return self._send(asked, "an earlier try may have sent the request; asking with its client token", True)
            case Action.SEND_AGAIN:
                return self._send(self._new(None), "an earlier try may have sent the request; sending it again")
            case Action.SEND_NEXT:
                token = next_token(record.token or self.task_try.token, record.job_id or "")
                # If no record is kept, the response may name the job of yet another earlier try.
                may_find_job = not self.policy.keeps_record and self.task_try.earlier_tries > 0
                return self._send(self._new(token), f"{self._submitted()}, and failed; submitting again", may_find_job)
            case Action.SEND_ANEW:
                sent = self._submitted() if record.is_answered else "an earlier try may have sent the request"
                return self._send(self._new(self._unused_token()), f"{sent}; the task was cleared, submitting anew")
            case Action.FAIL_UNKNOWN:
                return Fail(Failure.OUTCOME_UNKNOWN, self._unknown(), record)
            case Action.FAIL_PURGED:
                return Fail(Failure.PURGED, self._purged(), record)
            case Action.FAIL_BUSY:
                return Fail(Failure.BUSY, self._busy(), record)
        raise AssertionError(f"{action} is for a task without a record")

    def _send(self, record: Record, why: str, may_find_job: bool = False) -> Submit:
        return Submit(record, self._sent_before(), may_find_job, (Log(logging.INFO, why),))

    def _sent_before(self) -> SentBefore:
        recorded, cleared, repeat, _, request = self.situation
        # After a clear, the user wants a new request. But with the same token it is still the same request.
        is_same = cleared is Cleared.NO or (cleared is Cleared.YES and repeat is Repeat.BY_TOKEN)
        if recorded is Recorded.UNANSWERED and is_same:
            return SentBefore.UNKNOWN
        return SentBefore.TAKEN if request is Request.SAME else SentBefore.NO

    def _new(self, token: str | None) -> Record:
        new = _new_record(self.task_try, self.policy, token, self.now)
        return replace(new, highest_max_tries=max(new.max_tries, self.record.highest_max_tries))

    def _unused_token(self) -> str:
        """Return a token that this task has not used. An edit of ``retries`` can restore an earlier ``max_tries``."""
        own = self.task_try.token
        if self.task_try.max_tries > self.record.highest_max_tries:
            return own
        return next_token(self.record.token or own, self.record.job_id or self.record.order_id or "")

    def _owned(self) -> Record:
        """Return the record. After a clear, a running job becomes this try's own: its retries reconnect to it."""
        if self.situation.cleared is Cleared.NO:
            return self.record
        return replace(self.record.owned_by(self.task_try), request=self.policy.digest)

    def _ago(self) -> str:
        return f"{duration(self.now - self.record.submitted_at)} ago"

    def _submitted(self) -> str:
        record = self.record
        what = f"ECS job {record.job_id}" if record.job_id is not None else f"order {record.order_id}"
        return f"{what} was submitted {self._ago()} by an earlier try"

    def _why_nothing_is_sent(self) -> tuple[Log, ...]:
        logs = [Log(logging.INFO, f"{self._submitted()}; nothing is submitted again")]
        if self.situation.request is Request.CHANGED:
            changed = (
                "the request is another one now than the one that was sent (does a template or a set in it change from"
                " try to try?). What was sent counts. To submit anew, clear the task"
            )
            logs.append(Log(logging.WARNING, changed))
        hint = self._edited_retries()
        return (*logs, Log(logging.WARNING, hint)) if hint else tuple(logs)

    def _edited_retries(self) -> str:
        """Return the advice for an edit of ``retries`` that may hide a clear; empty if there was no such edit."""
        before, now = self.record.retries, self.task_try.retries
        if self.situation.cleared is not Cleared.NO or before == now:
            return ""
        return (
            f"the task has {now} retries now, and had {before} when it submitted, so a clear of it may look like a"
            " retry. If you cleared it to submit anew, clear it once more"
        )

    def _unknown(self) -> str:
        hint = self._edited_retries()
        anyway = "; resubmit_unknown=True sends it again without asking" if self._is_this_operation else ""
        return (
            f"{clean(self.record.operation, 100)}: an earlier try may have sent the request, {self._ago()}, and its"
            " response was not recorded. Whether it was carried out is not known, and doing it twice may do harm. If"
            f" there was a response, the log of that try names the job. Check {self.policy.to_check}. Then clear the"
            f" task to send it again, or mark it as success{anyway}.{f' Note: {hint}.' if hint else ''}"
        )

    @property
    def _is_this_operation(self) -> bool:
        return self.record.operation == self.policy.operation

    def _purged(self) -> str:
        return (
            f"{self._submitted()}, and the API no longer knows it: finished jobs are purged after a day. It is unknown"
            f" how it ended: check {self.policy.to_check}. To submit again, clear the task. The API said: {self.seen}"
        )

    def _busy(self) -> str:
        runs = "still runs" if isinstance(self.seen, Job) else f"may still run (it can't be seen: {self.seen})"
        return (
            f"{self.policy.operation}: ECS job {self.record.job_id} of an earlier try {runs}, and the task's parameters"
            " have changed since. Nothing is submitted beside it: clear the task when it has ended."
        )
