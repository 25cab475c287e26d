"""What a trigger publishes while it waits: what has changed, paced, and nothing once its wait has ended."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs import publishing
from airflow_provider_ecsjobs.core.job import Job
from airflow_provider_ecsjobs.core.waiting.policy import WaitPolicy
from airflow_provider_ecsjobs.core.waiting.wait import Wait
from airflow_provider_ecsjobs.triggers.ecs_jobs import EcsJobTrigger
from tests.core.samples import job, part
from tests.publishing.published_run import observing
from tests.transport import virtual_loop

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from airflow_provider_ecsjobs.emulator import Emulator

pytestmark = pytest.mark.skipif(not publishing._has_pages, reason="Airflow 2 has no page to show a job")

RUNNING = job("RUNNING", [part("RUNNING"), part("RUNNING")])
HALF_DONE = job("RUNNING", [part("SUCCESS"), part("RUNNING")])


class Sent(list[tuple[float, str, dict[str, Any]]]):
    """The records that were sent: when, for which task, and what. A send takes `seconds`."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self.error: BaseException | None = None
        self.begun = 0
        self.first_seconds = 0.0
        self.first_error: BaseException | None = None
        self.prepared = 0

    async def prepare(self) -> None:
        """Take as long as the first import of Airflow's side does."""
        self.prepared += 1
        await asyncio.sleep(self.first_seconds)
        if self.first_error is not None:
            raise self.first_error

    async def __call__(self, task_instance: Any, make_record: Callable[[], dict[str, Any]]) -> None:
        record = make_record()
        self.begun += 1
        await asyncio.sleep(self.seconds)
        if self.error is not None:
            raise self.error
        self.append((asyncio.get_running_loop().time(), task_instance.task_id, record))

    @property
    def times(self) -> list[float]:
        return [when for when, *_ in self]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """Stand in for Airflow's XComs."""
    sent = Sent()
    monkeypatch.setattr(publishing, "_send", sent)
    monkeypatch.setattr(publishing, "_prepare", sent.prepare)
    return sent


@pytest.fixture
def in_virtual_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[Coroutine[Any, Any, None]], None]:
    """Return a function that runs a coroutine with a clock that leaps."""

    def run(main: Coroutine[Any, Any, None]) -> None:
        async def drained() -> None:
            await main
            await asyncio.sleep(10 * publishing.PACE * publishing.MAX_PENDING)  # what is left goes out

        monkeypatch.setattr(publishing, "monotonic_time", lambda: asyncio.get_running_loop().time())
        virtual_loop.run(drained())

    return run


def task_of(task_id: str = "wait") -> Any:
    return SimpleNamespace(dag_id="dag", run_id="run", task_id=task_id, map_index=-1, try_number=1)


def a_wait() -> Wait:
    return Wait("job-1", WaitPolicy(started=0.0))


async def poll(observer: Any, raw: dict[str, Any], *, every: float, seconds: float) -> None:
    for _ in range(round(seconds / every)):
        observer.polled(a_wait(), Job(raw))
        await asyncio.sleep(every)


def test_the_first_look_is_published_at_once_and_an_unchanged_job_once_a_minute(
    sent: Sent, in_virtual_time: Callable[..., None]
) -> None:
    async def main() -> None:
        async with observing(task_of()) as observer:
            await poll(observer, RUNNING, every=5, seconds=130)

    in_virtual_time(main())

    assert sent.times == [0.0, 60.0, 120.0]


def test_a_change_is_published_not_sooner_than_the_shortest_gap(
    sent: Sent, in_virtual_time: Callable[..., None]
) -> None:
    async def main() -> None:
        async with observing(task_of()) as observer:
            await poll(observer, RUNNING, every=1, seconds=2)
            await poll(observer, HALF_DONE, every=1, seconds=30)

    in_virtual_time(main())

    assert sent.times == [0.0, publishing.SHORTEST_GAP]
    assert [record["done"] for *_, record in sent] == [0, 1]


def test_a_thousand_waits_publish_one_a_second_together(sent: Sent, in_virtual_time: Callable[..., None]) -> None:
    async def main() -> None:
        async with AsyncExitStack() as stack:
            observers = [
                await stack.enter_async_context(observing(task_of(f"wait_{number}"))) for number in range(1000)
            ]
            for second in range(60):
                for observer in observers:
                    observer.polled(a_wait(), Job(RUNNING if second % 2 else HALF_DONE))
                await asyncio.sleep(1)

    in_virtual_time(main())

    assert all(later - earlier >= publishing.PACE for earlier, later in zip(sent.times, sent.times[1:], strict=False))
    assert 50 <= len([when for when in sent.times if when < 60]) <= 61
    assert len({task_id for _, task_id, _ in sent}) == len(sent)  # not the same few again and again


def test_no_poll_waits_for_a_publish(sent: Sent, in_virtual_time: Callable[..., None]) -> None:
    sent.seconds = 20.0
    polled: list[float] = []

    async def main() -> None:
        async with observing(task_of()) as observer:
            for raw in (RUNNING, HALF_DONE, RUNNING):
                observer.polled(a_wait(), Job(raw))
                polled.append(asyncio.get_running_loop().time())
                await asyncio.sleep(5)

    in_virtual_time(main())

    assert polled == [0.0, 5.0, 10.0]


