"""The base class of the operators that start a job: submit exactly once, then wait."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

from airflow_provider_ecsjobs.core.errors import (
    EcsApiError,
    EcsInvalidRequestError,
    EcsRejectedError,
    EcsUnauthorizedError,
)
from airflow_provider_ecsjobs.core.failure_message import (
    explain_failure,
    possible_servers,
    surviving_servers,
)
from airflow_provider_ecsjobs.core.job import JobStatus
from airflow_provider_ecsjobs.core.job_snapshot import WaitFacts
from airflow_provider_ecsjobs.core.waiting.end import Outcome
from airflow_provider_ecsjobs.core.waiting.wait import Wait
from airflow_provider_ecsjobs.exceptions import (
    EcsInvalidRequestNoRetry,
    EcsOutcomeUnknownNoRetry,
    EcsRejectedNoRetry,
    EcsUnauthorizedNoRetry,
)
from airflow_provider_ecsjobs.metrics import WAIT_METRICS
from airflow_provider_ecsjobs.operators.base import EcsBaseOperator
from airflow_provider_ecsjobs.operators.parameters import literal
from airflow_provider_ecsjobs.outcomes import read_event
from airflow_provider_ecsjobs.publishing import publish_end, publishing_errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_ecsjobs.core.errors import ApiError
    from airflow_provider_ecsjobs.core.job import Job
    from airflow_provider_ecsjobs.core.submit.idempotency import SentBefore, SubmitPolicy
    from airflow_provider_ecsjobs.core.submit.submission import Submission
    from airflow_provider_ecsjobs.core.waiting.end import WaitEnd
    from airflow_provider_ecsjobs.core.waiting.policy import WaitPolicy
    from airflow_provider_ecsjobs.operators.submit_once import SendRequest, SubmitOnce, SubmitRecordStore

DEFAULT_NOT_FOUND_GRACE = 60.0
_SUBMITTED_IN = "ecsjobs_submitted_in"
"""The key in Airflow's context of the number of the try that has submitted its request."""


