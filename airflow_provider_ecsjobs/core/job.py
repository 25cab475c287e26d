"""An ECS job as the job query returns it, with the reasons of its failure.

The API page: *Querying the Execution Status of a Job*, ``GET /v1/{project_id}/jobs/{job_id}``. The parser accepts any
JSON object. A missing key, a value of another type or an undocumented field never raises an error.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any, NoReturn

from airflow_provider_ecsjobs.core.errors import EcsInvalidJobIdError, EcsJobsError
from airflow_provider_ecsjobs.core.text import NO_VALUE_REASON, clean, duration, is_no_name

# A job has sub-jobs, and Huawei documents no deeper level. Parts below this depth stay in `entities`.
_MAX_DEPTH = 8
_JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")

_LAZY = re.compile(r"Lazy\w*Sequence\(")
"""What Airflow renders the outputs of a mapped task to."""
_CHECK_PUSH = "Check that the task which should push it did so, and the key it was pulled with."
_ONE_FOR_EACH = "; a task waits for one job. Make a task for each: .partial(...).expand(job_id=...)"
_REASONS: tuple[tuple[str, str, str], ...] = (
    # The object in the job (empty: the job itself), the key of the code, the key of the text.
    ("", "error_code", "fail_reason"),  # all services
    ("", "code", "message"),  # BMS, and ECS jobs with their reason only there
    ("error", "code", "message"),  # the form of a request's error
    ("entities", "error_code", "error"),  # IMS
    ("entities", "addition_error_code", "addition_error_msg"),  # IMS
    ("entities", "errorcode", "errorcode_message"),  # sub-jobs of ECS
)
"""The places of the reason in a failed job or sub-job. All of them are read, in this order."""

_PARTS: tuple[tuple[str, str], ...] = (
    # The object in the job (empty: the job itself), and the key of the list.
    ("entities", "sub_jobs"),  # ECS, BMS, SDRS
    ("entities", "sub_jobs_result"),  # IMS
    ("entities", "sub_jobs_list"),
    ("entities", "results"),  # IMS: one for each image
    ("", "sub_jobs"),  # VBS
    ("", "sub_jobs_list"),
)
"""The places of a job's parts. The first list with at least one part counts."""


class JobStatus(StrEnum):
    """The status of a job or sub-job. An undocumented status is kept as received, and counts as unfinished."""

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
        """Return whether the job has ended, with success or failure. The cloud deletes such a job a day later."""
        return self in (JobStatus.SUCCESS, JobStatus.FAIL)

    @property
    def is_known(self) -> bool:
        """Return whether the API page lists this status."""
        return self.value in JobStatus.__members__


_KNOWN = frozenset(JobStatus.__members__)
_ENDED = frozenset({"SUCCESS", "FAIL"})


