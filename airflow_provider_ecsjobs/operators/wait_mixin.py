"""The behaviour of all tasks that wait for a job: poll once, defer or wait here, end with the result or the reason."""

from __future__ import annotations

import time
import warnings
from dataclasses import asdict
from datetime import timedelta
from functools import cached_property, wraps
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from airflow_provider_ecsjobs.core.errors import ApiError, EcsInvalidJobIdError, EcsInvalidRequestError
from airflow_provider_ecsjobs.core.failure_message import MAX_SERVERS_SHOWN, possible_servers, surviving_servers
from airflow_provider_ecsjobs.core.job import Job, JobStatus
from airflow_provider_ecsjobs.core.job_snapshot import WaitFacts
from airflow_provider_ecsjobs.core.submit.submission import MAX_SERVERS_PER_REQUEST
from airflow_provider_ecsjobs.core.text import clean, duration, join_limited
from airflow_provider_ecsjobs.core.waiting.policy import WaitPolicy
from airflow_provider_ecsjobs.core.waiting.wait import Wait
from airflow_provider_ecsjobs.exceptions import (
    EcsInvalidJobIdNoRetry,
    EcsInvalidRequestNoRetry,
    EcsJobFailed,
    EcsJobFailedNoRetry,
    EcsJobNotFoundNoRetry,
    EcsUnauthorizedNoRetry,
)
from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook
from airflow_provider_ecsjobs.links.ecs_console import CONSOLE_XCOM_KEY, EcsConsoleLink, console_url
from airflow_provider_ecsjobs.links.job_page import EcsJobPageLink
from airflow_provider_ecsjobs.metrics import WAIT_METRICS
from airflow_provider_ecsjobs.operators.parameters import (
    ATTRIBUTES,
    STEERS_REQUEST,
    is_template,
    literal,
    nothing_is_templated,
)
from airflow_provider_ecsjobs.outcomes import succeeded_or_raise
from airflow_provider_ecsjobs.publishing import observer_in_worker, publish_end, publish_wait, publishing_errors
from airflow_provider_ecsjobs.transport.logs import write_log

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.providers.common.compat.sdk import BaseOperator

    from airflow_provider_ecsjobs.core.submit.values import IsTemplated, Reader
    from airflow_provider_ecsjobs.core.waiting.end import WaitEnd

    _Task = BaseOperator
else:
    _Task = object

# Airflow's own limit on a deferral fails the task without our message. It is only for the case that no triggerer runs.
_SAFETY_NET = timedelta(minutes=15)
# Airflow adds the limit to the present date. The sum must not exceed the calendar.
_TEN_YEARS = 10 * 365 * 86400.0
# Airflow 2.11 ends a deferral at the execution timeout, 3.x a task that waits in the worker. Our end comes earlier.
_EXECUTION_MARGIN = 30.0
_EXECUTION_MARGIN_SHARE = 0.1
XCOM_KEYS = ("job_id", "order_id", "server_ids", "nic_ids")
"""The XComs that every task pushes beside its result, so that ``task.output["server_ids"]`` works for all tasks."""


