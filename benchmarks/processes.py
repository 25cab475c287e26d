"""Runs each measurement in its own process, and its server in another."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MARK = "@@"
"""The beginning of a line with a JSON result from a child process. The parent ignores all other lines."""


@contextmanager
def airflow_home() -> Iterator[dict[str, str]]:
    """Yield the environment variables of a fresh Airflow for child processes. Its directory is removed afterwards."""
    home = tempfile.mkdtemp(prefix="ecsjobs-bench-")
    environment = {name: value for name, value in os.environ.items() if not _is_unwanted(name)}
    environment |= {"AIRFLOW_HOME": home, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    try:
        yield environment
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _is_unwanted(name: str) -> bool:
    # All traffic stays on this machine, so proxies are not used. Modules are compiled once, as anywhere.
    return name.startswith("AIRFLOW_CONN_") or name.lower().endswith("_proxy") or name == "PYTHONDONTWRITEBYTECODE"


def call(module: str, task: Mapping[str, Any], environment: Mapping[str, str], timeout: float) -> dict[str, Any]:
    """Run a module of the benchmarks in its own process.

    :param task: the task, passed as its only argument, in JSON.
    :return: the result from :func:`hand_back`.
    :raises RuntimeError: it failed; the message has the end of its error output.
    """
    command = [sys.executable, "-m", f"benchmarks.{module}", json.dumps(task)]
    done = subprocess.run(command, env=dict(environment), capture_output=True, text=True, timeout=timeout, check=False)
    for line in reversed(done.stdout.splitlines()):
        if line.startswith(MARK):
            return json.loads(line[len(MARK) :])  # type: ignore[no-any-return]
    raise RuntimeError(f"{module} {task!s:.500} returned no result: {done.stderr[-2000:]}")


def task_of_child() -> dict[str, Any]:
    """Return the task of this process."""
    return json.loads(sys.argv[1])  # type: ignore[no-any-return]


def hand_back(result: Mapping[str, Any]) -> None:
    """Send a result to the parent process."""
    print(MARK + json.dumps(result), flush=True)


class Server:
    """A server in its own process, so that its CPU time is not measured.

    :param kind: one of the kinds in :mod:`benchmarks.server`.
    :param task: its task.
    """

    def __init__(self, kind: str, **task: Any) -> None:
        command = [sys.executable, "-m", "benchmarks.server", json.dumps({"kind": kind, **task})]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.about = self._read_result()

    def counters(self) -> dict[str, int]:
        """Return the server's counters."""
        assert self._process.stdin is not None
        print("counters", file=self._process.stdin, flush=True)
        return self._read_result()

    def _read_result(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(MARK):
                return json.loads(line[len(MARK) :])  # type: ignore[no-any-return]
        raise RuntimeError("the server ended")

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()  # the server stops at the end of its input
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
