"""Ten thousand waits at 20 requests per second, in virtual time: the order of the queue, and how late ends are seen."""

from __future__ import annotations

import asyncio
import random
import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_ecsjobs.core.job import Job
from airflow_provider_ecsjobs.core.steps import ORDINARY
from airflow_provider_ecsjobs.core.waiting.durations import KEPT, Durations
from airflow_provider_ecsjobs.core.waiting.policy import WaitPolicy
from airflow_provider_ecsjobs.core.waiting.wait import Wait
from airflow_provider_ecsjobs.transport.rate_limit import AdaptiveRateLimiter
from airflow_provider_ecsjobs.transport.request_queue import RequestQueue
from benchmarks.figures import Bound, Section, Table
from tests.support.learned_waits import Lengths, ended_job
from tests.transport.virtual_loop import run as run_in_virtual_time

if TYPE_CHECKING:
    from collections.abc import Coroutine

NAME = "queue_order"
SIZES = {"full": 10_000, "small": 60}
RATE = 20.0
PLACES = 8
LATENCY = 0.05
STARTED_PER_SECOND = 50
MEDIANS = (60, 120, 300, 600, 1200, 1800, 3600, 7200)
SIGMAS = (0.15, 0.4)


@dataclass
class World:
    """Waits of one client for jobs of all kinds.

    :param known: the share of the kinds that have a history.
    :param is_learned: whether the schedule uses the history.
    :param is_ordered: whether the queue does.
    """

    known: float
    is_learned: bool
    is_ordered: bool
    late: list[float] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)

    async def measure(self, count: int) -> None:
        """Wait for all the jobs."""
        rng = random.Random(12)
        kinds = [Lengths(median, sigma, rng) for median in MEDIANS for sigma in SIGMAS]
        durations = Durations()
        for number, lengths in enumerate(kinds):
            for _ in range(KEPT if number < self.known * len(kinds) else 0):
                durations.add(ended_job(lengths.next(), job_type=f"kind{number}"))
        queue = RequestQueue(AdaptiveRateLimiter(RATE), PLACES)
        waits: list[Coroutine[None, None, None]] = []
        for index in range(count):
            number = rng.randrange(len(kinds))
            start = index / STARTED_PER_SECOND
            waits.append(self._wait(queue, durations, f"kind{number}", start, kinds[number].next(), rng))
        await asyncio.gather(*waits)

    async def _wait(
        self, queue: RequestQueue, durations: Durations, kind: str, start: float, length: float, rng: random.Random
    ) -> None:
        job = Job({"job_id": kind, "job_type": kind, "status": "RUNNING"})
        policy = WaitPolicy(started=start, seen=("RUNNING", 0), seen_job=job)
        wait = Wait(kind, policy, durations=durations if self.is_learned else None)
        now = asyncio.get_running_loop().time
        await asyncio.sleep(start)
        while True:
            await asyncio.sleep(wait.next_delay(now(), rng.random()))
            due = now()
            await queue.acquire(durations.turn_of(wait, due) if self.is_ordered else ORDINARY)
            self.waited.append(now() - due)
            is_over = now() >= start + length
            await asyncio.sleep(LATENCY)
            queue.release()
            if is_over:
                break
            wait.receive(job, now())
        self.late.append(now() - start - length)


def run(size: str) -> Section:
    """Measure the same jobs in each order."""
    count = SIZES[size]
    worlds = {
        "usual schedule, order of arrival": World(0.0, is_learned=False, is_ordered=False),
        "learned schedule, order of arrival": World(1.0, is_learned=True, is_ordered=False),
        "learned schedule, likeliest first": World(1.0, is_learned=True, is_ordered=True),
        "the same, with a history of half of the kinds": World(0.5, is_learned=True, is_ordered=True),
    }
    rows: list[list[object]] = []
    for name, world in worlds.items():
        run_in_virtual_time(world.measure(count))
        p95 = statistics.quantiles(world.late, n=20)[-1]
        seconds = (statistics.mean(world.late), p95, max(world.late), max(world.waited))
        rows.append([name, f"{len(world.waited):,}", *(f"{each:.0f} s" for each in seconds)])
    usual, arrival, ordered, _ = worlds.values()
    note = (
        f"{count:,} waits with the default bounds, {STARTED_PER_SECOND} started per second, for jobs of"
        f" {len(MEDIANS) * len(SIGMAS)} kinds with medians of 1 min to 2 h; the lengths are those of the learned"
        f" schedule's table. {RATE:g} requests per second are allowed, so they queue nearly all the time. Queue"
        " and waits are the real ones, without a client."
    )
    return Section(
        NAME,
        f"{RATE:g} requests per second for all waits",
        [
            Bound("mean lateness, learned and ordered / usual", _mean(ordered) / _mean(usual), 0.5),
            Bound("longest time in the queue, ordered / order of arrival", _longest(ordered) / _longest(arrival), 1.5),
        ],
        [Table(("", "requests", "seen late, mean", "p95", "at most", "longest time in the queue"), rows)],
        note,
    )


def _mean(world: World) -> float:
    return statistics.mean(world.late)


def _longest(world: World) -> float:
    return max(world.waited)
