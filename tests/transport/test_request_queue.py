"""The queue in front of the connections: in turn, at the rate, and as if those who were cancelled had never come."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_ecsjobs.core.steps import ORDINARY, Priority, Turn
from airflow_provider_ecsjobs.transport.rate_limit import SLACK, AdaptiveRateLimiter
from airflow_provider_ecsjobs.transport.request_queue import RequestQueue
from tests.transport.virtual_loop import run

if TYPE_CHECKING:
    from collections.abc import Callable

PLACES = 4


class Requests:
    """Sends through one queue, and notes who was let through when."""

    def __init__(self, rate: float, latency: float = 0.0, places: int = PLACES) -> None:
        self.queue = RequestQueue(AdaptiveRateLimiter(rate), places)
        self.latency = latency
        self.order: list[object] = []
        self.times: list[float] = []
        self.under_way = self.most_under_way = 0

    async def send(self, name: object, turn: Turn = ORDINARY, *, is_unused: bool = False) -> None:
        permit = await self.queue.acquire(turn)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            if not is_unused:
                self.order.append(name)
                self.times.append(asyncio.get_running_loop().time())
                await asyncio.sleep(self.latency)
        finally:
            self.under_way -= 1
            self.queue.release(permit if is_unused else None)

    def assert_idle(self) -> None:
        """Nobody waits, no timer is set, and all places are free."""
        assert len(self.queue) == 0
        assert self.queue._timer is None
        assert self.queue._free == PLACES


def test_first_come_first_served_at_the_rate() -> None:
    async def main() -> None:
        requests = Requests(rate=10)
        await asyncio.gather(*(requests.send(number) for number in range(100)))
        assert requests.order == list(range(100))
        assert requests.times[-1] == pytest.approx(9.9 - SLACK)
        requests.assert_idle()

    run(main())


def test_no_more_at_a_time_than_there_are_places() -> None:
    async def main() -> None:
        requests = Requests(rate=1000, latency=1.0)
        await asyncio.gather(*(requests.send(number) for number in range(40)))
        assert requests.most_under_way == PLACES
        assert requests.order == list(range(40))
        requests.assert_idle()

    run(main())


def test_what_others_wait_for_goes_first_but_keeps_to_the_rate() -> None:
    async def main() -> None:
        requests = Requests(rate=1)
        polls = [asyncio.ensure_future(requests.send(number)) for number in range(50)]
        await asyncio.sleep(3.5)
        before = len(requests.order)
        await requests.send("token", Turn(Priority.LOGIN))
        assert requests.order[before:] == ["token"]
        assert requests.times[-1] - requests.times[-2] >= 0.9
        await asyncio.gather(*polls)
        requests.assert_idle()

    run(main())


def test_final_polls_go_before_polls_and_behind_logins_each_first_come_first_served() -> None:
    async def main() -> None:
        requests = Requests(rate=1)
        requests.queue.limiter.pause_until(10.0)
        names = ["poll 1", "last 1", "token 1", "last 2", "poll 2", "token 2", "last 3"]
        lanes = {"poll": Priority.POLL, "last": Priority.FINAL_POLL, "token": Priority.LOGIN}
        waiting = [asyncio.ensure_future(requests.send(name, Turn(lanes[name.split()[0]]))) for name in names]
        await asyncio.sleep(5)
        assert requests.queue.final_poll_delay() == 5.0 + 3.0
        await asyncio.gather(*waiting)
        assert requests.order == ["token 1", "token 2", "last 1", "last 2", "last 3", "poll 1", "poll 2"]
        assert requests.queue.final_poll_delay() <= 1.0
        requests.assert_idle()

    run(main())


def test_those_with_patience_let_later_ones_pass() -> None:
    async def main() -> None:
        requests = Requests(rate=1)
        requests.queue.limiter.pause_until(10.0)
        turns = {"quiet": Turn(patience=25.0, longest=60.0), "plain": Turn(), "hot": Turn(patience=-5.0, longest=60.0)}
        waiting = [asyncio.ensure_future(requests.send(name, turn)) for name, turn in turns.items()]
        await asyncio.sleep(3)
        waiting.append(asyncio.ensure_future(requests.send("later", Turn())))
        await asyncio.gather(*waiting)
        assert requests.order == ["hot", "plain", "later", "quiet"]
        requests.assert_idle()

    run(main())


def test_no_patience_lasts_longer_than_its_most_and_the_queue() -> None:
    async def main() -> None:
        requests = Requests(rate=1)
        requests.queue.limiter.pause_until(10.0)
        quiet = asyncio.ensure_future(requests.send("quiet", Turn(patience=1e9, longest=20.0)))
        polls = []
        for number in range(60):
            polls.append(asyncio.ensure_future(requests.send(number)))
            polls.append(asyncio.ensure_future(requests.send(number)))
            await asyncio.sleep(1)
        await quiet
        # Those that came within 10 s (the queue) and 20 s (its most) go first, then it.
        assert 58 <= requests.order.index("quiet") <= 62
        await asyncio.gather(*polls)
        requests.assert_idle()

    run(main())


def test_a_place_in_the_queue_that_is_not_used_is_the_next_ones() -> None:
    async def main() -> None:
        requests = Requests(rate=1)
        polls = [asyncio.ensure_future(requests.send(number, is_unused=number < 10_000)) for number in range(10_001)]
        await asyncio.gather(*polls)
        assert requests.times[0] < 1
        requests.assert_idle()

    run(main())


def test_there_is_one_timer_for_all() -> None:
    async def main() -> None:
        requests = Requests(rate=1)
        polls = [asyncio.ensure_future(requests.send(number)) for number in range(2000)]
        await asyncio.sleep(10.05)
        timers = [handle for handle in asyncio.get_running_loop()._scheduled if not handle.cancelled()]  # type: ignore[attr-defined]
        assert len(requests.queue) > 1900
        assert len(timers) == 1
        for poll in polls:
            poll.cancel()
        await asyncio.wait(polls)
        requests.assert_idle()

    run(main())


def test_a_hold_is_waited_for_by_all_in_their_order() -> None:
    async def main() -> None:
        requests = Requests(rate=10)
        requests.queue.limiter.pause_until(100.0)
        polls = [asyncio.ensure_future(requests.send(number)) for number in range(5)]
        await asyncio.sleep(50)
        requests.queue.limiter.pause_until(200.0)
        await asyncio.gather(*polls)
        assert requests.times[0] >= 200
        assert requests.order == [0, 1, 2, 3, 4]

    run(main())


@pytest.mark.parametrize("when", ["queued", "at the very moment of its turn", "under way"])
def test_one_that_is_cancelled_leaves_no_trace(when: str) -> None:
    async def main() -> None:
        requests = Requests(rate=1, latency=0.5, places=PLACES)
        first, second, third = (asyncio.ensure_future(requests.send(number)) for number in range(3))
        await first
        if when == "at the very moment of its turn":
            cancel: Callable[[], object] = second.cancel
            # Runs just behind the timer that lets it through, before the task itself runs.
            asyncio.get_running_loop().call_at(requests.queue.limiter.opens_at() + 5e-10, cancel)
        else:
            await asyncio.sleep(0.7 if when == "under way" else 0.0)
            second.cancel()
        await asyncio.wait([second])
        assert second.cancelled()
        await third
        assert requests.order == ([0, 1, 2] if when == "under way" else [0, 2])
        if when != "under way":
            assert requests.times[1] == pytest.approx(1 - SLACK)
        requests.assert_idle()

    run(main())


@given(
    seed=st.integers(0, 2**32),
    count=st.integers(1, 60),
    rate=st.floats(0.1, 50),
    latency=st.floats(0, 2),
    share=st.floats(0, 1),
)
def test_cancelled_at_random(seed: int, count: int, rate: float, latency: float, share: float) -> None:
    chance = random.Random(seed)

    async def main() -> None:
        requests = Requests(rate, latency)
        tasks: list[asyncio.Task[None]] = []
        for number in range(count):
            unused = chance.random() < 0.2
            tasks.append(asyncio.ensure_future(requests.send(number, is_unused=unused)))
            if chance.random() < 0.5:
                await asyncio.sleep(chance.random() / rate)
            if chance.random() < share:
                chance.choice(tasks).cancel()
        await asyncio.wait(tasks)
        assert requests.order == sorted(requests.order)  # type: ignore[type-var]
        assert requests.most_under_way <= PLACES
        for index, first in enumerate(requests.times):
            for sent, last in enumerate(requests.times[index:], 1):
                assert sent <= rate * (last - first + SLACK) + 1 + 1e-6
        requests.assert_idle()
        began = asyncio.get_running_loop().time()
        await requests.send("last")  # the queue still lets through
        assert requests.times[-1] - began <= 1 / rate + 1e-6

    run(main())
