"""What a wait is told at its deadline, where thousands of others are polled at the same rate: the job's true end."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs.core.waiting.end import Outcome
from airflow_provider_ecsjobs.core.waiting.schedule import FINAL_POLL_SECONDS, LONGEST_FINAL_POLL
from airflow_provider_ecsjobs.transport.async_client import MAX_CONNECTIONS
from tests.transport.virtual_cloud import Client, Gateway
from tests.transport.virtual_loop import run

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.core.waiting.end import WaitEnd

NEVER = 1e9
RATE = 6.0
THOUSANDS = 3000
"""So many waits are each polled every 500 s at this rate, as 10,000 are at the default of 20 requests a second."""
NO_TURN = "A final poll was not possible"


class Crowd:
    """Waits on one client, and when each of them ended.

    :param rate: requests a second.
    :param others: how many waits have no deadline: they queue for their polls all the time.
    """

    def __init__(self, rate: float = RATE, *, others: int = 0, **options: Any) -> None:
        self.gateway = Gateway()
        self.client = Client(self.gateway, rate=rate, **options)
        self.gateway.jobs = {f"other-{number}": NEVER for number in range(others)}
        self.others = [asyncio.ensure_future(self.client.wait(job_id)) for job_id in self.gateway.jobs]
        self.ended: list[float] = []

    async def wait(self, name: str, *, ends: float, deadline: float) -> WaitEnd:
        """Wait for a job; all points in time are the loop's."""
        self.gateway.jobs[name] = ends
        now = asyncio.get_running_loop().time()
        end = await self.client.wait(name, deadline=self.client.clock.now() + deadline - now)
        self.ended.append(asyncio.get_running_loop().time())
        return end

    def polls_of(self, name: str, since: float = 0.0) -> list[float]:
        """Tell when a job was asked for."""
        return [time for time, path, _ in self.gateway.seen if time >= since and path.endswith(f"/{name}")]

    async def leave(self) -> None:
        """End all, and see that nothing is left of them."""
        for other in self.others:
            other.cancel()
        if self.others:
            await asyncio.wait(self.others)
        assert (len(self.client._queue), self.client._queue._timer, self.client._joined) == (0, None, {})
        assert self.client._queue._free == MAX_CONNECTIONS
        await self.client.close()
        assert self.client._timers._timer is None


def test_a_deadline_among_thousands_of_waits_is_met_with_the_true_end() -> None:
    async def main() -> None:
        crowd = Crowd(others=THOUSANDS)
        ends = await asyncio.gather(
            *(crowd.wait(f"job-{number}", ends=1199 if number % 2 else NEVER, deadline=1200) for number in range(100))
        )
        assert Counter(end.outcome for end in ends) == {Outcome.FINISHED: 50, Outcome.TIMEOUT: 50}
        assert all("had not finished after 20 min" in end.message for end in ends[::2])
        # So long take their own looks, though each of the others waits more than 8 minutes for its turn.
        assert max(crowd.ended) <= 1200 + 100 / RATE + 1
        await crowd.leave()

    run(main())


def test_one_that_queues_when_its_deadline_comes_does_not_wait_in_the_queue() -> None:
    async def main() -> None:
        crowd = Crowd(others=THOUSANDS)
        await asyncio.sleep(600)
        # Its first poll is due after 10 s, and would come 8 minutes later.
        end = await crowd.wait("job", ends=700, deadline=800)
        assert end.outcome is Outcome.FINISHED
        assert crowd.polls_of("job") == [pytest.approx(800, abs=1)]
        await crowd.leave()

    run(main())


def test_those_with_the_same_deadline_are_all_looked_at_in_their_order() -> None:
    async def main() -> None:
        crowd = Crowd(others=300)
        waits = [crowd.wait(f"job-{number}", ends=1199, deadline=1200) for number in range(THOUSANDS)]
        ends = await asyncio.gather(*waits)
        assert {end.outcome for end in ends} == {Outcome.FINISHED}
        assert THOUSANDS / RATE * 0.99 < crowd.ended[-1] - 1200 < LONGEST_FINAL_POLL
        looks = [path.rpartition("/")[2] for time, path, _ in crowd.gateway.seen if time >= 1200]
        assert len(set(looks)) == len(looks)  # each once, and none of the others in between
        await crowd.leave()

    run(main())


def test_those_who_get_no_look_in_time_are_told_so_and_when_it_was_seen() -> None:
    async def main() -> None:
        crowd = Crowd(rate=2)
        waits = [crowd.wait(f"job-{number}", ends=NEVER, deadline=1500) for number in range(2000)]
        ends = await asyncio.gather(*waits)
        assert {end.outcome for end in ends} == {Outcome.TIMEOUT}
        unseen = [end for end in ends if NO_TURN in end.message]
        assert len(ends) - len(unseen) == pytest.approx(2 * LONGEST_FINAL_POLL, rel=0.01)
        assert all("last status RUNNING, " in end.message and " ago)" in end.message for end in unseen)
        assert max(crowd.ended) == pytest.approx(1500 + LONGEST_FINAL_POLL, abs=1)
        await crowd.leave()

    run(main())


