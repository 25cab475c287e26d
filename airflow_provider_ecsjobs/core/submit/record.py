"""The try of a task that submits, and the record of the submit, which outlives the worker."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from airflow_provider_ecsjobs.core.submit.submission import Submission

_NAMESPACE = uuid.UUID("5b8a1f52-6d0e-5c3b-9a77-3f2d9c1e4b60")
RECORD_VERSION = 1
_NO_LONGER_USED = {"clears": 0}
"""What earlier versions read of a record, and this one does not."""


@dataclass(frozen=True, slots=True)
class TaskTry:
    """One try of a task.

    :param dag_id: the DAG.
    :param run_id: its run.
    :param task_id: the task.
    :param map_index: the index in a mapped task; -1 otherwise.
    :param max_tries: Airflow's limit. All automatic retries have the same limit; a clear of the task changes it.
    :param earlier_tries: how many tries there were since the task first ran, or was last cleared.
    :param run_started: when the run started, to the microsecond. It differs between two Airflows with the same DAG.
    :param retries: how many retries the DAG gives the task now. A user can edit it at any time.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1
    max_tries: int = 0
    earlier_tries: int = 0
    run_started: str = ""
    retries: int = 0

    @property
    def token(self) -> str:
        """The client token of the first request. It is the same for all automatic retries, and changes with a clear."""
        parts = [self.dag_id, self.run_id, self.task_id, self.map_index, self.max_tries, self.run_started]
        return str(uuid.uuid5(_NAMESPACE, json.dumps(parts)))


def next_token(token: str, job_id: str) -> str:
    """Return the client token of the request after the one that started this job."""
    return str(uuid.uuid5(uuid.UUID(token), job_id))


@dataclass(frozen=True, slots=True)
class Record:
    """The record of a submit in Airflow's task state store. It holds ids, never a body.

    :param operation: the name of the operation.
    :param max_tries: Airflow's limit at the submit. A different limit now means that a user has cleared the task since.
    :param submitted_at: when the request was sent, in seconds since the epoch.
    :param token: the client token that was sent; ``None`` for an operation that takes none.
    :param job_id: the job; ``None`` until the response is recorded, and for an order without a job.
    :param order_id: the order, if there is one.
    :param server_ids: the servers that a create makes.
    :param is_given_up: whether the wait for the job ended because its order stayed unpaid.
    :param retries: how many retries the DAG gave the task at the submit.
    :param request: a digest of the request; empty if it is not known.
    :param told_at: ``max_tries`` of the try that told the user that the outcome is unknown; ``None`` if none has.
    :param highest_max_tries: the highest ``max_tries`` that a request of this task was sent with.
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
    request: str = ""
    told_at: int | None = None
    highest_max_tries: int = 0

    @property
    def submission(self) -> Submission:
        """The recorded response of the API."""
        return Submission(self.job_id, self.order_id, self.server_ids)

    @property
    def is_answered(self) -> bool:
        """Whether the response to the request is recorded."""
        return self.job_id is not None or self.order_id is not None

    def answered(self, submission: Submission) -> Record:
        """Return the record with the response of the API."""
        return replace(
            self,
            job_id=submission.job_id,
            order_id=submission.order_id,
            server_ids=submission.server_ids,
            told_at=None if submission.job_id or submission.order_id else self.told_at,
        )

    def given_up(self) -> Record:
        """Return the record, marked: its order stayed unpaid during the whole wait."""
        return replace(self, is_given_up=True)

    def told(self, task_try: TaskTry) -> Record:
        """Return the record, marked: this try told the user that the outcome is unknown."""
        return replace(self, told_at=task_try.max_tries)

    def owned_by(self, task_try: TaskTry) -> Record:
        """Return the record as this try's own. From now on, only a later clear counts as a clear."""
        highest = max(self.highest_max_tries, self.max_tries, task_try.max_tries)
        return replace(self, max_tries=task_try.max_tries, retries=task_try.retries, highest_max_tries=highest)

    def to_dict(self) -> dict[str, Any]:
        """Return the stored form of the record, in JSON values."""
        return {**asdict(self), **_NO_LONGER_USED, "server_ids": list(self.server_ids), "version": RECORD_VERSION}

    @classmethod
    def from_dict(cls, stored: Any) -> Record | None:
        """Return the record from its stored form, of any version; ``None`` if that is not readable."""
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
            retries=_whole(stored.get("retries")) or 0,
            request=_text(stored.get("request")) or "",
            told_at=_whole(stored.get("told_at")),
            highest_max_tries=max(_whole(stored.get("highest_max_tries")) or 0, max_tries),
        )


def _seconds(value: Any) -> float | None:
    try:
        return float(value) if isinstance(value, int | float) else None
    except OverflowError:
        return None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def _token(value: Any) -> str | None:
    try:
        return str(uuid.UUID(value))
    except (ValueError, AttributeError, TypeError):
        return None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
