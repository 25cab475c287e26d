"""The trigger that waits for a job in the triggerer, and holds no worker slot."""

from __future__ import annotations

import asyncio
import importlib
import sys
import time
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_ecsjobs.core import flows
from airflow_provider_ecsjobs.core.errors import ApiError, EcsConfigError, EcsJobsError, ErrorKind
from airflow_provider_ecsjobs.core.job import check_job_id, format_time, outline_of, parse_time
from airflow_provider_ecsjobs.core.text import clean, duration, shown
from airflow_provider_ecsjobs.core.waiting import schedule
from airflow_provider_ecsjobs.core.waiting.durations import Durations
from airflow_provider_ecsjobs.core.waiting.end import Outcome, WaitEnd
from airflow_provider_ecsjobs.core.waiting.policy import DEFAULT_UNREACHABLE_TIMEOUT, WaitPolicy
from airflow_provider_ecsjobs.core.waiting.schedule import DEFAULT_MAX_POLL_INTERVAL, DEFAULT_POLL_INTERVAL
from airflow_provider_ecsjobs.core.waiting.wait import Wait
from airflow_provider_ecsjobs.hooks.connection import (
    ConnectionLookupError,
    check_names,
    mask_secrets_off_loop,
    read_settings_off_loop,
)
from airflow_provider_ecsjobs.metrics import WAIT_METRICS, count_wait
from airflow_provider_ecsjobs.outcomes import event_of
from airflow_provider_ecsjobs.publishing import publisher_of
from airflow_provider_ecsjobs.transport.clock import monotonic_time, system_clock
from airflow_provider_ecsjobs.transport.logs import write_log

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from types import ModuleType

    from airflow_provider_ecsjobs.core.steps import Flow
    from airflow_provider_ecsjobs.core.waiting.wait import WaitObserver
    from airflow_provider_ecsjobs.transport.async_client import AsyncClient
    from airflow_provider_ecsjobs.transport.client_pool import Lease
    from airflow_provider_ecsjobs.transport.config import Settings

_Default = TypeVar("_Default", float, None)
DEFAULT_CONN_ID = "huawei_ecs_default"
LOOKUP_SECONDS = 60.0
"""The time limit of one try to read the connection and open its client, in seconds."""
_TRANSPORT = "airflow_provider_ecsjobs.transport.client_pool"
# sys.modules can't be used here: it has the module while another thread is still importing it.
_loaded: list[ModuleType] = []


