"""The text of a failed job: the root cause first, then what to do, then everything else.

Airflow's log viewer cuts long lines, and an alert often shows only the first line. So that line begins with the reason,
and the ids come last. The form:

    createServer failed: Ecs.0219 No valid host was found (1 of 3 sub-jobs; the job itself: Common.0021 Collect...)
      What can be done: ...
      Failed: Ecs.0219 No valid host was found: createSingleServer, server ..., sub-job ...
      Exist and cost money: server ..., server ...
      ECS job ..., project ..., cn-north-4; took 15 s.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from airflow_provider_ecsjobs.core.hints import hint_lines
from airflow_provider_ecsjobs.core.job import Job, JobStatus
from airflow_provider_ecsjobs.core.text import clean, duration, join_limited

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_ecsjobs.core.job import SubJob

MAX_FAILURES_SHOWN_ONE_BY_ONE = 5
MAX_REASONS = 20
MAX_GROUPED_REASON = 500
MAX_REASON_IN_FIRST_LINE = 300
MAX_SERVERS_SHOWN = 20
NO_REASON = "no reason given"

_ID = re.compile(r"\b([0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})\b", re.IGNORECASE)


def explain_failure(job: Job, submitted: Sequence[str] = ()) -> str:
    """Return why a job failed: the root cause, what can be done, what failed and what still exists.

    A wrapper such as ``Common.0021 CollectInfoTask-fail`` never hides the sub-jobs' reasons. Up to five failed
    sub-jobs are named one by one. More are grouped by reason and counted.

    :param job: a job, usually one with status ``FAIL``.
    :param submitted: the servers in the response to a create, without those known not to exist.
    :return: the text, in several lines.
    """
    failed = list(failed_parts(job))
    groups = by_reason(failed)
    said = "\n".join(part.reason for part in (*failed, *job.leaves, job))
    lines = [
        _first_line(job, groups),
        *hint_lines(said),
        *_failed_lines(failed, groups),
        *_other_lines(job),
        *_unconfirmed_lines(job, submitted),
        _last_line(job),
    ]
    return "\n  ".join(lines)


def surviving_servers(job: Job) -> list[str]:
    """Return the servers that a create made although its job failed. They exist and cost money."""
    if not job.is_create:
        return []
    made = [server for part in job.leaves if part.status is JobStatus.SUCCESS for server in part.server_ids]
    return list(dict.fromkeys(made))


def possible_servers(job: Job, submitted: Sequence[str]) -> list[str]:
    """Return the servers of a job that exist or may exist.

    :param job: a finished job.
    :param submitted: the servers in the response to a create; empty for any other request.
    """
    if not submitted:
        return surviving_servers(job) if job.status is JobStatus.FAIL else list(job.server_ids)
    failed = {server for part in job.leaves if part.status is JobStatus.FAIL for server in part.server_ids}
    return [server for server in submitted if server not in failed]


def reason_of(part: SubJob) -> str:
    """Return the code and reason of one job or sub-job, or :data:`NO_REASON`."""
    return part.reason or NO_REASON


def failed_parts(part: SubJob) -> Iterator[SubJob]:
    """Yield the failed parts without a failed part below them. These have the reasons."""
    for sub_job in part.sub_jobs:
        below = list(failed_parts(sub_job))
        if not below and has_failed(sub_job):
            yield sub_job
        yield from below


def has_failed(part: SubJob) -> bool:
    """Return whether a part has failed. An unknown status counts as failed if the part has a reason."""
    return part.status is JobStatus.FAIL or (not part.status.is_known and bool(part.reason))


def by_reason(failed: Sequence[SubJob]) -> list[tuple[str, list[SubJob]]]:
    """Return the failed parts by reason. The most frequent reason comes first; parts without a reason come last.

    Reasons that differ only in the id of a server or request are grouped together.
    """
    groups: dict[str, list[SubJob]] = defaultdict(list)
    for part in failed:
        groups[_ID.sub("...", part.reason)].append(part)
    return sorted(groups.items(), key=lambda group: (not group[0], -len(group[1])))


def _first_line(job: Job, groups: list[tuple[str, list[SubJob]]]) -> str:
    head = f"{job.job_type or 'ECS job'} failed: "
    if not groups:
        return f"{head}{reason_of(job)}"
    _, parts = groups[0]
    cause = parts[0].reason
    failed = sum(len(parts) for _, parts in groups)
    remarks = [f"{failed if not cause else len(parts)} of {_total(job, failed)} sub-jobs"]
    if not cause:
        return f"{head}{reason_of(job)} ({remarks[0]}, which give no reason)"
    if len(groups) > 1:
        remarks.append(f"{failed - len(parts)} more failed for other reasons")
    if job.reason and job.reason != cause:
        remarks.append(f"the job itself: {job.reason}")
    return f"{head}{clean(cause, MAX_REASON_IN_FIRST_LINE)} ({'; '.join(remarks)})"


def _total(job: Job, failed: int) -> int:
    """Return the number of parts: the leaves, and the failed parts whose own parts did not fail."""
    shown = sum(1 for _ in job.leaves) + sum(bool(part.sub_jobs) for part in failed_parts(job))
    return max(shown, job.sub_jobs_total, failed)


def _failed_lines(failed: Sequence[SubJob], groups: list[tuple[str, list[SubJob]]]) -> list[str]:
    if len(failed) <= MAX_FAILURES_SHOWN_ONE_BY_ONE:
        return [f"Failed: {reason_of(part)}: {_name(part)}" for part in failed]
    lines = []
    for reason, parts in groups[:MAX_REASONS]:
        more = f" and {len(parts) - 1} more" if len(parts) > 1 else ""
        shown = clean(reason or NO_REASON, MAX_GROUPED_REASON)
        lines.append(f"Failed: {len(parts)} x {shown}: {_name(parts[0])}{more}")
    if len(groups) > MAX_REASONS:
        rest = sum(len(parts) for _, parts in groups[MAX_REASONS:])
        lines.append(f"Failed: {rest} more, for {len(groups) - MAX_REASONS} further reasons")
    return lines


def _other_lines(job: Job) -> list[str]:
    """Return the lines about the parts that did not fail."""
    lines = []
    succeeded = [part for part in job.leaves if part.status is JobStatus.SUCCESS]
    if succeeded:
        servers = list(dict.fromkeys(server for part in succeeded for server in part.server_ids))
        made = bool(servers) and all(part.is_create for part in succeeded)
        named = _servers(servers) if servers else f"{len(succeeded)} sub-jobs"
        lines.append(f"{'Exist and cost money' if made else 'Succeeded'}: {named}")
    unfinished = sum(not part.status.is_finished and not has_failed(part) for part in job.leaves)
    if unfinished:
        lines.append(f"Not finished when the job failed: {unfinished} of {len(list(job.leaves))} sub-jobs")
    unlisted = job.sub_jobs_total - len(job.sub_jobs)
    if unlisted > 0:
        lines.append(f"Counted in the API's response, but not listed in it: {unlisted} more sub-jobs")
    return lines


def _unconfirmed_lines(job: Job, submitted: Sequence[str]) -> list[str]:
    """Return the line about submitted servers that the job does not report as created."""
    known = set(surviving_servers(job))
    unknown = [server for server in submitted if server not in known]
    return [f"May exist and cost money, the job does not say: {_servers(unknown)}"] if unknown else []


def _last_line(job: Job) -> str:
    what = [f"ECS job {job.job_id or 'without an id'}"]
    if not job.sub_jobs and job.server_ids:
        what.append(_servers(job.server_ids))
    if job.project_id:
        what.append(f"project {job.project_id}")
    if job.region:
        what.append(job.region)
    took = "" if job.duration is None else f"; took {duration(job.duration.total_seconds())}"
    return f"{', '.join(what)}{took}."


def _name(part: SubJob) -> str:
    servers = [f"server {part.server_ids[0]}"] if part.server_ids else []
    named = [part.job_type, *servers, f"sub-job {part.job_id}" if part.job_id else ""]
    return ", ".join(filter(None, named)) or "a sub-job without an id"


def _servers(servers: Sequence[str]) -> str:
    return join_limited([f"server {server}" for server in servers], MAX_SERVERS_SHOWN)