@pytest.mark.parametrize(("pause", "is_seen"), [(300, True), (900, False)])
def test_a_pause_that_the_api_asked_for_is_waited_out_within_reason(pause: float, is_seen: bool) -> None:
    async def main() -> None:
        crowd = Crowd()
        waiting = asyncio.ensure_future(crowd.wait("job", ends=3599, deadline=3600))
        await asyncio.sleep(3595)
        crowd.client._queue.limiter.pause_until(3595 + pause)
        end = await waiting
        assert end.outcome is (Outcome.FINISHED if is_seen else Outcome.TIMEOUT)
        assert (NO_TURN in end.message) is not is_seen
        assert crowd.ended == [pytest.approx(3595 + pause if is_seen else 3600 + LONGEST_FINAL_POLL, abs=1)]
        assert len(crowd.polls_of("job", since=3595)) == (1 if is_seen else 0)
        await crowd.leave()

    run(main())


@pytest.mark.parametrize(
    ("away", "outcome", "looks"),
    [
        ((3599.9, 3600.1), Outcome.FINISHED, 2),
        ((3599.9, 9000.0), Outcome.TIMEOUT, 2),
        # The wait has seen trouble before, which has not passed meanwhile either.
        ((3000.0, 9000.0), Outcome.TIMEOUT, 1),
    ],
)
def test_a_failure_at_the_deadline_has_it_looked_at_again(
    away: tuple[float, float], outcome: Outcome, looks: int
) -> None:
    async def main() -> None:
        crowd = Crowd()
        loop = asyncio.get_running_loop()
        for moment, is_down in zip(away, (True, False), strict=True):
            loop.call_at(moment, setattr, crowd.gateway, "is_down", is_down)
        end = await crowd.wait("job", ends=3590, deadline=3600)
        assert end.outcome is outcome
        assert len(crowd.polls_of("job", since=3599.99)) == looks
        assert max(crowd.ended) < 3605
        assert outcome is Outcome.FINISHED or "The final poll failed" in end.message
        await crowd.leave()

    run(main())


def test_an_api_that_does_not_answer_is_waited_for_a_minute() -> None:
    async def main() -> None:
        crowd = Crowd(latency=10_000.0)
        end = await crowd.wait("job", ends=NEVER, deadline=3600)
        assert (end.outcome, crowd.ended) == (Outcome.TIMEOUT, [pytest.approx(3600 + FINAL_POLL_SECONDS, abs=1)])
        assert "its status was never seen" in end.message
        await crowd.client.close()

    run(main())


def test_one_under_way_when_the_deadline_comes_is_made_anew() -> None:
    async def main() -> None:
        crowd = Crowd(latency=20.0)
        end = await crowd.wait("job", ends=95, deadline=100)
        assert end.outcome is Outcome.FINISHED
        assert crowd.polls_of("job")[-2] < 95
        assert crowd.polls_of("job")[-1] == pytest.approx(100)
        await crowd.leave()

    run(main())


class TestEqualJobs:
    def test_one_final_poll_is_enough_for_all(self) -> None:
        async def main() -> None:
            crowd = Crowd(latency=1.0)
            ends = await asyncio.gather(*(crowd.wait("same", ends=NEVER, deadline=900) for _ in range(500)))
            assert all("had not finished after 15 min" in end.message for end in ends)
            assert len(crowd.polls_of("same", since=899.99)) == 1
            await crowd.leave()

        run(main())

    def test_one_that_has_joined_anothers_poll_does_not_wait_for_it_beyond_its_own_deadline(self) -> None:
        async def main() -> None:
            crowd = Crowd(others=THOUSANDS)
            await asyncio.sleep(600)
            late = asyncio.ensure_future(crowd.wait("same", ends=700, deadline=9000))
            await asyncio.sleep(15)  # it queues by now
            early = await crowd.wait("same", ends=700, deadline=800)
            assert early.outcome is Outcome.FINISHED
            assert crowd.ended == [pytest.approx(800, abs=1)]
            assert (await late).outcome is Outcome.FINISHED
            await crowd.leave()

        run(main())


def test_a_final_poll_from_before_ones_own_deadline_is_not_taken_for_it() -> None:
    async def main() -> None:
        # Slow responses: that of the first wait's final poll (the job runs) comes after the second's deadline.
        crowd = Crowd(latency=2)
        first = crowd.wait("job", ends=31, deadline=30)
        second = crowd.wait("job", ends=31, deadline=31.5)
        ends = await asyncio.gather(first, second)
        assert [end.outcome for end in ends] == [Outcome.TIMEOUT, Outcome.FINISHED]
        await crowd.leave()

    run(main())


@pytest.mark.parametrize("moment", ["queued", "under way"])
def test_one_that_is_cancelled_in_its_final_poll_leaves_no_trace(moment: str) -> None:
    async def main() -> None:
        crowd = Crowd(latency=30.0)
        await crowd.wait("first", ends=0.0, deadline=50)  # else it would be carried on as what tries the key out
        if moment == "queued":
            crowd.client._queue.limiter.pause_until(500.0)
        waits = [asyncio.ensure_future(crowd.wait("same", ends=NEVER, deadline=200)) for _ in range(5)]
        await asyncio.sleep(210 - asyncio.get_running_loop().time())
        assert len(crowd.client._queue) == (1 if moment == "queued" else 0)
        for wait in waits:
            wait.cancel()
        await asyncio.wait(waits)
        await crowd.leave()

    run(main())
