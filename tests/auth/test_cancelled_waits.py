"""Waits that are cancelled at any moment: the others go on, nobody is given another's job, nothing is left behind."""

from __future__ import annotations

import asyncio
import gc
import json
import random
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs.emulator import Emulator, Fault
from airflow_provider_ecsjobs.transport import client_pool
from airflow_provider_ecsjobs.triggers.ecs_jobs import EcsJobTrigger
from tests.support.machine_clock import MachineClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WAITS = 60
HOUR = 3600.0


@pytest.fixture
def cloud() -> Iterator[Emulator]:
    with Emulator(init_seconds=0.1, run_seconds=1.0, token_seconds=HOUR) as emulator:
        yield emulator


async def event_of(job_id: str) -> dict[str, Any]:
    trigger = EcsJobTrigger(job_id, poll_interval=0.05, max_poll_interval=0.1)
    (event,) = [event.payload async for event in trigger.run()]
    return event


async def wait_and_cancel_some(cloud: Emulator, chance: random.Random, expire: Callable[[], None]) -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    jobs = [cloud.start_job(failing=number % 2) for number in range(WAITS)]
    waits = []
    for job_id in jobs:
        waits.append(asyncio.create_task(event_of(job_id)))
        if chance.random() < 0.3:
            await asyncio.sleep(chance.random() * 0.05)
    cancelled = chance.sample(range(WAITS), WAITS // 2)
    for number in cancelled:
        await asyncio.sleep(chance.random() * 0.02)
        waits[number].cancel()
        if number in cancelled[5::15]:
            cloud.revoke_tokens()
        if number == cancelled[10]:
            expire()
    events = await asyncio.gather(*waits, return_exceptions=True)

    for number, event in enumerate(events):
        if isinstance(event, asyncio.CancelledError):
            assert number in cancelled
        else:
            assert event["outcome"] == "finished", event
            assert event["job"]["job_id"] == jobs[number]
            assert event["job"]["status"] == ("FAIL" if number % 2 else "SUCCESS")
    del waits, events
    gc.collect()
    await asyncio.sleep(0)
    assert complaints == []
    assert not client_pool._leases[asyncio.get_running_loop()]
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.usefixtures("quick_backoff")
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("auth", ["aksk", "password"])
def test_cancelled_at_random(cloud: Emulator, monkeypatch: pytest.MonkeyPatch, auth: str, seed: int) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_HUAWEI_ECS_DEFAULT", json.dumps(cloud.connection(auth, requests_per_second=100)))
    monkeypatch.setattr(client_pool, "SETTINGS_AGE", 0.0)
    chance, clock = random.Random(seed), MachineClock(monkeypatch)
    for _ in range(10):
        cloud.fault(Fault(path=chance.choice(["/jobs/", "/v3/", "."]), times=3, delay=chance.random() * 0.2))
    cloud.fault(Fault(path="/v3/auth", times=2, status=503))
    cloud.fault(Fault(path="/jobs/", times=5, reset="during"))

    def expire() -> None:
        if auth == "password":  # a signature of that time would be refused
            clock.ahead = 0.95 * HOUR

    asyncio.run(wait_and_cancel_some(cloud, chance, expire))
