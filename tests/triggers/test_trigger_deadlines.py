"""Deadlines over real sockets: a last look in spite of a long queue, and a clock that is set during a wait."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_ecsjobs.core import waiting
from airflow_provider_ecsjobs.emulator import Fault
from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook
from airflow_provider_ecsjobs.metrics import CountedWait
from airflow_provider_ecsjobs.transport import aio
from airflow_provider_ecsjobs.triggers import ecs_jobs
from airflow_provider_ecsjobs.triggers.ecs_jobs import EcsJobTrigger

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_ecsjobs.emulator import Emulator

QUICK = {"poll_interval": 0.05, "max_poll_interval": 0.05}
HOUR = 3600.0


class MachineClock:
    """The machine's clock, which can be set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead, real_time = 0.0, time.time
        monkeypatch.setattr(time, "time", lambda: real_time() + self.ahead)


async def event_of(trigger: EcsJobTrigger) -> dict[str, Any]:
    (event,) = [event.payload async for event in trigger.run()]
    return event


async def test_a_wait_in_a_long_queue_is_told_the_end_at_its_deadline(
    connected: Emulator, set_connection: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "LAST_LOOK_SECONDS", 5.0)
    set_connection(**connected.connection(requests_per_second=5))
    running = [connected.plant_job({"status": "RUNNING"}) for _ in range(300)]
    others = [asyncio.ensure_future(event_of(EcsJobTrigger(job, **QUICK))) for job in running]
    async with asyncio.timeout(30):
        while connected.counters["requests"] < 3:  # noqa: ASYNC110 - another thread counts
            await asyncio.sleep(0.01)
    job = connected.plant_job({"status": "SUCCESS"})

    # Its turn among the others would come after a minute.
    event = await event_of(EcsJobTrigger(job, **QUICK, deadline=time.time() + 1))

    assert (event["outcome"], event["job"]["status"]) == ("finished", "SUCCESS")
    assert connected.counters["requests"] < 200
    for other in others:
        other.cancel()
    await asyncio.wait(others)


async def test_where_no_look_is_possible_the_event_says_so(
    connected: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "LAST_LOOK_SECONDS", 0.2)
    connected.fault(Fault(times=10_000, delay=60))

    event = await event_of(EcsJobTrigger(connected.plant_job({"status": "SUCCESS"}), **QUICK, deadline=time.time() + 1))

    assert event["outcome"] == "timeout"
    assert "had not been seen to finish after" in event["message"]
    assert "A last look was not possible" in event["message"]


async def test_a_look_up_that_hangs_ends_a_wait_without_a_deadline(
    connected: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    look_up = BaseHook.get_connection

    def hanging(conn_id: str) -> object:
        release.wait(30)
        return look_up(conn_id)

    monkeypatch.setattr(BaseHook, "get_connection", hanging)
    monkeypatch.setattr(ecs_jobs, "LOOKUP_SECONDS", 0.1)
    monkeypatch.setattr(waiting, "FIRST_BACKOFF", 0.02)
    try:
        async with asyncio.timeout(20):
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
    close = aio.AsyncClient.close

    async def failing(client: aio.AsyncClient) -> None:
        await close(client)
        raise OSError("already gone")

    monkeypatch.setattr(aio.AsyncClient, "close", failing)

    event = await event_of(EcsJobTrigger(connected.plant_job({"status": "SUCCESS"}), **QUICK))

    assert (event["outcome"], event["job"]["status"]) == ("finished", "SUCCESS")


@pytest.mark.parametrize("jump", [-HOUR, HOUR])
async def test_a_clock_that_is_set_moves_no_deadline(
    connected: Emulator, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    job = connected.plant_job({"status": "RUNNING"})
    # The emulator, whose clock is set too, does not go by the time of day where there is a token.
    monkeypatch.setenv(*connected.connection_env(auth="password"))
    clock = MachineClock(monkeypatch)
    began, steady = time.time(), time.monotonic()
    running = asyncio.ensure_future(event_of(EcsJobTrigger(job, **QUICK, started=began, deadline=began + 2)))
    async with asyncio.timeout(30):
        while connected.counters["requests"] < 3:  # noqa: ASYNC110 - another thread counts
            await asyncio.sleep(0.01)
        clock.ahead = jump
        event = await running

    assert event["outcome"] == "timeout"
    assert "had not finished after 2 s, the limit is 2 s" in event["message"]
    assert time.monotonic() - steady >= 2


@pytest.mark.parametrize("jump", [-HOUR, HOUR])
def test_nor_that_of_a_wait_in_a_worker(connected: Emulator, monkeypatch: pytest.MonkeyPatch, jump: float) -> None:
    job = connected.plant_job({"status": "RUNNING"})
    # The emulator, whose clock is set too, does not go by the time of day where there is a token.
    monkeypatch.setenv(*connected.connection_env(auth="password"))
    clock = MachineClock(monkeypatch)
    began, steady = time.time(), time.monotonic()

    class Watched(CountedWait):
        def saw(self, *args: Any, **kwargs: Any) -> Any:
            if connected.counters["requests"] == 3:
                clock.ahead = jump
            return super().saw(*args, **kwargs)

    hook = EcsJobsHook()
    end = hook.carry_out(Watched(job, waiting.WaitPolicy(started=began, deadline=began + 2, **QUICK)))
    hook.close()

    assert 2 <= time.monotonic() - steady < 30
    assert "had not finished after 2 s, the limit is 2 s" in end.message