class EcsJobWaitMixin(_Task):
    """Waits for a job, on behalf of a sensor or an operator.

    The class that uses the mixin sets the attributes below. They have the meaning of its own parameters.
    """

    operator_extra_links = (EcsJobPageLink(), EcsConsoleLink())
    console_url: str | None = None
    """The address of this task's resources in the console: empty for an unknown cloud, ``None`` until it is known."""
    _seen: Job | None = None
    """The job, if this process has seen it unfinished."""
    _retry_resubmits = False
    """Whether a retry can help after a failed job, since it submits another one."""
    _readers: ClassVar[Mapping[str, Reader]] = MappingProxyType({})
    """The class's own readers of templated parameters that other classes read in another way."""

    if TYPE_CHECKING:
        huawei_ecs_conn_id: str
        region: str | None
        project_id: str | None
        service: str
        job_id: str

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Make ``__init__`` check the parameters at its end, so that every task checks them."""
        super().__init_subclass__(**kwargs)
        own_init: Any = cls.__init__

        @wraps(own_init)
        def checked_init(self: EcsJobWaitMixin, *args: Any, **arguments: Any) -> None:
            own_init(self, *args, **arguments)
            # In the task's own class, the ``__init__`` of its base classes have ended. An index of a mapped task is
            # made when it runs: `execute` checks it, so that Airflow 2.11 still calls its callbacks.
            if type(self) is cls and not getattr(self, "_BaseOperator__from_mapped", False):
                self._check_literals()

        cls.__init__ = checked_init  # type: ignore[assignment,method-assign]

    def _check_literals(self) -> None:
        """Check the values that are known when the DAG is parsed.

        :raises EcsInvalidRequestNoRetry: a parameter is wrong.
        :raises EcsInvalidJobIdNoRetry: the job id is wrong.
        """
        self._read_parameters(is_template)

    def _warn(self, what: str) -> None:
        """Warn of a problem in the DAG file, when it is parsed. :meth:`_check_literals` calls this."""
        warnings.warn(f"Task {self.task_id}: {what}", UserWarning, stacklevel=5)

    def _read_parameters(self, is_templated: IsTemplated = nothing_is_templated) -> None:
        """Convert the templated parameters that are known. An error in the request or the job id is not retried.

        :param is_templated: returns whether a value is not known yet. Such values stay as they are.
        :raises EcsInvalidRequestNoRetry: a parameter is wrong.
        :raises EcsInvalidJobIdNoRetry: the job id is wrong.
        :raises EcsConfigError: the id of the connection, the region, the project or the service is wrong.
        """
        wrong: Exception | None = None
        for name, read in {**STEERS_REQUEST, **self._readers}.items():
            attribute = ATTRIBUTES.get(name, name)
            if attribute not in self.template_fields:
                continue
            value = getattr(self, attribute)
            if is_templated(value):
                continue
            try:
                setattr(self, attribute, read(name, value))
            except EcsInvalidJobIdError as error:
                raise EcsInvalidJobIdNoRetry(str(error)) from None
            except EcsInvalidRequestError as error:
                # Raised once all others are converted: the task may wait for a job that it submitted before.
                wrong = wrong or EcsInvalidRequestNoRetry(str(error))
        if wrong is not None:
            raise wrong

    @cached_property
    def hook(self) -> EcsJobsHook:
        """The hook of this task's connection."""
        return EcsJobsHook(
            self.huawei_ecs_conn_id, region=self.region, project_id=self.project_id, service=self.service
        )

    def _set_limits(
        self,
        payment_timeout: timedelta | float | None,
        not_found_grace: timedelta | float,
        unreachable_timeout: timedelta | float,
    ) -> None:
        """Set the limits that all waiting tasks have.

        :raises ValueError: a limit is not a valid duration. The message names it.
        """
        self.payment_timeout = literal("payment_timeout", payment_timeout)
        self.not_found_grace = literal("not_found_grace", not_found_grace)
        self.unreachable_timeout = literal("unreachable_timeout", unreachable_timeout)

    def _wait_policy(
        self,
        *,
        started: float,
        timeout: float | None,
        execution_timeout: timedelta | None,
        poll_interval: float,
        max_poll_interval: float,
    ) -> WaitPolicy:
        limits = [] if timeout is None else [(timeout, f"timeout={duration(timeout)}")]
        if execution_timeout is not None:
            allowed = execution_timeout.total_seconds()
            margin = min(_EXECUTION_MARGIN, _EXECUTION_MARGIN_SHARE * allowed)
            said = f"execution_timeout={duration(allowed)}, less a margin of {margin:.3g} s"
            limits.append((allowed - margin, said))
        seconds, limit = min(limits, default=(None, ""))
        return WaitPolicy(
            started=started,
            deadline=None if seconds is None else started + seconds,
            limit=limit,
            poll_interval=poll_interval,
            max_poll_interval=max_poll_interval,
            payment_timeout=self.payment_timeout,
            not_found_grace=self.not_found_grace,
            unreachable_timeout=self.unreachable_timeout,
        )

    def _wait_in_worker(self, job_id: str, policy: WaitPolicy) -> WaitEnd:
        """Wait for a job to its end in the worker."""
        return self._continue_in_worker(Wait(job_id, policy))

    def _continue_in_worker(self, wait: Wait) -> WaitEnd:
        """Continue a wait to its end in the worker. The task holds its worker slot until then."""
        wait.observer = observer_in_worker()
        try:
            with publishing_errors(wait.job_id):
                publish_wait(wait, self._seen)
                self._log_begin(wait, "in this worker")
                return self.hook.run(wait)
        finally:
            self.hook.close()

    def _poll_once_then_defer(self, job_id: str, policy: WaitPolicy) -> WaitEnd:
        """Poll once. If the job has ended, do not defer. Otherwise leave the wait to the trigger.

        :return: the end of the wait, if one poll was enough.
        :raises TaskDeferred: one poll was not enough.
        """
        wait = Wait(job_id, policy, observer=WAIT_METRICS)
        end = self._poll_and_receive(wait)
        if end is None:
            self._defer(wait)
        return end

    def _defer(self, wait: Wait, server_ids: Sequence[str] | None = None) -> NoReturn:
        """Leave a wait to the trigger.

        :param wait: the wait so far.
        :param server_ids: the servers in the response to the job's request; ``None`` if they are not known.
        :raises TaskDeferred: always.
        """
        # Not with the module: Airflow's triggers are a quarter of what a DAG file would pay for importing it.
        from airflow_provider_ecsjobs.triggers.ecs_jobs import EcsJobTrigger, EcsJobTriggerArguments

        policy = wait.policy
        publish_wait(wait, self._seen)
        self._log_begin(wait, "deferred")
        arguments = EcsJobTriggerArguments.of_wait(
            wait,
            server_ids=server_ids,
            conn_id=self.huawei_ecs_conn_id,
            publishes=self.do_xcom_push,
            region=self.region,
            project_id=self.project_id,
            service=self.service,
        )
        self.defer(
            trigger=EcsJobTrigger(**asdict(arguments)),
            method_name="execute_complete",
            timeout=None
            if policy.deadline is None
            else timedelta(seconds=min(max(policy.deadline - time.time(), 0.0), _TEN_YEARS)) + _SAFETY_NET,
        )
        raise AssertionError("unreachable: defer() raises")

    def _log_begin(self, wait: Wait, where: str) -> None:
        """Log the job, the connection, the schedule and the deadline of a wait."""
        how = f"{wait.policy.described()}; {self.hook.describe()}, ECS job {wait.job_id}"
        self.log.info("Waiting, %s, %s", where, how)

    def _poll_and_receive(self, wait: Wait) -> WaitEnd | None:
        """Poll once, and return the end of the wait, if it has ended."""
        with publishing_errors(wait.job_id):
            result = self._poll_once(wait)
        is_over = wait.policy.deadline is not None and time.time() >= wait.policy.deadline
        if is_over and isinstance(result, ApiError) and result.is_passing:
            return self._continue_in_worker(wait)  # which repeats a final poll that fails
        return self._receive(wait, result)

    def _poll_once(self, wait: Wait) -> Job | ApiError:
        """Poll the job once, and close the connection."""
        try:
            return self.hook.poll_once(wait.job_id)
        finally:
            self.hook.close()

    def _receive(self, wait: Wait, result: Job | ApiError) -> WaitEnd | None:
        """Pass the result of a poll to the wait, and log what is new. Return the end of the wait, if it has ended."""
        self._seen = result if isinstance(result, Job) else None
        end = wait.receive(result, time.time())
        for log in wait.take_logs():
            write_log(self.log, log)
        return end

    def _result(self, end: WaitEnd, submitted: Sequence[str] = ()) -> dict[str, Any]:
        """Return the result of a job that succeeded. Fail the task with the reason in every other case.

        :param submitted: the servers in the response to a create that may exist.
        """
        job = end.finished_job
        if job is not None and job.status is JobStatus.FAIL:
            self._log_beside_failure(job)
        failed = EcsJobFailed if self._retry_resubmits else EcsJobFailedNoRetry
        if self._may_skip:
            # Airflow skips such a task on any of its own exceptions. An error of the request must not be hidden so.
            return succeeded_or_raise(end, failed=failed, submitted=submitted).result()
        return succeeded_or_raise(
            end,
            failed=failed,
            not_found=EcsJobNotFoundNoRetry,
            unauthorized=EcsUnauthorizedNoRetry,
            submitted=submitted,
        ).result()

    def _done(self, context: Mapping[str, Any], end: WaitEnd, policy: WaitPolicy | None = None) -> dict[str, Any]:
        """Push the XComs and the link to the console, then return the task's result as :meth:`_result` does.

        :param policy: the policy of the wait; ``None`` if the task resumes.
        """
        publish_end(end, WaitFacts(self.job_id) if policy is None else WaitFacts.of(self.job_id, policy))
        job = end.finished_job
        servers = [] if job is None else possible_servers(job, ())
        self._leave_console_link(context, servers)
        self._push_result(context, {"server_ids": servers, "nic_ids": [] if job is None else list(job.nic_ids)})
        return self._output(self._result(end))

    def _output(self, result: dict[str, Any]) -> dict[str, Any]:
        """Return the result in the form that the task returns.

        With ``multiple_outputs``, Airflow pushes each value as an XCom of its own. Airflow 3.0 rejects ``None``.
        """
        return {key: value for key, value in result.items() if value is not None} if self.multiple_outputs else result

    @property
    def _may_skip(self) -> bool:
        """Whether Airflow may turn a failure of this task into a skip."""
        return False

    def _log_beside_failure(self, job: Job) -> None:
        """Log which servers exist, if the failure message can't name them all."""
        servers = surviving_servers(job)
        if len(servers) > MAX_SERVERS_SHOWN:
            named = join_limited(servers, MAX_SERVERS_PER_REQUEST)
            self.log.warning("ECS job %s failed, but these servers exist: %s", job.job_id, named)

    def _leave_console_link(self, context: Mapping[str, Any], server_ids: Sequence[str] = ()) -> None:
        """Push the link to the servers in the console, for the task's button. An error here never fails the task."""
        try:
            url = console_url(self.hook.settings.auth_config.endpoint, server_ids)
        except Exception:
            self.log.debug("There is no link to the console", exc_info=True)
            return
        if self.console_url != (url or ""):
            self.console_url = url or ""
            self._push_xcoms(context, {CONSOLE_XCOM_KEY: url})

    def _begin(self, context: Mapping[str, Any], job_id: str) -> None:
        """Push the link and the job's id before the wait, so that they can be read during it and after a failure."""
        self._leave_console_link(context)
        self._push_result(context, {"job_id": job_id})

    def _push_result(self, context: Mapping[str, Any], result: Mapping[str, Any]) -> None:
        """Push the values of a result that downstream tasks use, each as an XCom. Empty values are not pushed."""
        self._push_xcoms(context, {key: result[key] for key in XCOM_KEYS if result.get(key)})

    def _push_xcoms(self, context: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        """Push XComs, unless ``do_xcom_push`` is off. A task does not need them to resume.

        ``None`` is never pushed: Airflow 3.0 rejects it. If a push fails, this logs a warning and raises nothing: the
        task may have submitted a request, and a retry could send it again.
        """
        ti = context.get("ti")
        if ti is None or not self.do_xcom_push:
            return
        for key, value in values.items():
            if value is None:
                continue
            try:
                ti.xcom_push(key=key, value=value)
            except Exception as error:  # noqa: BLE001 - whatever the API server or a backend raises
                self.log.warning(
                    "The XCom %r could not be pushed, so other tasks do not find it. This task continues. %s: %s",
                    key,
                    type(error).__name__,
                    clean(error, 300),
                )

    def _pull_xcom(self, context: Mapping[str, Any], key: str) -> Any:
        """Return an XCom that this task has pushed; ``None`` if there is none, or it can't be read."""
        ti = context.get("ti")
        if ti is None:
            return None
        try:
            return ti.xcom_pull(task_ids=ti.task_id, key=key, map_indexes=ti.map_index)
        except Exception as error:  # noqa: BLE001 - as above: a failure here could send the request again
            self.log.warning("The XCom %r could not be read: %s: %s", key, type(error).__name__, clean(error, 300))
            return None

    def _log_on_kill(self, job_id: Any) -> None:
        self.log.warning(
            "The task stops, but ECS job %s continues in Huawei Cloud: there is no API that cancels it.",
            clean(job_id, 200),
        )
