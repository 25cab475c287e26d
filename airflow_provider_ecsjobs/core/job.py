"""An ECS job as the query API answers it, and what it says about a failure.

The API page: *Querying the Execution Status of a Job*, ``GET /v1/{project_id}/jobs/{job_id}``. The parser takes
whatever JSON came: a missing key, a value of another type or an undocumented field never raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any, NoReturn

from airflow_provider_ecsjobs.core.errors import EcsInvalidJobIdError, EcsJobsError
from airflow_provider_ecsjobs.core.text import RENDERED_NOTHING, clean

# A job has sub-jobs, and Huawei documents no deeper level; what lies below this depth stays in `entities`.
_MAX_DEPTH = 8
_JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")

_LAZY = re.compile(r"Lazy\w*Sequence\(")
"""What Airflow renders the outputs of a mapped task to."""
_ONE_FOR_EACH = "; a task waits for one job. Make a task for each: .partial(...).expand(job_id=...)"


class JobStatus(StrEnum):
    """The status of a job or sub-job. A status that Huawei did not document is kept as it came, as unfinished."""

    INIT = "INIT"
    RUNNING = "RUNNING"
    SUCCESS = "SUCCESS"
    FAIL = "FAIL"
    PENDING_PAYMENT = "PENDING_PAYMENT"

    @classmethod
    def _missing_(cls, value: object) -> JobStatus:
        text = clean(value, 100)
        if text in cls.__members__:  # " SUCCESS "
            return cls[text]
        unknown = str.__new__(cls, text)
        unknown._name_ = unknown._value_ = text
        return unknown

    @property
    def is_finished(self) -> bool:
        """Whether the job has ended, well or badly; such a job is purged a day later."""
        return self in (JobStatus.SUCCESS, JobStatus.FAIL)

    @property
    def is_known(self) -> bool:
        """Whether the API page lists this status."""
        return self.value in JobStatus.__members__


@dataclass(frozen=True)
class SubJob:
    """One part of a job: in ``createServer`` with ``count=3`` there are three ``createSingleServer``.

    :param raw: the JSON object as it came; everything else is read from it.
    """

    raw: Mapping[str, Any]
    depth: int = 0

    @cached_property
    def job_id(self) -> str:
        """The id; empty if the answer had none."""
        return clean(self.raw.get("job_id"), 200)

    @cached_property
    def job_type(self) -> str:
        """What is done, such as ``createSingleServer``; empty if the answer had none."""
        return clean(self.raw.get("job_type"), 200)

    @cached_property
    def status(self) -> JobStatus:
        """The status; an unknown one is kept."""
        return JobStatus(self.raw.get("status", ""))

    @cached_property
    def entities(self) -> Mapping[str, Any]:
        """What the job is about, whole: documented or not, nested or not."""
        entities = self.raw.get("entities")
        return entities if isinstance(entities, Mapping) else {}

    @cached_property
    def begin_time(self) -> datetime | None:
        """When it began (UTC)."""
        return parse_time(self.raw.get("begin_time"))

    @cached_property
    def end_time(self) -> datetime | None:
        """When it ended (UTC); ``None`` while it runs."""
        return parse_time(self.raw.get("end_time"))

    @cached_property
    def error_code(self) -> str | None:
        """The code of the failure, such as ``Ecs.0219``."""
        return clean(self.raw.get("error_code"), 200) or None

    @cached_property
    def fail_reason(self) -> str | None:
        """The reason of the failure. In a job with sub-jobs it is often a wrapper: see theirs."""
        return clean(self.raw.get("fail_reason")) or None

    @cached_property
    def errorcode_message(self) -> str | None:
        """The cause that a sub-job gives in its entities."""
        return clean(self.entities.get("errorcode_message")) or None

    @cached_property
    def sub_jobs(self) -> tuple[SubJob, ...]:
        """The parts. IMS names them ``sub_jobs_result``."""
        listed = self.entities.get("sub_jobs") or self.entities.get("sub_jobs_result")
        if not isinstance(listed, list) or self.depth >= _MAX_DEPTH:
            return ()
        return tuple(SubJob(part, self.depth + 1) for part in listed if isinstance(part, Mapping))

    @cached_property
    def server_ids(self) -> tuple[str, ...]:
        """The servers named anywhere in the entities or sub-jobs, each once, in the answer's order."""
        return _ids(self.entities, "server_id")

    @cached_property
    def nic_ids(self) -> tuple[str, ...]:
        """The NICs named anywhere in the entities or sub-jobs, each once, in the answer's order."""
        return _ids(self.entities, "nic_id")

    @property
    def leaves(self) -> Iterator[SubJob]:
        """The parts that have no parts of their own, at any depth: where the causes stand."""
        for part in self.sub_jobs:
            if part.sub_jobs:
                yield from part.leaves
            else:
                yield part

    @property
    def duration(self) -> timedelta | None:
        """How long it took, by the cloud's own clock; ``None`` unless both times are given and in order."""
        if self.begin_time is None or self.end_time is None or self.end_time < self.begin_time:
            return None
        return self.end_time - self.begin_time

    def serialize(self) -> NoReturn:
        """Refuse to become an XCom: Airflow calls this, and could not read the job downstream.

        :raises EcsJobsError: always. Airflow 2.11 hides a ``TypeError``.
        """
        raise EcsJobsError("A Job can't be an XCom: no other task could read it. Return job.result().")


