"""Looks for what a wait may leave behind: sockets, threads, tasks, sessions, and complaints of the interpreter."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import threading
import warnings
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import psutil

from airflow_provider_ecsjobs.transport import client_pool
from tests.support.patience import A_MINUTE, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest

BOUND = 5 * A_MINUTE
"""So long may a wait of these tests take, with all that befalls it, on a machine that is busy."""
_WARNED_OF = (ResourceWarning, RuntimeWarning)


class Complaints:
    """What the interpreter, the event loops and the logs said while a wait went on."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.logged: list[str] = []

    def from_loop(self, _: object, context: dict[str, Any]) -> None:
        """Be the exception handler of an event loop."""
        self.said.append(f"event loop: {context}")


class _Listener(logging.Handler):
    def __init__(self, complaints: Complaints) -> None:
        super().__init__(logging.DEBUG)
        self._complaints = complaints

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage() + (f" {record.exc_info[1]!r}" if record.exc_info else "")
        self._complaints.logged.append(line)
        if "never retrieved" in line or "nclosed" in line or "was destroyed" in line:
            self._complaints.said.append(line)


@contextmanager
def nothing_left_behind(monkeypatch: pytest.MonkeyPatch) -> Iterator[Complaints]:
    """Check that what happens inside leaves no socket and no thread, and that nothing complains."""
    complaints, process = Complaints(), psutil.Process()
    gc.collect()
    gc.freeze()  # only what comes from here on is looked at after the wait
    threads, files = set(threading.enumerate()), process.num_fds()
    listener = _Listener(complaints)
    with monkeypatch.context() as patched, warnings.catch_warnings(record=True) as warned:
        for kind in _WARNED_OF:
            warnings.simplefilter("always", kind)
        patched.setattr(sys, "unraisablehook", lambda what: complaints.said.append(f"unraisable: {what.exc_value!r}"))
        patched.setattr(threading, "excepthook", lambda what: complaints.said.append(f"thread: {what.exc_value!r}"))
        logging.getLogger().addHandler(listener)
        try:
            yield complaints
            gc.collect()
            wait_until(lambda: set(threading.enumerate()) <= threads, lambda: f"threads left: {threading.enumerate()}")
            wait_until(
                lambda: gc.collect() is not None and process.num_fds() <= files,
                lambda: f"{process.num_fds() - files} files left: {process.net_connections()}",
            )
        finally:
            logging.getLogger().removeHandler(listener)
    complaints.said += [str(warning.message) for warning in warned if issubclass(warning.category, _WARNED_OF)]
    assert complaints.said == []


def in_time(what: Callable[[], Any]) -> Any:
    """Call something in a thread, which is not waited for longer than :data:`BOUND`: a wait that hangs is a failure."""
    outcome: list[tuple[bool, Any]] = []

    def call() -> None:
        _let_tasks_be_executed_here()
        try:
            outcome.append((True, what()))
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            outcome.append((False, error))

    thread = threading.Thread(target=call, name="wait", daemon=True)
    thread.start()
    thread.join(BOUND)
    assert outcome, f"the wait hangs: it goes on after {BOUND:g} s"
    went_well, value = outcome.pop()
    if went_well:
        return value
    raise value


def _let_tasks_be_executed_here() -> None:
    """Make up for Airflow 2.11, which lets tasks be executed in a process's main thread alone."""
    with suppress(ImportError, AttributeError):
        from airflow.models.baseoperator import ExecutorSafeguard

        ExecutorSafeguard._sentinel.callers = {}


async def events_of(trigger: Any, complaints: Complaints) -> list[Any]:
    """Run a trigger to its end, and check that nothing of it goes on in its event loop."""
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(complaints.from_loop)
    events = [event.payload async for event in trigger.run()]
    for _ in range(3):  # callbacks of what has just ended
        await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert not client_pool._leases.get(loop)
    return events
