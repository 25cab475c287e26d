"""Submits a request exactly once, however often its task is tried: what was sent is recorded, and recognized."""

from __future__ import annotations

import logging
import time
import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_ecsjobs.core.errors import EcsApiError, EcsJobsError, EcsOutcomeUnknownError, EcsRejectedError
from airflow_provider_ecsjobs.core.job import Job, JobStatus
from airflow_provider_ecsjobs.core.submit.idempotency import Record, TaskTry, Verdict, judge, next_token
from airflow_provider_ecsjobs.core.text import clean, duration
from airflow_provider_ecsjobs.exceptions import EcsJobNotFoundNoRetry, EcsOutcomeUnknownNoRetry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_ecsjobs.core.errors import ApiError
    from airflow_provider_ecsjobs.core.submit.submission import Submission
    from airflow_provider_ecsjobs.transport.errors import LogSink

    Send = Callable[[str | None, bool, bool], Submission]

STORE_KEY = "ecs_submit"
"""Under which the record lies in Airflow's task state store."""
_TOKEN_USED_BEFORE = frozenset({"Ecs.0122", "Ecs.0124"})


class SubmitRecordStore:
    """The record of a task's submit, in the task state store of Airflow 3.3; on older versions there is none.

    :param store: ``context["task_state_store"]``, ``None`` where Airflow has none.
    """

    def __init__(self, store: Any) -> None:
        self._store = store

    @property
    def is_kept(self) -> bool:
        """Whether a record outlives the worker."""
        return self._store is not None

    def read(self) -> Record | None:
        """Give the record, if there is one."""
        return Record.from_dict(self._store.get(STORE_KEY)) if self._store is not None else None

    def write(self, record: Record) -> None:
        """Replace the record."""
        if self._store is not None:
            self._store.set(STORE_KEY, record.to_dict())

    def forget(self) -> None:
        """Remove the record."""
        if self._store is not None:
            self._store.delete(STORE_KEY)


def task_try_of(context: Mapping[str, Any], retries: int) -> TaskTry:
    """Tell which try of which task this is.

    :param context: Airflow's context.
    :param retries: how many retries the task has.
    """
    ti = context.get("ti")
    if ti is None:  # not run by Airflow: there is no other try of it
        return TaskTry("", uuid.uuid4().hex, "")
    tries_before = max(int(ti.try_number or 1) - 1, 0)
    max_tries = int(ti.max_tries or 0)
    # max_tries begins as the number of retries; when a user clears the task it grows by the tries there were.
    before_clear = max(max_tries - retries, 0)
    run = context.get("dag_run")
    started, clears = getattr(run, "start_date", None), getattr(run, "clear_number", None)
    return TaskTry(
        dag_id=str(ti.dag_id),
        run_id=str(ti.run_id),
        task_id=str(ti.task_id),
        map_index=-1 if ti.map_index is None else int(ti.map_index),
        max_tries=max_tries,
        earlier_tries=max(tries_before - before_clear, 0),
        run_started=started.isoformat() if isinstance(started, datetime) else "",
        retries=retries,
        clears=clears if isinstance(clears, int) else 0,
    )


@dataclass(frozen=True, slots=True)
class ResendPolicy:
    """On what terms a task's request may be sent.

    :param operation: names the request in the record.
    :param takes_token: whether a client token makes it safe to send the request again.
    :param allow_resend: whether it may be sent again without one.
    :param to_check: what a user should look at where the outcome is not known.
    :param marks: whether to note that the request is about to be sent.
    :param digest: tells what is asked for from other requests of that name; empty if that is not known.
    """

    operation: str
    takes_token: bool
    allow_resend: bool
    to_check: str
    marks: bool = True
    digest: str = ""


