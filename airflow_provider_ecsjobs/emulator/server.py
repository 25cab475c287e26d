"""The emulator as a running server: one thread, one event loop, one port."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web

from airflow_provider_ecsjobs.emulator.app import Cloud, make_app
from airflow_provider_ecsjobs.emulator.state import State

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from airflow_provider_ecsjobs.emulator.faults import Fault
    from airflow_provider_ecsjobs.emulator.jobs import JobBody

_SHUTDOWN_SECONDS = 0.2


class Emulator:
    """A local ECS API. Use it as a context manager; all methods may be called from any thread.

    :param host: the address to listen on.
    :param port: the port to listen on; 0 for a free one.
    :param access_key: the one access key that exists.
    :param secret_key: its secret key.
    :param region: the region shown in :meth:`connection`.
    :param project_id: the one project that exists.
    :param init_seconds: how long a job stays in INIT.
    :param run_seconds: how long a job is RUNNING after that.
    :param clock: returns seconds since the epoch; it moves the jobs, and signatures must be of its time.
    :raises ValueError: if a duration is negative or endless.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        access_key: str = "EMULATORACCESSKEY",
        secret_key: str = "emulator-secret-key",  # noqa: S107 - opens nothing but this emulator
        region: str = "emu-region-1",
        project_id: str = "0123456789abcdef0123456789abcdef",
        init_seconds: float = 0.2,
        run_seconds: float = 1.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.region = region
        self._address = (host, port)
        self._cloud = Cloud(
            state=State(clock=clock, init_seconds=init_seconds, run_seconds=run_seconds),
            clock=clock,
            access_key=access_key,
            secret_key=secret_key,
            project_id=project_id,
        )
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()

    @property
    def url(self) -> str:
        """The address, such as ``http://127.0.0.1:40123``; the port is known once started."""
        host, port = self._address
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @property
    def counters(self) -> dict[str, int]:
        """What was seen so far; :class:`~airflow_provider_ecsjobs.emulator.journal.Journal` says what counts."""
        return self._cloud.journal.counters()

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The last 10,000 requests, oldest first, without secrets."""
        return self._cloud.journal.requests()

    @property
    def servers(self) -> dict[str, dict[str, Any]]:
        """The servers that exist now, by id."""
        return self._cloud.state.servers()

    def connection(self, **extra: Any) -> dict[str, Any]:
        """Return the fields of an Airflow connection to this emulator.

        :param extra: added to the connection's extra.
        """
        return {
            "conn_type": "huawei_ecs",
            "login": self._cloud.access_key,
            "password": self._cloud.secret_key,
            "host": self.url,
            "extra": {"region": self.region, "project_id": self._cloud.project_id, **extra},
        }

    def connection_env(self, conn_id: str = "huawei_ecs_default") -> tuple[str, str]:
        """Return the environment variable, name and value, that defines the connection for Airflow."""
        return f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(self.connection())

    def plant_job(self, *bodies: JobBody, job_id: str | None = None, http_status: int = 200) -> str:
        """Add a job that answers these bodies one after the other, the last one for ever.

        :param bodies: a dict is sent as JSON, with its ``job_id`` filled in if it has a ``status`` and no id;
            text is sent as it is.
        :param job_id: the id; else that of the first body that has one, else a new one.
        :param http_status: the HTTP status of the answers.
        :return: the job id.
        :raises ValueError: if there is no body or the status is none.
        """
        return self._cloud.state.plant_job(*bodies, job_id=job_id, http_status=http_status)

    def start_job(
        self,
        job_type: str = "createServer",
        *,
        sub_jobs: int = 1,
        failing: int = 0,
        error_code: str = "Ecs.0219",
        fail_reason: str = "No valid host was found",
        init_seconds: float | None = None,
        run_seconds: float | None = None,
    ) -> str:
        """Start a job that goes INIT, RUNNING, SUCCESS or FAIL; its sub-jobs finish one by one.

        A ``createServer`` job creates the servers of its successful sub-jobs.

        :param sub_jobs: how many sub-jobs; 0 for a job that names its server itself.
        :param failing: how many of them fail, the first ones; the job then fails with a wrapper code.
        :param error_code: why they fail.
        :param fail_reason: why they fail.
        :param init_seconds: seconds in INIT, if not the emulator's.
        :param run_seconds: seconds RUNNING, if not the emulator's.
        :return: the job id.
        :raises ValueError: if a number is out of range.
        """
        return self._cloud.state.start_job(
            job_type,
            sub_jobs=sub_jobs,
            failing=failing,
            error_code=error_code,
            fail_reason=fail_reason,
            init_seconds=init_seconds,
            run_seconds=run_seconds,
        )

    def purge_job(self, job_id: str) -> None:
        """Forget a job, as the cloud does a day after its end.

        :raises KeyError: if there is no such job.
        """
        self._cloud.state.purge_job(job_id)

    def fault(self, fault: Fault) -> None:
        """Let a fault befall the next requests that match it."""
        self._cloud.faults.add(fault)

    def reset_counters(self) -> None:
        """Set the counters to zero and forget the requests seen."""
        self._cloud.journal.reset()

    def start(self) -> None:
        """Listen and serve, in a thread of its own, until :meth:`stop`.

        :raises OSError: if the address cannot be listened on.
        :raises RuntimeError: if it was started before.
        """
        if self._thread is not None:
            raise RuntimeError("an emulator can be started once")
        host, port = self._address
        # Bound here, so that an address in use is the caller's exception.
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        self._address = (host, listener.getsockname()[1])
        ready: Future[None] = Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(listener, ready)), name=f"ecs-emulator-{self.url}", daemon=True
        )
        self._thread.start()
        ready.result()

    def stop(self) -> None:
        """Stop serving and close all connections, also those with a request under way."""
        if self._thread is not None and self._loop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    async def _serve(self, listener: socket.socket, ready: Future[None]) -> None:
        self._loop = asyncio.get_running_loop()
        runner = web.AppRunner(
            make_app(self._cloud), access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS, handle_signals=False
        )
        try:
            await runner.setup()
            await web.SockSite(runner, listener).start()
        except BaseException as error:
            ready.set_exception(error)
            raise
        ready.set_result(None)
        await self._stopping.wait()
        await runner.cleanup()
