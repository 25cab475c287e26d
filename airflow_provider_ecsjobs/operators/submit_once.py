"""Submits a request exactly once, however often its task is tried: what was sent is recorded, and recognized."""

from __future__ import annotations

import logging
import time
import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_ecsjobs.core.errors import EcsApiError, EcsJobsError, EcsOutcomeUnknownError, EcsRejectedError
from airflow_provider_ecsjobs.core.submit.idempotency import (
    Done,
    Fail,
    Failure,
    Poll,
    Record,
    Repeat,
    Send,
    SentBefore,
    SubmitPolicy,
    TaskTry,
    decide,
)
from airflow_provider_ecsjobs.core.text import clean
from airflow_provider_ecsjobs.exceptions import EcsJobNotFoundNoRetry, EcsOutcomeUnknownNoRetry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_ecsjobs.core.errors import ApiError
    from airflow_provider_ecsjobs.core.job import Job
    from airflow_provider_ecsjobs.core.steps import Log
    from airflow_provider_ecsjobs.core.submit.submission import Submission
    from airflow_provider_ecsjobs.transport.errors import LogSink

    SendRequest = Callable[[str | None, SentBefore], Submission]

STORE_KEY = "ecs_submit"
"""Under which the record lies in Airflow's task state store."""
_TOKEN_USED_BEFORE = ("Ecs.0122", "Ecs.0124")


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
        """Return the record, if there is one."""
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
    """Return which try of which task this is.

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
    started = getattr(context.get("dag_run"), "start_date", None)
    return TaskTry(
        dag_id=str(ti.dag_id),
        run_id=str(ti.run_id),
        task_id=str(ti.task_id),
        map_index=-1 if ti.map_index is None else int(ti.map_index),
        max_tries=max_tries,
        earlier_tries=max(tries_before - before_clear, 0),
        run_started=started.isoformat() if isinstance(started, datetime) else "",
        retries=retries,
    )


@dataclass
class SubmitOnce:
    """One task's submit: carries out what is decided about the request, and about what earlier tries have sent.

    :param policy: how the request may be sent.
    :param task_try: this try.
    :param record_store: the record.
    :param send: sends the request with this client token, and is told what is known of an earlier sending.
    :param poll_once: asks for a job.
    :param log: where to say what was found.
    """

    policy: SubmitPolicy
    task_try: TaskTry
    record_store: SubmitRecordStore
    send: SendRequest
    poll_once: Callable[[str], Job | ApiError]
    log: LogSink

    def run(self) -> tuple[Submission, Job | ApiError | None]:
        """Submit, or find what was submitted.

        :return: what the API took; and the job, if it was looked at.
        :raises EcsJobNotFoundNoRetry: an earlier try's job is known no more.
        :raises EcsOutcomeUnknownNoRetry: the request may have been sent, and must not be sent twice.
        :raises EcsApiError: the request could not be sent, or not yet.
        """
        record, task_try = self.record_store.read(), self.task_try
        seen: Job | ApiError | None = None
        while True:
            step = decide(record, task_try, self.policy, seen, time.time())
            match step:
                case Poll(job_id):
                    seen = self.poll_once(job_id)
                case Done(settled, logs):
                    self._say_all(logs)
                    if settled != record:
                        # May fail the try: a retry would take the clear that led here for a new one.
                        self.record_store.write(settled)
                    return settled.submission, seen
                case Send():
                    self._say_all(step.logs)
                    record = self._send_once(step, record)
                    if not step.may_find_job or record.job_id is None:
                        return record.submission, None
                    # Whatever the answer names, one of the earlier tries is accounted for.
                    task_try = replace(task_try, earlier_tries=max(task_try.earlier_tries - 1, 0))
                    seen = None
                case Fail(failure, message, found):
                    self._fail(failure, message, found)

    def _send_once(self, step: Send, before: Record | None) -> Record:
        """Note that the request is about to be sent, send it, and record the answer.

        :param step: what to note, and how to send it.
        :param before: the record until now. It stays if the API did not take the request.
        """
        self.record_store.write(step.record)
        try:
            submission = self.send(step.record.token, step.sent_before)
        except AirflowFailException:
            raise  # of a user's function: it may have submitted all the same
        except Exception as error:
            self._after_error(error, step.record, before)
            raise
        # Before anything is stored or pushed, which may fail: what the cloud answered is never lost.
        answered = step.record.answered(submission)
        if answered.is_answered:
            # The token gives back what an earlier try submitted, if the API took that.
            may_be_earlier = step.may_find_job or step.sent_before is not SentBefore.NO
            self._say(f"{'the API names' if may_be_earlier else 'submitted:'} {submission.described()}")
            self._keep(answered)
        return answered

    def _after_error(self, error: Exception, noted: Record, before: Record | None) -> None:
        """Keep what the next try needs to know, and tell the user where only they can decide.

        :raises EcsOutcomeUnknownNoRetry: the request may have been carried out, and must not be sent again.
        :raises EcsRejectedError: its token was used for another request, which may have been carried out.
        """
        if self.policy.repeat is Repeat.BY_TOKEN and _token_was_used(error):
            self._reject_token(error, noted)
        if isinstance(error, EcsOutcomeUnknownError):
            if self.policy.repeat not in (Repeat.BY_TOKEN, Repeat.HARMLESS):
                message = (
                    f"{error}. Sending it again could do it twice, so it is not retried: check, then clear the task to"
                    " send it again, or mark it as success. resubmit_unknown=True sends it again without asking."
                )
                self._fail(Failure.OUTCOME_UNKNOWN, message, noted, error.error)
            return  # a retry sends it again, which is safe
        is_open = isinstance(error, EcsApiError) and error.error is not None and error.error.outcome_unknown
        if self.policy.shows_refusal and isinstance(error, EcsJobsError) and not is_open:
            self._keep(before)

    def _reject_token(self, error: Exception, noted: Record) -> NoReturn:
        told = f"{clean(error)} To submit it all the same, clear the task."
        if not isinstance(error, EcsRejectedError):
            told = (
                f"{clean(error)}. The client token was sent before, and that request may have been carried out: check"
                f" {self.policy.to_check}. To submit it all the same, clear the task."
            )
        self._tell(told, noted)
        raise EcsRejectedError(told, getattr(error, "error", None)) from error

    def _fail(self, failure: Failure, message: str, noted: Record, error: ApiError | None = None) -> NoReturn:
        if failure is Failure.PURGED:
            raise EcsJobNotFoundNoRetry(message)
        if failure is Failure.BUSY:
            raise EcsApiError(message)
        self._tell(message, noted)
        raise EcsOutcomeUnknownNoRetry(message, error) from None

    def _tell(self, message: str, noted: Record) -> None:
        """Tell the user, then note that they were told: a clear after this sends the request.

        The log comes first, since the worker may die before the task fails.
        """
        self.log.log(logging.WARNING, "%s", message)
        self._keep(noted.told(self.task_try))

    def _keep(self, record: Record | None) -> None:
        """Write the record. A store that fails is a warning.

        To fail now would leave a job alone, or hide why the request was rejected. The next try is left with what was
        written before.
        """
        try:
            if record is None:
                self.record_store.forget()
            else:
                self.record_store.write(record)
        except Exception as error:  # noqa: BLE001 - whatever the store raises
            why = f"{type(error).__name__}: {clean(error, 300)}"
            self._say(f"the answer could not be recorded ({why})", logging.WARNING)

    def _say_all(self, logs: tuple[Log, ...]) -> None:
        for log in logs:
            self._say(log.message, log.level)

    def _say(self, what: str, level: int = logging.INFO) -> None:
        self.log.log(level, "%s", f"{self.policy.operation}: {what}")


def _token_was_used(error: Exception) -> bool:
    """Whether the API says that the client token belongs to another request, or is too old to be asked with."""
    if isinstance(error, EcsApiError):
        return error.error is not None and error.error.code in _TOKEN_USED_BEFORE
    # A user's function raises what its client does.
    return any(code in str(error) for code in _TOKEN_USED_BEFORE)
