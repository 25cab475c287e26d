"""A store of XComs that hangs, is slow, or raises what it likes: no wait, no poll and no task minds."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs import compat, publishing
from airflow_provider_ecsjobs.core.job import Job
from airflow_provider_ecsjobs.core.job_snapshot import WaitFacts, shown_record
from airflow_provider_ecsjobs.core.publish_schedule import SHORTEST_GAP
from airflow_provider_ecsjobs.core.waiting.end import Outcome, WaitEnd
from tests.core.samples import job, part
from tests.publishing.published_run import observing
from tests.publishing.test_trigger_publishes import (
    HALF_DONE,
    RUNNING,
    Sent,
    a_wait,
    in_virtual_time,
    poll,
    sent,
    task_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["in_virtual_time", "sent"]  # fixtures
pytestmark = pytest.mark.skipif(not publishing._has_pages, reason="Airflow 2 has no page to show a job")


class OfTheBackend(BaseException):
    """What a user's XCom backend may raise."""


ERRORS = [
    RuntimeError("no"),
    SystemExit(1),
    OfTheBackend("no"),
    asyncio.CancelledError(),
    TimeoutError(),
    MemoryError(),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("step", ["error", "first_error"])
def test_nothing_that_a_store_raises_ends_a_wait_or_the_triggerer(
    sent: Sent, in_virtual_time: Callable[..., None], error: BaseException, step: str
) -> None:
    if step == "first_error" and isinstance(error, asyncio.CancelledError):
        pytest.skip("no import raises it")
    setattr(sent, step, error)
    polled: list[float] = []

    async def main() -> None:
        async with observing(task_of()) as observer:
            for number in range(200):
                observer.polled(a_wait(), Job(HALF_DONE if number % 2 else RUNNING))
                polled.append(asyncio.get_running_loop().time())
                await asyncio.sleep(1)
            setattr(sent, step, None)  # the store is well again
            await poll(observer, RUNNING, every=5, seconds=120)

    in_virtual_time(main())

    assert polled == [float(number) for number in range(200)]
    assert sent.prepared <= 6
    assert len(sent) >= 1


def test_a_slow_store_delays_no_poll_and_is_not_asked_in_a_hurry(
    sent: Sent, in_virtual_time: Callable[..., None]
) -> None:
    sent.seconds = 40.0
    polled: list[float] = []

    async def main() -> None:
        async with observing(task_of()) as observer:
            for number in range(300):
                observer.polled(a_wait(), Job(HALF_DONE if number % 2 else RUNNING))
                polled.append(asyncio.get_running_loop().time())
                await asyncio.sleep(1)

    in_virtual_time(main())

    assert polled == [float(number) for number in range(300)]
    begun = [when - sent.seconds for when in sent.times]
    assert all(later - ended >= SHORTEST_GAP for later, ended in zip(begun[1:], sent.times, strict=False))


def test_the_gap_counts_from_the_end_of_the_first_publish(sent: Sent, in_virtual_time: Callable[..., None]) -> None:
    """The first one in a triggerer took 15.7 s."""
    sent.first_seconds = 20.0

    async def main() -> None:
        async with observing(task_of()) as observer:
            await poll(observer, RUNNING, every=1, seconds=22)
            sent.first_seconds = 0.0
            await poll(observer, HALF_DONE, every=1, seconds=30)

    in_virtual_time(main())

    assert sent.times == [20.0, 20.0 + SHORTEST_GAP]
    assert [record["done"] for *_, record in sent] == [0, 1]


def test_a_job_that_changes_while_it_waits_to_be_published_is_published_as_it_is_then(
    sent: Sent, in_virtual_time: Callable[..., None]
) -> None:
    sent.first_seconds = 20.0

    async def main() -> None:
        async with observing(task_of()) as observer:
            await poll(observer, RUNNING, every=1, seconds=5)
            await poll(observer, HALF_DONE, every=1, seconds=20)

    in_virtual_time(main())

    assert [record["done"] for *_, record in sent] == [1]


def test_a_store_that_hangs_for_ever_holds_no_other_wait_and_no_event(
    sent: Sent, in_virtual_time: Callable[..., None]
) -> None:
    sent.seconds = 1e6
    left: dict[str, float] = {}

    async def wait(task_id: str, seconds: float) -> None:
        async with observing(task_of(task_id)) as observer:
            await poll(observer, RUNNING, every=1, seconds=seconds)
        left[task_id] = asyncio.get_running_loop().time()

    async def main() -> None:
        waits = [wait(f"wait_{number}", 100.0 + number) for number in range(40)]
        await asyncio.gather(*waits)
        await asyncio.sleep(2e6)

    in_virtual_time(main())

    assert sent.begun == 1
    hung = {"wait_0": 100.0 + publishing.LAST_PUBLISH_SECONDS}
    assert left == {f"wait_{number}": 100.0 + number for number in range(40)} | hung


def test_a_publish_that_hangs_beyond_the_event_does_not_hide_the_end(
    sent: Sent, in_virtual_time: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent.seconds = 25.0
    xcoms: dict[str, Any] = {}
    order: list[str] = []

    def push(key: str, value: Any) -> None:
        xcoms[key] = value
        order.append(key)

    ti = SimpleNamespace(try_number=1, xcom_push=push)
    monkeypatch.setattr(compat, "get_current_context", lambda: {"ti": ti}, raising=False)

    async def main() -> None:
        async with observing(task_of()) as observer:
            observer.polled(a_wait(), Job(RUNNING))
            await asyncio.sleep(1)
        # The event is sent, and the task resumes.
        end = WaitEnd(Outcome.FINISHED, "", Job(job("FAIL", [part("FAIL", fail_reason="no host")])))
        publishing.publish_end(end, WaitFacts("job-1"))
        await asyncio.sleep(60)
        push(publishing.XCOM_KEY, sent[0][2])

    in_virtual_time(main())

    assert order == [publishing.END_XCOM_KEY, publishing.XCOM_KEY]
    assert sent.times == [25.0]
    record = shown_record(xcoms[publishing.XCOM_KEY], xcoms[publishing.END_XCOM_KEY])
    assert (record["outcome"], record["failure"]["causes"]) == ("finished", [["no host", 1]])


def test_one_odd_job_does_not_stop_the_publishing_of_others(
    sent: Sent, in_virtual_time: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = publishing.snapshot

    def breaks_for_odd_jobs(seen: Job | None, *rest: Any) -> dict[str, Any]:
        if seen is not None and seen.job_type == "odd":
            raise RuntimeError("a job that nobody thought of")
        return snapshot(seen, *rest)

    monkeypatch.setattr(publishing, "snapshot", breaks_for_odd_jobs)

    async def main() -> None:
        async with observing(task_of("odd")) as odd, observing(task_of("even")) as even:
            odd.polled(a_wait(), Job(job("RUNNING", [], job_type="odd")))
            even.polled(a_wait(), Job(RUNNING))
            await asyncio.sleep(5)

    in_virtual_time(main())

    assert [(task_id, record.get("status")) for _, task_id, record in sent] == [("odd", None), ("even", "RUNNING")]


class SlowWorker:
    """A worker whose store takes some seconds for each XCom, or fails."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds: float = 0.0, error: Exception | None = None) -> None:
        self.now, self.seconds, self.error = 0.0, seconds, error
        self.pushed: list[float] = []
        monkeypatch.setattr(publishing, "monotonic_time", lambda: self.now)
        ti = SimpleNamespace(try_number=1, xcom_push=self._push)
        monkeypatch.setattr(compat, "get_current_context", lambda: {"ti": ti}, raising=False)

    def _push(self, **_: Any) -> None:
        self.pushed.append(self.now)
        self.now += self.seconds
        if self.error is not None:
            raise self.error

    def poll_for(self, seconds: float) -> None:
        """Poll each second a job that changes each time."""
        observer = publishing.observer_in_worker()
        done = self.now + seconds
        while self.now < done:
            observer.polled(a_wait(), Job(HALF_DONE if round(self.now) % 2 else RUNNING))
            self.now += 1.0


@pytest.mark.parametrize("seconds", [0.0, 0.5, 1.0, 5.0, 30.0])
def test_a_slow_store_takes_a_small_part_of_the_time_of_a_wait_in_a_worker(
    monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    worker = SlowWorker(monkeypatch, seconds)

    worker.poll_for(1000.0)

    assert len(worker.pushed) > 1
    gaps = [later - earlier for earlier, later in zip(worker.pushed, worker.pushed[1:], strict=False)]
    assert min(gaps) >= max(SHORTEST_GAP, publishing.WORKER_PACE * seconds)


def test_a_store_that_fails_is_left_alone_for_a_while_by_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = SlowWorker(monkeypatch, error=RuntimeError("no"))

    worker.poll_for(300.0)

    assert len(worker.pushed) == 300.0 / publishing.PAUSE_AFTER_FAILURE
