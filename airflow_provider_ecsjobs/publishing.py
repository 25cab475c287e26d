"""Publishes the record of a job that the pages in Airflow's UI show, as one XCom of the task.

The worker publishes at the deferral, during its own waits, and at each end. The trigger publishes changes in an asyncio
task of its own, so that no poll waits for it. Publishing is paced: all requests of a triggerer to Airflow go
through one process, which also sends the heartbeats. If a record could not be published, only a debug line is logged.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import time
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from airflow import __version__ as airflow_version

from airflow_provider_ecsjobs import compat
from airflow_provider_ecsjobs.compat import conf
from airflow_provider_ecsjobs.core.job import Job
from airflow_provider_ecsjobs.core.job_snapshot import WaitTimes, final_snapshot, outline, snapshot
from airflow_provider_ecsjobs.core.text import clean
from airflow_provider_ecsjobs.metrics import WAIT_METRICS
from airflow_provider_ecsjobs.transport.clock import monotonic_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    from airflow_provider_ecsjobs.core.errors import ApiError
    from airflow_provider_ecsjobs.core.waiting.wait import Wait, WaitEnd, WaitObserver

log = logging.getLogger(__name__)

XCOM_KEY = "ecs_job"
CONFIG_SECTION = "ecsjobs"
CONFIG_OPTION = "publish_jobs"

SHORTEST_GAP = 15.0
"""The shortest delay between two publishes of a wait, in seconds."""
REFRESH_AFTER = 60.0
"""After how many seconds an unchanged job is published again, if no other wait has anything to publish."""
PACE = 1.0
"""The delay of the queue after each publish, in seconds."""
MAX_PENDING = 15
"""How many records may wait to be published: as many as are sent within the shortest gap. Later polls try again."""
PAUSE_AFTER_FAILURE = 60.0
LAST_PUBLISH_SECONDS = 10.0
"""How long an event waits for a publish that is under way, in seconds."""

_has_pages = int(airflow_version.partition(".")[0]) >= 3


def is_on() -> bool:
    """Return whether jobs are published: on Airflow 3, whose UI shows them, unless it is switched off."""
    if not _has_pages:
        return False
    try:
        return bool(conf.getboolean(CONFIG_SECTION, CONFIG_OPTION, fallback=True))
    except Exception:
        log.debug("[%s] %s is no boolean: no job is published", CONFIG_SECTION, CONFIG_OPTION, exc_info=True)
        return False


def publish_wait(wait: Wait, job: Job | None) -> None:
    """Publish that a running task waits for a job.

    :param wait: the wait.
    :param job: the job, if it was seen just now.
    """
    _push(wait.job_id, lambda: snapshot(job, WaitTimes.of(wait.job_id, wait.policy), time.time()))


def publish_end(end: WaitEnd, job_id: str | None = None, servers: Sequence[str] | None = None) -> None:
    """Publish how the wait of a running task ended. This is to be called before anything is raised.

    :param end: the end of the wait.
    :param job_id: the job that was waited for.
    :param servers: the servers that exist although the job failed; ``None`` for those that the job names.
    """
    _push(job_id or "", lambda: final_snapshot(end, job_id or "", time.time(), servers))


def _push(job_id: str, make_record: Callable[[], dict[str, Any]]) -> None:
    if not is_on():
        return
    with _failing_quietly(job_id):
        context = compat.get_current_context()
        if getattr(context.get("task"), "do_xcom_push", True):
            context["ti"].xcom_push(key=XCOM_KEY, value=make_record())


@contextmanager
def _failing_quietly(job_id: str) -> Iterator[None]:
    """Turn whatever goes wrong into a debug line: no wait ends for want of a page."""
    try:
        yield
    except Exception:
        log.debug("ECS job %s could not be published", clean(job_id, 200), exc_info=True)


def observer_in_worker() -> WaitObserver:
    """Return the observer of a wait in a worker. It counts the polls, and publishes the job if that is switched on."""
    return WorkerPublisher() if is_on() else WAIT_METRICS


class WorkerPublisher:
    """Publishes the job of a wait in a worker. The wait pauses for each publish."""

    def __init__(self) -> None:
        self._shown: int | None = None
        self._shown_at = 0.0

    def polled(self, wait: Wait, result: Job | ApiError) -> None:
        """Count the poll. Publish the job, if it is due and the job has not ended."""
        WAIT_METRICS.polled(wait, result)
        if not isinstance(result, Job) or result.status.is_finished:
            return
        now, shown = monotonic_time(), outline(result)
        age = REFRESH_AFTER if self._shown is None else now - self._shown_at
        if age >= (REFRESH_AFTER if shown == self._shown else SHORTEST_GAP):
            self._shown, self._shown_at = shown, now
            publish_wait(wait, result)

    def ended(self, wait: Wait, end: WaitEnd, now: float) -> None:
        """Count the end. The task publishes it."""
        WAIT_METRICS.ended(wait, end, now)


def observe(trigger: Any) -> AbstractAsyncContextManager[WaitObserver]:
    """Return the observer of a trigger's wait. It counts the polls, and publishes the job if that is switched on.

    After its exit it publishes nothing more, so that it does not overwrite the record of the worker.
    """
    task_instance = getattr(trigger, "task_instance", None)
    if task_instance is None or not is_on():
        return nullcontext(WAIT_METRICS)
    return JobPublisher(task_instance)


class JobPublisher:
    """Publishes the job of one wait. There may be thousands of them: it keeps no job and no record.

    :param task_instance: the task that waits.
    """

    __slots__ = ("_queue", "_shown", "_shown_at", "task_instance")

    def __init__(self, task_instance: Any) -> None:
        self.task_instance = task_instance
        self._shown: int | None = None
        self._shown_at = 0.0
        self._queue = _queue_of_this_loop()

    async def __aenter__(self) -> WaitObserver:
        self._queue.waits += 1
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._queue.waits -= 1
        self._queue.withdraw(self)
        if kind is None:
            await self._queue.settle(self)

    def polled(self, wait: Wait, result: Job | ApiError) -> None:
        """Count the poll. Publish the job, if it is due."""
        WAIT_METRICS.polled(wait, result)
        if isinstance(result, Job):
            with _failing_quietly(wait.job_id):
                self._offer(wait, result)

    def _offer(self, wait: Wait, job: Job) -> None:
        now = monotonic_time()
        age = None if self._shown is None else now - self._shown_at
        if age is not None and age < self._queue.shortest_gap:
            return
        shown = outline(job)
        if shown == self._shown and (age is None or age < REFRESH_AFTER or self._queue.is_busy):
            return
        if self._queue.has_room:
            self._shown, self._shown_at = shown, now
            self._queue.put(self, snapshot(job, WaitTimes.of(wait.job_id, wait.policy), time.time()))

    def ended(self, wait: Wait, end: WaitEnd, now: float) -> None:
        """Count the end. The task that resumes publishes it."""
        WAIT_METRICS.ended(wait, end, now)


class PublishQueue:
    """The publishes of all waits in one event loop. They are sent one at a time, with a delay after each."""

    def __init__(self) -> None:
        self.waits = 0
        self._pending: dict[JobPublisher, dict[str, Any]] = {}
        self._sender: asyncio.Task[None] | None = None
        self._sending: tuple[JobPublisher, asyncio.Task[None]] | None = None
        self._paused_until = 0.0

    @property
    def is_busy(self) -> bool:
        """Whether a record waits to be published."""
        return bool(self._pending)

    @property
    def shortest_gap(self) -> float:
        """The shortest delay between two publishes of a wait. While records queue, it is long enough for all waits."""
        return max(SHORTEST_GAP, self.waits * PACE) if self.is_busy else SHORTEST_GAP

    @property
    def has_room(self) -> bool:
        """Whether the queue accepts another record."""
        return len(self._pending) < MAX_PENDING and monotonic_time() >= self._paused_until

    def put(self, publisher: JobPublisher, record: dict[str, Any]) -> None:
        """Add a record to the queue, and start the sender if it does not run."""
        self._pending[publisher] = record
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send_all())

    def withdraw(self, publisher: JobPublisher) -> None:
        """Remove the record of a wait from the queue."""
        self._pending.pop(publisher, None)

    async def settle(self, publisher: JobPublisher) -> None:
        """Wait for a publish of this wait to end, if one is under way."""
        if self._sending is not None and self._sending[0] is publisher:
            await asyncio.wait({self._sending[1]}, timeout=LAST_PUBLISH_SECONDS)

    async def _send_all(self) -> None:
        try:
            # No record is under way meanwhile: a wait that ends takes its own back.
            await _prepare()
        except Exception as error:  # noqa: BLE001 - whatever an import raises
            self._pause("ECS jobs", error)
        while self._pending:
            publisher = next(iter(self._pending))
            record = self._pending.pop(publisher)
            sending = asyncio.create_task(_send(publisher.task_instance, record))
            self._sending = publisher, sending
            await asyncio.wait({sending})
            self._sending = None
            failure = asyncio.CancelledError() if sending.cancelled() else sending.exception()
            if failure is not None:
                self._pause(f"ECS job {record['job_id']}", failure)
            await asyncio.sleep(PACE)

    def _pause(self, what: str, error: BaseException | None) -> None:
        log.debug("%s could not be published", what, exc_info=error)
        self._pending.clear()
        self._paused_until = monotonic_time() + PAUSE_AFTER_FAILURE


_queues: WeakKeyDictionary[asyncio.AbstractEventLoop, PublishQueue] = WeakKeyDictionary()


def _queue_of_this_loop() -> PublishQueue:
    return _queues.setdefault(asyncio.get_running_loop(), PublishQueue())


async def _prepare() -> None:
    """Import what sends a record, in a thread: it takes many seconds the first time, as it imports what runs a task."""
    await asyncio.to_thread(_import_sender)


async def _send(task_instance: Any, record: dict[str, Any]) -> None:
    """Write the XCom of a task, from its trigger.

    It must not be cancelled, and has no time limit: up to Airflow 3.1, an abandoned request stops the triggerer.
    Call :func:`_prepare` first.
    """
    xcom, sync_to_async = _import_sender()
    values = {
        "key": XCOM_KEY,
        "value": record,
        "dag_id": task_instance.dag_id,
        "task_id": task_instance.task_id,
        "run_id": task_instance.run_id,
        "map_index": task_instance.map_index,
    }
    if xcom.__name__ == "BaseXCom" and hasattr(xcom, "aset"):
        await xcom.aset(**values)
    else:
        # For Airflow before 3.3, and for a user's own backend, which may do I/O. It runs in a thread of asgiref, from
        # which Airflow sends its request in this event loop. In any other thread, it could read another's response.
        await sync_to_async(xcom.set, thread_sensitive=False)(**values)


def _import_sender() -> tuple[Any, Any]:
    with suppress(ImportError):
        importlib.import_module("airflow.sdk.execution_time.task_runner")
    xcom = importlib.import_module("airflow.sdk.execution_time.xcom").XCom
    return xcom, importlib.import_module("asgiref.sync").sync_to_async
