"""Many triggers in one event loop: one look-up, few connections, nothing left open, nothing in the loop's way."""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs.emulator import Emulator, Fault
from airflow_provider_ecsjobs.transport import async_client, client_pool
from airflow_provider_ecsjobs.triggers.ecs_jobs import EcsJobTrigger
from tests.support.patience import A_MINUTE, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.usefixtures("quick_backoff")
QUICK = {"poll_interval": 0.05, "max_poll_interval": 0.05}


@pytest.fixture
def nothing_left_open() -> Iterator[None]:
    """Fail if a client stays open, or says when it is collected that it was not closed."""
    with _complaints() as complaints:
        yield
        assert complaints == []


@contextmanager
def _complaints() -> Iterator[list[str]]:
    found: list[str] = []
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        gc.freeze()  # Airflow's own million objects: only what comes from here on is looked at
        try:
            yield found
            gc.collect()
        finally:
            gc.unfreeze()
        found += [str(warning.message) for warning in warned if "nclosed" in str(warning.message)]


def leases() -> dict[Any, Any]:
    """Give the clients that are open in this event loop."""
    return dict(client_pool._leases.get(asyncio.get_running_loop(), {}))


async def events_of(trigger: EcsJobTrigger) -> list[dict[str, Any]]:
    return [event.payload async for event in trigger.run()]


async def assert_cancelled(task: asyncio.Task[Any]) -> None:
    task.cancel()
    async with asyncio.timeout(A_MINUTE):
        await asyncio.wait([task])
    assert task.cancelled()
    assert leases() == {}


@pytest.mark.usefixtures("nothing_left_open")
async def test_fifty_triggers_share_one_client(connected: Emulator, lookups: list[str]) -> None:
    jobs = [connected.start_job(init_seconds=0.1, run_seconds=0.1 + number % 5 / 10) for number in range(50)]
    tasks = [asyncio.ensure_future(events_of(EcsJobTrigger(job, **QUICK))) for job in jobs]
    await until(lambda: connected.counters["requests"])
    assert len(leases()) == 1

    events = await asyncio.gather(*tasks)

    assert [[event["job"]["job_id"] for event in sent] for sent in events] == [[job] for job in jobs]
    assert {event["job"]["status"] for sent in events for event in sent} == {"SUCCESS"}
    assert lookups == ["huawei_ecs_default"]
    assert connected.counters["connections"] <= async_client.MAX_CONNECTIONS
    assert leases() == {}


@pytest.mark.usefixtures("nothing_left_open")
async def test_triggers_of_two_connections_share_nothing(
    connected: Emulator, set_connection: Callable[..., None], lookups: list[str]
) -> None:
    with Emulator(secret_key="another") as another:
        set_connection("another", **another.connection())
        here, there = connected.plant_job({"status": "SUCCESS"}), another.plant_job({"status": "SUCCESS"})

        events = await asyncio.gather(
            events_of(EcsJobTrigger(here, **QUICK)), events_of(EcsJobTrigger(there, "another", **QUICK))
        )

    assert [event["outcome"] for sent in events for event in sent] == ["finished", "finished"]
    assert sorted(lookups) == ["another", "huawei_ecs_default"]


@pytest.mark.usefixtures("nothing_left_open")
async def test_cancelled_while_it_waits_for_its_timer(connected: Emulator) -> None:
    task = asyncio.ensure_future(events_of(EcsJobTrigger(connected.plant_job({"status": "RUNNING"}))))
    await until(lambda: any(lease.opening.done() for lease in leases().values()))

    await assert_cancelled(task)

    assert connected.counters["requests"] == 0


@pytest.mark.usefixtures("nothing_left_open")
async def test_cancelled_while_a_request_hangs(connected: Emulator) -> None:
    connected.fault(Fault(delay=10 * A_MINUTE))
    task = asyncio.ensure_future(events_of(EcsJobTrigger(connected.plant_job({"status": "RUNNING"}), **QUICK)))
    await until(lambda: connected.counters["requests"])

    await assert_cancelled(task)


