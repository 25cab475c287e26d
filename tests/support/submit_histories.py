"""A task that submits, its user, its Airflow and its cloud, in memory: what befalls them, and what may never happen.

The operator, the hook and the flows are the real ones. Only the requests end in a function instead of a socket.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest import mock

from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred

from airflow_provider_ecsjobs.core.auth.session import AuthSession
from airflow_provider_ecsjobs.core.steps import Response, TransportFailure
from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook
from airflow_provider_ecsjobs.operators.ecs_jobs import EcsSubmitJobOperator
from tests.support.scripted import ScriptedDriver

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.core.steps import Flow, HttpRequest
    from airflow_provider_ecsjobs.transport.config import Settings

OPERATIONS = {"create": "create_servers", "reboot": "batch_reboot_servers", "start": "batch_start_servers"}
"""What is submitted, by what makes it safe to send it again: its token, nothing, its nature."""
STORE_FAULTS = tuple(f"{what} write {number}" for number in (1, 2) for what in ("die before", "die after", "refuse"))
CLOUD_FAULTS = (
    *("die before it is sent", "die before the answer", "refused", "rejected", "busy"),
    *("lost, not carried out", "lost", "504", "redirect", "redirect, carried out"),
)
TOLD = ("clear the task to send it again", "To submit it all the same, clear the task")
"""How a user is told that the outcome of a request is not known."""
LOST = {"lost", "504", "redirect, carried out"}
STARTED = datetime(2026, 11, 25, 1, 2, 3, 456789, tzinfo=UTC)


class Death(BaseException):
    """The worker dies: nothing after it is carried out."""


@dataclass
class Made:
    """A job that the cloud has made.

    :param status: its status.
    :param body: the request.
    :param is_seen: whether a worker got the answer, and its store took it.
    :param told: whether the user was told since that the outcome of a request is not known.
    :param cleared: whether the user has cleared the task since.
    :param cleared_after_told: whether that was after they were told.
    """

    status: str
    body: bytes
    is_seen: bool = False
    told: bool = False
    cleared: bool = False
    cleared_after_told: bool = False


@dataclass
class Cloud:
    """The jobs there are, and what befalls the next request."""

    fault: str = ""
    jobs: dict[str, Made] = field(default_factory=dict)
    job_of: dict[str, str] = field(default_factory=dict)
    answered: list[str] = field(default_factory=list)
    """The jobs that an answer has named to a worker."""

    def serve(self, request: HttpRequest) -> Response | TransportFailure:
        """Answer a request."""
        if request.method == "GET":
            return self._job(request.url.rpartition("/")[2])
        fault, self.fault = self.fault, ""
        match fault:
            case "die before it is sent":
                raise Death(fault)
            case "refused":
                return TransportFailure("the connection was refused", may_have_arrived=False)
            case "rejected":
                return _answer(400, {"error": {"code": "Ecs.0005", "message": "no"}})
            case "busy":
                return _answer(202, {"error": {"code": "Common.0024", "message": "busy"}})
            case "lost, not carried out":
                return TransportFailure("reset")
            case "redirect":
                return Response(303, {"location": "/elsewhere"})
        answer = self._carry_out(request)
        if fault == "die before the answer":
            raise Death(fault)
        if fault == "lost":
            return TransportFailure("reset")
        if fault in LOST:
            return Response(504 if fault == "504" else 308, {"location": "/elsewhere"}, b"<html>")
        self.answered += [answer["job_id"]] if "job_id" in answer else []
        return _answer(200 if "job_id" in answer else 400, answer)

    def live(self) -> list[Made]:
        """Return the jobs that have not ended."""
        return [job for job in self.jobs.values() if job.status == "RUNNING"]

    def _carry_out(self, request: HttpRequest) -> dict[str, Any]:
        token = next((value for name, value in request.headers.items() if name.lower() == "x-client-token"), "")
        job_id = self.job_of.get(token)
        if job_id is None:
            job_id = f"{len(self.jobs) + 1:032x}"
            self.jobs[job_id] = Made("RUNNING", request.body)
            if token:
                self.job_of[token] = job_id
        elif self.jobs[job_id].body != request.body:
            return {"error": {"code": "Ecs.0122", "message": "the token was used with other parameters"}}
        return {"job_id": job_id, "serverIds": [f"server-of-{job_id}"]}

    def _job(self, job_id: str) -> Response:
        status = self.jobs[job_id].status
        if status == "purged":
            return _answer(400, {"error": {"code": "Common.0011", "message": "unknown"}})
        return _answer(200, {"status": status, "job_id": job_id, "job_type": "x", "entities": {}})


def _answer(status: int, body: dict[str, Any]) -> Response:
    return Response(status, {"content-type": "application/json"}, json.dumps(body).encode())


class Store:
    """A task state store, and what befalls its writes."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.fault, self.writes = "", 0

    def get(self, key: str, default: Any = None) -> Any:
        return json.loads(self.values[key]) if key in self.values else default

    def set(self, key: str, value: Any) -> None:
        self._write(key, json.dumps(value))

    def delete(self, key: str) -> None:
        self._write(key, None)

    def _write(self, key: str, value: str | None) -> None:
        self.writes += 1
        fault = self.fault if self.fault.endswith(f"write {self.writes}") else ""
        if fault.startswith("refuse"):
            raise RuntimeError("503 Service Unavailable")
        if fault.startswith("die before"):
            raise Death(fault)
        if value is None:
            self.values.pop(key, None)
        else:
            self.values[key] = value
        if fault.startswith("die after"):
            raise Death(fault)


