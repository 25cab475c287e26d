"""Thousands sleep with one timer: each is woken in its time, and whoever is cancelled costs the others nothing."""

from __future__ import annotations

import asyncio
import random

from airflow_provider_ecsjobs.transport.timers import MOST_AT_ONCE, TimerQueue
from tests.transport.virtual_loop import run


def timers() -> int:
    scheduled = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]
    return len([handle for handle in scheduled if not handle.cancelled()])


def test_each_is_woken_in_its_time() -> None:
    async def main() -> None:
        queue, chance, now = TimerQueue(), random.Random(4), asyncio.get_running_loop().time

        async def sleep_some_times() -> None:
            for _ in range(20):
                due = now() + (seconds := chance.choice([0.0, 0.05, 1.0, chance.uniform(0, 100)]))
                await queue.sleep(seconds)
                assert due <= now() <= due + 1e-6

        await asyncio.gather(*(sleep_some_times() for _ in range(500)))
        assert (queue._sleepers, queue._timer) == ([], None)

    run(main())


def test_there_is_one_timer_for_all() -> None:
    async def main() -> None:
        queue, woken = TimerQueue(), []

        async def sleep(seconds: float) -> None:
            await queue.sleep(seconds)
            woken.append(seconds)

        sleeping = [asyncio.ensure_future(sleep(1000 - number)) for number in range(1000)]
        await asyncio.sleep(0)
        assert timers() == 1
        await asyncio.gather(*sleeping)
        assert woken == sorted(woken)
        assert timers() == 0

    run(main())


def test_thousands_that_wake_at_the_same_time_let_others_in_between() -> None:
    async def main() -> None:
        queue, woken = TimerQueue(), []

        async def sleep(number: int) -> None:
            await queue.sleep(10)
            woken.append(number)

        sleeping = [asyncio.ensure_future(sleep(number)) for number in range(5000)]
        await asyncio.sleep(10)
        most = before = 0
        while len(woken) < len(sleeping):
            await asyncio.sleep(0)
            most, before = max(most, len(woken) - before), len(woken)
        assert most <= 2 * MOST_AT_ONCE
        assert woken == list(range(5000))
        assert asyncio.get_running_loop().time() < 10.1
        await asyncio.wait(sleeping)

    run(main())


def test_whoever_is_cancelled_is_passed_over() -> None:
    async def main() -> None:
        queue = TimerQueue()

        async def sleep(seconds: float) -> float:
            await queue.sleep(seconds)
            return seconds

        sleeping = [asyncio.ensure_future(sleep(number % 10 + 1)) for number in range(1000)]
        await asyncio.sleep(2.5)
        for task in sleeping[::3]:
            task.cancel()
        ended = await asyncio.gather(*sleeping, return_exceptions=True)
        cancelled = [number for number, end in enumerate(ended) if isinstance(end, asyncio.CancelledError)]
        assert cancelled == [number for number in range(0, 1000, 3) if number % 10 + 1 > 2]
        await asyncio.sleep(10)
        assert (queue._sleepers, queue._timer) == ([], None)

    run(main())


def test_nobody_is_woken_after_the_end() -> None:
    async def main() -> None:
        queue = TimerQueue()
        sleeping = queue.sleep(1)
        queue.close()
        assert timers() == 0
        await asyncio.sleep(2)
        assert not sleeping.done()

    run(main())