@dataclass(frozen=True, slots=True)
class EcsJobTriggerArguments:
    """The arguments of :class:`EcsJobTrigger`, as stored in Airflow's database: JSON primitives, without secrets.

    :param job_id: the job's id.
    :param huawei_ecs_conn_id: the Airflow connection.
    :param region: the region, in place of the connection's.
    :param project_id: the project, in place of the connection's.
    :param service: the service that the job belongs to.
    :param poll_interval: the shortest delay between two polls, in seconds.
    :param max_poll_interval: the longest delay between two polls, in seconds.
    :param deadline: when to give up, in seconds since the epoch; ``None`` for never.
    :param started: when the wait began, in seconds since the epoch; ``None`` for now.
    :param payment_timeout: how long an order may stay unpaid, in seconds. ``None``: until the deadline. 0: not at all.
    :param pending_since: since when the order is known to be unpaid, in seconds since the epoch.
    :param seen_status: the status that was logged last, so that it is not logged again.
    :param seen_sub_jobs_finished: the number of finished sub-jobs that was logged last.
    :param seen_sub_jobs_total: the number of sub-jobs that was logged last.
    :param seen_job_type: the job's type, if the job was seen.
    :param seen_begin_time: when the job began, in the API's format, if the job was seen.
    :param not_found_grace: for how many seconds after ``started`` the API may not know the job.
    :param unreachable_timeout: for how many seconds there may be no usable response.
    :param order_id: the order of the job, if it is known; for messages.
    :param server_ids: the servers in the response to the job's request. The event passes them on.
    :param limit: which parameter the deadline comes from, such as ``timeout=24 h 0 min``; for messages.
    :param publishes: whether the job is published for the pages in Airflow's UI: the task's ``do_xcom_push``.
    """

    job_id: str = ""
    huawei_ecs_conn_id: str = DEFAULT_CONN_ID
    region: str | None = None
    project_id: str | None = None
    service: str = "ecs"
    poll_interval: float = DEFAULT_POLL_INTERVAL
    max_poll_interval: float = DEFAULT_MAX_POLL_INTERVAL
    deadline: float | None = None
    started: float | None = None
    payment_timeout: float | None = None
    pending_since: float | None = None
    seen_status: str | None = None
    seen_sub_jobs_finished: int = 0
    not_found_grace: float = 0.0
    unreachable_timeout: float = DEFAULT_UNREACHABLE_TIMEOUT
    order_id: str | None = None
    server_ids: list[str] | None = None
    seen_sub_jobs_total: int = 0
    seen_job_type: str | None = None
    seen_begin_time: str | None = None
    limit: str | None = None
    publishes: bool = True

    @classmethod
    def of_wait(
        cls, wait: Wait, *, server_ids: Sequence[str] | None, conn_id: str, publishes: bool, **connection: Any
    ) -> EcsJobTriggerArguments:
        """Return the arguments of a trigger that continues a wait.

        :param wait: the wait so far.
        :param server_ids: the servers in the response to the job's request; ``None`` if they are not known.
        :param conn_id: the Airflow connection.
        :param publishes: whether the job is published.
        :param connection: ``region``, ``project_id`` and ``service``.
        """
        policy, (status, finished) = wait.policy, wait.seen or (None, 0)
        return cls(
            job_id=wait.job_id,
            huawei_ecs_conn_id=conn_id,
            poll_interval=policy.poll_interval,
            max_poll_interval=policy.max_poll_interval,
            deadline=policy.deadline,
            started=policy.started,
            payment_timeout=policy.payment_timeout,
            pending_since=wait.pending_since,
            seen_status=status,
            seen_sub_jobs_finished=finished,
            not_found_grace=policy.not_found_grace,
            unreachable_timeout=policy.unreachable_timeout,
            order_id=policy.order_id or None,
            server_ids=None if server_ids is None else list(server_ids),
            seen_sub_jobs_total=wait.sub_jobs_total,
            seen_job_type=wait.job_type,
            seen_begin_time=format_time(wait.begin_time),
            limit=policy.limit or None,
            publishes=publishes,
            **connection,
        )

    def policy(self) -> WaitPolicy:
        """Return the policy of the wait.

        :raises EcsConfigError: an argument that should be a number is not one.
        """
        status = clean(self.seen_status, 100)
        job_type, begin_time = clean(self.seen_job_type, 200), format_time(parse_time(self.seen_begin_time))
        return WaitPolicy(
            started=self._number("started", time.time()),
            deadline=self._number("deadline", None),
            poll_interval=self._number("poll_interval", DEFAULT_POLL_INTERVAL),
            max_poll_interval=self._number("max_poll_interval", DEFAULT_MAX_POLL_INTERVAL),
            payment_timeout=self._number("payment_timeout", None),
            pending_since=self._number("pending_since", None),
            seen=(status, int(self._number("seen_sub_jobs_finished", 0.0))) if status else None,
            seen_job=outline_of(self.job_id, job_type, status, begin_time) if status else None,
            seen_sub_jobs_total=int(self._number("seen_sub_jobs_total", 0.0)),
            not_found_grace=self._number("not_found_grace", 0.0),
            unreachable_timeout=self._number("unreachable_timeout", DEFAULT_UNREACHABLE_TIMEOUT),
            order_id=clean(self.order_id, 200),
            limit=clean(self.limit, 200),
            server_ids=tuple(self.server_ids) if isinstance(self.server_ids, list) else (),
        )

    def _number(self, name: str, default: _Default) -> float | _Default:
        value = getattr(self, name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) <= sys.float_info.max:
            raise EcsConfigError(f"the trigger's {name} is {shown(value)}; expected a number.")
        return float(value)


@lru_cache(maxsize=16)
def durations_of(service: str) -> Durations:
    """Return the durations of the service's jobs whose end this process has seen."""
    return Durations()


_NAMES = tuple(field.name for field in fields(EcsJobTriggerArguments))