class EcsBaseSubmitOperator(EcsBaseOperator):
    """An operator that starts a job and waits for it.

    ``job_id``, ``order_id`` and ``server_ids`` are pushed as XComs before the wait begins, if there are any.

    :param wait_for_completion: whether to wait for the job. If not, the task ends after the submit (templated).
    :param resubmit_unknown: whether to retry a request of unknown outcome even if carrying it out twice may do harm.
    :param on_partial_failure: what to do if only some servers were created: ``fail``, or ``keep`` them and succeed.
    :param not_found_grace: for how many seconds after the submit the API may not know the job.
    """

    template_fields: Sequence[str] = ("wait_for_completion", *EcsBaseOperator.template_fields)
    _retry_resubmits = True
    _makes_servers = False
    _job_id: str | None = None
    _refusal: EcsInvalidRequestNoRetry | AirflowSkipException | None = None
    """Why the request is not sent. A job that an earlier try has recorded is waited for all the same."""

    def __init__(
        self,
        *,
        wait_for_completion: bool | str = True,
        resubmit_unknown: bool = False,
        on_partial_failure: str = "fail",
        not_found_grace: timedelta | float = DEFAULT_NOT_FOUND_GRACE,
        **kwargs: Any,
    ) -> None:
        super().__init__(not_found_grace=not_found_grace, **kwargs)
        self.wait_for_completion = wait_for_completion
        self.resubmit_unknown: bool = literal("resubmit_unknown", resubmit_unknown)
        self.on_partial_failure: str = literal("on_partial_failure", on_partial_failure)

    def execute(self, context: Context) -> dict[str, Any]:
        """Submit the request, push the ids, and wait, in the triggerer or in the worker.

        :raises EcsJobFailed: the job failed. A retry submits a new one.
        :raises EcsJobTimeout: the job did not end in time.
        :raises EcsRejectedNoRetry: the API rejected the request.
        :raises EcsUnauthorizedNoRetry: the API did not accept the credentials.
        :raises EcsInvalidRequestNoRetry: a parameter is missing or wrong; nothing was sent.
        :raises EcsOutcomeUnknownNoRetry: the request may have been carried out, and must not be sent twice.
        :raises EcsJobNotFoundNoRetry: the API does not know the job, or no longer knows it.
        """
        try:
            self._prepare()
        except (EcsInvalidRequestNoRetry, AirflowSkipException) as error:
            self._refusal = error
        policy = self._policy()
        try:
            return self._output(self._submit_and_wait(context, policy))
        finally:
            self.hook.close()

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Resume with the trigger's event: return the result, or fail with the reason."""
        try:
            job_id, server_ids = (self._handed_on(context, event, name) for name in ("job_id", "server_ids"))
            self._job_id = job_id
            times = WaitFacts(job_id or "", server_ids=server_ids or [])
            with publishing_errors(times.job_id), self._sending_nothing_twice(context):
                end = read_event(event, job_id)
            return self._output(self._finish(context, end, times))
        finally:
            self.hook.close()

    def on_kill(self) -> None:
        """Log that the job continues, if there is one: the API can't cancel it."""
        if self._job_id is not None:
            self._log_on_kill(self._job_id)

    def _prepare(self) -> None:
        """Read the rendered parameters.

        :raises EcsInvalidRequestNoRetry: one is wrong.
        :raises AirflowSkipException: there is nothing to do.
        """
        self._read_parameters()

    def _once(self, context: Mapping[str, Any], deadline: float | None) -> SubmitOnce:
        """Return the submit of this task.

        :param context: Airflow's context.
        :param deadline: when to stop retrying, in seconds since the epoch; ``None`` for the operator's own limit.
        """
        raise NotImplementedError

    def _is_safe_to_retry(self) -> bool:
        """Return whether a retry that does not know of this try is harmless."""
        raise NotImplementedError

    def _submit_once(
        self, context: Mapping[str, Any], policy: SubmitPolicy, send: SendRequest, record_store: SubmitRecordStore
    ) -> SubmitOnce:
        # Not with the module, here and below: what only a worker needs is a fifth of what a DAG file would pay for.
        from airflow_provider_ecsjobs.core.submit.decision_table import Repeat
        from airflow_provider_ecsjobs.operators.submit_once import SubmitOnce, task_try_of

        repeat = policy.repeat
        if self.resubmit_unknown and repeat is not Repeat.BY_TOKEN:
            repeat = Repeat.HARMLESS  # the user says so
        return SubmitOnce(
            policy=replace(
                policy,
                repeat=repeat,
                keeps_record=record_store.is_kept,
                is_good=self._is_good,
                grace=self.not_found_grace,
            ),
            task_try=task_try_of(context, self.retries or 0),
            record_store=record_store,
            send=send,
            poll_once=self.hook.poll_once,
            log=self.log,
        )

    def _submit(self, context: Mapping[str, Any], policy: WaitPolicy) -> tuple[Submission, Job | ApiError | None]:
        try:
            with publishing_errors():
                self._check_first(context)
                submitted = self._once_or_recorded(context, policy.deadline).run()
                context[_SUBMITTED_IN] = _try_number(context)  # type: ignore[index] # Airflow's context is mutable
                return submitted
        except EcsInvalidRequestError as error:
            raise EcsInvalidRequestNoRetry(str(error)) from None
        except EcsUnauthorizedError as error:
            raise EcsUnauthorizedNoRetry(str(error), error.error) from None
        except EcsRejectedError as error:
            raise EcsRejectedNoRetry(str(error), error.error) from None

    def _check_first(self, context: Mapping[str, Any]) -> None:
        """Check that this try of the task has submitted nothing yet.

        :raises EcsInvalidRequestNoRetry: it has. One record can't tell two requests apart.
        """
        if context.get("ti") is not None and context.get(_SUBMITTED_IN) == _try_number(context):
            raise EcsInvalidRequestNoRetry(
                "This task has submitted a request already. A task submits one request, since a retry could not tell"
                " two of them apart. Use a task for each request."
            )

    def _once_or_recorded(self, context: Mapping[str, Any], deadline: float | None) -> SubmitOnce:
        """Return the submit of this task. If its request is not to be sent, an earlier try may have recorded a job.

        :raises EcsInvalidRequestNoRetry: the request is wrong, and there is no such job.
        :raises AirflowSkipException: there is nothing to do, and there is no such job.
        """
        refusal = self._refusal
        if refusal is None:
            try:
                return self._once(context, deadline)
            except EcsInvalidRequestNoRetry as error:
                refusal = error
        recorded = self._recorded(context, refusal)
        if recorded is None:
            raise refusal
        return recorded

    def _recorded(
        self, context: Mapping[str, Any], refusal: EcsInvalidRequestNoRetry | AirflowSkipException
    ) -> SubmitOnce | None:
        """Return a submit that only reconnects to the job of an earlier try; ``None`` if there is none."""
        from airflow_provider_ecsjobs.core.submit.decision_table import Repeat
        from airflow_provider_ecsjobs.core.submit.idempotency import SubmitPolicy
        from airflow_provider_ecsjobs.operators.submit_once import task_try_of

        record_store = _record_store(context)
        record = record_store.read()
        max_tries = task_try_of(context, self.retries or 0).max_tries
        if record is None or record.job_id is None or record.max_tries != max_tries:
            return None
        self.log.warning("%s An earlier try submitted ECS job %s, so the task waits for it.", refusal, record.job_id)

        def send(token: str | None, sent_before: SentBefore) -> Submission:
            # The submit takes an AirflowFailException for that of a user's function, which may have sent something.
            raise EcsInvalidRequestError(str(refusal)) if isinstance(refusal, EcsInvalidRequestError) else refusal

        return self._submit_once(context, SubmitPolicy(record.operation, Repeat.HARMFUL, ""), send, record_store)

    def _submit_and_wait(self, context: Mapping[str, Any], policy: WaitPolicy) -> dict[str, Any]:
        self._leave_console_link(context)
        submission, seen = self._submit(context, policy)
        # The grace for an unknown job begins now: the time of the submit does not count.
        policy = replace(
            policy, started=time.time(), order_id=submission.order_id or "", server_ids=submission.server_ids
        )
        self._push_result(context, submission.result())
        job_id = self._job_id = submission.job_id
        if job_id is None:
            return self._without_job(submission)
        if not self.wait_for_completion:
            return submission.result()
        wait = Wait(job_id, policy, observer=WAIT_METRICS)
        # A job that was submitted just now can't have ended. The API may not even know it yet.
        end = None if seen is None else self._receive(wait, seen)
        if end is None and self.deferrable:
            self._defer(wait, submission.server_ids)
        return self._finish(context, end or self._continue_in_worker(wait), WaitFacts.of(job_id, policy))

    def _handed_on(self, context: Mapping[str, Any], event: Any, name: str) -> Any:
        """Return a value of the submit from the trigger's event, which has it even if the push of the XCom failed.

        For a task that an earlier version deferred, the value is in the XCom only.
        """
        told = event.get(name) if isinstance(event, dict) else None
        return self._pull_xcom(context, name) if told is None else told

    def _without_job(self, submission: Submission) -> dict[str, Any]:
        """Return the result of a request whose response named no job."""
        if submission.order_id is not None:
            servers = f" for the servers {', '.join(submission.server_ids)}" if submission.server_ids else ""
            self.log.warning(
                "The API placed the order %s%s and named no job to wait for: %s once it is paid.",
                submission.order_id,
                servers,
                "the servers are created" if servers or self._makes_servers else "the change takes effect",
            )
        return submission.result()

    def _is_good(self, job: Job) -> bool:
        """Return whether a failed job is good enough."""
        return self.on_partial_failure == "keep" and bool(surviving_servers(job))

    def _finish(self, context: Mapping[str, Any], end: WaitEnd, times: WaitFacts) -> dict[str, Any]:
        """Return the result, or fail with the reason. Record what the next try needs to know.

        :param times: the job, the servers in the response to its request, and what else is known of the wait.
        """
        job, submitted = end.job, list(times.server_ids)
        servers = submitted if job is None else possible_servers(job, submitted)
        self._leave_console_link(context, servers)
        if end.outcome is Outcome.PAYMENT_TIMEOUT:
            self._give_up(context)
        publish_end(end, times)
        if (job := end.finished_job) is None:
            return self._fail_unfinished(context, end, submitted)
        if submitted != servers:
            # A clean-up task can't delete servers that were never created.
            self._push_xcoms(context, {"server_ids": servers})
        self._push_result(context, {"nic_ids": list(job.nic_ids)})
        if job.status is not JobStatus.FAIL:
            return {**self._result(end), "server_ids": servers}
        if self._is_good(job):
            self._log_beside_failure(job)
            self.log.warning("%s\nThe task continues with the servers that exist.", explain_failure(job, servers))
            return {**job.result(), "server_ids": servers}
        return self._result(end, servers)

    def _fail_unfinished(self, context: Mapping[str, Any], end: WaitEnd, submitted: list[str]) -> dict[str, Any]:
        """Fail with the reason why the wait did not see the end of the job."""
        if end.outcome is Outcome.NOT_FOUND:
            servers = f" (servers {', '.join(submitted)})" if submitted else ""
            end = replace(end, message=f"{end.message} The API took the request{servers}, so it may be carried out.")
        with self._sending_nothing_twice(context):
            return self._result(end)

    @contextmanager
    def _sending_nothing_twice(self, context: Mapping[str, Any]) -> Iterator[None]:
        """Turn an error after the submit into one that is not retried, if a retry would send the request again.

        :raises EcsOutcomeUnknownNoRetry: no record is kept, and the request must not be sent twice.
        """
        try:
            yield
        except EcsApiError as error:
            if _record_store(context).is_kept or self._is_safe_to_retry() or isinstance(error, AirflowFailException):
                raise
            raise EcsOutcomeUnknownNoRetry(
                f"{error} This Airflow keeps no record of what was submitted, so a retry would send the request again."
                " The task is not retried. Check, then clear the task, or mark it as success.",
                error.error,
            ) from None

    def _give_up(self, context: Mapping[str, Any]) -> None:
        """Record that the order stayed unpaid. If a user clears the task, it places a new order."""
        record_store = _record_store(context)
        with record_store.warning_on_failure(self.log, "It could not be recorded that the order stayed unpaid"):
            record = record_store.read()
            if record is not None:
                record_store.write(record.given_up())


def _try_number(context: Mapping[str, Any]) -> Any:
    return getattr(context.get("ti"), "try_number", None)


def _record_store(context: Mapping[str, Any]) -> SubmitRecordStore:
    from airflow_provider_ecsjobs.operators.submit_once import SubmitRecordStore

    return SubmitRecordStore(context.get("task_state_store"))
