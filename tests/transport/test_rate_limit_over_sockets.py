"""A gateway that limits the rate, over real sockets: it is not overrun, and every wait comes to its end."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs.emulator import Emulator, Fault
from airflow_provider_ecsjobs.transport import async_client, client_pool
from airflow_provider_ecsjobs.triggers.ecs_jobs import EcsJobTrigger
from tests.live.job_clock import JobClock
from tests.support.patience import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.usefixtures("quick_backoff")
QUICK = {"poll_interval": 0.1, "max_poll_interval": 0.1}


@pytest.fixture
def clock() -> JobClock:
    return JobClock()


@pytest.fixture
def cloud(clock: JobClock) -> Iterator[Emulator]:
    with Emulator(init_seconds=0.0, run_seconds=0.3, clock=clock) as emulator:
        yield emulator


@pytest.fixture
def connect(cloud: Emulator, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def connect_to(auth: str = "aksk", **extra: Any) -> None:
        monkeypatch.setenv("AIRFLOW_CONN_HUAWEI_ECS_DEFAULT", json.dumps(cloud.connection(auth, **extra)))

    return connect_to


async def event_of(job_id: str) -> dict[str, Any]:
    (event,) = [event.payload async for event in EcsJobTrigger(job_id, **QUICK).run()]
    return event


async def events_of(jobs: list[str]) -> list[dict[str, Any]]:
    return await asyncio.gather(*map(event_of, jobs))


@pytest.mark.parametrize("auth", ["aksk", "password"])
def test_waits_beyond_the_limit_all_finish_and_few_requests_are_throttled(
    cloud: Emulator, clock: JobClock, connect: Callable[..., None], auth: str
) -> None:
    connect(auth, requests_per_second=500)
    clock.hold()  # until the limit is met, however long that takes: no window and no job ends before
    cloud.limit_rate(100, 2)  # a tenth of it, which is not used, is more than is ever under way
    jobs = [cloud.start_job() for _ in range(80)]

    async def wait() -> list[dict[str, Any]]:
        waits = asyncio.ensure_future(events_of(jobs))
        await until(lambda: cloud.counters["throttled"])
        clock.release()
        return await waits

    events = asyncio.run(wait())

    assert [event["job"]["job_id"] for event in events] == jobs
    assert {event["job"]["status"] for event in events} == {"SUCCESS"}
    counters = cloud.counters
    # Those under way when the limit was met first; then it is known, and kept to as well as a busy machine can.
    assert 1 <= counters["throttled"] <= 3 * async_client.MAX_CONNECTIONS
    assert counters["connections"] <= async_client.MAX_CONNECTIONS
    assert counters["tokens"] == (1 if auth == "password" else 0)


def test_the_time_that_one_was_told_holds_for_all(cloud: Emulator, connect: Callable[..., None]) -> None:
    connect(requests_per_second=500)
    cloud.fault(Fault(path="/jobs/", status=503, headers={"Retry-After": "600"}))

    async def wait() -> None:
        loop = asyncio.get_running_loop()
        waits = [asyncio.ensure_future(event_of(cloud.start_job())) for _ in range(50)]
        await until(lambda: [lease for lease in leases() if lease.opening.done()])
        queue = leases()[0].opening.result()._queue
        await until(lambda: queue.limiter.opens_at() > loop.time() + 300)
        waits += [asyncio.ensure_future(event_of(cloud.start_job())) for _ in range(50)]
        await until(lambda: len(queue) >= 50)  # they wait for their turn
        for task in waits:
            task.cancel()
        await asyncio.wait(waits)
        assert leases() == []

    asyncio.run(wait())
    assert cloud.counters["requests"] <= async_client.MAX_CONNECTIONS


def test_a_login_does_not_queue_behind_the_polls_that_wait_for_it(
    cloud: Emulator, connect: Callable[..., None]
) -> None:
    connect("password", requests_per_second=5)

    async def wait() -> None:
        waits = [asyncio.ensure_future(event_of(cloud.start_job(run_seconds=600))) for _ in range(200)]
        await until(lambda: cloud.counters["job_queries"] >= 2)
        cloud.revoke_tokens()
        await until(lambda: cloud.counters["tokens"] == 2)
        before = cloud.counters["job_queries"]
        await until(lambda: cloud.counters["job_queries"] > before)
        for task in waits:
            task.cancel()
        await asyncio.wait(waits)

    asyncio.run(wait())
    asked = [(request["path"], request["status"]) for request in cloud.requests]
    refused = next(number for number, (_, status) in enumerate(asked) if status == 401)
    renewed = next(number for number, (path, _) in enumerate(asked) if number > refused and "/v3/" in path)
    # Those under way, and none of the hundreds that queue.
    assert renewed - refused <= async_client.MAX_CONNECTIONS


def leases() -> list[Any]:
    return list(client_pool._leases.get(asyncio.get_running_loop(), {}).values())
