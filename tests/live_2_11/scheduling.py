"""A real Airflow 2.11 in a folder, driven through its command line and read through its database."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

from tests.live.components import Components

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

START_SECONDS = 180.0
T = TypeVar("T")


class Scheduling:
    """Scheduler and triggerer on SQLite, one task at a time. A context manager; on leaving it all processes end.

    :param home: becomes ``AIRFLOW_HOME``.
    :param dags_folder: the DAGs to run, unpaused.
    :param environment: further environment variables.
    """

    def __init__(self, home: Path, dags_folder: Path, environment: Mapping[str, str]) -> None:
        self._database = home / "airflow.db"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
        inherited["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), inherited.get("PATH", os.defpath)])
        settings = {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags_folder),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__EXECUTOR": "SequentialExecutor",
            # On a busy machine a component may wait long for the others' locks.
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self._database}?timeout=60",
            "AIRFLOW__SCHEDULER__DAG_DIR_LIST_INTERVAL": "5",
            "AIRFLOW__SCHEDULER__MIN_FILE_PROCESS_INTERVAL": "5",
            # A worker that is gone is noticed by its missing heartbeats, after five minutes by default.
            "AIRFLOW__SCHEDULER__SCHEDULER_ZOMBIE_TASK_THRESHOLD": "15",
            "AIRFLOW__SCHEDULER__ZOMBIE_DETECTION_INTERVAL": "3",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        }
        home.mkdir(parents=True)
        self._components = Components({**inherited, **settings, **environment}, home)

    def __enter__(self) -> Self:
        try:
            self._components.run("db", "migrate", timeout=START_SECONDS)
            self._components.start("scheduler", "--skip-serve-logs")
            self._components.start("triggerer", "--skip-serve-logs")
        except BaseException:
            self._components.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._components.stop()

    def trigger(self, dag_id: str) -> None:
        """Start a run of a DAG, once it has been read."""
        known = "SELECT dag_id FROM serialized_dag WHERE dag_id = ?"
        self.wait_until(lambda: self._rows(known, dag_id), START_SECONDS, f"DAG {dag_id!r} to be read")
        self._components.run("dags", "trigger", dag_id, timeout=START_SECONDS)

    def states(self, dag_id: str) -> dict[str, tuple[str, int]]:
        """Return state and number of tries of each task of the DAG's run."""
        query = "SELECT task_id, state, try_number FROM task_instance WHERE dag_id = ?"
        return {task_id: (state, tries) for task_id, state, tries in self._rows(query, dag_id)}

    def run_state(self, dag_id: str) -> str | None:
        """Return the state of the DAG's run once it has finished."""
        rows = self._rows("SELECT state FROM dag_run WHERE dag_id = ?", dag_id)
        return next((state for (state,) in rows if state in ("success", "failed")), None)

    def wait_until(self, condition: Callable[[], T | None], timeout: float, what: str) -> T:
        """Return the first true result of ``condition``.

        :raises TimeoutError: if there is none in time.
        :raises RuntimeError: at once if scheduler or triggerer ends meanwhile.
        """
        deadline = time.monotonic() + timeout
        while True:
            if ended := self._components.ended():
                raise RuntimeError(f"{self._components.last_lines(ended[0])}\n'airflow {ended[0]}' has ended")
            if result := condition():
                return result
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {timeout:g} s for {what}\n{self._components.last_lines('scheduler')}")
            time.sleep(0.2)

    def _rows(self, query: str, *values: str) -> list[tuple[str, ...]]:
        with contextlib.closing(sqlite3.connect(self._database, timeout=30)) as connection:
            return connection.execute(query, values).fetchall()