@dataclass
class SubmitOnce:
    """One task's submit: finds out what earlier tries have done, and sends the request only if that is called for.

    :param resend_policy: on what terms the request may be sent.
    :param task_try: this try.
    :param record_store: the record.
    :param send: sends the request with this token; the flags tell that an earlier sending may have been carried out,
        and that an earlier try has sent it and was not refused.
    :param poll_once: asks for a job.
    :param is_good: whether a job that failed is good enough.
    :param grace: for how many seconds after its submit a job may be unknown.
    :param log: where to say what was found.
    """

    resend_policy: ResendPolicy
    task_try: TaskTry
    record_store: SubmitRecordStore
    send: Send
    poll_once: Callable[[str], Job | ApiError]
    is_good: Callable[[Job], bool]
    grace: float
    log: LogSink
    _kept: Record | None = None
    """The record as it is, but for a mark."""

    def run(self) -> tuple[Submission, Job | ApiError | None]:
        """Submit, or find what was submitted.

        :return: what the API took; and the job, if it was looked at.
        :raises EcsJobNotFoundNoRetry: an earlier try's job is known no more.
        :raises EcsOutcomeUnknownNoRetry: an earlier try may have sent what must not be sent twice.
        """
        record = self._kept = self.record_store.read()
        if record is not None and record.operation != self.resend_policy.operation:
            before = clean(record.operation, 100)
            self._say(f"the task was {before} when it was submitted before; that is not looked at")
            record = None
        token = self.task_try.token if self.resend_policy.takes_token else None
        if record is None:
            # Without a record the token alone tells: it gives back the job of an earlier try, which may have failed.
            return self._submit(token, chain=0 if self.record_store.is_kept else self.task_try.earlier_tries)
        if not record.is_answered:
            return self._resume_unknown_outcome(record, token)
        return self._resume_job(record, token)

    def _resume_job(self, record: Record, token: str | None) -> tuple[Submission, Job | ApiError | None]:
        """Go on from a recorded job."""
        was_cleared = record.is_before_clear(self.task_try)
        if record.job_id is None:  # an order alone: there was nothing to wait for
            return self._submit(self._unused(record, token)) if was_cleared else (record.submission, None)
        seen = self.poll_once(record.job_id)
        # Without a token a repeat is told by the request alone. A create may well be named after the time.
        if (
            record.request != self.resend_policy.digest
            and record.request
            and (was_cleared or not self.resend_policy.takes_token)
        ):
            return self._submit_other(record, seen, token)
        is_good = isinstance(seen, Job) and self.is_good(seen)
        verdict = judge(record, seen, self.task_try, is_good=is_good, now=time.time(), grace=self.grace)
        ago = duration(time.time() - record.submitted_at)
        submitted = f"ECS job {record.job_id} was submitted {ago} ago by an earlier try"
        if verdict in (Verdict.WAIT, Verdict.DONE):
            self._say(f"{submitted}; nothing is submitted again")
            self._reconnect(record)
            return record.submission, seen
        if verdict is Verdict.PURGED:
            raise EcsJobNotFoundNoRetry(
                f"{submitted}, and the API no longer knows it: finished jobs are purged after a day. How it ended can't"
                f" be told: check {self.resend_policy.to_check}. To submit again, clear the task. The API said: {seen}"
            )
        if verdict is Verdict.RESUBMIT:
            self._say(f"{submitted}, and failed; submitting again")
            return self._submit(None if token is None else next_token(record.token or token, record.job_id))
        self._say(f"{submitted}, before the task was cleared; submitting again")
        return self._submit(self._unused(record, token))

    def _submit_other(
        self, record: Record, seen: Job | ApiError, token: str | None
    ) -> tuple[Submission, Job | ApiError | None]:
        """Submit what is another request than the recorded one, once that one's job has ended.

        :raises EcsApiError: it goes on.
        """
        if isinstance(seen, Job) and not seen.status.is_finished and not record.is_given_up:
            raise EcsApiError(
                f"{self.resend_policy.operation}: ECS job {record.job_id} of an earlier try still runs, and the task's"
                " parameters have changed since. Nothing is submitted beside it: clear the task when it has ended."
            )
        self._say(f"the parameters have changed since ECS job {record.job_id} was submitted; submitting anew")
        return self._submit(self._unused(record, token))

    @staticmethod
    def _unused(record: Record, token: str | None) -> str | None:
        """Give a token that the recorded request was not sent with."""
        if token is None or token != record.token:
            return token
        return next_token(token, record.job_id or record.order_id or "")

    def _resume_unknown_outcome(self, record: Record, token: str | None) -> tuple[Submission, Job | ApiError | None]:
        """Go on from a request that was sent, or was about to be, by a try whose worker died or got no answer."""
        was_cleared = record.is_before_clear(self.task_try)
        if self.resend_policy.takes_token and record.token is not None:
            self._say("an earlier try may have sent the request; asking with the same client token")
            return self._submit_again(record, self._unused(record, token) if was_cleared else None)
        if self.resend_policy.allow_resend or was_cleared:
            self._say("an earlier try may have sent the request; sending it again")
            return self._submit(token, outcome_unknown=not was_cleared)
        ago = duration(time.time() - record.submitted_at)
        raise EcsOutcomeUnknownNoRetry(
            f"{self.resend_policy.operation}: an earlier try may have sent the request, {ago} ago: its worker ended"
            " before the answer came. Whether it was carried out is not known, and doing it twice may do harm. Check"
            f" {self.resend_policy.to_check}. Then clear the task to send it again, or mark it as success;"
            " resubmit_unknown=True sends it again without asking."
        )

    def _submit_again(self, record: Record, fresh: str | None) -> tuple[Submission, Job | ApiError | None]:
        """Ask with the token of a try that saw no answer.

        :param record: the mark of that try.
        :param fresh: after a user's clear, this attempt's own token: what has ended by then is history.
        """
        try:
            submission, seen = self._submit(record.token, outcome_unknown=True, chain=0 if fresh else 1, mark=record)
        except EcsRejectedError as error:
            if fresh is None or error.error is None or error.error.code not in _TOKEN_USED_BEFORE:
                raise
            self._kept = None
            self._put_back()
            raise type(error)(f"{error} To submit it all the same, clear the task once more.", error.error) from None
        if fresh is None:
            return submission, seen
        if submission.job_id is not None:
            seen = self.poll_once(submission.job_id)
            if isinstance(seen, Job) and seen.status.is_finished and _began_by(seen, record.submitted_at):
                self._say(f"ECS job {submission.job_id} ended before the task was cleared; submitting again")
                return self._submit(fresh)
        if self._kept is not None:
            self._reconnect(self._kept)
        return submission, seen

    def _submit(
        self, token: str | None, *, outcome_unknown: bool = False, chain: int = 0, mark: Record | None = None
    ) -> tuple[Submission, Job | ApiError | None]:
        """Send the request.

        :param token: the client token.
        :param outcome_unknown: whether the request may have been sent before.
        :param chain: how many jobs that the token gives back may be found failed, and be followed by another.
        :param mark: of whose request it is, if not this attempt's: until it is known that its job goes on.
        """
        while True:
            submission = self._send_once(token, outcome_unknown=outcome_unknown, mark=mark)
            if chain <= 0 or token is None or submission.job_id is None:
                return submission, None
            seen = self.poll_once(submission.job_id)
            failed = isinstance(seen, Job) and seen.status is JobStatus.FAIL
            if not failed or (isinstance(seen, Job) and self.is_good(seen)):
                return submission, seen
            self._say(f"ECS job {submission.job_id} of an earlier try failed; submitting again")
            token, outcome_unknown, chain, mark = next_token(token, submission.job_id), False, chain - 1, None

    def _send_once(self, token: str | None, *, outcome_unknown: bool, mark: Record | None) -> Submission:
        record = mark or self._owned(Record(self.resend_policy.operation, 0, time.time(), token))
        if self.resend_policy.marks:
            self.record_store.write(record)
        try:
            submission = self.send(token, outcome_unknown, self._was_sent)
        except EcsOutcomeUnknownError:
            raise  # the mark stays, for the next try
        except EcsJobsError as error:
            answer = error.error if isinstance(error, EcsApiError) else None
            if self.resend_policy.marks and not outcome_unknown and not (answer is not None and answer.outcome_unknown):
                self._put_back()
            raise
        # Before anything is stored or pushed, which may fail: what the cloud answered is never lost.
        if submission.job_id is not None or submission.order_id is not None:
            self._say(f"submitted: {submission.described()}")
        answered = replace(
            record, job_id=submission.job_id, order_id=submission.order_id, server_ids=submission.server_ids
        )
        self._kept = answered if answered.is_answered else None
        self._put_back()
        return submission

    def _reconnect(self, record: Record) -> None:
        """Make a job that was submitted before a user's clear this attempt's own: its retries go on with it."""
        if record.is_before_clear(self.task_try):
            self._kept = self._owned(record)
            self._put_back()

    @property
    def _was_sent(self) -> bool:
        """Whether an earlier try may have sent this very request, and the API taken it.

        What was refused leaves no record. Without records, any earlier try since the last clear may have.
        """
        if not self.record_store.is_kept:
            return self.task_try.earlier_tries > 0
        kept = self._kept
        return kept is not None and (kept.operation, kept.request) == (
            self.resend_policy.operation,
            self.resend_policy.digest,
        )

    def _owned(self, record: Record) -> Record:
        """Give the record as one of this attempt."""
        task_try = self.task_try
        return replace(
            record,
            max_tries=task_try.max_tries,
            retries=task_try.retries,
            clears=task_try.clears,
            request=self.resend_policy.digest,
        )

    def _put_back(self) -> None:
        """Write the record as it is, in place of a mark. A store that fails is a warning.

        The request was answered: to fail now would leave its job alone, or hide why it was rejected. A retry is left
        with what was written before.
        """
        try:
            if self._kept is None:
                self.record_store.forget()
            else:
                self.record_store.write(self._kept)
        except Exception as error:  # noqa: BLE001 - whatever the store raises
            why = f"{type(error).__name__}: {clean(error, 300)}"
            self._say(f"the answer could not be recorded ({why})", logging.WARNING)

    def _say(self, what: str, level: int = logging.INFO) -> None:
        self.log.log(level, "%s", f"{self.resend_policy.operation}: {what}")


def _began_by(job: Job, sent: float) -> bool:
    """Whether a job was begun by the request that was sent then, rather than by one that was sent just now.

    The times are of two clocks, so the nearer one counts.
    """
    if job.begin_time is None:
        return True
    began = job.begin_time.timestamp()
    return abs(began - sent) <= abs(began - time.time())
