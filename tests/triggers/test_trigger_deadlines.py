"""Deadlines over real sockets: a final poll in spite of a long queue, and a clock that is set during a wait."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_ecsjobs.core.waiting import schedule
from airflow_provider_ecsjobs.core.waiting.policy import WaitPolicy
from airflow_provider_ecsjobs.core.waiting.wait import Wait
from airflow_provider_ecsjobs.emulator import Fault
from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook
from airflow_provider_ecsjobs.transport import async_client
from airflow_provider_ecsjobs.triggers import ecs_jobs
from airflow_provider_ecsjobs.triggers.ecs_jobs import EcsJobTrigger
from tests.support.machine_clock import MachineClock
from tests.support.patience import A_MINUTE, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_ecsjobs.emulator import Emulator

QUICK = {"poll_interval": 0.05, "max_poll_interval": 0.05}
HOUR = 3600.0
LIMIT = 600.0
"""The limit of waits that end when their test lets it pass; shorter than the clock is set."""


async def event_of(trigger: EcsJobTrigger) -> dict[str, Any]:
    (event,) = [event.payload async for event in trigger.run()]
    return event


async def test_a_wait_in_a_long_queue_is_told_the_end_at_its_deadline(
    connected: Emulator, set_connection: Callable[..., None]
) -> None:
    set_connection(**connected.connection(requests_per_second=2))
    running = [connected.plant_job({"status": "RUNNING"}) for _ in range(300)]
    others = [asyncio.ensure_future(event_of(EcsJobTrigger(job, **QUICK))) for job in running]
    await until(lambda: connected.counters["requests"] >= 3)
    job = connected.plant_job({"status": "SUCCESS"})

    # Its turn among the others would come after two minutes.
    event = await event_of(EcsJobTrigger(job, **QUICK, deadline=time.time() + 1))

    assert (event["outcome"], event["job"]["status"]) == ("finished", "SUCCESS")
    assert connected.counters["requests"] < len(running)
    for other in others:
        other.cancel()
    await asyncio.wait(others)


async def test_where_no_look_is_possible_the_event_says_so(
    connected: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "FINAL_POLL_SECONDS", 0.2)
    connected.fault(Fault(times=10_000, delay=10 * A_MINUTE))

    event = await event_of(EcsJobTrigger(connected.plant_job({"status": "SUCCESS"}), **QUICK, deadline=time.time() + 1))

    assert event["outcome"] == "timeout"
    assert "had not been seen to finish after" in event["message"]
    assert "A final poll was not possible" in event["message"]


async def test_a_look_up_that_hangs_ends_a_wait_without_a_deadline(
    connected: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    look_up = BaseHook.get_connection

    def hanging(conn_id: str) -> object:
        release.wait(10 * A_MINUTE)
        return look_up(conn_id)

    monkeypatch.setattr(BaseHook, "get_connection", hanging)
    monkeypatch.setattr(ecs_jobs, "LOOKUP_SECONDS", 0.1)
    monkeypatch.setattr(schedule, "FIRST_BACKOFF", 0.02)
    try:
        async with asyncio.timeout(A_MINUTE):
            event = await event_of(
                EcsJobTrigger(connected.plant_job({"status": "SUCCESS"}), **QUICK, unreachable_timeout=0.3)
            )
    finally:
        release.set()

    assert event["outcome"] == "unreachable"
    assert "the Airflow connection 'huawei_ecs_default' was not looked up within" in event["message"]


async def test_connections_that_can_not_be_closed_change_no_end(
    connected: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    close = async_client.AsyncClient.close

    async def failing(client: async_client.AsyncClient) -> None:
        await close(client)
        raise OSError("already gone")

    monkeypatch.setattr(async_client.AsyncClient, "close", failing)

    event = await event_of(EcsJobTrigger(connected.plant_job({"status": "SUCCESS"}), **QUICK))

    assert (event["outcome"], event["job"]["status"]) == ("finished", "SUCCESS")


@pytest.fixture
def clock(connected: Emulator, monkeypatch: pytest.MonkeyPatch) -> MachineClock:
    """Give the clocks of a machine whose requests are good whatever time of day it shows: they have a token."""
    monkeypatch.setenv(*connected.connection_env(auth="password"))
    return MachineClock(monkeypatch)


@pytest.mark.parametrize("jump", [-HOUR, HOUR])
async def test_a_clock_that_is_set_moves_no_deadline(connected: Emulator, clock: MachineClock, jump: float) -> None:
    job, began = connected.plant_job({"status": "RUNNING"}), time.time()
    running = asyncio.ensure_future(event_of(EcsJobTrigger(job, **QUICK, started=began, deadline=began + LIMIT)))
    await until(lambda: connected.counters["job_queries"] >= 3)
    clock.ahead = jump
    await until(lambda: connected.counters["job_queries"] >= 6)
    assert not running.done()

    clock.passed = LIMIT
    async with asyncio.timeout(A_MINUTE):
        event = await running

    assert event["outcome"] == "timeout"
    assert "had not finished after 10 min, the limit is 10 min" in event["message"]


@pytest.mark.parametrize("jump", [-HOUR, HOUR])
def test_nor_that_of_a_wait_in_a_worker(connected: Emulator, clock: MachineClock, jump: float) -> None:
    job, began = connected.plant_job({"status": "RUNNING"}), time.time()

    class Watched(Wait):
        def receive(self, *args: Any, **kwargs: Any) -> Any:
            seen = connected.counters["job_queries"]
            if seen == 3:
                clock.ahead = jump
            if seen == 6:
                clock.passed = LIMIT
            assert seen <= 7, "the wait goes on beyond its deadline"
            return super().receive(*args, **kwargs)

    hook = EcsJobsHook()
    end = hook.run(Watched(job, WaitPolicy(started=began, deadline=began + LIMIT, **QUICK)))
    hook.close()

    assert connected.counters["job_queries"] == 7
    assert "had not finished after 10 min, the limit is 10 min" in end.message
