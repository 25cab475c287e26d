"""Submits a request exactly once, however often its task is tried. Each submit is recorded and recognized."""

from __future__ import annotations

import logging
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

from airflow_provider_ecsjobs.core.errors import EcsApiError, EcsJobsError, EcsOutcomeUnknownError, EcsRejectedError
from airflow_provider_ecsjobs.core.submit.decision_table import Repeat
from airflow_provider_ecsjobs.core.submit.idempotency import (
    Done,
    Fail,
    Failure,
    Poll,
    SentBefore,
    Submit,
    SubmitPolicy,
    decide,
)
from airflow_provider_ecsjobs.core.submit.record import Record, TaskTry
from airflow_provider_ecsjobs.core.text import clean
from airflow_provider_ecsjobs.exceptions import EcsJobNotFoundNoRetry, EcsOutcomeUnknownNoRetry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from airflow_provider_ecsjobs.core.errors import ApiError
    from airflow_provider_ecsjobs.core.job import Job
    from airflow_provider_ecsjobs.core.steps import Log
    from airflow_provider_ecsjobs.core.submit.submission import Submission
    from airflow_provider_ecsjobs.transport.logs import LogSink

    SendRequest = Callable[[str | None, SentBefore], Submission]

STORE_KEY = "ecs_submit"
"""The key of the record in Airflow's task state store."""
_TOKEN_USED_BEFORE = ("Ecs.0122", "Ecs.0124")


class SubmitRecordStore:
    """The record of a task's submit, in the task state store of Airflow 3.3. Older versions of Airflow have none.

    :param store: ``context["task_state_store"]``; ``None`` if Airflow has none.
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

    @staticmethod
    @contextmanager
    def warning_on_failure(log: LogSink, warning: str) -> Iterator[None]:
        """Turn a failure of the store into a warning. The next try then reads the record that was written before."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever the store raises
            log.log(logging.WARNING, "%s (%s: %s)", warning, type(error).__name__, clean(error, 300))


def task_try_of(context: Mapping[str, Any], retries: int) -> TaskTry:
    """Return the try of the task that runs.

    :param context: Airflow's context.
    :param retries: how many retries the task has.
    """
    ti = context.get("ti")
    if ti is None:  # not run by Airflow: there is no other try of it
        return TaskTry("", uuid.uuid4().hex, "")
    tries_before = max(int(ti.try_number or 1) - 1, 0)
    max_tries = int(ti.max_tries or 0)
    # max_tries begins as the number of retries. A clear adds the number of tries so far.
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
    """The submit of one task. It carries out the steps that :func:`decide` returns.

    :param policy: the conditions under which the request may be sent.
    :param task_try: this try.
    :param record_store: the store of the record.
    :param send: sends the request. Its arguments are the client token, and whether the request was sent before.
    :param poll_once: polls a job.
    :param log: writes log lines.
    """

    policy: SubmitPolicy
    task_try: TaskTry
    record_store: SubmitRecordStore
    send: SendRequest
    poll_once: Callable[[str], Job | ApiError]
    log: LogSink

    def run(self) -> tuple[Submission, Job | ApiError | None]:
        """Submit the request, or return what an earlier try submitted.

        :return: what the API accepted; and the job, if it was polled.
        :raises EcsJobNotFoundNoRetry: the API no longer knows the job of an earlier try.
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
                case Submit():
                    self._say_all(step.logs)
                    record = self._send_once(step, record)
                    if not step.may_find_job or record.job_id is None:
                        return record.submission, None
                    # Any job that the response names accounts for one of the earlier tries.
                    task_try = replace(task_try, earlier_tries=max(task_try.earlier_tries - 1, 0))
                    seen = None
                case Fail(failure, message, found):
                    self._fail(failure, message, found)

    def _send_once(self, step: Submit, before: Record | None) -> Record:
        """Record that the request is about to be sent, send it, and record the response.

        :param step: the record to write, and how to send the request.
        :param before: the record until now. It is restored if the API did not accept the request.
        """
        self.record_store.write(step.record)
        try:
            submission = self.send(step.record.token, step.sent_before)
        except AirflowFailException:
            raise  # raised by a user's function, which may have submitted all the same
        except Exception as error:
            self._after_error(error, step.record, before)
            raise
        # Logged before anything is stored or pushed, which may fail: so the response is never lost.
        answered = step.record.answered(submission)
        if answered.is_answered:
            # If the API accepted the request of an earlier try, it responds with the same job to the same token.
            may_be_earlier = step.may_find_job or step.sent_before is not SentBefore.NO
            self._say(f"{'the API names' if may_be_earlier else 'submitted:'} {submission.described()}")
            self._keep(answered)
        return answered

    def _after_error(self, error: Exception, noted: Record, before: Record | None) -> None:
        """Keep the record that the next try needs. Raise an error if only the user can decide what to do.

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
        outcome_unknown = isinstance(error, EcsApiError) and error.error is not None and error.error.outcome_unknown
        is_ours = isinstance(error, EcsJobsError | AirflowSkipException)
        if self.policy.shows_rejection and is_ours and not outcome_unknown:
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
        """Log the message for the user, then record that the user was told: a clear after this sends the request.

        The log line comes first, since the worker may die before the task fails.
        """
        self.log.log(logging.WARNING, "%s", message)
        self._keep(noted.told(self.task_try))

    def _keep(self, record: Record | None) -> None:
        """Write the record. If the store fails, log a warning.

        An exception here would leave a job unwatched, or hide why the request was rejected.
        """
        warning = f"{self.policy.operation}: the response could not be recorded"
        with self.record_store.warning_on_failure(self.log, warning):
            if record is None:
                self.record_store.forget()
            else:
                self.record_store.write(record)

    def _say_all(self, logs: tuple[Log, ...]) -> None:
        for log in logs:
            self._say(log.message, log.level)

    def _say(self, what: str, level: int = logging.INFO) -> None:
        self.log.log(level, "%s", f"{self.policy.operation}: {what}")


def _token_was_used(error: Exception) -> bool:
    """Return whether the API reports that the client token belongs to another request, or is too old."""
    if isinstance(error, EcsApiError):
        return error.error is not None and error.error.code in _TOKEN_USED_BEFORE
    # A user's function raises the exceptions of its own client.
    return any(code in str(error) for code in _TOKEN_USED_BEFORE)
