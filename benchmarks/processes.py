"""Runs what is measured in processes of its own, and the servers it talks to in others."""

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
"""Before a line of JSON that a child hands to its parent; all other lines are its own affair."""


@contextmanager
def airflow_home() -> Iterator[dict[str, str]]:
    """Give the environment of a fresh Airflow, for children; the directory is removed afterwards."""
    home = tempfile.mkdtemp(prefix="ecsjobs-bench-")
    environment = {name: value for name, value in os.environ.items() if not _is_unwanted(name)}
    environment |= {"AIRFLOW_HOME": home, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    try:
        yield environment
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _is_unwanted(name: str) -> bool:
    # Traffic goes to this machine alone, whatever proxy there is.
    return name.startswith("AIRFLOW_CONN_") or name.lower().endswith("_proxy")


def call(module: str, task: Mapping[str, Any], environment: Mapping[str, str], timeout: float) -> dict[str, Any]:
    """Run a module of the benchmarks in a process of its own.

    :param task: what it is to do; its one argument, as JSON.
    :return: what it handed back by :func:`hand_back`.
    :raises RuntimeError: it failed; the message has the end of what it said.
    """
    command = [sys.executable, "-m", f"benchmarks.{module}", json.dumps(task)]
    done = subprocess.run(command, env=dict(environment), capture_output=True, text=True, timeout=timeout, check=False)
    for line in reversed(done.stdout.splitlines()):
        if line.startswith(MARK):
            return json.loads(line[len(MARK) :])  # type: ignore[no-any-return]
    raise RuntimeError(f"{module} {task!s:.500} gave nothing back: {done.stderr[-2000:]}")


def task_of_child() -> dict[str, Any]:
    """Read what this process was started to do."""
    return json.loads(sys.argv[1])  # type: ignore[no-any-return]


def hand_back(result: Mapping[str, Any]) -> None:
    """Give the parent a result."""
    print(MARK + json.dumps(result), flush=True)


class Server:
    """A server in a process of its own, so that its work counts for nobody.

    :param kind: one of those in :mod:`benchmarks.server`.
    :param task: what it is to do.
    """

    def __init__(self, kind: str, **task: Any) -> None:
        command = [sys.executable, "-m", "benchmarks.server", json.dumps({"kind": kind, **task})]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.about = self._answer()

    def counters(self) -> dict[str, int]:
        """Ask what it has seen."""
        assert self._process.stdin is not None
        print("counters", file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(MARK):
                return json.loads(line[len(MARK) :])  # type: ignore[no-any-return]
        raise RuntimeError("the server ended")

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()  # it ends with its input
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
