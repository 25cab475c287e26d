"""Airflow's own triggerer: supervisor and runner, with triggers from a list, and a watch on the runner's event loop.

Only the access to the metadata database is replaced, which is not part of what is measured.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import statistics
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from airflow.executors.workloads import RunTrigger
from airflow.executors.workloads.task import TaskInstanceDTO
from airflow.jobs.triggerer_job_runner import TriggerRunner, TriggerRunnerSupervisor
from airflow.models.trigger import Trigger
from airflow.sdk.api.datamodels._generated import ConnectionResponse
from airflow.sdk.execution_time import task_runner, xcom  # noqa: F401
from airflow.sdk.execution_time.comms import GetConnection, SetXCom
from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_ecsjobs.transport import async_client, client_pool  # noqa: F401 - in memory before it is counted
from airflow_provider_ecsjobs.triggers import ecs_jobs  # noqa: F401
from benchmarks.processes import hand_back, task_of_child

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_TICK = 0.01
_POLL_OF_LOG = 0.2


class SleepingTrigger(BaseTrigger):
    """A trigger that only sleeps. It shows Airflow's own cost of a trigger, with as many arguments as ours."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__()
        self.arguments = arguments

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments."""
        return "benchmarks.triggerer.SleepingTrigger", self.arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Sleep."""
        await asyncio.sleep(86400)
        yield TriggerEvent(True)


class _Pauses:
    """Measures the pauses of Python's garbage collector, in milliseconds.

    Other load on the machine makes the pauses longer, but not the CPU time in them.
    """

    def __init__(self) -> None:
        self.longest = self.most_cpu = self._began = self._cpu_began = 0.0
        gc.callbacks.append(self._record)

    def _record(self, phase: str, _: dict[str, int]) -> None:
        now, cpu = time.perf_counter(), time.thread_time()
        if phase == "start":
            self._began, self._cpu_began = now, cpu
        else:
            self.longest = max(self.longest, (now - self._began) * 1000)
            self.most_cpu = max(self.most_cpu, (cpu - self._cpu_began) * 1000)

    def stop(self) -> None:
        """Stop measuring."""
        gc.callbacks.remove(self._record)


class WatchedRunner(TriggerRunner):
    """The runner, with one more task in its event loop, which measures and then stops it."""

    async def arun(self) -> None:
        """Run the triggers and the watch."""
        watch = asyncio.create_task(self._watch())
        try:
            await super().arun()
        finally:
            watch.cancel()
        _write(watch.result() if watch.done() else {})
        # Exit without the cancellation of thousands of triggers, which is not measured.
        os._exit(0)

    async def _watch(self) -> dict[str, Any]:
        process, count, entered = psutil.Process(), _task["count"], time.monotonic()
        gc.collect()
        pauses = _Pauses()
        gc.collect()  # the second run counts, as the first one copies the pages of the fork
        gc_before, pauses.longest, pauses.most_cpu = pauses.most_cpu, 0.0, 0.0
        before = process.memory_info().rss
        starting = await self._lags(lambda _: len(self.triggers) >= count, _task["limit"])
        starting += await self._lags(lambda passed: passed >= _task["settle"], _task["settle"])
        began, cpu = time.monotonic(), time.process_time()
        then = await self._lags(lambda passed: passed >= _task["hold"], _task["hold"])
        cpu = (time.process_time() - cpu) / (time.monotonic() - began)
        gc_longest = pauses.longest
        runs = []
        for _ in range(5):
            pauses.most_cpu = 0.0
            gc.collect()
            runs.append(pauses.most_cpu)
        pauses.stop()
        still_there = sum(not details["task"].done() for details in self.triggers.values())
        grown = process.memory_info().rss - before
        self._handle_signal(None, None)
        return {
            "grown": grown,
            "lag_starting": _quantiles(starting),
            "lag_then": _quantiles(then),
            "cpu": cpu,
            "seconds": time.monotonic() - entered,
            "gc_before": gc_before,
            "gc_longest": gc_longest,
            "gc_full": statistics.median(runs),
            "still_there": still_there,
        }

    async def _lags(self, is_over: Any, limit: float) -> list[float]:
        """Sleep repeatedly, and return how late each sleep ended, in milliseconds."""
        lags, began = [], time.monotonic()
        while not is_over(time.monotonic() - began):
            if time.monotonic() - began > limit + 5:
                raise RuntimeError("the triggers did not start")
            slept = time.monotonic()
            await asyncio.sleep(_TICK)
            lags.append((time.monotonic() - slept - _TICK) * 1000)
        return lags