@pytest.mark.usefixtures("nothing_left_open")
@pytest.mark.parametrize("fails", [False, True])
async def test_cancelled_while_the_connection_is_looked_up(
    connected: Emulator, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    from airflow.providers.common.compat.sdk import BaseHook

    look_up, begun, go_on, ended = BaseHook.get_connection, threading.Event(), threading.Event(), threading.Event()

    def slow(conn_id: str) -> object:
        begun.set()
        go_on.wait(A_MINUTE)
        try:
            if fails:
                raise RuntimeError("vault is sealed")
            return look_up(conn_id)
        finally:
            ended.set()

    monkeypatch.setattr(BaseHook, "get_connection", slow)
    task = asyncio.ensure_future(events_of(EcsJobTrigger("job-1", **QUICK)))
    try:
        await until(begun.is_set)
        task.cancel()
        await asyncio.sleep(0)
    finally:
        go_on.set()
    await until(ended.is_set)

    await assert_cancelled(task)

    assert connected.counters["requests"] == 0


@pytest.mark.usefixtures("nothing_left_open")
async def test_one_that_is_cancelled_takes_nothing_from_the_others(connected: Emulator, lookups: list[str]) -> None:
    job = connected.start_job(init_seconds=0.1, run_seconds=0.3)
    first, *others = [asyncio.ensure_future(events_of(EcsJobTrigger(job, **QUICK))) for _ in range(5)]
    await asyncio.sleep(0)
    first.cancel()

    events = await asyncio.gather(*others)

    assert [event["outcome"] for sent in events for event in sent] == ["finished"] * 4
    assert first.cancelled()
    assert lookups == ["huawei_ecs_default"]
    assert leases() == {}


@pytest.mark.usefixtures("nothing_left_open")
async def test_a_trigger_whose_iterator_is_closed_early(connected: Emulator) -> None:
    iterator = EcsJobTrigger(connected.plant_job({"status": "SUCCESS"}), **QUICK).run()
    event = await anext(iterator)  # type: ignore[call-overload]
    await iterator.aclose()  # type: ignore[attr-defined]

    assert event.payload["outcome"] == "finished"
    assert leases() == {}


async def test_what_blocks_happens_in_other_threads(connected: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.providers.common.compat.sdk import BaseHook

    threads: dict[str, threading.Thread] = {}

    def noting(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*args: Any) -> Any:
            threads[name] = threading.current_thread()
            return call(*args)

        return noted

    monkeypatch.setattr(BaseHook, "get_connection", noting("look-up", BaseHook.get_connection))
    monkeypatch.setattr(client_pool, "make_ssl_context", noting("TLS", client_pool.make_ssl_context))

    (event,) = await events_of(EcsJobTrigger(connected.plant_job({"status": "SUCCESS"}), **QUICK))

    assert event["outcome"] == "finished"
    assert set(threads) == {"look-up", "TLS"}
    assert threading.current_thread() not in threads.values()


@pytest.mark.usefixtures("nothing_left_open")
def test_a_loop_that_stops_with_triggers_in_it(connected: Emulator) -> None:
    """As a triggerer's loop does: the tasks are cancelled as it ends, and a new one starts afresh."""
    job = connected.plant_job({"status": "RUNNING"}, {"status": "RUNNING"}, {"status": "SUCCESS"})

    async def begin() -> None:
        asyncio.ensure_future(events_of(EcsJobTrigger(job, **QUICK)))  # noqa: RUF006 - asyncio.run cancels it
        await until(lambda: connected.counters["requests"])

    asyncio.run(begin())
    (event,) = asyncio.run(events_of(EcsJobTrigger(job, **QUICK)))

    assert event["outcome"] == "finished"
    assert all(not of_loop for of_loop in client_pool._leases.values())
