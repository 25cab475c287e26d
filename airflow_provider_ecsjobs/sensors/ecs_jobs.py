"""The sensor that waits for a job."""

from __future__ import annotations

import inspect
import random
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseSensorOperator,
    PokeReturnValue,
)

from airflow_provider_ecsjobs.core.waiting.policy import DEFAULT_UNREACHABLE_TIMEOUT
from airflow_provider_ecsjobs.core.waiting.schedule import DEFAULT_MAX_POLL_INTERVAL, DEFAULT_POLL_INTERVAL, poll_delay
from airflow_provider_ecsjobs.core.waiting.wait import Wait
from airflow_provider_ecsjobs.exceptions import (
    EcsJobFailed,
    EcsJobTimeout,
    EcsUnreachableError,
)
from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook
from airflow_provider_ecsjobs.metrics import WAIT_METRICS
from airflow_provider_ecsjobs.operators.parameters import STEERS_AIRFLOW, literal
from airflow_provider_ecsjobs.operators.wait_mixin import EcsJobWaitMixin
from airflow_provider_ecsjobs.outcomes import read_event
from airflow_provider_ecsjobs.publishing import publish_wait, publishing_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime, timedelta

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_ecsjobs.core.waiting.policy import WaitPolicy

SHORTEST_RESCHEDULE = 10.0
"""The shortest delay of ``mode="reschedule"`` that a busy scheduler keeps up with, in seconds."""


