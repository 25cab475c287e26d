"""Submitting exactly once: the tokens that make a request safe to repeat, and the record that outlives a worker."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import Enum
from typing import Any

from airflow_provider_ecsjobs.core.errors import ApiError, ErrorKind
from airflow_provider_ecsjobs.core.job import Job, JobStatus
from airflow_provider_ecsjobs.core.submit.submission import Submission

_NAMESPACE = uuid.UUID("5b8a1f52-6d0e-5c3b-9a77-3f2d9c1e4b60")
RECORD_VERSION = 1


@dataclass(frozen=True, slots=True)
class TaskTry:
    """Which try of which task this is.

    :param dag_id: the DAG.
    :param run_id: its run.
    :param task_id: the task.
    :param map_index: which of a mapped task; -1 otherwise.
    :param max_tries: Airflow's limit, the same for all automatic retries; it grows when a user clears the task.
    :param earlier_tries: how many tries there were since the task first ran, or was last cleared.
    :param run_started: when the run started, to the microsecond; tells apart two Airflows with the same DAG.
    :param retries: how many retries the task has now.
    :param clears: how often tasks of the run were cleared.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1
    max_tries: int = 0
    earlier_tries: int = 0
    run_started: str = ""
    retries: int = 0
    clears: int = 0

    @property
    def token(self) -> str:
        """The client token of the first request: the same for all automatic retries, another one after a clear."""
        parts = [self.dag_id, self.run_id, self.task_id, self.map_index, self.max_tries, self.run_started]
        return str(uuid.uuid5(_NAMESPACE, json.dumps(parts)))


def next_token(token: str, failed_job_id: str) -> str:
    """Give the token of the request that follows a job which failed."""
    return str(uuid.uuid5(uuid.UUID(token), failed_job_id))


@dataclass(frozen=True, slots=True)
class Record:
    """What is kept of a submit, in Airflow's task state store: ids, never a body.

    :param operation: what was asked for.
    :param max_tries: Airflow's limit then: another one now means that a user has cleared the task since.
    :param submitted_at: when, in seconds since the epoch.
    :param token: the client token that was sent, ``None`` for an operation without.
    :param job_id: the job; ``None`` from before the request is sent until its answer is here.
    :param order_id: the order, if there is one.
    :param server_ids: the servers that a create makes.
    :param is_given_up: whether the wait for it ended because its order stayed unpaid.
    :param retries: how many retries the task had then.
    :param clears: how often tasks of the run had been cleared then.
    :param request: a digest of what was asked for; empty if that is not known.
    """

    operation: str
    max_tries: int
    submitted_at: float
    token: str | None = None
    job_id: str | None = None
    order_id: str | None = None
    server_ids: tuple[str, ...] = ()
    is_given_up: bool = False
    retries: int = 0
    clears: int = 0
    request: str = ""

    def is_before_clear(self, task_try: TaskTry) -> bool:
        """Whether a user has cleared the task since.

        ``max_tries`` then is another one; but not if the DAG was given fewer retries meanwhile.
        """
        return self.max_tries != task_try.max_tries or (
            self.retries != task_try.retries and self.clears != task_try.clears
        )

    @property
    def submission(self) -> Submission:
        """What the API answered."""
        return Submission(self.job_id, self.order_id, self.server_ids)

    @property
    def is_answered(self) -> bool:
        """Whether the answer to the request is known."""
        return self.job_id is not None or self.order_id is not None

    def given_up(self) -> Record:
        """Note that its order stayed unpaid for as long as it was waited for."""
        return replace(self, is_given_up=True)

    def to_dict(self) -> dict[str, Any]:
        """Give what is stored, all JSON."""
        return {**asdict(self), "server_ids": list(self.server_ids), "version": RECORD_VERSION}

    @classmethod
    def from_dict(cls, stored: Any) -> Record | None:
        """Read what was stored, by this version or a later one; ``None`` if it can't be understood."""
        if not isinstance(stored, Mapping):
            return None
        operation, max_tries = stored.get("operation"), stored.get("max_tries")
        since = _seconds(stored.get("submitted_at"))
        if not isinstance(operation, str) or not isinstance(max_tries, int) or since is None:
            return None
        listed = stored.get("server_ids")
        servers = listed if isinstance(listed, list) else []
        return cls(
            operation,
            max_tries,
            since,
            token=_token(stored.get("token")),
            job_id=_text(stored.get("job_id")),
            order_id=_text(stored.get("order_id")),
            server_ids=tuple(server for server in servers if isinstance(server, str)),
            is_given_up=stored.get("is_given_up") is True,
            retries=_whole(stored.get("retries")),
            clears=_whole(stored.get("clears")),
            request=_text(stored.get("request")) or "",
        )


class Verdict(Enum):
    """What to do about a job that an earlier try has submitted."""

    WAIT = "wait"
    DONE = "done"
    RESUBMIT = "resubmit"
    """It failed, in a try before this one: submit again, with the next token."""
    AFRESH = "afresh"
    """It was before a user's clear, and is history: submit again, with this attempt's own token."""
    PURGED = "purged"
    """Nobody knows any more how it ended."""


def judge(
    record: Record, seen: Job | ApiError, task_try: TaskTry, *, is_good: bool, now: float, grace: float
) -> Verdict:
    """Decide about a recorded job.

    :param record: the record.
    :param seen: the job as it is now, or why that can't be told.
    :param task_try: this try.
    :param is_good: whether the job, if it failed, is good enough all the same.
    :param now: the time, in seconds since the epoch.
    :param grace: for how many seconds after its submit a job may be unknown.
    """
    was_cleared = record.is_before_clear(task_try)
    if isinstance(seen, ApiError):
        if seen.kind is not ErrorKind.NOT_FOUND or now - record.submitted_at < grace:
            return Verdict.WAIT
        return Verdict.AFRESH if was_cleared else Verdict.PURGED
    if not seen.status.is_finished:
        # A cancelled order stays unpaid for 14 days: a clear after such a wait is meant to order anew.
        is_dead = record.is_given_up and seen.status is JobStatus.PENDING_PAYMENT
        return Verdict.AFRESH if was_cleared and is_dead else Verdict.WAIT
    if was_cleared:
        return Verdict.AFRESH
    return Verdict.DONE if is_good or seen.status is JobStatus.SUCCESS else Verdict.RESUBMIT


def _seconds(value: Any) -> float | None:
    try:
        return float(value) if isinstance(value, int | float) else None
    except OverflowError:
        return None


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _token(value: Any) -> str | None:
    try:
        return str(uuid.UUID(value))
    except (ValueError, AttributeError, TypeError):
        return None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
