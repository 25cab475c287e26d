"""Waits for jobs of known length, in virtual time, with the durations of earlier jobs and without."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_ecsjobs.core.job import Job, format_time, parse_time
from airflow_provider_ecsjobs.core.waiting.durations import KEPT, Durations
from airflow_provider_ecsjobs.core.waiting.wait import Wait, WaitPolicy

if TYPE_CHECKING:
    from random import Random

BEGIN = "2027-01-15T08:00:00.000Z"
JOB_ID = "2c9eb2c5544cbf6101544f0602af2b4f"
RUNNING = Job({"job_id": JOB_ID, "job_type": "createServer", "status": "RUNNING", "begin_time": BEGIN})
_begun = parse_time(BEGIN)
assert _begun is not None
START = _begun.timestamp()


def ended_job(seconds: float, parts: int = 0, job_type: str = "createServer") -> Job:
    """Return a job that took so long."""
    assert _begun is not None
    end = format_time(_begun.fromtimestamp(START + seconds, _begun.tzinfo))
    known = {"job_id": JOB_ID, "job_type": job_type, "status": "SUCCESS", "begin_time": BEGIN, "end_time": end}
    return Job({**known, "entities": {"sub_jobs_total": parts}})


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


def polls_of(length: float, durations: Durations | None, rng: Random, **policy: float) -> list[float]:
    """Return when a wait asks for a job of this length, in seconds of the job; the last poll sees its end.

    The first poll is the task's own, just after the submit.
    """
    seen = {"seen": ("RUNNING", 0), "seen_job": RUNNING.outline()}
    wait = Wait(JOB_ID, WaitPolicy(started=START, **policy, **seen), durations=durations)  # type: ignore[arg-type]
    polls = [0.0]
    while polls[-1] < length:
        polls.append(polls[-1] + wait.next_delay(START + polls[-1], rng.random()))
        if polls[-1] < length:
            assert wait.receive(RUNNING, START + polls[-1]) is None
    return polls