def test_the_end_of_a_wait_waits_for_the_publish_under_way_and_drops_the_next(
    sent: Sent, in_virtual_time: Callable[..., None]
) -> None:
    sent.seconds = 3.0
    left: list[float] = []

    async def main() -> None:
        async with observing(task_of("first")) as first:
            async with observing(task_of("second")) as second:
                first.polled(a_wait(), Job(RUNNING))
                second.polled(a_wait(), Job(RUNNING))
                await asyncio.sleep(1)
            left.append(asyncio.get_running_loop().time())
        left.append(asyncio.get_running_loop().time())

    in_virtual_time(main())

    assert left == [1.0, 3.0]
    assert [task_id for _, task_id, _ in sent] == ["first"]


def test_a_publish_that_never_ends_holds_an_event_up_for_a_bounded_time(
    sent: Sent, in_virtual_time: Callable[..., None]
) -> None:
    sent.seconds = 25.0
    left: list[float] = []

    async def main() -> None:
        async with observing(task_of()) as observer:
            observer.polled(a_wait(), Job(RUNNING))
            await asyncio.sleep(1)
        left.append(asyncio.get_running_loop().time())

    in_virtual_time(main())

    assert left == [1.0 + publishing.LAST_PUBLISH_SECONDS]


def test_a_wait_that_ends_before_the_first_record_can_be_sent_publishes_nothing(
    sent: Sent, in_virtual_time: Callable[..., None]
) -> None:
    """Importing what sends it takes longer than an event waits: it would come after what the task publishes."""
    sent.first_seconds = 2 * publishing.LAST_PUBLISH_SECONDS
    left: list[float] = []

    async def main() -> None:
        async with observing(task_of("goes on")) as goes_on:
            async with observing(task_of("ends")) as ends:
                ends.polled(a_wait(), Job(RUNNING))
                goes_on.polled(a_wait(), Job(RUNNING))
                await asyncio.sleep(1)
            left.append(asyncio.get_running_loop().time())
            await asyncio.sleep(2 * sent.first_seconds)

    in_virtual_time(main())

    assert left == [1.0]
    assert [task_id for _, task_id, _ in sent] == ["goes on"]


def test_a_cancelled_wait_publishes_nothing_more(sent: Sent, in_virtual_time: Callable[..., None]) -> None:
    async def wait(task_id: str) -> None:
        async with observing(task_of(task_id)) as observer:
            observer.polled(a_wait(), Job(RUNNING))
            await asyncio.sleep(1000)

    async def main() -> None:
        tasks = [asyncio.create_task(wait(task_id)) for task_id in ("first", "second")]
        await asyncio.sleep(0.5)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    in_virtual_time(main())

    assert [task_id for _, task_id, _ in sent] == ["first"]


@pytest.mark.parametrize(("step", "begun"), [("error", 2), ("first_error", 0)])
def test_a_failed_publish_is_a_debug_line_and_pauses_publishing(
    sent: Sent, in_virtual_time: Callable[..., None], caplog: pytest.LogCaptureFixture, step: str, begun: int
) -> None:
    setattr(sent, step, RuntimeError("no such request"))
    caplog.set_level("DEBUG")

    async def main() -> None:
        async with observing(task_of()) as observer:
            for number in range(120):
                observer.polled(a_wait(), Job(HALF_DONE if number % 2 else RUNNING))
                await asyncio.sleep(1)

    in_virtual_time(main())

    assert (sent.prepared, sent.begun) == (2, begun)
    ours = [record for record in caplog.records if record.name == publishing.__name__]
    assert {record.levelname for record in ours} <= {"DEBUG"}


async def test_a_record_that_can_not_be_made_ends_no_wait(
    connected: Emulator, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("a job that nobody thought of")

    monkeypatch.setattr(publishing, "snapshot", broken)
    job_id = connected.plant_job({"status": "RUNNING"}, {"status": "SUCCESS"})
    trigger = EcsJobTrigger(job_id, poll_interval=0.03, max_poll_interval=0.03)
    trigger.task_instance = task_of()

    (event,) = [event.payload async for event in trigger.run()]

    assert (event["outcome"], sent.begun) == ("finished", 0)


@pytest.mark.parametrize("value", ["False", "neither"])
async def test_nothing_is_published_where_it_is_switched_off(
    sent: Sent, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("AIRFLOW__ECSJOBS__PUBLISH_JOBS", value)

    async with observing(task_of()) as observer:
        observer.polled(a_wait(), Job(RUNNING))
        await asyncio.sleep(0)

    assert sent.begun == 0


async def test_a_trigger_publishes_its_job_and_sends_its_event_last(connected: Emulator, sent: Sent) -> None:
    job_id = connected.plant_job(*[RUNNING] * 3, {"status": "SUCCESS"}, job_id=RUNNING["job_id"])
    trigger = EcsJobTrigger(job_id, poll_interval=0.03, max_poll_interval=0.03, started=0.0, deadline=4e9)
    trigger.task_instance = task_of()

    events = [event.payload async for event in trigger.run()]
    at_the_event = len(sent)
    await asyncio.sleep(0)

    assert [event["outcome"] for event in events] == ["finished"]
    assert len(sent) == at_the_event == 1
    # It no longer counts among those that the queue has to find time for.
    assert publishing._queue_of_this_loop().waits == 0
    (_, task_id, record) = sent[0]
    assert (task_id, record["job_id"], record["status"], record["deadline"]) == ("wait", job_id, "RUNNING", 4e9)


async def test_a_trigger_without_a_task_publishes_nothing(connected: Emulator, sent: Sent) -> None:
    job_id = connected.plant_job({"status": "RUNNING"}, {"status": "SUCCESS"})

    events = [event async for event in EcsJobTrigger(job_id, poll_interval=0.03, max_poll_interval=0.03).run()]

    assert len(events) == 1
    assert sent.begun == 0
