"""The trigger that waits for a job in the triggerer, and holds no worker slot."""

from __future__ import annotations

import asyncio
import importlib
import math
import time
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_ecsjobs.core import flows
from airflow_provider_ecsjobs.core.errors import ApiError, EcsConfigError, EcsJobsError, ErrorKind
from airflow_provider_ecsjobs.core.job import check_job_id
from airflow_provider_ecsjobs.core.text import clean, duration
from airflow_provider_ecsjobs.core.waiting.schedule import DEFAULT_MAX_POLL_INTERVAL, DEFAULT_POLL_INTERVAL
from airflow_provider_ecsjobs.core.waiting.wait import DEFAULT_UNREACHABLE_TIMEOUT, Outcome, WaitEnd, WaitPolicy
from airflow_provider_ecsjobs.metrics import CountedWait, count_wait
from airflow_provider_ecsjobs.transport.clock import monotonic_time, system_clock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import ModuleType

    from airflow_provider_ecsjobs.transport.client_pool import Lease
    from airflow_provider_ecsjobs.transport.config import Settings

_Default = TypeVar("_Default", float, None)
LOOKUP_SECONDS = 60.0
"""How long one try to read the connection and open its client may take, in seconds."""
_TRANSPORT = "airflow_provider_ecsjobs.transport.client_pool"
# Not looked up in sys.modules, which has the module while another thread is still importing it.
_loaded: list[ModuleType] = []