class ListSupervisor(TriggerRunnerSupervisor):
    """The supervisor, without a database."""

    @classmethod
    def run_in_process(cls) -> None:
        """Run the runner in its forked process."""
        WatchedRunner().run()

    def load_triggers(self) -> None:
        """Start the triggers that are due."""
        now = time.monotonic()
        due = 0 if _state["began"] is None else int((now - _state["began"]) * _task["started_per_second"])
        if _state["began"] is None:
            _state["began"] = now
        while _state["given"] < min(due, _task["count"]):
            kwargs = Trigger.encrypt_kwargs(_kwargs(_state["given"]))
            _state["given"] += 1
            self.creating_triggers.append(
                RunTrigger(
                    id=_state["given"],
                    classpath=_task["classpath"],
                    encrypted_kwargs=kwargs,
                    ti=_task_instance(_state["given"]),
                )
            )

    def _handle_request(self, msg: Any, log: Any, req_id: int) -> None:
        if isinstance(msg, GetConnection):
            _state["lookups"] += 1
        if isinstance(msg, SetXCom):
            _state["published"] += 1
        super()._handle_request(msg, log, req_id)

    @property
    def client(self) -> Any:  # type: ignore[override]
        """The replacement for the client of the execution API."""
        return _Client()

    def heartbeat(self) -> None:
        """Do nothing: there is no job to keep alive."""

    def clean_unused(self) -> None:
        """Do nothing: there is no database to clean."""

    def metric_tags(self) -> dict[str, str]:
        """Return the host's name."""
        return {"hostname": "bench"}

    def on_trigger_event(self, trigger_id: int, event: TriggerEvent) -> None:
        """Raise an error, as no wait should end."""
        raise RuntimeError(f"trigger {trigger_id} sent {event}")

    def on_trigger_failure(self, trigger_id: int, exc: list[str] | None) -> None:
        """Raise an error, as no wait should fail."""
        raise RuntimeError(f"trigger {trigger_id} failed: {exc}")


class _Client:
    """A client that returns the only connection."""

    @property
    def connections(self) -> _Client:
        return self

    @property
    def xcoms(self) -> _Client:
        return self

    def set(self, *_: Any, **__: Any) -> None:
        """Take an XCom: what the API server does with it is not the triggerer's."""

    def get(self, conn_id: str) -> ConnectionResponse:
        fields = {"schema": None, "port": None, **_task["connection"]}
        return ConnectionResponse(**{**fields, "conn_id": conn_id, "extra": json.dumps(fields["extra"])})


_task: dict[str, Any] = {}
_state: dict[str, Any] = {"began": None, "given": 0, "lookups": 0, "published": 0}


def _write(result: dict[str, Any]) -> None:
    Path(_task["result"]).write_text(json.dumps(result))


def _kwargs(index: int) -> dict[str, Any]:
    """Return the arguments that the sensor passes after its first poll, which was an hour ago."""
    now, (shortest, longest) = time.time(), _task["gaps"]
    return {
        "job_id": f"{index:032x}",
        "huawei_ecs_conn_id": "bench",
        "region": None,
        "project_id": None,
        "service": "ecs",
        "poll_interval": shortest,
        "max_poll_interval": longest,
        "deadline": now + 86400,
        "started": now - 3600,
        "payment_timeout": None,
        "pending_since": None,
        "seen_status": "RUNNING",
        "seen_sub_jobs_finished": 0,
        "not_found_grace": 0.0,
        "unreachable_timeout": 900.0,
    }


def _task_instance(index: int) -> TaskInstanceDTO:
    """Return the task that waits, so that its job is published."""
    return TaskInstanceDTO(
        id=uuid.UUID(int=index),
        dag_version_id=uuid.UUID(int=0),
        dag_id="benchmark",
        run_id="run",
        task_id="wait",
        map_index=index,
        try_number=1,
        pool_slots=1,
        priority_weight=1,
    )


def _quantiles(values: list[float]) -> list[float]:
    """Return the median, the 99th percentile and the maximum."""
    ordered = sorted(values)
    last = len(ordered) - 1
    return [ordered[last // 2], ordered[min(last, round(last * 0.99))], ordered[-1]]


def main() -> None:
    """Run a triggerer until its watch ends."""
    _task.update(task_of_child())
    with tempfile.TemporaryDirectory() as directory:
        _task["result"] = f"{directory}/result.json"
        _task["limit"] = 60 + _task["count"] / _task["started_per_second"]
        # Started like in Airflow: forked from the process that has loaded all modules.
        supervisor = ListSupervisor.start(job=None, capacity=_task["count"])
        supervisor.run()
        result = json.loads(Path(_task["result"]).read_text())
    if result["still_there"] != _task["count"]:
        raise RuntimeError(f"only {result['still_there']} of {_task['count']} triggers still wait")
    hand_back({**result, "lookups": _state["lookups"], "published": _state["published"]})


if __name__ == "__main__":
    # Makes the class paths in this module refer to this instance and its state.
    sys.modules["benchmarks.triggerer"] = sys.modules["__main__"]
    main()