class EcsJobTrigger(BaseTrigger):
    """Wait for a job to end, and send one event.

    The event is ``{"outcome": ..., "message": ..., "job": {...} or None, "job_id": ..., "server_ids": [...] or None,
    "project_id": ..., "region": ...}``, where the last two may be empty.
    The outcomes are ``finished`` (with ``SUCCESS`` or ``FAIL``: see the job), ``timeout``, ``payment_timeout``,
    ``not_found``, ``unauthorized``, ``unreachable`` and ``error``. All triggers of one connection in a process share
    one HTTP client. Nothing is checked before :meth:`run`: an exception in ``__init__`` would stop the triggerer.

    :param job_id: the job's id.
    :param huawei_ecs_conn_id: the Airflow connection.
    :param arguments: the others of :class:`EcsJobTriggerArguments`. Those of a later version are kept and passed on.
    """

    def __init__(self, job_id: str = "", huawei_ecs_conn_id: str = DEFAULT_CONN_ID, **arguments: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        # A dict of primitives is nothing that the garbage collector traverses, unlike an object of each class.
        self._given = {"job_id": job_id, "huawei_ecs_conn_id": huawei_ecs_conn_id, **arguments}

    @property
    def arguments(self) -> EcsJobTriggerArguments:
        """The arguments that this version knows."""
        return EcsJobTriggerArguments(**{name: self._given[name] for name in _NAMES if name in self._given})

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class path and arguments, in JSON primitives. They hold the connection's id instead of its secrets."""
        known = self.arguments
        arguments = {name: getattr(known, name) for name in _NAMES}
        return "airflow_provider_ecsjobs.triggers.ecs_jobs.EcsJobTrigger", {**arguments, **self._given}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and send one event. This raises no exception except a cancellation.

        The event is not sent too early: the scheduler fails a task whose event comes while it handles the deferral.
        """
        began, publisher, lease = monotonic_time(), publisher_of(self._publishing_task), None
        # A further coroutine or context manager here would stay in memory for the whole wait, for thousands of waits.
        try:
            wait = self._wait(publisher or WAIT_METRICS)
            lease = await self._share_client(wait)
            end = await lease.client.run(_flow_of(wait, lease.client), self.logger())  # one for all waits
            durations_of(self.arguments.service).add(end.job)
        except _LookupsEndedError as ended:
            end = ended.end
        except Exception as error:  # noqa: BLE001 - logged and told by the end
            end = self._end_by(error)
            count_wait(end, monotonic_time() - began)
        finally:
            if publisher is not None:
                publisher.stop()
            if lease is not None:
                await lease.leave()
        if publisher is not None:
            await publisher.settle()
        early = schedule.FIRST_POLL_DELAY - (monotonic_time() - began)
        if early > 0:
            await asyncio.sleep(early)
        yield TriggerEvent(event_of(end, self.arguments.job_id, self.arguments.server_ids))

    async def on_kill(self) -> None:
        """Log that the job continues. This cancels nothing: Airflow also calls it when another triggerer takes over."""
        self.log.info(
            "This wait stops. ECS job %s continues in Huawei Cloud: there is no API that cancels it.",
            clean(self.arguments.job_id, 200),
        )

    def _end_by(self, error: Exception) -> WaitEnd:
        """Return the end of a wait that an error ended. For an exception, Airflow would show only "Trigger failure"."""
        job_id = clean(self.arguments.job_id, 200)
        if isinstance(error, EcsJobsError):
            return WaitEnd(Outcome.ERROR, f"ECS job {job_id}: {error}")
        self.log.error("ECS job %s: the wait failed", job_id, exc_info=error)
        what = f"{type(error).__name__}: {clean(error, 500)}"
        return WaitEnd(Outcome.ERROR, f"ECS job {job_id}: the wait failed with {what}")

    @property
    def _publishing_task(self) -> Any:
        """The task that waits, if its job is published; else ``None``."""
        return getattr(self, "task_instance", None) if self.arguments.publishes else None

    @property
    def _connection(self) -> tuple[str, str | None, str | None, str]:
        given = self.arguments
        return given.huawei_ecs_conn_id, given.region, given.project_id, given.service

    def _wait(self, observer: WaitObserver) -> Wait:
        check_names(*self._connection)
        return Wait(
            check_job_id(self.arguments.job_id), self.arguments.policy(), observer, durations_of(self.arguments.service)
        )

    async def _share_client(self, wait: Wait) -> Lease:
        """Return a lease of the connection's shared client.

        :raises _LookupsEndedError: there is none in time.
        """
        clock = system_clock()
        aio = await _transport()
        while True:
            try:
                async with asyncio.timeout(LOOKUP_SECONDS) as limit:
                    lease: Lease = await aio.share_client(self._connection, self._settings, mask_secrets_off_loop)
                    return lease
            except ConnectionLookupError as failure:
                what = str(failure)
            except TimeoutError:
                if not limit.expired():
                    raise
                conn_id = clean(self.arguments.huawei_ecs_conn_id, 200)
                what = f"the Airflow connection '{conn_id}' was not looked up within {duration(LOOKUP_SECONDS)}"
            # The metadata database or the secrets backend does not respond: a temporary error, like those of the API.
            end = wait.receive_lookup_error(ApiError(ErrorKind.TRANSIENT, what), wait.now(clock))
            for log in wait.take_logs():
                write_log(self.log, log)
            if end is not None:
                raise _LookupsEndedError(end)
            await asyncio.sleep(wait.next_delay(wait.now(clock), clock.random()))

    async def _settings(self) -> Settings:
        return await read_settings_off_loop(*self._connection)


class _LookupsEndedError(Exception):
    """The wait ended before there was a client."""

    def __init__(self, end: WaitEnd) -> None:
        super().__init__(end.message)
        self.end = end


def _flow_of(wait: Wait, client: AsyncClient) -> Flow[WaitEnd]:
    # After a failed look-up of the connection, the wait has slept already.
    return flows.wait_for_job(client.auth, wait, client.clock, poll_first=wait.failures > 0)


async def _transport() -> ModuleType:
    """Return the transport module. A thread imports it first: importing aiohttp would block the event loop too long."""
    if not _loaded:
        _loaded.append(await asyncio.to_thread(importlib.import_module, _TRANSPORT))
    return _loaded[0]