class EcsJobTrigger(BaseTrigger):
    """Wait for a job to end, and send one event: ``{"outcome": ..., "message": ..., "job": {...} or None}``.

    The outcomes are ``finished`` (with ``SUCCESS`` or ``FAIL``: see the job), ``timeout``, ``payment_timeout``,
    ``not_found``, ``unauthorized``, ``unreachable`` and ``error``. All triggers of one connection in a process share
    one HTTP client. Nothing is checked before :meth:`run`, since a trigger that raises when it is built takes the
    triggerer down with it.

    :param job_id: the job's id.
    :param huawei_ecs_conn_id: the Airflow connection.
    :param region: in place of the connection's.
    :param project_id: in place of the connection's.
    :param service: the service whose jobs are meant.
    :param poll_interval: the shortest gap between two polls, in seconds.
    :param max_poll_interval: the longest gap between two polls, in seconds.
    :param deadline: when to give up, in seconds since the epoch; ``None`` for never.
    :param started: when the wait began, in seconds since the epoch; ``None`` for now.
    :param payment_timeout: how long an order may stay unpaid, in seconds; ``None`` until the deadline, 0 not at all.
    :param pending_since: since when the order has been known to be unpaid, in seconds since the epoch.
    :param seen_status: the status that was logged last, so that it is not logged again.
    :param seen_sub_jobs_finished: the number of finished sub-jobs that was logged last.
    :param not_found_grace: for how many seconds after ``started`` the job may be unknown.
    :param unreachable_timeout: for how many seconds there may be no good answer.
    :param order_id: the order that the job is for, if that is known; for messages.
    :param later: arguments of a later version; kept, and handed on as they are.
    """

    def __init__(
        self,
        job_id: str = "",
        huawei_ecs_conn_id: str = "huawei_ecs_default",
        region: str | None = None,
        project_id: str | None = None,
        service: str = "ecs",
        poll_interval: float = DEFAULT_POLL_INTERVAL,
        max_poll_interval: float = DEFAULT_MAX_POLL_INTERVAL,
        deadline: float | None = None,
        started: float | None = None,
        payment_timeout: float | None = None,
        pending_since: float | None = None,
        seen_status: str | None = None,
        seen_sub_jobs_finished: int = 0,
        not_found_grace: float = 0.0,
        unreachable_timeout: float = DEFAULT_UNREACHABLE_TIMEOUT,
        order_id: str | None = None,
        **later: Any,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.job_id = job_id
        self.huawei_ecs_conn_id = huawei_ecs_conn_id
        self.region = region
        self.project_id = project_id
        self.service = service
        self.poll_interval = poll_interval
        self.max_poll_interval = max_poll_interval
        self.deadline = deadline
        self.started = started
        self.payment_timeout = payment_timeout
        self.pending_since = pending_since
        self.seen_status = seen_status
        self.seen_sub_jobs_finished = seen_sub_jobs_finished
        self.not_found_grace = not_found_grace
        self.unreachable_timeout = unreachable_timeout
        self.order_id = order_id
        self.later = later

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Give class path and arguments, all JSON primitives; a connection id stands for its secrets."""
        return (
            "airflow_provider_ecsjobs.triggers.ecs_jobs.EcsJobTrigger",
            {
                "job_id": self.job_id,
                "huawei_ecs_conn_id": self.huawei_ecs_conn_id,
                "region": self.region,
                "project_id": self.project_id,
                "service": self.service,
                "poll_interval": self.poll_interval,
                "max_poll_interval": self.max_poll_interval,
                "deadline": self.deadline,
                "started": self.started,
                "payment_timeout": self.payment_timeout,
                "pending_since": self.pending_since,
                "seen_status": self.seen_status,
                "seen_sub_jobs_finished": self.seen_sub_jobs_finished,
                "not_found_grace": self.not_found_grace,
                "unreachable_timeout": self.unreachable_timeout,
                "order_id": self.order_id,
                **self.later,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and send the one event. Nothing but a cancellation leaves it as an exception."""
        yield self._event(await self._wait_to_the_end())

    def _event(self, end: WaitEnd) -> TriggerEvent:
        job = None if end.job is None else end.job.to_dict()
        return TriggerEvent({"outcome": end.outcome.value, "message": end.message, "job": job})

    async def on_kill(self) -> None:
        """Say what goes on. Nothing is ended here: Airflow also calls it when another triggerer takes the wait over."""
        self.log.info(
            "This wait stops. ECS job %s goes on in Huawei Cloud: there is no API that cancels it.",
            clean(self.job_id, 200),
        )

    async def _wait_to_the_end(self) -> WaitEnd:
        """Wait; whatever goes wrong is an end too.

        What is awaited in here stays in memory for the whole wait, thousands of times: so it is little.
        """
        began = monotonic_time()
        try:
            wait = self._wait()
            lease = await self._share_client(wait)
            if isinstance(lease, WaitEnd):
                return lease
            try:
                client = lease.client
                # Who had trouble with the connection has paused already.
                poll_first = wait.failures > 0
                flow = flows.wait_for_job(client.auth, wait, client.clock, poll_first=poll_first)
                return await client.run(flow, self.log)
            finally:
                await lease.leave()
        except EcsJobsError as error:
            end = WaitEnd(Outcome.ERROR, f"ECS job {clean(self.job_id, 200)}: {error}")
        except Exception as error:
            # Airflow would show the user no more than "Trigger failure".
            self.log.exception("ECS job %s: the wait broke off", clean(self.job_id, 200))
            what = f"{type(error).__name__}: {clean(error, 500)}"
            end = WaitEnd(Outcome.ERROR, f"ECS job {clean(self.job_id, 200)}: the wait broke off with {what}")
        count_wait(end, monotonic_time() - began)
        return end

    def _wait(self) -> CountedWait:
        from airflow_provider_ecsjobs.hooks.connection import check_names

        check_names(self.huawei_ecs_conn_id, self.region, self.project_id, self.service)
        return CountedWait(check_job_id(self.job_id), self._policy())

    async def _share_client(self, wait: CountedWait) -> Lease | WaitEnd:
        """Share the connection's client; where that can't be had in time, give the end of the wait."""
        from airflow_provider_ecsjobs.hooks.connection import ConnectionLookupError, mask_secrets

        clock = system_clock()
        aio = await _transport()
        key = (self.huawei_ecs_conn_id, self.region, self.project_id, self.service)
        while True:
            try:
                async with asyncio.timeout(LOOKUP_SECONDS) as limit:
                    return await aio.share_client(key, self._settings, mask_secrets)  # type: ignore[no-any-return]
            except ConnectionLookupError as failure:
                what = str(failure)
            except TimeoutError:
                if not limit.expired():
                    raise
                conn_id = clean(self.huawei_ecs_conn_id, 200)
                what = f"the Airflow connection '{conn_id}' was not looked up within {duration(LOOKUP_SECONDS)}"
            # The metadata database or secrets backend is away: trouble that passes, like the API's own.
            end = wait.receive(ApiError(ErrorKind.TRANSIENT, what), wait.now(clock), is_poll=False)
            for log in wait.take_logs():
                self.log.log(log.level, "%s", log.message)
            if end is not None:
                return end
            await asyncio.sleep(wait.next_delay(wait.now(clock), clock.random()))

    async def _settings(self) -> Settings:
        from airflow_provider_ecsjobs.hooks.connection import read_settings_off_loop

        return await read_settings_off_loop(self.huawei_ecs_conn_id, self.region, self.project_id, self.service)

    def _policy(self) -> WaitPolicy:
        seen_status = clean(self.seen_status, 100)
        return WaitPolicy(
            started=self._number("started", time.time()),
            deadline=self._number("deadline", None),
            poll_interval=self._number("poll_interval", DEFAULT_POLL_INTERVAL),
            max_poll_interval=self._number("max_poll_interval", DEFAULT_MAX_POLL_INTERVAL),
            payment_timeout=self._number("payment_timeout", None),
            pending_since=self._number("pending_since", None),
            seen=(seen_status, int(self._number("seen_sub_jobs_finished", 0.0))) if seen_status else None,
            not_found_grace=self._number("not_found_grace", 0.0),
            unreachable_timeout=self._number("unreachable_timeout", DEFAULT_UNREACHABLE_TIMEOUT),
            order_id=clean(self.order_id, 200),
        )

    def _number(self, name: str, default: _Default) -> float | _Default:
        value = getattr(self, name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise EcsConfigError(f"the trigger's {name} is {clean(repr(value), 100)}; expected a number.")
        return float(value)


async def _transport() -> ModuleType:
    """Import the transport, the first time in a thread: importing aiohttp takes longer than an event loop may stand."""
    if not _loaded:
        _loaded.append(await asyncio.to_thread(importlib.import_module, _TRANSPORT))
    return _loaded[0]
