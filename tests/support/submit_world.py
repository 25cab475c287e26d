"""A store and a cloud in memory, a task that is tried against them, and the places where its worker can die."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from airflow_provider_ecsjobs.core.errors import ApiError, EcsApiError, EcsRejectedError, ErrorKind
from airflow_provider_ecsjobs.core.job import Job
from airflow_provider_ecsjobs.core.submit.submission import Submission
from airflow_provider_ecsjobs.operators import submit_once
from airflow_provider_ecsjobs.operators.submit_once import ResendPolicy, SubmitOnce, SubmitRecordStore, task_try_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_ecsjobs.core.submit.idempotency import Record, TaskTry

STARTED = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
RETRIES = 5
CRASHES = ("before mark", "after mark", "before send", "after send", "before record", "after record")
UNANSWERED = CRASHES[1:5]
SENT = CRASHES[3:]


class Crash(BaseException):
    """The worker dies: nothing after it is carried out."""


class World:
    """A store and a cloud, which outlive all tries of the one task; and the next place where its worker dies.

    :param kept: whether Airflow has a store.
    :param more: further terms of the request.
    """

    def __init__(
        self,
        *,
        kept: bool = True,
        takes_token: bool = True,
        allow_resend: bool = False,
        is_good: Callable[[Job], bool] = lambda job: False,
        **more: Any,
    ) -> None:
        self.kept, self.takes_token, self.allow_resend, self.more = kept, takes_token, allow_resend, more
        self.is_good = is_good
        self.values: dict[str, str] = {}
        self.jobs: dict[str, str] = {}
        self.job_of: dict[str, str] = {}
        self.sends: list[tuple[str | None, bool]] = []
        self.looks: list[str] = []
        self.said: list[str] = []
        self.crash = ""
        self.fault: BaseException | None = None
        self.now = 1_800_000_000.0
        self.ahead = 0.0
        """How far the cloud's clock is ahead."""
        self.began: dict[str, float | None] = {}
        self.try_number, self.max_tries = 1, RETRIES

    # The task state store

    def get(self, key: str) -> Any:
        return json.loads(self.values[key]) if key in self.values else None

    def set(self, key: str, value: Any) -> None:
        what = "mark" if value["job_id"] is None and value["order_id"] is None else "record"
        self._die(f"before {what}")
        self.values[key] = json.dumps(value)
        self._die(f"after {what}")

    def delete(self, key: str) -> None:
        self.values.pop(key, None)

    # The cloud

    def send(self, token: str | None, outcome_unknown: bool, was_sent: bool) -> Submission:
        self.sends.append((token, outcome_unknown))
        self._die("before send")
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault
        job_id = self.job_of.get(token or "")
        if job_id is None:
            job_id = f"job-{len(self.jobs) + 1}"
            self.jobs[job_id] = "RUNNING"
            self.began[job_id] = self.now + self.ahead
            self.job_of[token or f"none-{job_id}"] = job_id
        self._die("after send")
        return Submission(job_id, None, (f"server-of-{job_id}",))

    def poll_once(self, job_id: str) -> Job | ApiError:
        self.looks.append(job_id)
        status = self.jobs[job_id]
        if status in set(ErrorKind):
            return error(status)
        began = self.began[job_id]
        told = {} if began is None else {"begin_time": datetime.fromtimestamp(began, UTC).isoformat()}
        return Job.from_dict({"status": status, **told}, job_id=job_id)

    def log(self, level: int, event: str, /, *args: Any) -> None:
        self.said.append(event % args)

    def _die(self, where: str) -> None:
        if self.crash == where:
            self.crash = ""
            raise Crash(where)

    # The task

    @property
    def task_try(self) -> TaskTry:
        ti = SimpleNamespace(
            dag_id="d", run_id="r", task_id="t", map_index=-1, try_number=self.try_number, max_tries=self.max_tries
        )
        return task_try_of({"ti": ti, "dag_run": SimpleNamespace(start_date=STARTED)}, RETRIES)

    @property
    def record(self) -> Record | None:
        return SubmitRecordStore(self).read()

    def run(self) -> tuple[Submission, Job | ApiError | None]:
        """Let the task be tried once, in a process of its own."""
        resend_policy = {
            "operation": "create_servers",
            "takes_token": self.takes_token,
            "allow_resend": self.allow_resend,
            "to_check": "whether servers of this name exist",
            **self.more,
        }
        once = SubmitOnce(
            ResendPolicy(**resend_policy),
            task_try=self.task_try,
            record_store=SubmitRecordStore(self if self.kept else None),
            send=self.send,
            poll_once=self.poll_once,
            is_good=self.is_good,
            grace=60.0,
            log=self,
        )
        with mock.patch.object(submit_once, "time", SimpleNamespace(time=lambda: self.now)):
            return once.run()

    def job(self) -> str | None:
        """Let the task be tried once; give the job that it waits for then."""
        return self.run()[0].job_id

    def dies(self, where: str) -> None:
        self.crash = where
        with pytest.raises(Crash):
            self.run()

    def retry(self) -> None:
        self.try_number += 1

    def clear(self) -> None:
        """As a user does in the UI; Airflow then raises ``max_tries``."""
        self.max_tries = self.try_number + RETRIES
        self.try_number += 1

    def end(self, status: str, job_id: str = "job-1") -> None:
        self.jobs[job_id] = status


def error(kind: str, code: str = "") -> ApiError:
    return ApiError(ErrorKind(kind), "said so", code=code)


BUSY = EcsApiError("busy", error("throttled"))
WRONG = EcsRejectedError("wrong", error("rejected", "Ecs.0005"))
