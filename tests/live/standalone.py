"""A real Airflow 3 in a folder: started, driven through its REST API, and stopped without a trace.

::

    with LiveAirflow(home=tmp_path, dags_folder=dags) as airflow:
        run_id = airflow.trigger("my_dag", {"job_id": "..."})
        assert airflow.wait("my_dag", run_id, timeout=60) == "success"
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, Self, TypeVar

import requests

from tests.live.components import Components
from tests.live.timeline import SqliteDiary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import FrameType, TracebackType

    from tests.live.timeline import Timeline

START_SECONDS = 180.0
"""How long a start may take, for each of its two steps; 25 s is usual on two idle cores."""

FINISHED = ("success", "failed")

T = TypeVar("T")


class Diary(Protocol):
    """Notes in an Airflow's database each change of a task instance's state, and gives them back."""

    def keep(self) -> None:
        """Begin, in a freshly created database."""

    def timelines(self, dag_id: str, run_id: str) -> list[Timeline]:
        """Return all states that the tasks of a run went through, in the order in which the tasks started."""


class LiveAirflow:
    """Scheduler, triggerer, DAG processor and API servers; on SQLite with the LocalExecutor if not told otherwise.

    Users and tasks have an API server each. Airflow writes the audit log of a user's request in the event loop of its
    server. On SQLite that waits for the lock of any other write, and that of a task's request in the same server can't
    be released meanwhile: its end needs the event loop. All stood still for the whole timeout, then both failed.

    A context manager. On leaving it, by whatever way (an exception, Ctrl-C, SIGTERM), all processes end.

    :param home: becomes ``AIRFLOW_HOME``; holds the database and all logs.
    :param dags_folder: the DAGs to run, unpaused.
    :param parallelism: how many tasks may occupy a worker slot at once.
    :param environment: further environment variables, such as ``AIRFLOW_CONN_...``.
    :param diary: that of the database, if ``environment`` names another one than SQLite.
    """

    def __init__(
        self,
        home: Path,
        dags_folder: Path,
        *,
        parallelism: int = 4,
        environment: Mapping[str, str] | None = None,
        diary: Diary | None = None,
    ) -> None:
        self.home = home.resolve()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._tasks_port = free_port()
        self._tasks_url = f"http://127.0.0.1:{self._tasks_port}"
        self._database = self.home / "airflow.db"
        self._diary = diary or SqliteDiary(self._database)
        settings = self._settings(dags_folder.resolve(), parallelism)
        self.components = Components(_inherited() | settings | dict(environment or {}), self.home)
        self._session = requests.Session()
        # A proxy of the environment has no business between us and our own machine.
        self._session.trust_env = False
        self._previous_handler: Any = None

    def __enter__(self) -> Self:
        self._catch_sigterm()
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> str:
        """Start a run of a DAG (waiting until Airflow has read it) and return its run id."""
        self.wait_until(lambda: self._is_known(dag_id), 120, f"DAG {dag_id!r} to be read")
        run = self._call("POST", f"/dags/{dag_id}/dagRuns", json={"logical_date": None, "conf": dict(conf or {})})
        return str(run["dag_run_id"])

    def clear(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Clear one task of a run, as a user does, whatever state it is in."""
        wanted = {"dag_run_id": run_id, "task_ids": [task_id], "dry_run": False, "only_failed": False}
        self._call("POST", f"/dags/{dag_id}/clearTaskInstances", json=wanted)

    def wait(self, dag_id: str, run_id: str, timeout: float) -> str:
        """Wait until a run has finished and return its state; ``TimeoutError`` with the tasks' states."""

        def finished() -> str | None:
            state = self._call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"]
            return state if state in FINISHED else None

        try:
            return self.wait_until(finished, timeout, f"{dag_id} {run_id}")
        except TimeoutError as error:
            states = {task["task_id"]: task["state"] for task in self.task_instances(dag_id, run_id)}
            raise TimeoutError(f"{error}; its tasks: {states}") from None

    def wait_until(self, condition: Callable[[], T | None], timeout: float, what: str) -> T:
        """Return the first true result of ``condition``.

        :param what: what is waited for, for the message.
        :raises TimeoutError: if there is none in time.
        :raises RuntimeError: at once if a component of Airflow ends meanwhile; with its last lines.
        """
        deadline = time.monotonic() + timeout
        while True:
            self._check_components()
            if result := condition():
                return result
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {timeout:g} s for {what}")
            time.sleep(0.2)

    def serve_forever(self) -> NoReturn:
        """Stay until an exception, such as that of Ctrl-C, or until a component of Airflow ends."""
        while True:
            self._check_components()
            time.sleep(1)

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return the task instances of a run as the REST API gives them."""
        answer = self._call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")
        return list(answer["task_instances"])

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any:
        """Return an XCom value."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        return self._call("GET", path, params={"deserialize": "true"})["value"]

    def log_records(self, dag_id: str, run_id: str, task_id: str, try_number: int = 1) -> list[dict[str, Any]]:
        """Return a task's log as Airflow shows it: one record a line, with ``error_detail`` for exceptions."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{try_number}"
        content = self._call("GET", path, params={"full_content": "true"})["content"]
        return [record for record in content if isinstance(record, dict)]

    def log(self, dag_id: str, run_id: str, task_id: str, try_number: int = 1) -> str:
        """Return a task's log as text."""
        return "\n".join(_text(record) for record in self.log_records(dag_id, run_id, task_id, try_number))

    def timelines(self, dag_id: str, run_id: str) -> list[Timeline]:
        """Return all states that the tasks of a run went through, in the order in which the tasks started."""
        return self._diary.timelines(dag_id, run_id)

    def get(self, path: str) -> Any:
        """Return what the API server answers under a path of its own, as of a plugin."""
        response = self._session.get(self.url + path, timeout=60)
        if not response.ok:
            raise RuntimeError(f"GET {path}: HTTP {response.status_code} {response.text}")
        return response.json()

    def start(self, name: str, *arguments: str, command: str | None = None) -> None:
        """Start a component, once more or one more; :class:`~tests.live.components.Components` says how."""
        # Without their log servers they open no port; logs are read from the folder.
        serves_logs = (command or name) in ("scheduler", "triggerer")
        self.components.start(name, *(("--skip-serve-logs",) if serves_logs else ()), *arguments, command=command)

    def start_api_server_of_tasks(self) -> None:
        """Start the API server that tasks talk to, once more or for the first time."""
        self.start("execution-api", "--apps", "execution", "--port", str(self._tasks_port), command="api-server")

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop all components, and start them again afterwards, as for an upgrade."""
        self.components.stop()
        yield
        # Tasks that were queued start as soon as there is a scheduler, and fail where no API server answers them.
        self._start_api_servers()
        self.wait_until(self._all_answer, START_SECONDS, "the API servers to answer")
        self._start_others()

    def _start(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        self.components.run("db", "migrate", timeout=START_SECONDS)
        self._diary.keep()
        self._start_api_servers()
        self._start_others()

    def _start_api_servers(self) -> None:
        self.start("api-server", "--apps", "core")
        self.start_api_server_of_tasks()

    def _start_others(self) -> None:
        for name in ("scheduler", "triggerer", "dag-processor"):
            self.start(name)
        self.wait_until(self._is_healthy, START_SECONDS, "Airflow to be healthy")
        # Airflow 3.0 and 3.1 ask for a token also where all may do all.
        token = self._session.get(f"{self.url}/auth/token", timeout=60).json()["access_token"]
        self._session.headers["Authorization"] = f"Bearer {token}"

    def _stop(self) -> None:
        try:
            self.components.stop()
        finally:
            self._session.close()
            self._release_sigterm()

    def _check_components(self) -> None:
        if ended := self.components.ended():
            raise RuntimeError(f"{self.components.last_lines(ended[0])}\n'airflow {ended[0]}' has ended")

    def _is_healthy(self) -> bool:
        if not self._all_answer():
            return False
        try:
            health = self._session.get(f"{self.url}/api/v2/monitor/health", timeout=30).json()
        except requests.RequestException:
            return False
        return all(part["status"] == "healthy" for part in health.values() if part)

    def _all_answer(self) -> bool:
        return self._is_there(f"{self._tasks_url}/execution/health") and self._is_there(f"{self.url}/api/v2/version")

    def _is_there(self, url: str) -> bool:
        try:
            return self._session.get(url, timeout=30).ok
        except requests.RequestException:
            return False

    def _is_known(self, dag_id: str) -> bool:
        if errors := self._call("GET", "/importErrors")["import_errors"]:
            raise RuntimeError("\n".join(f"{error['filename']}:\n{error['stack_trace']}" for error in errors))
        return self._is_there(f"{self.url}/api/v2/dags/{dag_id}")

    def _call(self, method: str, path: str, **options: Any) -> Any:
        # A busy machine makes SQLite, and with it the API, slow for a moment.
        response = self._session.request(method, f"{self.url}/api/v2{path}", timeout=120, **options)
        if not response.ok:
            raise RuntimeError(f"{method} {path}: HTTP {response.status_code} {response.text}")
        return response.json()

    def _settings(self, dags_folder: Path, parallelism: int) -> dict[str, str]:
        return {
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags_folder),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": str(parallelism),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self._tasks_url}/execution/",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__BASE_URL": self.url,
            # Airflow 3.0 gives out no XCom as it was pushed otherwise.
            "AIRFLOW__API__ENABLE_XCOM_DESERIALIZE_SUPPORT": "True",
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
            # By default a supervisor may notice the end of a failed or skipped task up to 5 s late.
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
            # On a busy machine a component may wait long for the others' locks.
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self._database}?timeout=60",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        }

    def _catch_sigterm(self) -> None:
        if threading.current_thread() is threading.main_thread():
            self._previous_handler = signal.signal(signal.SIGTERM, _leave)

    def _release_sigterm(self) -> None:
        if self._previous_handler is not None:
            signal.signal(signal.SIGTERM, self._previous_handler)


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    # An exception unwinds the context managers; the default handler would end us on the spot.
    raise SystemExit(128 + number)


def _inherited() -> dict[str, str]:
    """Our own environment, less what would make this Airflow differ from one machine to the next."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
    # Each task is a process of its own: without compiled modules it would start seconds later.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", os.defpath)])
    environment["NO_PROXY"] = environment["no_proxy"] = "127.0.0.1,localhost"
    return environment


def free_port() -> int:
    """Return a port that nobody listens on, to be taken soon."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _text(record: Mapping[str, Any]) -> str:
    lines = [" ".join(str(record[key]) for key in ("timestamp", "level", "event") if record.get(key))]
    lines += [f"{error['exc_type']}: {error['exc_value']}" for error in record.get("error_detail") or ()]
    return "\n".join(lines)
