"""Waits for jobs of known length, in virtual time, with the durations of earlier jobs and without."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_ecsjobs.core.job import Job, format_time, parse_time
from airflow_provider_ecsjobs.core.waiting.durations import KEPT, Durations
from airflow_provider_ecsjobs.core.waiting.policy import WaitPolicy
from airflow_provider_ecsjobs.core.waiting.wait import Wait

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

BEGIN = "2027-01-15T08:00:00.000Z"
JOB_ID = "2c9eb2c5544cbf6101544f0602af2b4f"
RUNNING = Job({"job_id": JOB_ID, "job_type": "createServer", "status": "RUNNING", "begin_time": BEGIN})
_begun = parse_time(BEGIN)
assert _begun is not None
START = _begun.timestamp()


def ended_job(seconds: float, parts: int = 0, job_type: str = "createServer", part_ends: Sequence[float] = ()) -> Job:
    """Return a job that took so long.

    :param seconds: its duration.
    :param parts: the number of its sub-jobs.
    :param job_type: its type.
    :param part_ends: when its sub-jobs ended, in seconds of the job, if that is to be known.
    """
    known = {"job_id": JOB_ID, "job_type": job_type, "status": "SUCCESS", "begin_time": BEGIN, "end_time": _at(seconds)}
    return Job({**known, "entities": _entities(part_ends, seconds) if part_ends else {"sub_jobs_total": parts}})


def running_job(age: float, part_ends: Sequence[float]) -> Job:
    """Return a job of this age, whose sub-jobs end at these times."""
    return Job({**RUNNING.raw, "entities": _entities(part_ends, age)})


def _entities(part_ends: Sequence[float], age: float) -> dict[str, object]:
    parts = [
        {"status": "SUCCESS", "end_time": _at(each)} if each <= age else {"status": "RUNNING"} for each in part_ends
    ]
    return {"sub_jobs_total": len(parts), "sub_jobs": parts}


def _at(seconds: float) -> str | None:
    assert _begun is not None
    return format_time(_begun.fromtimestamp(START + seconds, _begun.tzinfo))


@dataclass
class Lengths:
    """The lengths of jobs of one kind: log-normal, but for those that fail early.

    :param median: the median in seconds.
    :param sigma: the standard deviation of the logarithm.
    :param failing: the share that fails early, within the first 30 % of the median.
    """

    median: float
    sigma: float
    rng: Random
    failing: float = 0.05

    def next(self) -> float:
        """Return the length of the next job in seconds."""
        if self.rng.random() < self.failing:
            return max(1.0, 0.3 * self.median * self.rng.random())
        return self.median * math.exp(self.sigma * self.rng.gauss(0, 1))

    def history(self, count: int = KEPT) -> Durations:
        """Return the durations of so many jobs."""
        durations = Durations()
        for _ in range(count):
            durations.add(ended_job(self.next()))
        return durations


def polls_of(
    length: float, durations: Durations | None, rng: Random, part_ends: Sequence[float] = (), **policy: float
) -> list[float]:
    """Return when a wait asks for a job of this length, in seconds of the job; the last poll sees its end.

    The first poll is the task's own, just after the submit.
    """
    seen = {"seen": ("RUNNING", 0), "seen_job": RUNNING, "seen_sub_jobs_total": len(part_ends)}
    wait = Wait(JOB_ID, WaitPolicy(started=START, **policy, **seen), durations=durations)  # type: ignore[arg-type]
    polls = [0.0]
    while polls[-1] < length:
        polls.append(polls[-1] + wait.next_delay(START + polls[-1], rng.random()))
        if polls[-1] < length:
            answer = running_job(polls[-1], part_ends) if part_ends else RUNNING
            assert wait.receive(answer, START + polls[-1]) is None
    return polls
