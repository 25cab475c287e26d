"""The operator that waits for a job."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_ecsjobs.core.waiting import (
    DEFAULT_MAX_POLL_INTERVAL,
    DEFAULT_POLL_INTERVAL,
    DEFAULT_UNREACHABLE_TIMEOUT,
)
from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook
from airflow_provider_ecsjobs.waits import EcsJobWaitMixin, checked_job_id, read_event, seconds_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import Context

DEFAULT_TIMEOUT = 24 * 3600.0


class EcsJobOperator(EcsJobWaitMixin, BaseOperator):
    """Wait for a job of Huawei Cloud ECS to end. Fails with the job's reason; its result is the XCom.

    As :class:`~airflow_provider_ecsjobs.sensors.ecs_jobs.EcsJobSensor`, in an operator's terms. The result is a dict
    with ``job_id``, ``job_type``, ``status``, ``begin_time``, ``end_time``, ``server_ids``, ``nic_ids`` and
    ``entities``. API page: *Querying the Execution Status of a Job*.

    :param job_id: the job's id (templated).
    :param huawei_ecs_conn_id: the Airflow connection (templated).
    :param region: in place of the connection's (templated).
    :param project_id: in place of the connection's (templated).
    :param service: the service whose jobs are meant (templated): ``ecs``, ``bms``, ``evs``, ``ims``, ``eip`` or
        ``sdrs``.
    :param deferrable: whether to wait in the triggerer, which holds no worker slot, or in the worker.
    :param poll_interval: the shortest gap between two polls, in seconds or as a ``timedelta``.
    :param max_poll_interval: the longest gap between two polls, in seconds or as a ``timedelta``. Between the two, the
        gap is a tenth of the time waited.
    :param timeout: how long to wait, in seconds or as a ``timedelta``; ``None`` for as long as it takes.
    :param payment_timeout: how long an order may stay unpaid, in seconds or as a ``timedelta``; ``None`` until the
        timeout, 0 not at all.
    :param not_found_grace: for how many seconds the API may not know the job, for one submitted just before.
    :param unreachable_timeout: for how many seconds there may be no good answer.
    """

    template_fields: Sequence[str] = ("job_id", "huawei_ecs_conn_id", "region", "project_id", "service")
    ui_color = "#f3e2e0"

    def __init__(
        self,
        *,
        job_id: str,
        huawei_ecs_conn_id: str = EcsJobsHook.default_conn_name,
        region: str | None = None,
        project_id: str | None = None,
        service: str = "ecs",
        deferrable: bool = True,
        poll_interval: timedelta | float = DEFAULT_POLL_INTERVAL,
        max_poll_interval: timedelta | float = DEFAULT_MAX_POLL_INTERVAL,
        timeout: timedelta | float | None = DEFAULT_TIMEOUT,
        payment_timeout: timedelta | float | None = None,
        not_found_grace: timedelta | float = 0.0,
        unreachable_timeout: timedelta | float = DEFAULT_UNREACHABLE_TIMEOUT,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.job_id = job_id
        self.huawei_ecs_conn_id = huawei_ecs_conn_id
        self.region = region
        self.project_id = project_id
        self.service = service
        self.deferrable = deferrable
        self.poll_interval = seconds_of("poll_interval", poll_interval)
        self.max_poll_interval = seconds_of("max_poll_interval", max_poll_interval)
        self.timeout = None if timeout is None else seconds_of("timeout", timeout, zero_allowed=True)
        self._set_limits(payment_timeout, not_found_grace, unreachable_timeout)

    def execute(self, context: Context) -> dict[str, Any]:
        """Wait for the job, in the triggerer or here.

        :raises EcsJobFailed: the job failed.
        :raises EcsJobTimeout: it had not ended in time.
        """
        job_id = checked_job_id(self.job_id)
        policy = self._wait_policy(
            started=time.time(),
            timeout=self.timeout,
            execution_timeout=self.execution_timeout,
            poll_interval=self.poll_interval,
            max_poll_interval=self.max_poll_interval,
        )
        wait_for = self._look_then_defer if self.deferrable else self._wait_in_worker
        return self._result(wait_for(job_id, policy))

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Resume with the trigger's event: give the result, or fail with the reason."""
        return self._result(read_event(event, self.job_id))

    def on_kill(self) -> None:
        """Say that the job goes on: the API can't cancel it."""
        self._log_on_kill(self.job_id)
