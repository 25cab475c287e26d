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
from airflow_provider_ecsjobs.core.submit.decision_table import Repeat
from airflow_provider_ecsjobs.core.submit.idempotency import SentBefore, SubmitPolicy
from airflow_provider_ecsjobs.core.submit.submission import Submission
from airflow_provider_ecsjobs.operators import submit_once
from airflow_provider_ecsjobs.operators.submit_once import SubmitOnce, SubmitRecordStore, task_try_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_ecsjobs.core.submit.record import Record, TaskTry

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
    :param repeat: what makes it safe to send the request again.
    :param more: more of the policy.
    """

    def __init__(
        self,
        *,
        kept: bool = True,
        repeat: Repeat = Repeat.BY_TOKEN,
        is_good: Callable[[Job], bool] = lambda job: False,
        **more: Any,
    ) -> None:
        self.kept, self.repeat, self.more = kept, repeat, more
        self.is_good = is_good
        self.values: dict[str, str] = {}
        self.jobs: dict[str, str] = {}
        self.job_of: dict[str, str] = {}
        self.sends: list[tuple[str | None, SentBefore]] = []
        self.looks: list[str] = []
        self.said: list[str] = []
        self.crash = ""
        self.fault: BaseException | None = None
        self.now = 1_800_000_000.0
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

    def send(self, token: str | None, sent_before: SentBefore) -> Submission:
        self.sends.append((token, sent_before))
        self._die("before send")
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault
        job_id = self.job_of.get(token or "")
        if job_id is None:
            job_id = f"job-{len(self.jobs) + 1}"
            self.jobs[job_id] = "RUNNING"
            self.job_of[token or f"none-{job_id}"] = job_id
        self._die("after send")
        return Submission(job_id, None, (f"server-of-{job_id}",))

    def poll_once(self, job_id: str) -> Job | ApiError:
        self.looks.append(job_id)
        status = self.jobs[job_id]
        if status in set(ErrorKind):
            return error(status)
        return Job.from_dict({"status": status}, job_id=job_id)

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
        policy = {
            "operation": "create_servers",
            "repeat": self.repeat,
            "to_check": "whether servers of this name exist",
            "keeps_record": self.kept,
            "is_good": self.is_good,
            **self.more,
        }
        once = SubmitOnce(
            SubmitPolicy(**policy),
            task_try=self.task_try,
            record_store=SubmitRecordStore(self if self.kept else None),
            send=self.send,
            poll_once=self.poll_once,
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
