"""The durations of earlier jobs, and from them the pause after which a job is likely to have ended.

Jobs of one type and size take similar times. So a wait can be quiet until an end is likely, and then ask more often.
Where requests queue, those whose jobs are likeliest to have ended go first.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right, insort
from collections import OrderedDict
from typing import TYPE_CHECKING

from airflow_provider_ecsjobs.core.steps import ORDINARY, Priority, Turn
from airflow_provider_ecsjobs.core.waiting.schedule import _base_delay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_ecsjobs.core.job import Job
    from airflow_provider_ecsjobs.core.waiting.wait import Wait

KEPT = 64
"""The number of durations kept for each kind of job, the latest ones."""
MOST_KINDS = 128
"""The number of kinds that are kept, those used last."""
FEWEST_KNOWN = 16
"""With fewer durations of a kind, ends would be seen later than with the usual schedule."""
FEWEST_LEFT = 2
"""So many earlier jobs must have taken longer than this one has by now. Fewer tell nothing about its end."""
EXCESS = 0.065
"""The mean time that earlier jobs would have ended before the poll, as a share of the usual pause.

Found by simulation (``benchmarks/learned_schedule.py``): less costs more requests, more makes ends be seen later.
"""


UNKNOWN_GAPS = 2
"""A job of unknown kind counts as likely to have ended so many of its longest pauses after it was seen. It must not
push back those whose ends are known to be near (``benchmarks/queue_order.py``)."""


class Durations:
    """The durations of the jobs of one service that this process saw end, by job type and number of sub-jobs."""

    __slots__ = ("_kinds",)

    def __init__(self) -> None:
        self._kinds: OrderedDict[tuple[str, int], _Recent] = OrderedDict()

    def add(self, job: Job | None) -> None:
        """Keep the duration of a finished job. A job without a type, or without both times, tells nothing."""
        if job is None or not job.status.is_finished or not job.job_type or job.duration is None:
            return
        # The jobs of all sizes are also kept together, for a job whose sub-jobs are not known yet.
        for size in {0, job.sub_jobs_total}:
            kind = job.job_type, size
            self._kinds.setdefault(kind, _Recent()).add(job.duration.total_seconds())
            self._kinds.move_to_end(kind)
        while len(self._kinds) > MOST_KINDS:
            self._kinds.popitem(last=False)

    def likely_pause(self, wait: Wait, now: float) -> float | None:
        """Compute the pause after which a wait's job is likely to have ended.

        :param wait: the wait.
        :param now: the time, in seconds since the epoch.
        :return: the pause in seconds; ``None`` if earlier jobs tell nothing.
        """
        policy = wait.policy
        if policy.max_poll_interval <= policy.poll_interval:
            return None
        usual = _base_delay(now - policy.started, policy.poll_interval, policy.max_poll_interval)
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
            pause = UNKNOWN_GAPS * policy.max_poll_interval
        return Turn(Priority.POLL, seen_at + pause - now, policy.max_poll_interval)

    def _pause(self, wait: Wait, now: float, excess: float, longest: float) -> float | None:
        recent = None if wait.job is None else self._kinds.get((wait.job.job_type, wait.sub_jobs_total))
        return None if recent is None else likely_pause(recent.ordered, _age(wait, now), excess, longest)


def _age(wait: Wait, now: float) -> float:
    """Return how long a job has run, which may be longer than its wait.

    If the clock of this machine is fast, it is too long, and the history only ends too early.
    """
    waited = max(now - wait.policy.started, 0.0)
    begin = None if wait.job is None else wait.job.begin_time
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


def likely_pause(durations: Sequence[float], age: float, excess: float, longest: float) -> float | None:
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
