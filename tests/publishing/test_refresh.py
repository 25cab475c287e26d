"""The record of a trigger says when it is published again, and no wait is left out until then."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs import publishing
from airflow_provider_ecsjobs.core.job import Job
from airflow_provider_ecsjobs.core.publish_schedule import REFRESH_AFTER
from airflow_provider_ecsjobs.core.waiting.policy import WaitPolicy
from airflow_provider_ecsjobs.core.waiting.wait import Wait
from tests.core.samples import job, part
from tests.transport import virtual_loop

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.skipif(not publishing._has_pages, reason="Airflow 2 has no page to show a job")

RUNNING = Job(job("RUNNING", [part("RUNNING")]))
WAIT = Wait("job-1", WaitPolicy(started=0.0))
POLL = 20.0


class Sent:
    """When the record of each task was sent, and what it says of its refresh."""

    def __init__(self) -> None:
        self.times: dict[int, list[float]] = {}
        self.refreshes: set[float] = set()

    async def prepare(self) -> None:
        """Airflow's side is there."""

    async def __call__(self, task_instance: Any, make_record: Callable[[], dict[str, Any]]) -> None:
        self.times.setdefault(task_instance.number, []).append(asyncio.get_running_loop().time())
        self.refreshes.add(make_record()["refresh"])


def publish(monkeypatch: pytest.MonkeyPatch, waits: int, seconds: float) -> Sent:
    """Poll unchanged jobs, the waits always in the same order, in virtual time."""
    sent = Sent()
    monkeypatch.setattr(publishing, "_send", sent)
    monkeypatch.setattr(publishing, "_prepare", sent.prepare)
    monkeypatch.setattr(publishing, "monotonic_time", lambda: asyncio.get_running_loop().time())

    async def main() -> None:
        observers = [publishing.JobPublisher(SimpleNamespace(number=number)) for number in range(waits)]
        while asyncio.get_running_loop().time() < seconds:
            for observer in observers:
                observer.polled(WAIT, RUNNING)
                await asyncio.sleep(POLL / waits)
        for observer in observers:
            observer.stop()
        await asyncio.sleep(2 * publishing.PACE)  # what is under way goes out

    virtual_loop.run(main())
    return sent


@pytest.mark.parametrize(("waits", "refresh"), [(1, REFRESH_AFTER), (60, 60.0), (200, 200.0)])
def test_the_record_says_after_how_many_seconds_it_is_refreshed(
    monkeypatch: pytest.MonkeyPatch, waits: int, refresh: float
) -> None:
    assert publish(monkeypatch, waits, POLL).refreshes == {refresh}


def test_each_of_many_waits_is_refreshed_in_about_that_time(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = 200
    sent = publish(monkeypatch, waits, 1500)

    assert len(sent.times) == waits
    gaps = [
        later - earlier
        for times in sent.times.values()
        for earlier, later in zip([0.0, *times], [*times, 1500.0], strict=True)
    ]
    assert max(gaps) <= 2 * waits * publishing.PACE
