"""Start Airflow's components as processes of their own, and stop them and all that they started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STOP_SECONDS = 6.0
"""How long a component may take to stop by itself; they usually need three seconds."""


class Components:
    """The components of one Airflow: each leads a session, so that its offspring can be found and ended."""

    def __init__(self, environment: dict[str, str], log_folder: Path) -> None:
        self.environment = environment
        self.log_folder = log_folder
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *arguments: str, command: str | None = None) -> None:
        """Start ``airflow COMMAND ARGUMENTS``, its output in ``NAME.log``.

        :param command: if it is not the name, as where there are two of a kind.
        """
        # Appended to: what a component said before it was killed tells why it is not as it should be afterwards.
        with self._log_file(name).open("ab") as log, _uninterrupted():
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "airflow", command or name, *arguments],
                env=self.environment,
                # "-m" puts the working folder on the import path: not the clone, where "tests" and the like lie.
                cwd=self.log_folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C in a terminal reaches us alone, and we stop the components in our own order.
                start_new_session=True,
            )

    def run(self, name: str, *arguments: str, timeout: float) -> None:
        """Run a command to its end; ``RuntimeError`` with its last lines if it fails or takes too long."""
        self.start(name, *arguments)
        try:
            code = self.processes[name].wait(timeout)
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"{self.last_lines(name)}\n'airflow {name}' took over {timeout:g} s") from None
        if code:
            raise RuntimeError(f"{self.last_lines(name)}\n'airflow {name}' ended with exit code {code}")
        del self.processes[name]

    def kill(self, name: str) -> None:
        """End a component and all its offspring at once, as when its machine dies."""
        process = self.processes.pop(name)
        _kill_sessions({process.pid})
        process.wait()

    def terminate(self, name: str, timeout: float) -> None:
        """Ask a component to stop, and wait for it; ``RuntimeError`` with its last lines if it takes too long."""
        process = self.processes[name]
        process.terminate()
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"{self.last_lines(name)}\n{name!r} was asked to stop and runs on") from None
        del self.processes[name]
        _kill_sessions({process.pid})

    def of_process(self, pid: int) -> str:
        """Return the component that a process belongs to."""
        session = os.getsid(pid)
        return next(name for name, process in self.processes.items() if process.pid == session)

    def ended(self) -> list[str]:
        """Return the components that should be running and are not."""
        return [name for name, process in self.processes.items() if process.poll() is not None]

    def last_lines(self, name: str, count: int = 25) -> str:
        """Return the end of a component's output, headed by its name."""
        log = self._log_file(name)
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        return "\n".join([f"--- last lines of {log}:", *lines[-count:]])

    def stop(self) -> None:
        """End every process of these components: asked first, then killed. Nothing of them is left after it."""
        try:
            self._send_step()
        finally:
            # A second Ctrl-C lands here at once: no more patience, but still nothing left behind.
            self._kill()

    def _send_step(self) -> None:
        for process in self.processes.values():
            # A repeated SIGTERM makes the scheduler exit without stopping its workers: ask once.
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for process in self.processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))

    def _kill(self) -> None:
        _kill_sessions({process.pid for process in self.processes.values()})
        for process in self.processes.values():
            process.wait()
        self.processes.clear()

    def _log_file(self, name: str) -> Path:
        return self.log_folder / f"{name}.log"


def _kill_sessions(sessions: set[int]) -> None:
    while leftovers := [process for process in psutil.process_iter() if _is_alive_in(process, sessions)]:
        for process in leftovers:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(leftovers, timeout=1)


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait: a process that is started and not noted yet would be left behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    signals = (signal.SIGINT, signal.SIGTERM)
    previous = {number: signal.signal(number, lambda number, _: came.append(number)) for number in signals}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        for number in came:
            signal.raise_signal(number)


def _is_alive_in(process: psutil.Process, sessions: set[int]) -> bool:
    try:
        return os.getsid(process.pid) in sessions and process.status() != psutil.STATUS_ZOMBIE
    except (ProcessLookupError, PermissionError, psutil.Error):
        return False
