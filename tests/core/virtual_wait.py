"""A wait with a clock that only the tests move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_ecsjobs.core.errors import ApiError, ErrorKind
from airflow_provider_ecsjobs.core.job import Job
from airflow_provider_ecsjobs.core.waiting.policy import WaitPolicy
from airflow_provider_ecsjobs.core.waiting.wait import Wait
from tests.core.samples import JOB_ID, job, part

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.core.waiting.end import WaitEnd

START = 1_772_366_400.0
BUSY = ApiError(ErrorKind.TRANSIENT, "server busy", code="Common.0001", status=500, request_id="req-7")
SLOW_DOWN = ApiError(ErrorKind.THROTTLED, "too many requests", code="APIGW.0308", status=429)
GONE = ApiError(ErrorKind.NOT_FOUND, "Failed to query system tasks", code="Common.0011", status=400, request_id="req-8")
REFUSED = ApiError(ErrorKind.UNAUTHORIZED, "bad key", code="APIGW.0301", status=401, request_id="req-9")
PARTS = [part(), part("RUNNING"), part("RUNNING")]


def seen(status: str = "RUNNING", parts: list[dict[str, Any]] | None = None, **fields: Any) -> Job:
    return Job(job(status, parts, **fields))


class Waiting:
    """A wait and its clock, in seconds since its start."""

    def __init__(self, **policy: Any) -> None:
        for name in ("deadline", "pending_since"):
            if policy.get(name) is not None:
                policy[name] += START
        self.wait = Wait(JOB_ID, WaitPolicy(started=START, **policy))
        self.logged: list[str] = []
        self.levels: list[int] = []

    def at(self, time: float, answer: Job | ApiError) -> WaitEnd | None:
        end = self.wait.receive(answer, START + time)
        for log in self.wait.take_logs():
            self.logged.append(log.message)
            self.levels.append(log.level)
        return end

    def ends_at(self, time: float, answer: Job | ApiError) -> WaitEnd:
        end = self.at(time, answer)
        assert end is not None
        return end

    def next_delay(self, time: float, spread: float = 0.5) -> float:
        return self.wait.next_delay(START + time, spread)
