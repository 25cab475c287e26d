"""The durations of earlier jobs, and from them the pause after which a job is likely to have ended.

Jobs of one type and size take similar times. So a wait can be quiet until an end is likely, and then ask more often.
Where requests queue, those whose jobs are likeliest to have ended go first.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right, insort
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_ecsjobs.core.steps import ORDINARY, Priority, Turn
from airflow_provider_ecsjobs.core.waiting.schedule import plain_delay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_ecsjobs.core.job import Job
    from airflow_provider_ecsjobs.core.waiting.wait import Wait

KEPT = 64
"""The number of durations kept for each kind of job, the latest ones."""
MOST_KINDS = 512
"""The number of kinds that are kept, those used last. Each stage of a job counts as one."""
STAGES = 16
"""The number of stages of a job with more sub-jobs than that."""
FEWEST_KNOWN = 16
"""With fewer durations of a kind, ends would be seen later than with the usual schedule."""
FEWEST_LEFT = 2
"""So many earlier jobs must have taken longer than this one has by now. Fewer tell nothing about its end."""
EXCESS = 0.065
"""The mean time that earlier jobs would have ended before the poll, as a share of the usual pause.

Found by simulation (``benchmarks/learned_schedule.py``): less costs more requests, more makes ends be seen later.
"""


UNKNOWN_DELAYS = 2
"""A job of unknown kind counts as likely to have ended so many of its longest pauses after it was seen. It must not
push back those whose ends are known to be near (``benchmarks/queue_order.py``)."""


class Stage(NamedTuple):
    """How far a job has come: the sub-jobs that have ended tell more of its end than its age.

    :param number: the number of ended sub-jobs; of a job with many, the number of ended groups of them.
    :param reached: when the last of them ended, in seconds of the job.
    """

    number: int = 0
    reached: float = 0.0


FIRST_STAGE = Stage()


def stage_of(job: Job) -> Stage:
    """Return the stage of a job by its sub-jobs; the first one if they or their times are not known."""
    reached = _stages_of(job)
    return reached[-1] if reached else FIRST_STAGE


def _stages_of(job: Job) -> list[Stage]:
    """Return the stages that a job has reached, without the first."""
    begin, parts = job.begin_time, job.sub_jobs_total
    if begin is None or not parts:
        return []
    ends = sorted((part.end_time - begin).total_seconds() for part in job.sub_jobs if part.end_time is not None)
    stages = min(parts, STAGES)
    needed = ((number, -(-number * parts // stages)) for number in range(1, stages + 1))
    return [Stage(number, max(ends[count - 1], 0.0)) for number, count in needed if count <= len(ends)]


class Durations:
    """The durations of the jobs of one service that this process saw end, by job type and number of sub-jobs.

    Of a job with sub-jobs, the time from each of its stages to its end is kept too.
    """

    __slots__ = ("_kinds",)

    def __init__(self) -> None:
        self._kinds: OrderedDict[tuple[str, int, int], _Recent] = OrderedDict()

    def add(self, job: Job | None) -> None:
        """Keep the duration of a finished job. A job without a type, or without both times, tells nothing."""
        if job is None or not job.status.is_finished or not job.job_type or job.duration is None:
            return
        size, seconds = job.sub_jobs_total, job.duration.total_seconds()
        self._add((job.job_type, size, 0), seconds)
        if size:
            # The jobs of all sizes are also kept together, for a job whose sub-jobs are not known yet.
            self._add((job.job_type, 0, 0), seconds)
        for number, reached in _stages_of(job):
            self._add((job.job_type, size, number), max(seconds - reached, 0.0))
        while len(self._kinds) > MOST_KINDS:
            self._kinds.popitem(last=False)

    def _add(self, kind: tuple[str, int, int], seconds: float) -> None:
        self._kinds.setdefault(kind, _Recent()).add(seconds)
        self._kinds.move_to_end(kind)

    def likely_delay(self, wait: Wait, now: float) -> float | None:
        """Compute the pause after which a wait's job is likely to have ended.

        :param wait: the wait.
        :param now: the time, in seconds since the epoch.
        :return: the pause in seconds; ``None`` if earlier jobs tell nothing.
        """
        policy = wait.policy
        if policy.max_poll_interval <= policy.poll_interval:
            return None
        usual = plain_delay(now - policy.started, policy.poll_interval, policy.max_poll_interval)
        return self._pause(wait, now, EXCESS * usual, policy.max_poll_interval)

    def turn_of(self, wait: Wait, now: float) -> Turn:
        """Return the place in the queue of a poll that is due: the likelier the job has ended, the sooner.

        :param wait: the wait.
        :param now: the time, in seconds since the epoch.
        """
        if not self._kinds:
            return ORDINARY
        policy = wait.policy
        seen_at = policy.started if wait.seen_at is None else wait.seen_at
        pause = self._pause(wait, seen_at, policy.poll_interval, math.inf)
        if pause is None:
            pause = UNKNOWN_DELAYS * policy.max_poll_interval
        return Turn(Priority.POLL, seen_at + pause - now, policy.max_poll_interval)

    def _pause(self, wait: Wait, now: float, excess: float, longest: float) -> float | None:
        if wait.job_type is None:
            return None
        recent = self._kinds.get((wait.job_type, wait.sub_jobs_total, wait.stage.number))
        age = _age(wait, now) - wait.stage.reached
        return None if recent is None else likely_delay(recent.ordered, age, excess, longest)


def _age(wait: Wait, now: float) -> float:
    """Return how long a job has run, which may be longer than its wait.

    If the clock of this machine is fast, it is too long, and the history only ends too early.
    """
    waited = max(now - wait.policy.started, 0.0)
    begin = wait.begin_time
    return waited if begin is None else max(waited, now - begin.timestamp())


class _Recent:
    """The latest durations of one kind, in two orders."""

    __slots__ = ("latest", "ordered")

    def __init__(self) -> None:
        self.latest = array("d")
        self.ordered = array("d")

    def add(self, seconds: float) -> None:
        if len(self.latest) == KEPT:
            self.ordered.remove(self.latest.pop(0))
        self.latest.append(seconds)
        insort(self.ordered, seconds)


def likely_delay(durations: Sequence[float], age: float, excess: float, longest: float) -> float | None:
    """Compute the pause after which a job is likely to have ended.

    Of the earlier jobs, those count that took longer than this job has taken by now. The pause ends when they would
    have ended, on average, ``excess`` before. So it is short where many of them ended.

    :param durations: the durations of earlier jobs of the kind in seconds, the shortest first.
    :param age: how long the job has run, in seconds.
    :param excess: how long before the poll earlier jobs would have ended, on average, in seconds.
    :param longest: the longest pause in seconds.
    :return: the pause in seconds, at most ``longest``; ``None`` if the durations tell nothing.
    """
    first = bisect_right(durations, age)
    left = len(durations) - first
    if len(durations) < FEWEST_KNOWN or left < FEWEST_LEFT:
        return None
    wanted, ended_after, pause = excess * left, 0.0, longest
    for ended, duration in enumerate(durations[first:]):
        remaining = duration - age
        if remaining >= pause:
            break
        # If the poll comes after the ends so far, and before the next one.
        ended_after += remaining
        pause = min((wanted + ended_after) / (ended + 1), longest)
    return pause