class _Client:
    """In place of a hook's client: carries flows out against the cloud."""

    def __init__(self, cloud: Cloud, settings: Settings) -> None:
        self.auth = AuthSession(settings.auth_config, settings.secrets)
        self._driver = ScriptedDriver(cloud.serve, now=time.time())
        self.clock = self._driver.clock

    def run(self, flow: Flow[Any]) -> Any:
        return self._driver.run(flow)

    def close(self) -> None:
        """Leave nothing open: there is nothing."""


class _Log:
    """What a task says."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, level: int, event: str, *args: Any, **_: Any) -> None:
        self.lines.append(event % args if args else event)

    def info(self, event: str, *args: Any, **_: Any) -> None:
        self.log(20, event, *args)

    debug = warning = error = info


class _Task(EcsSubmitJobOperator):
    """The operator, whose log is at hand."""

    @property
    def log(self) -> Any:
        return self.__dict__["said"]


@cache
def _settings() -> Settings:
    extra = {"region": "cn-north-4", "project_id": "0123456789abcdef0123456789abcdef"}
    connection = {
        "conn_type": "huawei_ecs",
        "login": "AK",
        "password": "a-secret-key",
        "host": "http://ecs",
        "extra": extra,
    }
    with mock.patch.dict(os.environ, AIRFLOW_CONN_HUAWEI_ECS_DEFAULT=json.dumps(connection)):
        return EcsJobsHook().settings


class History:
    """One task instance, from its first try on.

    :param kind: what it submits; a key of :data:`OPERATIONS`.
    :param is_kept: whether Airflow has a task state store.
    :param retries: how many retries the DAG gives it; a user can edit that.
    :param renders_anew: whether the request is another one in each try.
    """

    def __init__(self, kind: str, *, is_kept: bool = True, retries: int = 1, renders_anew: bool = False) -> None:
        self.kind, self.is_kept, self.retries, self.renders_anew = kind, is_kept, retries, renders_anew
        self.cloud, self.store, self.said = Cloud(), Store(), _Log()
        self.try_number, self.max_tries, self.clears, self.parameters = 0, retries, 0, 0
        self.state = "scheduled"
        self.waits_for = ""
        self.error: BaseException | None = None

    # What befalls the task

    def try_once(self, cloud_fault: str = "", store_fault: str = "") -> None:
        """Let Airflow run the next try."""
        assert self.state == "scheduled"
        self.try_number += 1
        self.store.fault, self.store.writes, self.cloud.fault = store_fault, 0, cloud_fault
        before, told = set(self.cloud.jobs), len(self.said.lines)
        try:
            self._end("success", self._task().execute(self._context())["job_id"])
        except TaskDeferred as deferral:
            self._end("deferred", deferral.trigger.serialize()[1]["job_id"])
        except BaseException as error:  # noqa: BLE001 - whatever the task fails with
            self._fail(error)
        self._note(before, " ".join([*self.said.lines[told:], str(self.error)]))

    def resume(self, *, dies: bool = False) -> None:
        """Let the awaited job's end resume the task."""
        status = self.cloud.jobs[self.waits_for].status
        if dies:
            self._fail(Death("resuming"))
        elif status == "SUCCESS":
            self.state = "success"
        else:
            self._fail(RuntimeError("the job failed") if status == "FAIL" else AirflowFailException("purged"))

    def end_jobs(self, status: str) -> None:
        """Let the jobs end that run."""
        for job in self.cloud.live():
            job.status = status

    def may_be_cleared(self) -> bool:
        """Whether the user may clear the task. Before Airflow 3.3, README asks them to wait for its job to end."""
        return self.try_number > 0 and (self.is_kept or not self.cloud.live())

    def clear(self) -> None:
        """Let the user clear the task."""
        self.clear_another()
        self.max_tries = self.try_number + self.retries
        self.state = "scheduled"
        for job in self.cloud.jobs.values():
            job.cleared = True
            job.cleared_after_told = job.cleared_after_told or job.told

    def clear_another(self) -> None:
        """Let the user clear another task of the run."""
        self.clears += 1

    # What may never happen

    def check(self) -> None:
        """Check that no request was carried out that should not have been, and that no answer is lost."""
        for job_id in self.cloud.answered:
            assert any(job_id in line for line in self.said.lines), f"job {job_id} stands in no log"

    def _note(self, before: set[str], said: str) -> None:
        """Check what the try has made, and note what it has told the user."""
        new = [job_id for job_id in self.cloud.jobs if job_id not in before]
        # What harms nothing is sent again in the same try, too, when its answer is lost.
        assert len(new) <= (2 if self.kind == "start" else 1), f"one try has made {new}"
        for earlier in [self.cloud.jobs[job_id] for job_id in before] if new else []:
            assert self._may_follow(earlier), f"a second job beside {earlier}, told: {said}"
        for job in self.cloud.jobs.values():
            job.told = job.told or any(words in said for words in TOLD)
        if self.waits_for:
            # The clear has been used up: from now on the job is this attempt's own.
            self.cloud.jobs[self.waits_for].cleared = False
            kept = self.store.get("ecs_submit", {}).get("job_id")
            self.cloud.jobs[self.waits_for].is_seen |= kept == self.waits_for

    def _may_follow(self, earlier: Made) -> bool:
        """Whether another job may be made after this one."""
        if earlier.status == "FAIL" or earlier.cleared_after_told:
            return True
        if self.kind == "start" and not earlier.is_seen:
            return True  # its answer is not known, and doing it twice harms nothing
        if self.kind != "create" and not self.is_kept:
            return True  # before Airflow 3.3, each retry sends what has no token
        return earlier.cleared and earlier.status != "RUNNING"

    # Airflow

    def _end(self, state: str, job_id: str) -> None:
        self.state, self.waits_for, self.error = state, job_id, None

    def _fail(self, error: BaseException) -> None:
        self.error, self.waits_for = error, ""
        may_retry = self.max_tries != 0 and self.try_number <= self.max_tries
        self.state = "scheduled" if may_retry and not isinstance(error, AirflowFailException) else "failed"

    def _task(self) -> Any:
        name = f"web-{self.parameters}-{self.try_number if self.renders_anew else ''}"
        body: dict[str, Any] = {"reboot": {"type": "SOFT", "servers": [{"id": name}]}}
        if self.kind == "start":
            body = {"os-start": {"servers": [{"id": name}]}}
        elif self.kind == "create":
            server = {"name": name, "imageRef": "i", "flavorRef": "f", "vpcid": "v", "nics": [{"subnet_id": "s"}]}
            body = {"server": {**server, "root_volume": {"volumetype": "SSD"}}}
        operator = _Task(
            task_id="task", operation=OPERATIONS[self.kind], body=body, retries=self.retries, not_found_grace=0
        )
        hook = EcsJobsHook()
        hook.__dict__.update(settings=_settings(), _client=_Client(self.cloud, _settings()))
        operator.__dict__.update(hook=hook, said=self.said)
        return operator

    def _context(self) -> Any:
        ti = SimpleNamespace(
            dag_id="dag",
            run_id="run",
            task_id="task",
            map_index=-1,
            try_number=self.try_number,
            max_tries=self.max_tries,
            xcom_push=lambda key, value: None,
        )
        run = SimpleNamespace(start_date=STARTED, clear_number=self.clears)
        return {"ti": ti, "dag_run": run, **({"task_state_store": self.store} if self.is_kept else {})}
