"""The text of a failed job: the whole truth, readable in seconds."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from airflow_provider_ecsjobs.core.job import Job, JobStatus
from airflow_provider_ecsjobs.core.text import clean, duration, join_limited

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_ecsjobs.core.job import SubJob

MAX_FAILURES_SHOWN_ONE_BY_ONE = 5
MAX_REASONS = 20
MAX_GROUPED_REASON = 500
MAX_SERVERS_SHOWN = 20

_ID = re.compile(r"\b([0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})\b", re.IGNORECASE)

HINTS = {
    "Ecs.0012": "the subnet has no free IP addresses: use another subnet, or release addresses",
    "Ecs.0013": "the quota of elastic IPs is used up: release some, or ask for more",
    "Ecs.0019": "the flavor has been withdrawn: choose another flavor",
    "Ecs.0044": "this disk type is sold out in the availability zone: choose another zone or disk type",
    "Ecs.0067": "the account's balance does not suffice: top it up",
    "Ecs.0219": "no host has room for this flavor: choose another availability zone or flavor, or try later",
    "Ecs.0319": "the flavor is sold out in the availability zone: choose another zone or flavor",
}
"""What a person can do about the codes that say it least."""


def explain_failure(job: Job) -> str:
    """Say why a job failed: its own reason, that of each failed sub-job, and what exists all the same.

    A wrapper such as ``Common.0021 CollectInfoTask-fail`` never hides the sub-jobs' reasons. Up to five failed
    sub-jobs are named one by one; more are grouped by reason and counted.

    :param job: a job, usually one with status ``FAIL``.
    :return: the text, of several lines if there are sub-jobs.
    """
    took = "" if job.duration is None else f" after {duration(job.duration.total_seconds())}"
    kind = f" ({job.job_type})" if job.job_type else ""
    lines = [f"ECS job {job.job_id or 'without an id'}{kind} failed{took}: {reason_of(job)}"]
    parts = list(job.leaves)
    failed = list(_causes(job))
    succeeded = [part for part in parts if part.status is JobStatus.SUCCESS]
    if failed:
        shown = len(parts) + sum(bool(part.sub_jobs) for part in failed)
        lines += _failed_lines(failed, max(shown, job.sub_jobs_total))
    if succeeded:
        lines.append(f"  {_succeeded_line(succeeded)}")
    unfinished = sum(not part.status.is_finished for part in parts)
    unlisted = job.sub_jobs_total - len(job.sub_jobs)
    if unlisted > 0:
        lines.append(f"  {unlisted} more are counted in the API's answer, but not listed in it")
    if unfinished:
        lines.append(f"  {unfinished} had not finished when the job failed")
    return "\n".join(lines)


def hints_for(job: Job) -> list[str]:
    """Say what can be done about the codes in a failed job, one line for each code that has a hint."""
    said = "\n".join(_said(part) for part in (job, *job.leaves, *_causes(job)))
    return [f"{code}: {hint}" for code, hint in sorted(HINTS.items()) if re.search(rf"\b{re.escape(code)}\b", said)]


def surviving_servers(job: Job) -> list[str]:
    """Name the servers that a create made although the job failed: they exist, and cost money."""
    if not job.job_type.startswith("create"):
        return []
    made = [server for part in job.leaves if part.status is JobStatus.SUCCESS for server in part.server_ids]
    return list(dict.fromkeys(made))


def existing_servers(job: Job, submitted: Sequence[str]) -> list[str]:
    """Name the servers that a job is about and that exist, or may exist, for all that is known.

    :param job: a job that ended.
    :param submitted: the servers that the answer to a create named; empty for any other request.
    """
    if not submitted:
        return surviving_servers(job) if job.status is JobStatus.FAIL else list(job.server_ids)
    failed = {server for part in job.leaves if part.status is JobStatus.FAIL for server in part.server_ids}
    return [server for server in submitted if server not in failed]


def unconfirmed_servers(job: Job, servers: Sequence[str]) -> str:
    """Say of which servers a failed job does not tell whether they exist; empty if it tells of all."""
    known = set(surviving_servers(job))
    unknown = [server for server in servers if server not in known]
    if not unknown:
        return ""
    named = join_limited([f"server {server}" for server in unknown], MAX_SERVERS_SHOWN)
    return f"\n  Not told by the job, so these may exist, too: {named}"


def reason_of(part: SubJob) -> str:
    """Give the code and reason of one job or sub-job; a missing reason is said to be missing."""
    said = _said(part)
    return said or "no reason given (error_code and fail_reason are empty)"


def _causes(part: SubJob) -> Iterator[SubJob]:
    """Find the failed parts that have no failed part below them: the reasons stand there."""
    for sub_job in part.sub_jobs:
        below = list(_causes(sub_job))
        if not below and sub_job.status is JobStatus.FAIL:
            yield sub_job
        yield from below


def _said(part: SubJob) -> str:
    said = " ".join(text for text in (part.error_code, part.fail_reason) if text)
    cause = part.errorcode_message
    if cause and cause not in said:
        # Alone it is the reason; beside another text it adds to it.
        said = f"{said} ({cause})" if part.fail_reason else f"{said} {cause}".strip()
    return said


def _failed_lines(failed: list[SubJob], total: int) -> list[str]:
    head = f"  {len(failed)} of {total} sub-jobs failed"
    if len(failed) <= MAX_FAILURES_SHOWN_ONE_BY_ONE:
        return [f"{head}:", *(f"  - {_name(part)}: {reason_of(part)}" for part in failed)]
    by_reason: dict[str, list[SubJob]] = defaultdict(list)
    for part in failed:
        # Reasons that differ in no more than the id of a server or request are one.
        by_reason[_ID.sub("...", reason_of(part))].append(part)
    groups = sorted(by_reason.items(), key=lambda group: -len(group[1]))
    reasons = "the same reason" if len(groups) == 1 else f"{len(groups)} reasons"
    lines = [f"{head}, for {reasons}:"]
    lines += [
        f"  - {len(parts)} x {clean(reason, MAX_GROUPED_REASON)} (first: {_name(parts[0])})"
        for reason, parts in groups[:MAX_REASONS]
    ]
    if len(groups) > MAX_REASONS:
        rest = sum(len(parts) for _, parts in groups[MAX_REASONS:])
        lines.append(f"  - {rest} more, for {len(groups) - MAX_REASONS} further reasons")
    return lines


def _name(part: SubJob) -> str:
    name = f"{part.job_type} {part.job_id}".strip() or "sub-job without an id"
    return f"{name} (server {part.server_ids[0]})" if part.server_ids else name


def _succeeded_line(succeeded: list[SubJob]) -> str:
    servers = list(dict.fromkeys(server for part in succeeded for server in part.server_ids))
    if not servers:
        return f"{len(succeeded)} succeeded"
    exist = " and exist" if all(part.job_type.startswith("create") for part in succeeded) else ""
    named = join_limited([f"server {server}" for server in servers], MAX_SERVERS_SHOWN)
    return f"{len(succeeded)} succeeded{exist}: {named}"
