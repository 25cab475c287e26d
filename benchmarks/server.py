"""The servers of the benchmarks, each in its own process.

``polls`` is a bare TLS server that sends every client the same bytes, at that client's path. ``cloud`` is the emulator.
``dbt_cloud`` is a stub of dbt Cloud.
For each line of input, both print their counters. They stop at the end of their input.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from aiohttp import web

from airflow_provider_ecsjobs.emulator import Emulator
from airflow_provider_ecsjobs.emulator.tls import Certificate
from benchmarks.processes import hand_back, task_of_child

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ENTITIES = {"server_id": "bae51750-0089-41a1-9b18-5c777978ff6d"}
_SUB_JOB = {
    "status": "RUNNING",
    "entities": _ENTITIES,
    "job_id": "2c9eb2c55ee85d75015ee9e92f690ce2",
    "job_type": "createSingleServer",
    "begin_time": "2026-03-01T12:00:01.042Z",
    "end_time": "",
    "error_code": None,
    "fail_reason": None,
}
JOB = {
    "status": "RUNNING",
    "entities": {"sub_jobs_total": 3, "sub_jobs": [_SUB_JOB] * 3},
    "job_id": "JOB-ID",
    "job_type": "createServer",
    "begin_time": "2026-03-01T12:00:00.000Z",
    "end_time": "",
    "error_code": None,
    "fail_reason": None,
}
# The fields that each peer reads, added to the bytes that all clients get. With them, the peer continues to wait.
_DBT = {"data": {"id": 7, "status": 3}}
_MRS = {"job_detail": {"job_id": "7", "job_state": "RUNNING", "job_result": "UNDEFINED", "job_progress": 10.0}}


class Polls:
    """Responds to all polls and counts them."""

    def __init__(self) -> None:
        self.polls = self.handshakes = 0
        self._job = json.dumps(JOB)
        self._dbt, self._mrs = (json.dumps({**JOB, **each}) for each in (_DBT, _MRS))

    def app(self) -> web.Application:
        """Return the application."""
        app = web.Application()
        app.router.add_get("/polls", self._show_count)
        app.router.add_get("/v1/{project}/jobs/{job}", self._show_job)
        # HttpSensorTrigger continues as long as the status is 404.
        app.router.add_get("/missing/{job}", self._show_missing)
        app.router.add_get("/api/v2/accounts/{account}/runs/{run}/", self._show_dbt)
        app.router.add_get("/v2/{project}/clusters/{cluster}/job-executions/{job}", self._show_mrs)
        return app

    async def _show_job(self, request: web.Request) -> web.Response:
        return self._respond(self._job.replace("JOB-ID", request.match_info["job"]))

    async def _show_missing(self, request: web.Request) -> web.Response:
        return self._respond(self._job.replace("JOB-ID", request.match_info["job"]), 404)

    async def _show_dbt(self, _: web.Request) -> web.Response:
        return self._respond(self._dbt)

    async def _show_mrs(self, _: web.Request) -> web.Response:
        return self._respond(self._mrs)

    async def _show_count(self, _: web.Request) -> web.Response:
        return web.Response(text=str(self.polls))

    def _respond(self, text: str, status: int = 200) -> web.Response:
        self.polls += 1
        headers = {"X-Request-Id": "1f0e5c6d2b7a4c3e9d8f7a6b5c4d3e2f"}
        return web.Response(text=text, status=status, headers=headers, content_type="application/json")

    def counters(self) -> dict[str, int]:
        """Return the counters."""
        return {"polls": self.polls, "handshakes": self.handshakes}

    def count_handshake(self) -> None:
        """Count a TLS handshake."""
        self.handshakes += 1


@contextmanager
def _polls(_: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Callable[[], dict[str, int]]]]:
    polls = Polls()
    with _served(polls.app(), polls.count_handshake) as about:
        yield about, polls.counters


class DbtCloud:
    """Starts runs of a dbt Cloud job, which succeed after some time.

    :param job_seconds: how long a run takes.
    """

    def __init__(self, job_seconds: float) -> None:
        self.job_seconds = job_seconds
        self._ends: list[float] = []

    def app(self) -> web.Application:
        """Return the application."""
        app = web.Application()
        app.router.add_post("/api/v2/accounts/{account}/jobs/{job}/run/", self._start)
        app.router.add_get("/api/v2/accounts/{account}/runs/{run}/", self._show)
        return app

    async def _start(self, request: web.Request) -> web.Response:
        self._ends.append(time.monotonic() + self.job_seconds)
        return self._respond(request, len(self._ends) - 1)

    async def _show(self, request: web.Request) -> web.Response:
        return self._respond(request, int(request.match_info["run"]))

    def _respond(self, request: web.Request, run: int) -> web.Response:
        status = 10 if time.monotonic() >= self._ends[run] else 3  # 10 is success, 3 is running
        return web.json_response({**JOB, "data": {"id": run, "status": status, "href": str(request.url)}})


@contextmanager
def _dbt_cloud(task: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Callable[[], dict[str, int]]]]:
    with _served(DbtCloud(task["job_seconds"]).app(), lambda: None) as about:
        yield about, dict


@contextmanager
def _served(app: web.Application, on_handshake: Callable[[], None]) -> Iterator[dict[str, Any]]:
    """Serve an application over TLS and, at the control port, without it."""
    certificate = Certificate("127.0.0.1")
    loop, ready, about = asyncio.new_event_loop(), threading.Event(), {}

    async def start() -> None:
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=certificate.context(on_handshake)).start()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        about["port"], about["control_port"] = (address[1] for address in runner.addresses)
        ready.set()

    def serve() -> None:
        loop.create_task(start())
        loop.run_forever()

    threading.Thread(target=serve, daemon=True).start()
    try:
        if not ready.wait(30):
            raise RuntimeError("the server did not start")
        yield {**about, "ca_file": str(certificate.ca_file)}
    finally:
        certificate.remove()


@contextmanager
def _cloud(task: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Callable[[], dict[str, int]]]]:
    """Run the emulator with jobs that never end."""
    with Emulator(tls=True) as emulator:
        for index in range(task["jobs"]):
            emulator.plant_job({**JOB, "job_id": f"{index:032x}"})
        extra = {"requests_per_second": task["requests_per_second"]}
        connection = emulator.connection(task["auth"], **extra)
        yield {"connection": connection}, lambda: emulator.counters


_KINDS = {"polls": _polls, "cloud": _cloud, "dbt_cloud": _dbt_cloud}


def main() -> None:
    """Serve until the input ends."""
    task = task_of_child()
    with _KINDS[task["kind"]](task) as (about, counters):
        hand_back(about)
        for _ in sys.stdin:
            hand_back(counters())


if __name__ == "__main__":
    main()