@dataclass(frozen=True)
class Job(SubJob):
    """A job. Built with :meth:`from_dict`; :meth:`to_dict` gives the same JSON object back."""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, job_id: str = "") -> Job:
        """Read the JSON object of an answer.

        :param data: the object; kept as it is.
        :param job_id: the id that was asked for, for an answer that leaves it out.
        """
        if job_id and not data.get("job_id"):
            data = {**data, "job_id": job_id}
        return cls(data)

    def to_dict(self) -> dict[str, Any]:
        """Give the JSON object as it came, nothing left out."""
        return dict(self.raw)

    @cached_property
    def sub_jobs_total(self) -> int:
        """How many sub-jobs there are, by the API's own count where it gives one."""
        total = self.entities.get("sub_jobs_total")
        counted = len(self.sub_jobs)
        return max(total, counted) if isinstance(total, int) and not isinstance(total, bool) else counted

    @cached_property
    def sub_jobs_finished(self) -> int:
        """How many of them have ended."""
        return sum(part.status.is_finished for part in self.sub_jobs)

    @cached_property
    def code(self) -> str | None:
        """The code of a failed *query*, not of a failed job."""
        return clean(self.raw.get("code"), 200) or None

    @cached_property
    def message(self) -> str | None:
        """The message of a failed *query*, not of a failed job."""
        return clean(self.raw.get("message")) or None

    def result(self) -> dict[str, Any]:
        """Give what a task returns as its XCom.

        :return: ``job_id``, ``job_type``, ``status``, ``begin_time`` and ``end_time`` (as the API writes them, or
            ``None``), ``server_ids``, ``nic_ids`` (lists) and ``entities``, whole.
        """
        return {
            "job_id": self.job_id,
            "job_type": self.job_type,
            "status": self.status.value,
            "begin_time": format_time(self.begin_time),
            "end_time": format_time(self.end_time),
            "server_ids": list(self.server_ids),
            "nic_ids": list(self.nic_ids),
            "entities": dict(self.entities),
        }

    def progress(self, waited: float) -> str:
        """Say in one line how far the job is: ``createServer 2c9e...: RUNNING, 3 of 5 sub-jobs done, 84 s``.

        :param waited: how long it has been waited for, in seconds.
        """
        done = f", {self.sub_jobs_finished} of {self.sub_jobs_total} sub-jobs done" if self.sub_jobs_total else ""
        name = f"{self.job_type} {self.job_id}".strip()
        return f"{name}: {self.status.value or 'no status'}{done}, {round(waited)} s"


def parse_time(value: Any) -> datetime | None:
    """Read a time of the API, ``2016-04-25T20:04:34.604Z``.

    :return: the time in UTC, or ``None`` for an empty text, null, or anything that is no time.
    """
    if not isinstance(value, str) or not value.strip():
        return None
    try:
        parsed = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    try:
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except OverflowError:  # a time at the very end of the calendar, moved to UTC
        return None


def format_time(value: datetime | None) -> str | None:
    """Write a time the way the API does."""
    return None if value is None else value.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _ids(entities: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Collect the values of ``key`` at any depth, in document order; iterative, for JSON nested without end."""
    found: dict[str, None] = {}
    stack: list[Any] = [entities]
    while stack:
        node = stack.pop()
        if isinstance(node, Mapping):
            value = node.get(key)
            if isinstance(value, str) and value.strip():
                found[clean(value, 200)] = None
            stack.extend(reversed(list(node.values())))
        elif isinstance(node, list):
            stack.extend(reversed(node))
    return tuple(found)


def check_job_id(value: Any) -> str:
    """Check what was given as a job id, before anything is asked of the API.

    :return: the id, as it came.
    :raises EcsInvalidJobIdError: it can't be a job id; the message says what it looks like and what to do.
    """
    if not isinstance(value, str):
        raise EcsInvalidJobIdError(f"job_id must be a text, but it is {_shown(value)}{_advice(value)}.")
    if not value.strip():
        raise EcsInvalidJobIdError("job_id is empty. If it comes from a template or an XCom, that rendered to nothing.")
    if value.strip().lower() in RENDERED_NOTHING:
        raise EcsInvalidJobIdError(
            f"job_id is {_shown(value)}: the template or XCom it comes from had no value. Check that the task which"
            " should push it did so, and the key it was pulled with."
        )
    if "{{" in value:
        raise EcsInvalidJobIdError(f"job_id is {_shown(value)}: a template that was not rendered.")
    if not _JOB_ID.fullmatch(value):
        raise EcsInvalidJobIdError(
            f"job_id is {_shown(value)}, but a job id has only letters, digits, '-' and '_', 128 at most"
            f" (like 2c9eb2c5544cbf6101544f0602af2b4f){_advice(value)}."
        )
    return value


def _advice(value: Any) -> str:
    """Say what to do about a value that holds job ids, but is none. Templates render such values to texts."""
    text = value.lstrip() if isinstance(value, str) else ""
    if isinstance(value, Mapping) or text.startswith("{"):
        return "; pass the 'job_id' in it: \"{{ ti.xcom_pull(...)['job_id'] }}\""
    if isinstance(value, Sequence | Set) and not isinstance(value, str | bytes):
        return _ONE_FOR_EACH
    if text.startswith(("[", "(")) or _LAZY.match(text):
        return _ONE_FOR_EACH
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "; native rendering makes a number of an id that has only digits. Pass the task's output itself"
    return ""


def _shown(value: Any) -> str:
    return f"{clean(repr(value) if value is None or isinstance(value, str) else value, 200)} ({type(value).__name__})"
