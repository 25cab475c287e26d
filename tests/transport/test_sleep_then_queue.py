"""A sleeper that queues for its request when it wakes: in turn, at the rate, and not beyond its limit."""

from __future__ import annotations

import asyncio
import math
import random
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from airflow_provider_ecsjobs.core.steps import ORDINARY, Priority, Turn
from airflow_provider_ecsjobs.transport.rate_limit import SLACK, AdaptiveRateLimiter
from airflow_provider_ecsjobs.transport.request_queue import RequestQueue
from airflow_provider_ecsjobs.transport.timers import LIMIT_CHECKED_EVERY, TimerQueue
from tests.transport.virtual_loop import run

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.transport.rate_limit import Permit

PLACES = 4


class Sleepers:
    """Sleeps and then sends, through one queue."""

    def __init__(self, rate: float) -> None:
        self.requests = RequestQueue(AdaptiveRateLimiter(rate), PLACES)
        self.timers = TimerQueue(self.requests)
        self.sent: list[float] = []

    async def sleep(self, seconds: float, turn: Turn | None = ORDINARY, limit: float = math.inf) -> Permit | None:
        waking = self.timers.sleep(seconds, turn, limit)
        try:
            permit = await waking
        except asyncio.CancelledError:
            self.timers.abandon(waking, turn)
            raise
        if permit is not None:
            self.sent.append(asyncio.get_running_loop().time())
            try:
                await asyncio.sleep(0.01)
            finally:
                self.requests.release()
        return permit

    def assert_idle(self) -> None:
        """Nobody waits or sleeps, and all places are free."""
        assert (len(self.requests), self.requests._free, self.requests._timer) == (0, PLACES, None)
        assert all(entry[2].done() for entry in self.timers._sleepers)


def test_one_that_does_not_have_to_queue_is_let_through_when_it_wakes() -> None:
    async def main() -> None:
        sleepers = Sleepers(rate=10)
        assert await sleepers.sleep(5) is not None
        assert await sleepers.sleep(3, turn=None) is None
        assert sleepers.sent == [pytest.approx(5)]
        sleepers.assert_idle()

    run(main())


def test_those_that_wake_together_are_let_through_at_the_rate_the_most_urgent_first() -> None:
    async def main() -> None:
        sleepers, order = Sleepers(rate=1), []

        async def sleep(name: int, turn: Turn) -> None:
            await sleepers.sleep(10, turn)
            order.append(name)

        turns = [ORDINARY] * 20 + [Turn(Priority.FINAL_POLL)]
        await asyncio.gather(*(sleep(number, turn) for number, turn in enumerate(turns)))
        assert order == [0, 20, *range(1, 20)]  # the first went at once
        assert all(later - earlier >= 1 - SLACK for earlier, later in pairwise(sleepers.sent))
        sleepers.assert_idle()

    run(main())


@pytest.mark.parametrize("limit", [10.0, 10.5, 45.0, 10.0 + 2.5 * LIMIT_CHECKED_EVERY])
def test_one_whose_limit_comes_first_goes_on_without_its_permit(limit: float) -> None:
    async def main() -> None:
        sleepers, time = Sleepers(rate=1), asyncio.get_running_loop().time
        sleepers.requests.limiter.pause_until(1e6)
        others = [asyncio.ensure_future(sleepers.sleep(10)) for _ in range(3)]
        assert await sleepers.sleep(10, limit=limit) is None
        assert time() == pytest.approx(limit)
        assert len(sleepers.requests) == len(others)
        for other in others:
            other.cancel()
        await asyncio.wait(others)
        sleepers.assert_idle()

    run(main())


def test_limits_of_hours_leave_nothing_behind_for_longer_than_they_are_checked() -> None:
    async def main() -> None:
        sleepers = Sleepers(rate=5)
        for _ in range(20):
            await asyncio.gather(*(sleepers.sleep(10, limit=86400) for _ in range(100)))
        assert len(sleepers.timers._sleepers) <= 5 * LIMIT_CHECKED_EVERY + 100
        await asyncio.sleep(2 * LIMIT_CHECKED_EVERY)
        assert sleepers.timers._sleepers == []

    run(main())


def test_a_permit_that_comes_with_the_cancellation_is_given_back() -> None:
    async def main() -> None:
        sleepers = Sleepers(rate=10)
        waiting = asyncio.ensure_future(sleepers.sleep(10))
        await asyncio.sleep(9)

        def wake_and_cancel() -> None:
            sleepers.timers._ring()
            waiting.cancel()

        asyncio.get_running_loop().call_at(10, wake_and_cancel)
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        assert sleepers.sent == []
        sleepers.assert_idle()

    run(main())


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_cancelled_when_costs_the_others_nothing(seed: int) -> None:
    async def main() -> None:
        chance, loop = random.Random(seed), asyncio.get_running_loop()
        sleepers = Sleepers(rate=chance.choice([1, 5, 50]))

        async def one() -> None:
            for _ in range(3):
                seconds, limit = chance.choice([1.0, chance.uniform(0, 60)]), chance.choice([math.inf, 30, 86400])
                turn = chance.choice([ORDINARY, Turn(Priority.POLL, chance.uniform(-9, 9), 60), None])
                began = loop.time()
                permit = await sleepers.sleep(seconds, turn, limit)
                assert permit is not None or turn is None or loop.time() >= began + min(limit, LIMIT_CHECKED_EVERY)

        tasks = [asyncio.ensure_future(one()) for _ in range(100)]
        for task in chance.sample(tasks, 50):
            loop.call_later(chance.choice([1.0, chance.uniform(0, 200)]), task.cancel)
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(end) for end in ended} <= {type(None), asyncio.CancelledError}
        sleepers.assert_idle()
        for earlier, later in pairwise(sleepers.sent):
            assert later - earlier >= 1 / sleepers.requests.limiter.rate - SLACK - 1e-6

    run(main())
