"""The base class of all operators: the connection, and the parameters of the wait."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_ecsjobs.core.waiting.policy import DEFAULT_UNREACHABLE_TIMEOUT
from airflow_provider_ecsjobs.core.waiting.schedule import DEFAULT_MAX_POLL_INTERVAL, DEFAULT_POLL_INTERVAL
from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook
from airflow_provider_ecsjobs.operators.parameters import literal
from airflow_provider_ecsjobs.operators.wait_mixin import EcsJobWaitMixin

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from airflow_provider_ecsjobs.core.waiting.policy import WaitPolicy

DEFAULT_TIMEOUT = 24 * 3600.0


class EcsBaseOperator(EcsJobWaitMixin, BaseOperator):
    """An operator that waits for a job.

    :param huawei_ecs_conn_id: the Airflow connection (templated).
    :param region: the region, in place of the connection's (templated).
    :param project_id: the project, in place of the connection's (templated).
    :param deferrable: whether to wait in the triggerer, which holds no worker slot. If not, the task waits in the
        worker. ``None`` means ``AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE`` if that is set, else the triggerer.
    :param poll_interval: the shortest delay between two polls, in seconds or as a ``timedelta``.
    :param max_poll_interval: the longest delay between two polls, in seconds or as a ``timedelta``. Between the two,
        the delay is a tenth of the time waited.
    :param timeout: how long to wait, in seconds or as a ``timedelta``; ``None`` for no limit.
    :param payment_timeout: how long an order may stay unpaid, in seconds or as a ``timedelta``. ``None``: until the
        timeout. 0: not at all.
    :param not_found_grace: for how many seconds the API may not know a job that was submitted just before.
    :param unreachable_timeout: for how many seconds there may be no usable response.
    """

    template_fields: Sequence[str] = ("huawei_ecs_conn_id", "region", "project_id")
    ui_color = "#f3e2e0"

    def __init__(
        self,
        *,
        huawei_ecs_conn_id: str = EcsJobsHook.default_conn_name,
        region: str | None = None,
        project_id: str | None = None,
        deferrable: bool | None = None,
        poll_interval: timedelta | float = DEFAULT_POLL_INTERVAL,
        max_poll_interval: timedelta | float = DEFAULT_MAX_POLL_INTERVAL,
        timeout: timedelta | float | None = DEFAULT_TIMEOUT,
        payment_timeout: timedelta | float | None = None,
        not_found_grace: timedelta | float = 0.0,
        unreachable_timeout: timedelta | float = DEFAULT_UNREACHABLE_TIMEOUT,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.huawei_ecs_conn_id = huawei_ecs_conn_id
        self.region = region
        self.project_id = project_id
        self.service = "ecs"
        self.deferrable: bool = literal("deferrable", deferrable)
        self.poll_interval: float = literal("poll_interval", poll_interval)
        self.max_poll_interval: float = literal("max_poll_interval", max_poll_interval)
        self.timeout: float | None = literal("timeout", timeout)
        self._set_limits(payment_timeout, not_found_grace, unreachable_timeout)

    def _check_literals(self) -> None:
        super()._check_literals()
        if self.poll_interval > self.max_poll_interval:
            self._warn(
                f"poll_interval is {self.poll_interval:g} s, above max_poll_interval ({self.max_poll_interval:g} s),"
                f" which has no effect: each delay is {self.poll_interval:g} s. Raise max_poll_interval."
            )

    def _policy(self) -> WaitPolicy:
        return self._wait_policy(
            started=time.time(),
            timeout=self.timeout,
            execution_timeout=self.execution_timeout,
            poll_interval=self.poll_interval,
            max_poll_interval=self.max_poll_interval,
        )