@dataclass(frozen=True)
class SubJob:
    """One part of a job. For example, ``createServer`` with ``count=3`` has three ``createSingleServer``.

    :param raw: the JSON object as received; everything else is read from it.
    :param depth: the number of jobs around this one: 0 for a job, 1 for its sub-jobs.
    """

    raw: Mapping[str, Any]
    depth: int = 0

    @cached_property
    def job_id(self) -> str:
        """The id; empty if the response has none."""
        return clean(self.raw.get("job_id"), 200)

    @cached_property
    def job_type(self) -> str:
        """The type, such as ``createSingleServer``; empty if the response has none."""
        return clean(self.raw.get("job_type"), 200)

    @property
    def is_create(self) -> bool:
        """Whether it creates servers."""
        return self.job_type.startswith("create")

    @cached_property
    def status(self) -> JobStatus:
        """The status; an unknown one is kept."""
        return JobStatus(self.raw.get("status", ""))

    @property
    def is_finished(self) -> bool:
        """Whether it has ended, with success or failure."""
        # Each poll asks this of each sub-job, so the usual texts are not made a status first.
        text = self.raw.get("status")
        return text in _ENDED if isinstance(text, str) and text in _KNOWN else self.status.is_finished

    @cached_property
    def entities(self) -> Mapping[str, Any]:
        """All entities of the job, documented or not, nested or not."""
        return self._object("entities")

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
        """The reason of the failure. In a job with sub-jobs it is often a wrapper; the sub-jobs have the cause."""
        return clean(self.raw.get("fail_reason")) or None

    @cached_property
    def errorcode_message(self) -> str | None:
        """The cause of the failure in a sub-job's entities."""
        return clean(self.entities.get("errorcode_message")) or None

    @cached_property
    def reason(self) -> str:
        """The reason of the failure as ``code text``, from all places in the response. Empty if there is none.

        The first text found is the reason. Further texts follow in parentheses.
        """
        reason, has_text = "", False
        for place, code_key, text_key in _REASONS:
            held = self._object(place)
            code, text = clean(held.get(code_key), 200), clean(held.get(text_key))
            new = " ".join(part for part in (code, text) if part and part not in reason)
            if new:
                reason = f"{reason} ({new})" if has_text else f"{reason} {new}".strip()
            has_text = has_text or bool(text)
        return reason

    @cached_property
    def sub_jobs(self) -> tuple[SubJob, ...]:
        """The parts of the job, from the place where the service lists them."""
        if self.depth >= _MAX_DEPTH:
            return ()
        for place, key in _PARTS:
            listed = self._object(place).get(key)
            parts = [part for part in listed if isinstance(part, Mapping)] if isinstance(listed, list) else []
            if parts:
                return tuple(SubJob(part, self.depth + 1) for part in parts)
        return ()

    def _object(self, key: str) -> Mapping[str, Any]:
        """Return the object under a key, which is empty if there is none; the job itself if the key is empty."""
        held = self.raw.get(key) if key else self.raw
        return held if isinstance(held, Mapping) else {}

    @cached_property
    def server_ids(self) -> tuple[str, ...]:
        """The ids of all servers in the entities or sub-jobs, each once, in the order of the response."""
        return _ids(self._listings, "server_id")

    @cached_property
    def nic_ids(self) -> tuple[str, ...]:
        """The ids of all NICs in the entities or sub-jobs, each once, in the order of the response."""
        return _ids(self._listings, "nic_id")

    @property
    def _listings(self) -> list[Any]:
        """The places of ids: the entities, and the lists of parts beside them."""
        return [self.entities, *(self.raw.get(key) for place, key in _PARTS if not place)]

    @property
    def leaves(self) -> Iterator[SubJob]:
        """The parts without parts of their own, at any depth. They have the causes."""
        for part in self.sub_jobs:
            if part.sub_jobs:
                yield from part.leaves
            else:
                yield part

    @property
    def duration(self) -> timedelta | None:
        """The duration by the cloud's clock; ``None`` unless both times are present and in order."""
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
    """A job. :meth:`from_dict` builds it; :meth:`to_dict` returns the same JSON object.

    :param raw: the JSON object as received.
    :param depth: always 0.
    :param project_id: the project of the query, for messages; empty if it is not known.
    :param region: the region of the query, for messages; empty if it is not known.
    """

    project_id: str = field(default="", compare=False)
    region: str = field(default="", compare=False)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, job_id: str = "", project_id: str = "", region: str = "") -> Job:
        """Return the job in the JSON object of a response.

        :param data: the object; it is kept as it is.
        :param job_id: the id in the query, in case the response omits it.
        :param project_id: the project of the query.
        :param region: the region of the query.
        """
        if job_id and not data.get("job_id"):
            data = {**data, "job_id": job_id}
        return cls(data, project_id=project_id, region=region)

    def to_dict(self) -> dict[str, Any]:
        """Return the complete JSON object as received."""
        return dict(self.raw)

    @cached_property
    def sub_jobs_total(self) -> int:
        """The number of sub-jobs, by the API's own count if there is one."""
        total = self.entities.get("sub_jobs_total", self.raw.get("sub_jobs_total"))
        counted = len(self.sub_jobs)
        return max(total, counted) if isinstance(total, int) and not isinstance(total, bool) else counted

    @cached_property
    def sub_jobs_finished(self) -> int:
        """The number of finished sub-jobs."""
        return sum(part.is_finished for part in self.sub_jobs)

    @cached_property
    def code(self) -> str | None:
        """The code of a failed query. Some services also put the code of a failed job there."""
        return clean(self.raw.get("code"), 200) or None

    @cached_property
    def message(self) -> str | None:
        """The message of a failed query. Some services also put the message of a failed job there."""
        return clean(self.raw.get("message")) or None

    @property
    def order_id(self) -> Any:
        """The order that the job belongs to, as received; ``None`` if the response has none."""
        return self.entities.get("order_id") or self.raw.get("order_id")

    def result(self) -> dict[str, Any]:
        """Return the result of a task for its XCom.

        :return: ``job_id``, ``job_type``, ``status``, ``begin_time`` and ``end_time`` (in the API's format, or
            ``None``), ``server_ids``, ``nic_ids`` (lists) and all ``entities``.
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
        """Return the progress in one line: ``createServer 2c9e...: RUNNING, 3 of 5 sub-jobs done, waited 84 s``.

        For a finished job, the line has the job's own duration, if it is known.

        :param waited: how long the wait has lasted, in seconds.
        """
        done = f", {self.sub_jobs_finished} of {self.sub_jobs_total} sub-jobs done" if self.sub_jobs_total else ""
        name = f"{self.job_type} {self.job_id}".strip()
        took = self.duration if self.status.is_finished else None
        time = f"waited {duration(waited)}" if took is None else f"took {duration(took.total_seconds())}"
        return f"{name}: {self.status.value or 'no status'}{done}, {time}"


def outline_of(job_id: str, job_type: str, status: str, begin_time: str | None) -> Job:
    """Return a job of which only this is known. The texts that many jobs have in common are kept once."""
    known = {"job_id": job_id, "job_type": sys.intern(job_type), "status": status}
    return Job({**known, "begin_time": begin_time})


def parse_time(value: Any) -> datetime | None:
    """Return a time of the API, such as ``2016-04-25T20:04:34.604Z``.

    :return: the time in UTC; ``None`` for an empty string, null, or anything that is not a time.
    """
    if not isinstance(value, str) or not value.strip():
        return None
    try:
        parsed = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    try:
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except OverflowError:  # a time at the end of the calendar, converted to UTC
        return None


def format_time(value: datetime | None) -> str | None:
    """Return a time in the API's format."""
    return None if value is None else value.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _ids(nodes: list[Any], key: str) -> tuple[str, ...]:
    """Return the values of ``key`` at any depth, in document order. Iterative, for deeply nested JSON."""
    found: dict[str, None] = {}
    stack = nodes[::-1]
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
    """Check a job id before any request is sent.

    :return: the id, unchanged.
    :raises EcsInvalidJobIdError: the value can't be a job id; the message has the value and what to do.
    """
    if value is None:
        raise EcsInvalidJobIdError(f"job_id is None: {NO_VALUE_REASON}. {_CHECK_PUSH}")
    if not isinstance(value, str):
        raise EcsInvalidJobIdError(f"job_id must be a text, but it is {_shown(value)}{_advice(value)}.")
    if not value.strip():
        raise EcsInvalidJobIdError("job_id is empty. If it comes from a template or an XCom, that rendered to nothing.")
    if is_no_name(value):
        raise EcsInvalidJobIdError(f"job_id is {_shown(value)}: {NO_VALUE_REASON}. {_CHECK_PUSH}")
    if "{{" in value:
        raise EcsInvalidJobIdError(f"job_id is {_shown(value)}: a template that was not rendered.")
    if not _JOB_ID.fullmatch(value):
        raise EcsInvalidJobIdError(
            f"job_id is {_shown(value)}, but a job id has only letters, digits, '-' and '_', 128 at most"
            f" (like 2c9eb2c5544cbf6101544f0602af2b4f){_advice(value)}."
        )
    return value


def _advice(value: Any) -> str:
    """Return what to do about a value that holds job ids but is not one. Templates render such values to texts."""
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