class EcsJobSensor(EcsJobWaitMixin, BaseSensorOperator):
    """Wait for a job of Huawei Cloud ECS to end. If the job fails, the task fails with its reason.

    The result is a dict with ``job_id``, ``job_type``, ``status``, ``begin_time``, ``end_time``, ``server_ids``,
    ``nic_ids`` and ``entities``. API page: *Querying the Execution Status of a Job*.

    :param job_id: the job's id (templated).
    :param huawei_ecs_conn_id: the Airflow connection (templated).
    :param region: the region, in place of the connection's (templated).
    :param project_id: the project, in place of the connection's (templated).
    :param service: the service that the job belongs to (templated): ``ecs``, ``bms``, ``evs``, ``ims``, ``eip`` or
        ``sdrs``.
    :param deferrable: whether to wait in the triggerer, which holds no worker slot. If not, ``mode`` says how to wait.
        ``None`` means ``AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE`` if that is set, else the triggerer.
    :param poke_interval: the shortest delay between two polls, in seconds or as a ``timedelta``.
    :param max_wait: the longest delay between two polls, in seconds or as a ``timedelta``. Between the two, the delay
        is a tenth of the time waited.
    :param timeout: how long to wait, in seconds or as a ``timedelta``. Airflow's default is 7 days.
    :param payment_timeout: how long an order may stay unpaid, in seconds or as a ``timedelta``. ``None``: until the
        timeout. 0: not at all.
    :param not_found_grace: for how many seconds the API may not know a job that was submitted just before.
    :param unreachable_timeout: for how many seconds there may be no usable response. It has no effect with
        ``mode="reschedule"``, which keeps no state between two pokes.
    :param soft_fail: whether to skip the task instead of failing it, if the job failed or did not end in time. Wrong
        credentials, an unknown job and a broken connection always fail it, also if nothing was seen of the job until
        the deadline.
    """

    template_fields: Sequence[str] = ("job_id", "huawei_ecs_conn_id", "region", "project_id", "service")
    _requested_delay = 0.0
    _unfinished: Wait | None = None
    ui_color = "#f3e2e0"

    def __init__(
        self,
        *,
        job_id: str,
        huawei_ecs_conn_id: str = EcsJobsHook.default_conn_name,
        region: str | None = None,
        project_id: str | None = None,
        service: str = "ecs",
        deferrable: bool | None = None,
        poke_interval: timedelta | float = DEFAULT_POLL_INTERVAL,
        max_wait: timedelta | float | None = DEFAULT_MAX_POLL_INTERVAL,
        payment_timeout: timedelta | float | None = None,
        not_found_grace: timedelta | float = 0.0,
        unreachable_timeout: timedelta | float = DEFAULT_UNREACHABLE_TIMEOUT,
        **kwargs: Any,
    ) -> None:
        for name, value in {"poke_interval": poke_interval, "max_wait": max_wait, **kwargs}.items():
            if name in STEERS_AIRFLOW:  # Airflow takes any text for True, and its errors do not name the value
                literal(name, value)
        super().__init__(poke_interval=poke_interval, max_wait=max_wait, **kwargs)
        self.job_id = job_id
        self.huawei_ecs_conn_id = huawei_ecs_conn_id
        self.region = region
        self.project_id = project_id
        self.service = service
        self.deferrable: bool = literal("deferrable", deferrable)
        self._set_limits(payment_timeout, not_found_grace, unreachable_timeout)

    def _check_literals(self) -> None:
        super()._check_literals()
        for doubt in self._doubts():
            self._warn(doubt)

    def _doubts(self) -> Iterator[str]:
        """Yield a message for each combination of parameters that has no effect or is risky."""
        max_wait = self._max_poll_interval
        if self.poke_interval > max_wait:
            yield (
                f"poke_interval is {self.poke_interval:g} s, above max_wait ({max_wait:g} s), which has no effect:"
                f" each delay is {self.poke_interval:g} s. Raise max_wait."
            )
        if self.exponential_backoff and (self.deferrable or not self.reschedule):
            yield (
                'exponential_backoff has no effect without mode="reschedule": the delay grows up to max_wait anyway.'
                " Leave it out."
            )
        if not self.reschedule:
            return
        if self.deferrable:
            yield 'mode="reschedule" has no effect on a sensor that defers. Set deferrable=False, or leave mode out.'
        elif self.poke_interval < SHORTEST_RESCHEDULE:
            yield (
                f'poke_interval is {self.poke_interval:g} s with mode="reschedule". Below {SHORTEST_RESCHEDULE:g} s'
                " a scheduler that is behind fails the task, although its job continues. Raise it, and give the task"
                " retries."
            )

    def execute(self, context: Context) -> dict[str, Any]:
        """Wait for the job, in the triggerer or in the worker.

        :raises EcsJobFailed: the job failed.
        :raises EcsJobTimeout: the job did not end in time.
        """
        self._read_parameters()
        self._begin(context, self.job_id)
        if not self.deferrable and self.reschedule:
            return self._poke_and_leave(context)
        policy = self._policy(time.time())
        with self._skipping():
            wait_for = self._poll_once_then_defer if self.deferrable else self._wait_in_worker
            return self._done(context, wait_for(self.job_id, policy), policy)

    def _poke_and_leave(self, context: Context) -> dict[str, Any]:
        """Poke as Airflow does, which leaves the worker until the next poke."""
        # Without Airflow's wrapper: 2.11 mistakes a call of the base class for an operator within another one.
        poke_and_leave = inspect.unwrap(BaseSensorOperator.execute)
        try:
            result: dict[str, Any] = poke_and_leave(self, context)
        except (AirflowSensorTimeout, AirflowSkipException):
            wait = self._unfinished
            if wait is None:
                raise
        else:
            return result
        # The timeout passed after the poke, by Airflow's clock: it would end the wait without a final poll.
        with self._skipping():
            return self._done(context, self._continue_in_worker(wait), wait.policy)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Resume with the trigger's event: return the result, or fail with the reason."""
        with publishing_errors(self.job_id):
            end = read_event(event, self.job_id)
        with self._skipping():
            return self._done(context, end)

    def poke(self, context: Context) -> PokeReturnValue:
        """Poll once. In ``mode="reschedule"``, the scheduler starts the next poll."""
        self._unfinished = None
        now = time.time()
        first = self._first_poke(context)
        policy = self._policy(now if first is None else first.timestamp())
        wait = Wait(self.job_id, policy, was_unfinished=first is not None, observer=WAIT_METRICS)
        with self._skipping():
            end = self._poll_and_receive(wait)
            if end is None:
                publish_wait(wait, self._seen)
                self._unfinished = wait
            self._requested_delay = wait.requested_delay
            return PokeReturnValue(end is not None, None if end is None else self._done(context, end, policy))

    def on_kill(self) -> None:
        """Log that the job continues: the API can't cancel it."""
        self._log_on_kill(self.job_id)

    def _policy(self, started: float) -> WaitPolicy:
        return self._wait_policy(
            started=started,
            timeout=self.timeout,
            # Airflow counts it from the start of each poke of a rescheduled sensor.
            execution_timeout=None if self.reschedule and not self.deferrable else self.execution_timeout,
            poll_interval=self.poke_interval,
            max_poll_interval=self._max_poll_interval,
        )

    @property
    def _max_poll_interval(self) -> float:
        return self.poke_interval if self.max_wait is None else self.max_wait.total_seconds()

    @property
    def _may_skip(self) -> bool:
        return bool(self.soft_fail or self.never_fail)

    def _first_poke(self, context: Context) -> Any:
        """Return when a rescheduled sensor poked first; ``None`` in its first poke, or in another mode."""
        if not self.reschedule:
            return None
        ti: Any = context["ti"]
        if hasattr(ti, "get_first_reschedule_date"):
            return ti.get_first_reschedule_date(context)
        from airflow.sensors.base import _orig_start_date  # Airflow 2.11, where the sensor queries the database

        first_try = (ti.max_tries or 0) - (self.retries or 0) + 1
        return _orig_start_date(ti.dag_id, ti.task_id, ti.run_id, ti.map_index, first_try)

    def _get_next_poke_interval(
        self, started_at: datetime | float, run_duration: Callable[[], float], poke_count: int
    ) -> float:
        waited, jitter = run_duration(), random.random()  # noqa: S311 - no secret
        if self.exponential_backoff:
            delay = float(super()._get_next_poke_interval(started_at, run_duration, poke_count))
        else:
            delay = poll_delay(waited, self.poke_interval, self._max_poll_interval, jitter)
        return max(min(max(delay, self._requested_delay), self.timeout - waited), 0.0)

    @contextmanager
    def _skipping(self) -> Iterator[None]:
        """Skip the task if ``soft_fail`` is set, and log the reason: Airflow 3 drops the reason of such a skip."""
        try:
            yield
        except (EcsJobFailed, EcsJobTimeout) as error:
            if not self._may_skip:
                raise
            if error.job is None:  # the deadline came before any word of the job: the connection is broken
                raise EcsUnreachableError(str(error)) from error
            self.log.warning("%s", error)
            raise AirflowSkipException(str(error)) from error
