"""The jobs as the API's job query shows them at a given time: pure data and arithmetic."""

from __future__ import annotations

import itertools
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    JobBody = dict[str, Any] | str | bytes

SUB_JOB_TYPES = {
    "createServer": "createSingleServer",
    "deleteVMs": "deleteSingleServer",
    "startVMs": "startSingleServer",
    "stopVMs": "stopSingleServer",
    "rebootVMs": "rebootSingleServer",
    "resizeVMs": "resizeSingleServer",
    "changeChargeMode": "changeSingleChargeMode",
    "attachVolumeToVMs": "attachVolume",
    "detachVolumeFromVMs": "detachVolume",
    "addNics": "addSingleNic",
    "deleteNics": "deleteSingleNic",
}
"""The sub-job type of each batch job. Huawei documents only ``createServer``, ``createSingleServer``, ``deleteVMs``,
``attachVolume`` and ``detachVolume``; the others are named after them."""

RETENTION_SECONDS = 24 * 3600.0
"""How long a finished job is kept: one day."""
UNPAID_RETENTION_SECONDS = 14 * RETENTION_SECONDS
"""How long a job whose order was cancelled is kept."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job or sub-job fails."""

    code: str
    reason: str


WRAPPER_FAILURE = Failure("Common.0021", "CollectInfoTask-fail")
"""The failure of a job with a failed sub-job. The cause is in the sub-job."""


@dataclass(frozen=True, slots=True)
class SubJob:
    """The part of a job for one server or NIC.

    :param about: the entities of the sub-job from its beginning.
    :param begin: when it begins, in seconds since the epoch.
    :param end: when it ends, in seconds since the epoch.
    :param failure: why it fails; None if it succeeds.
    """

    job_id: str
    job_type: str
    about: Mapping[str, str]
    begin: float
    end: float
    failure: Failure | None = None

    def body(self, now: float) -> dict[str, Any]:
        """Return the sub-job as the job query shows it at this time."""
        entities = dict(self.about)
        if self.failure and now >= self.end:
            entities["errorcode_message"] = self.failure.reason
        return {
            "status": _status(now, self.begin, self.end, self.failure),
            "entities": entities,
            "job_id": self.job_id,
            "job_type": self.job_type,
            **_times(now, self.begin, self.end),
            **_result(now, self.end, self.failure),
        }


@dataclass(frozen=True, slots=True)
class Job:
    """A job that goes from INIT to RUNNING to its end, by the clock.

    :param submitted: when it was submitted, in seconds since the epoch.
    :param begin: when INIT becomes RUNNING.
    :param end: when RUNNING becomes SUCCESS or FAIL.
    :param about: the entities of a job without sub-jobs.
    """

    job_id: str
    job_type: str
    submitted: float
    begin: float
    end: float
    sub_jobs: tuple[SubJob, ...] = ()
    about: Mapping[str, str] | None = None
    failure: Failure | None = None

    def body(self, now: float) -> dict[str, Any]:
        """Return the job as ``GET /v1/{project_id}/jobs/{job_id}`` shows it at this time."""
        return {
            "status": _status(now, self.begin, self.end, self.failure),
            "entities": self._entities(now),
            "job_id": self.job_id,
            "job_type": self.job_type,
            **_times(now, self.submitted, self.end),
            **_result(now, self.end, self.failure),
        }

    def purged(self, now: float) -> bool:
        """Return whether the cloud has deleted the job."""
        return now >= self.end + RETENTION_SECONDS

    def _entities(self, now: float) -> dict[str, Any]:
        if now < self.begin:
            return {}
        if self.sub_jobs:
            return {
                "sub_jobs_total": len(self.sub_jobs),
                "sub_jobs": [sub_job.body(now) for sub_job in self.sub_jobs],
            }
        return dict(self.about or {})


def make_job(
    job_id: str,
    job_type: str,
    about: Sequence[Mapping[str, str]],
    *,
    direct: bool,
    failures: Sequence[Failure | None],
    submitted: float,
    begin: float,
    run_seconds: float,
) -> Job:
    """Return a job of several parts, which finish one after the other at even intervals.

    :param about: the entities of each part.
    :param direct: the job itself is the only part; otherwise each part is a sub-job.
    :param failures: why each part fails, in the order of the parts; ``None`` for a part that succeeds.
    """
    sub_jobs = [
        SubJob(
            job_id=new_job_id(),
            job_type=SUB_JOB_TYPES.get(job_type, job_type),
            about=entities,
            begin=begin,
            # The fraction of the last part is exactly 1.
            end=begin + run_seconds * (number / len(about)),
            failure=failure,
        )
        for number, (entities, failure) in enumerate(zip(about, failures, strict=True), start=1)
    ]
    failure = failures[0] if direct else WRAPPER_FAILURE if any(failures) else None
    return Job(
        job_id=job_id,
        job_type=job_type,
        submitted=submitted,
        begin=begin,
        end=begin + run_seconds,
        sub_jobs=() if direct else tuple(sub_jobs),
        about=about[0] if direct else None,
        failure=failure,
    )


@dataclass(slots=True)
class UnpaidJob:
    """A job that waits for the payment of its order.

    :param cancelled: when the order was cancelled; None if it was not.
    """

    job_id: str
    job_type: str
    submitted: float
    cancelled: float | None = None

    def body(self, _: float) -> dict[str, Any]:
        """Return the job as the job query shows it."""
        return {
            "status": "PENDING_PAYMENT",
            "entities": {},
            "job_id": self.job_id,
            "job_type": self.job_type,
            "begin_time": timestamp(self.submitted),
            "end_time": "",
        }

    def purged(self, now: float) -> bool:
        """Return whether the cloud has deleted the job."""
        return self.cancelled is not None and now >= self.cancelled + UNPAID_RETENTION_SECONDS


class PlantedJob:
    """A job whose queries return the given bodies one after the other, then always the last one."""

    def __init__(self, job_id: str, bodies: Sequence[JobBody], http_status: int) -> None:
        self.http_status = http_status
        filled = [_with_job_id(body, job_id) for body in bodies]
        self._bodies = itertools.chain(filled[:-1], itertools.repeat(filled[-1]))

    def next_body(self) -> JobBody:
        """Return the body of the next response."""
        return next(self._bodies)


def new_job_id() -> str:
    """Return a new id in the form of job and request ids: 32 hexadecimal digits."""
    return uuid.uuid4().hex


def timestamp(seconds: float) -> str:
    """Return seconds since the epoch in the API's format: ``2016-04-25T20:04:34.604Z``."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _with_job_id(body: JobBody, job_id: str) -> JobBody:
    # A body without a status is the response to a failed query. It has no job id.
    if isinstance(body, dict) and "status" in body and "job_id" not in body:
        return {**body, "job_id": job_id}
    return body


def _status(now: float, begin: float, end: float, failure: Failure | None) -> str:
    if now < begin:
        return "INIT"
    if now < end:
        return "RUNNING"
    return "FAIL" if failure else "SUCCESS"


def _times(now: float, begin: float, end: float) -> dict[str, str]:
    return {"begin_time": timestamp(begin), "end_time": timestamp(end) if now >= end else ""}


def _result(now: float, end: float, failure: Failure | None) -> dict[str, str | None]:
    if now < end:
        return {}  # the cloud omits both keys while a job runs
    return {
        "error_code": failure.code if failure else None,
        "fail_reason": failure.reason if failure else None,
    }
