"""The record of a job that the job page and the list of waits show. A task or a trigger publishes it.

The record is a JSON object of a bounded size, without secrets. Times are seconds since the epoch. Later versions only
add keys. The pages accept a record of any version, and also a damaged one.

A wait has two records, each with a key of its own: one while it continues, and one of its end. So a publish of the
trigger that comes late can't replace the end. :func:`shown_record` joins the two.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_ecsjobs.core.failure_message import (
    NO_REASON,
    by_reason,
    failed_parts,
    has_failed,
    possible_servers,
    reason_of,
    surviving_servers,
)
from airflow_provider_ecsjobs.core.hints import hint_lines
from airflow_provider_ecsjobs.core.job import Job, JobStatus
from airflow_provider_ecsjobs.core.text import clean
from airflow_provider_ecsjobs.core.waiting.end import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from airflow_provider_ecsjobs.core.job import SubJob
    from airflow_provider_ecsjobs.core.waiting.end import WaitEnd
    from airflow_provider_ecsjobs.core.waiting.policy import WaitPolicy

VERSION = 1
MAX_SUB_JOBS = 1000
"""How many sub-jobs are listed, the failed ones first. All of them are counted."""
MAX_CAUSES = 20
MAX_CAUSE = 300
MAX_SERVERS = 100
MAX_NAME = 64
"""The longest id or type that is kept, in characters. Those of the cloud have up to 36."""
_SERVERS = ("servers", "more_servers", "possible_servers", "more_possible_servers")
"""The servers that the job reports as created, and those that may exist. Earlier versions wrote one list for both."""
_PROGRESS = ("changed_at", "total", "done", "failed", "causes", "sub_jobs")


@dataclass(frozen=True, slots=True)
class WaitFacts:
    """What is known of a wait without its job, for its record.

    :param job_id: the job.
    :param started: when the wait began.
    :param deadline: when the wait gives up; ``None`` for never.
    :param max_poll_interval: the longest delay between two polls.
    :param order_id: the order that the job is for; empty if there is none, or it is not known.
    :param server_ids: the servers in the response to a create.
    :param refresh: the delay until the record is published again, also if nothing changes; ``None`` if it is not known.
    """

    job_id: str
    started: float | None = None
    deadline: float | None = None
    max_poll_interval: float | None = None
    order_id: str = ""
    server_ids: Sequence[str] = ()
    refresh: float | None = None

    @classmethod
    def of(cls, job_id: str, policy: WaitPolicy, refresh: float | None = None) -> WaitFacts:
        """Return what is known of a wait for a job."""
        return cls(
            job_id,
            policy.started,
            policy.deadline,
            policy.max_poll_interval,
            policy.order_id,
            policy.server_ids,
            refresh,
        )


def snapshot(job: Job | None, wait: WaitFacts, seen_at: float | None) -> dict[str, Any]:
    """Return the record of a wait that continues.

    :param job: the job as it was seen last; ``None`` if it was not seen yet.
    :param wait: what is known of the wait.
    :param seen_at: when the job was seen last.
    """
    record: dict[str, Any] = {
        "version": VERSION,
        "job_id": clean(wait.job_id, 200),
        "started": _seconds(wait.started),
        "deadline": _seconds(wait.deadline),
        "poll_interval": _seconds(wait.max_poll_interval),
        "refresh": _seconds(wait.refresh),
        "seen_at": None if job is None else _seconds(seen_at),
        "outcome": None,
        "order_id": clean(wait.order_id, MAX_NAME),
    }
    if job is not None:
        record |= _of_job(job, record["order_id"])
    # A task that is killed while it waits leaves no other record.
    return record | _servers(job, wait.server_ids)


def final_snapshot(end: WaitEnd, wait: WaitFacts, now: float) -> dict[str, Any]:
    """Return the record of a wait that has ended. What it does not know is empty, and stays as it was published before.

    :param end: the end of the wait.
    :param wait: what is known of the wait. A task that resumes does not know its times.
    :param now: when it ended.
    """
    job = end.job
    # A job that was not seen just now has no entities.
    is_seen = job is not None and (end.outcome is Outcome.FINISHED or "entities" in job.raw)
    record = snapshot(job, wait, now if is_seen else None)
    if not is_seen:
        record = {key: value for key, value in record.items() if key not in _PROGRESS}
    record |= {"outcome": end.outcome.value, "message": clean(end.message)}
    if job is not None and job.status is JobStatus.FAIL:
        record["failure"] = _failure(job) | _servers(job, wait.server_ids)
    return record


def shown_record(current: Any, end: Any) -> Any:
    """Return the record that the job page shows, from the two that a task has published. Either may be damaged.

    The end wins, whenever it was published. What it does not say is taken from the record of the wait, if that is of
    the same job and the same try.

    :param current: the record of the wait.
    :param end: the record of its end.
    """
    is_end = isinstance(end, dict) and bool(end.get("outcome"))
    if not is_end or (isinstance(current, dict) and _is_older_try(end, current)):
        return end if current is None else current
    if not isinstance(current, dict) or _is_older_try(current, end) or current.get("job_id") != end.get("job_id"):
        return end
    # An end without a look at the job knows less of its servers than the record of the wait.
    first, second = (current, end) if end.get("seen_at") is None else (end, current)
    servers = first if "servers" in first else second
    joined = current | {key: value for key, value in end.items() if value not in (None, "")}
    return {key: value for key, value in joined.items() if key not in _SERVERS} | {
        key: servers[key] for key in _SERVERS if key in servers
    }


def _is_older_try(record: dict[str, Any], other: dict[str, Any]) -> bool:
    tries = record.get("try"), other.get("try")
    return all(isinstance(number, int) for number in tries) and tries[0] < tries[1]  # type: ignore[operator]


def outline(job: Job) -> int:
    """Return a hash of the progress that the page shows. It is cheap enough for every poll."""
    return hash((job.status, tuple((part.status, part.end_time) for part in job.sub_jobs)))


def _of_job(job: Job, order_id: str) -> dict[str, Any]:
    failed = list(failed_parts(job))
    others = [part for part in job.leaves if not has_failed(part)]
    parts = failed + others
    groups = by_reason(failed)[:MAX_CAUSES]
    places = {id(part): place for place, (_, alike) in enumerate(groups) for part in alike}
    rows = [_row(part, places.get(id(part))) for part in parts[:MAX_SUB_JOBS]]
    return {
        "job_type": clean(job.job_type, MAX_NAME),
        "status": clean(job.status.value, MAX_NAME),
        "began": _epoch(job.begin_time),
        "ended": _epoch(job.end_time),
        "changed_at": _epoch(_last_change(job, parts)),
        "order_id": clean(job.order_id or order_id, MAX_NAME),
        "total": max(len(parts), job.sub_jobs_total),
        "done": len(failed) + sum(part.status.is_finished for part in others),
        "failed": len(failed),
        "causes": [_cause(*group) for group in groups],
        # One string: Airflow visits each value of an object, which blocks the event loop for 27 ms with 1,000 rows.
        "sub_jobs": json.dumps(rows, ensure_ascii=False, separators=(",", ":")),
    }


def _last_change(job: Job, parts: list[SubJob]) -> datetime | None:
    """Return when a sub-job or the job last began or ended, by the clock of the cloud."""
    times = (time for item in (job, *parts) for time in (item.begin_time, item.end_time) if time is not None)
    return max(times, default=None)


def _row(part: SubJob, cause: int | None) -> list[Any]:
    """Return the row of a sub-job: its type, resource kind and id, status, begin, end, and the index of its cause."""
    return [
        clean(part.job_type, MAX_NAME),
        *_subject(part),
        clean(part.status.value, MAX_NAME),
        _epoch(part.begin_time),
        _epoch(part.end_time),
        cause,
    ]


def _subject(part: SubJob) -> tuple[str, str]:
    for kind, ids in (("server", part.server_ids), ("NIC", part.nic_ids), ("sub-job", (part.job_id,))):
        if ids and ids[0]:
            return kind, clean(ids[0], MAX_NAME)
    return "", ""


def _failure(job: Job) -> dict[str, Any]:
    failed = list(failed_parts(job))
    said = "\n".join(part.reason for part in (*failed, *job.leaves, job))
    groups = by_reason(failed)
    return {
        "causes": [[_cause(*group), len(group[1])] for group in groups[:MAX_CAUSES]],
        "more_causes": max(0, len(groups) - MAX_CAUSES),
        "own": clean(reason_of(job), MAX_CAUSE),
        "hints": [clean(line, MAX_CAUSE) for line in hint_lines(said)],
    }


def _servers(job: Job | None, submitted: Sequence[str]) -> dict[str, Any]:
    """Return the servers that a create has made, and those that may exist. They cost money, however the wait ends.

    :param job: the job; ``None`` if it was not seen.
    :param submitted: the servers in the response to a create.
    """
    if not submitted and (job is None or not job.is_create):
        return {}
    created, possible = _created_and_possible(job, submitted)
    return {
        "servers": [clean(server, MAX_NAME) for server in created[:MAX_SERVERS]],
        "more_servers": max(0, len(created) - MAX_SERVERS),
        "possible_servers": [clean(server, MAX_NAME) for server in possible[:MAX_SERVERS]],
        "more_possible_servers": max(0, len(possible) - MAX_SERVERS),
    }


def _created_and_possible(job: Job | None, submitted: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Return the servers that the job reports as created, and the others that it does not report as failed."""
    if job is None:
        return (), submitted
    if job.status is JobStatus.PENDING_PAYMENT:  # nothing is created before the order is paid
        return (), ()
    created = surviving_servers(job)
    failed = {server for part in job.leaves if part.status is JobStatus.FAIL for server in part.server_ids}
    known = failed.union(created)
    return created, [server for server in possible_servers(job, submitted) if server not in known]


def _cause(reason: str, parts: Sequence[SubJob]) -> str:
    """Return the reason that parts have in common. It keeps its ids if it is the same in all of them."""
    is_same = all(part.reason == parts[0].reason for part in parts)
    return clean((parts[0].reason if is_same else reason) or NO_REASON, MAX_CAUSE)


def _epoch(value: datetime | None) -> float | None:
    return None if value is None else _seconds(value.timestamp())


def _seconds(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
