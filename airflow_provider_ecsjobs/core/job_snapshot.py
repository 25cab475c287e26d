"""The record of a job that the job page and the list of waits show. A task or a trigger publishes it.

The record is a JSON object of a bounded size, without secrets. Times are seconds since the epoch. Later versions only
add keys. The pages accept a record of any version, and also a damaged one.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_ecsjobs.core.failure_message import reason_of, surviving_servers
from airflow_provider_ecsjobs.core.hints import hint_lines
from airflow_provider_ecsjobs.core.job import Job, JobStatus
from airflow_provider_ecsjobs.core.text import clean

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from airflow_provider_ecsjobs.core.job import SubJob
    from airflow_provider_ecsjobs.core.waiting.wait import WaitEnd, WaitPolicy

VERSION = 1
MAX_SUB_JOBS = 1000
"""How many sub-jobs are listed, the failed ones first. All of them are counted."""
MAX_CAUSES = 20
MAX_CAUSE = 300
MAX_SERVERS = 100
MAX_NAME = 64
"""The longest id or type that is kept, in characters. Those of the cloud have up to 36."""


@dataclass(frozen=True, slots=True)
class WaitTimes:
    """The times of a wait, for its record.

    :param job_id: the job.
    :param started: when the wait began.
    :param deadline: when the wait gives up; ``None`` for never.
    :param poll_interval: the longest delay between two polls.
    :param order_id: the order that the job is for; empty if there is none, or it is not known.
    """

    job_id: str
    started: float | None = None
    deadline: float | None = None
    poll_interval: float | None = None
    order_id: str = ""

    @classmethod
    def of(cls, job_id: str, policy: WaitPolicy) -> WaitTimes:
        """Return the times of a wait for a job."""
        return cls(job_id, policy.started, policy.deadline, policy.max_poll_interval, policy.order_id)


def snapshot(job: Job | None, wait: WaitTimes, seen_at: float | None) -> dict[str, Any]:
    """Return the record of a wait that continues.

    :param job: the job as it was seen last; ``None`` if it was not seen yet.
    :param wait: the times of the wait.
    :param seen_at: when the job was seen last.
    """
    record: dict[str, Any] = {
        "version": VERSION,
        "job_id": clean(wait.job_id, 200),
        "started": _seconds(wait.started),
        "deadline": _seconds(wait.deadline),
        "poll_interval": _seconds(wait.poll_interval),
        "seen_at": None if job is None else _seconds(seen_at),
        "outcome": None,
        "order_id": clean(wait.order_id, MAX_NAME),
    }
    return record if job is None else record | _of_job(job, record["order_id"])


def final_snapshot(end: WaitEnd, job_id: str, now: float, servers: Sequence[str] | None = None) -> dict[str, Any]:
    """Return the record of a wait that has ended.

    :param end: the end of the wait.
    :param job_id: the id of the job, for an end without a job.
    :param now: when it ended.
    :param servers: the servers that exist although the job failed; ``None`` for those that the job names.
    """
    job = end.job
    record = snapshot(job, WaitTimes(job_id or ("" if job is None else job.job_id)), now)
    record |= {"outcome": end.outcome.value, "message": clean(end.message)}
    if job is not None and job.status is JobStatus.FAIL:
        record["failure"] = _failure(job, surviving_servers(job) if servers is None else servers)
    return record


def outline(job: Job) -> int:
    """Return a hash of the progress that the page shows. It is cheap enough for every poll."""
    return hash((job.status, tuple((part.status, part.end_time) for part in job.sub_jobs)))


def _of_job(job: Job, order_id: str) -> dict[str, Any]:
    parts = list(job.leaves)
    failed = [part for part in parts if part.status is JobStatus.FAIL]
    others = [part for part in parts if part.status is not JobStatus.FAIL]
    causes = list(dict.fromkeys(_cause(part) for part in failed))[:MAX_CAUSES]
    listed = (failed + others)[:MAX_SUB_JOBS]
    return {
        "job_type": clean(job.job_type, MAX_NAME),
        "status": clean(job.status.value, MAX_NAME),
        "began": _epoch(job.begin_time),
        "ended": _epoch(job.end_time),
        "changed_at": _epoch(_last_change(job, parts)),
        "order_id": clean(job.entities.get("order_id") or job.raw.get("order_id") or order_id, MAX_NAME),
        "total": max(len(parts), job.sub_jobs_total),
        "done": sum(part.status.is_finished for part in parts),
        "failed": len(failed),
        "causes": causes,
        # One string: Airflow visits each value of an object, which blocks the event loop for 27 ms with 1,000 rows.
        "sub_jobs": json.dumps([_row(part, causes) for part in listed], ensure_ascii=False, separators=(",", ":")),
    }


def _last_change(job: Job, parts: list[SubJob]) -> datetime | None:
    """Return when a sub-job or the job last began or ended, by the clock of the cloud."""
    times = (time for item in (job, *parts) for time in (item.begin_time, item.end_time) if time is not None)
    return max(times, default=None)


def _row(part: SubJob, causes: list[str]) -> list[Any]:
    """Return the row of a sub-job: its type, resource kind and id, status, begin, end, and the index of its cause."""
    cause = _cause(part) if part.status is JobStatus.FAIL else None
    return [
        clean(part.job_type, MAX_NAME),
        *_subject(part),
        clean(part.status.value, MAX_NAME),
        _epoch(part.begin_time),
        _epoch(part.end_time),
        causes.index(cause) if cause in causes else None,
    ]


def _subject(part: SubJob) -> tuple[str, str]:
    for kind, ids in (("server", part.server_ids), ("NIC", part.nic_ids), ("sub-job", (part.job_id,))):
        if ids and ids[0]:
            return kind, clean(ids[0], MAX_NAME)
    return "", ""


def _failure(job: Job, servers: Sequence[str]) -> dict[str, Any]:
    said = "\n".join(part.reason for part in (*job.leaves, job))
    counted = Counter(_cause(part) for part in job.leaves if part.status is JobStatus.FAIL)
    return {
        "causes": [[cause, count] for cause, count in counted.most_common(MAX_CAUSES)],
        "more_causes": max(0, len(counted) - MAX_CAUSES),
        "own": _cause(job),
        "hints": [clean(line, MAX_CAUSE) for line in hint_lines(said)],
        "servers": [clean(server, MAX_NAME) for server in servers[:MAX_SERVERS]],
        "more_servers": max(0, len(servers) - MAX_SERVERS),
    }


def _cause(part: SubJob) -> str:
    return clean(reason_of(part), MAX_CAUSE)


def _epoch(value: datetime | None) -> float | None:
    return None if value is None else _seconds(value.timestamp())


def _seconds(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
