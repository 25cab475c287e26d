"""Publishes the record of a job that the pages in Airflow's UI show, as an XCom of the task, and another of its end.

The worker publishes at the deferral, during its own waits, and at each end. The trigger publishes changes in an asyncio
task of its own, so that no poll waits for it. Publishing is paced: all requests of a triggerer to Airflow go
through one process, which also sends the heartbeats. If a record could not be published, only a debug line is logged.

A task that is killed publishes no end: Airflow may run none of its code. So the record of a wait has all that the page
needs then. A rescheduled sensor publishes at each poke, since Airflow removes the XComs of a task before each of them.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import math
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from airflow_provider_ecsjobs import compat
from airflow_provider_ecsjobs.compat import AIRFLOW_VERSION, conf
from airflow_provider_ecsjobs.core.errors import EcsJobsError
from airflow_provider_ecsjobs.core.job import Job
from airflow_provider_ecsjobs.core.job_snapshot import WaitFacts, final_snapshot, snapshot
from airflow_provider_ecsjobs.core.publish_schedule import REFRESH_AFTER, SHORTEST_GAP, LastPublish
from airflow_provider_ecsjobs.core.text import clean
from airflow_provider_ecsjobs.core.waiting.end import Outcome, WaitEnd
from airflow_provider_ecsjobs.metrics import WAIT_METRICS
from airflow_provider_ecsjobs.transport.clock import monotonic_time

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from airflow_provider_ecsjobs.core.errors import ApiError
    from airflow_provider_ecsjobs.core.waiting.wait import Wait, WaitObserver

log = logging.getLogger(__name__)

XCOM_KEY = "ecs_job"
END_XCOM_KEY = "ecs_job_end"
"""The key of the end. It is another one, so that a publish of the trigger that comes late does not replace the end."""
CONFIG_SECTION = "ecsjobs"
CONFIG_OPTION = "publish_jobs"

PACE = 1.0
"""The delay of the queue after each publish, in seconds."""
MAX_PENDING = 15
"""How many records may wait to be published: as many as are sent within the shortest gap. Later polls try again."""
PAUSE_AFTER_FAILURE = 60.0
LAST_PUBLISH_SECONDS = 10.0
"""How long an event waits for a publish that is under way, in seconds."""
WORKER_PACE = 10.0
"""A wait in a worker continues for so many times the duration of a publish before the next one."""

_has_pages = AIRFLOW_VERSION >= (3, 0)


def is_on() -> bool:
    """Return whether jobs are published: on Airflow 3, whose UI shows them, unless it is switched off."""
    if not _has_pages:
        return False
    try:
        return bool(conf.getboolean(CONFIG_SECTION, CONFIG_OPTION, fallback=True))
    except Exception:
        log.debug("[%s] %s is no boolean: no job is published", CONFIG_SECTION, CONFIG_OPTION, exc_info=True)
        return False


def publish_wait(wait: Wait, job: Job | None) -> bool:
    """Publish that a running task waits for a job.

    :param wait: the wait.
    :param job: the job, if it was seen just now.
    :return: whether this did not fail.
    """
    times = WaitFacts.of(wait.job_id, wait.policy)
    return _push(XCOM_KEY, wait.job_id, lambda: snapshot(job, times, time.time()))


def publish_end(end: WaitEnd, times: WaitFacts) -> None:
    """Publish how the wait of a running task ended. This is to be called before anything is raised.

    :param end: the end of the wait.
    :param times: the job, and what is known of the wait.
    """
    _push(END_XCOM_KEY, times.job_id, lambda: final_snapshot(end, times, time.time()))


@contextmanager
def publishing_errors(job_id: str = "") -> Iterator[None]:
    """Publish an error that ends the task before there is an end of a wait.

    :param job_id: the job; empty if there is none.
    """
    try:
        yield
    except EcsJobsError as error:
        publish_end(WaitEnd(Outcome.ERROR, str(error)), WaitFacts(job_id))
        raise


def _push(key: str, job_id: str, make_record: Callable[[], dict[str, Any]]) -> bool:
    if not is_on():
        return True
    with _failing_quietly(job_id):
        context = compat.get_current_context()
        if getattr(context.get("task"), "do_xcom_push", True):
            ti = context["ti"]
            ti.xcom_push(key=key, value=_of_try(make_record(), ti))
        return True
    return False


def _of_try(record: dict[str, Any], task_instance: Any) -> dict[str, Any]:
    """Return a record with the number of the task's try: a publish may come when the next try has begun."""
    number = getattr(task_instance, "try_number", None)
    return {**record, "try": number} if isinstance(number, int) else record


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
    """Publishes the job of a wait in a worker. The wait pauses for each publish, for a small part of its time."""

    def __init__(self) -> None:
        self._last = LastPublish()
        self._not_before = 0.0

    def polled(self, wait: Wait, result: Job | ApiError) -> None:
        """Count the poll. Publish the job, if it is due and the job has not ended."""
        WAIT_METRICS.polled(wait, result)
        if isinstance(result, Job) and not result.status.is_finished:
            with _failing_quietly(wait.job_id):
                self._offer(wait, result)

    def _offer(self, wait: Wait, job: Job) -> None:
        began = monotonic_time()
        shown = self._last.due(job, began) if began >= self._not_before else None
        if shown is None:
            return
        is_published = publish_wait(wait, job)
        now = monotonic_time()
        if is_published:
            self._last.note(shown, now)
        self._not_before = now + (WORKER_PACE * (now - began) if is_published else PAUSE_AFTER_FAILURE)

    def ended(self, wait: Wait, end: WaitEnd, now: float) -> None:
        """Count the end. The task publishes it."""
        WAIT_METRICS.ended(wait, end, now)


def publisher_of(task_instance: Any) -> JobPublisher | None:
    """Return the observer of a trigger's wait that publishes its job; ``None`` if that is switched off.

    :param task_instance: the task that waits; ``None`` if there is none, or if it publishes nothing.
    """
    return None if task_instance is None or not is_on() else JobPublisher(task_instance)


class JobPublisher(LastPublish):
    """Counts the polls of one wait, and publishes its job. There may be thousands of them: it keeps no job.

    It is not a context manager: that would be one more object for each wait, which the garbage collector traverses.

    :param task_instance: the task that waits.
    """

    __slots__ = ("_queue", "task_instance")

    def __init__(self, task_instance: Any) -> None:
        super().__init__()
        self.task_instance = task_instance
        self._queue = _queue_of_this_loop()
        self._queue.waits += 1

    def stop(self) -> None:
        """Start no publish from now on: the wait has ended. To be called once."""
        self._queue.waits -= 1
        self._queue.withdraw(self)

    async def settle(self) -> None:
        """Wait for a publish that is under way to end. One that takes too long harms nothing."""
        await self._queue.settle(self)

    def polled(self, wait: Wait, result: Job | ApiError) -> None:
        """Count the poll. Publish the job, if it is due and the job has not ended."""
        WAIT_METRICS.polled(wait, result)
        if isinstance(result, Job) and not result.status.is_finished and self._queue.accepts(self):
            with _failing_quietly(wait.job_id):
                self._queue.offer(self, wait, result)

    def ended(self, wait: Wait, end: WaitEnd, now: float) -> None:
        """Count the end. The task that resumes publishes it."""
        WAIT_METRICS.ended(wait, end, now)


class Offer(NamedTuple):
    """A job that waits to be published.

    :param job: the job.
    :param times: what is known of the wait.
    :param seen_at: when the job was seen.
    :param shown: the outline of the job.
    """

    job: Job
    times: WaitFacts
    seen_at: float
    shown: int

    def record(self) -> dict[str, Any]:
        """Return the record. This takes 20 ms for a job of 1,000 sub-jobs. One odd job must not stop all publishing."""
        try:
            return snapshot(self.job, self.times, self.seen_at)
        except Exception:
            log.debug("ECS job %s has no readable progress", self.times.job_id, exc_info=True)
            return snapshot(None, self.times, None)


class PublishQueue:
    """The publishes of all waits in one event loop. They are sent one at a time, with a delay after each."""

    def __init__(self) -> None:
        self.waits = 0
        self._pending: dict[JobPublisher, Offer] = {}
        self._sender: asyncio.Task[None] | None = None
        self._sending: tuple[JobPublisher, asyncio.Task[BaseException | None]] | None = None
        self._paused_until = 0.0

    @property
    def refresh(self) -> float:
        """After how many seconds an unchanged job is published again: not before all others could be."""
        return max(REFRESH_AFTER, self.waits * PACE)

    def offer(self, publisher: JobPublisher, wait: Wait, job: Job) -> None:
        """Add a job to the queue if it is due, and start the sender if it does not run.

        A later job of the same wait takes the place of the one that waits already. Ask :meth:`accepts` first.
        """
        now = monotonic_time()
        # While others queue, the gap is long enough for all waits, and an unchanged job is not published.
        is_busy = bool(self._pending)
        shortest_gap = max(SHORTEST_GAP, self.waits * PACE) if is_busy else SHORTEST_GAP
        shown = publisher.due(job, now, shortest_gap, math.inf if is_busy else self.refresh)
        waiting = self._pending.get(publisher)
        if shown is None or (waiting is not None and waiting.shown == shown):
            return
        times = WaitFacts.of(wait.job_id, wait.policy, self.refresh)
        self._pending[publisher] = Offer(job, times, time.time(), shown)
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send_all())

    def accepts(self, publisher: JobPublisher) -> bool:
        """Return whether a wait may offer its job now. With many waits, the queue is full most of the time."""
        if len(self._pending) >= MAX_PENDING and publisher not in self._pending:
            return False
        is_sending = self._sending is not None and self._sending[0] is publisher
        return not is_sending and monotonic_time() >= self._paused_until

    def withdraw(self, publisher: JobPublisher) -> None:
        """Remove the job of a wait from the queue."""
        self._pending.pop(publisher, None)

    async def settle(self, publisher: JobPublisher) -> None:
        """Wait for a publish of this wait to end, if one is under way."""
        if self._sending is not None and self._sending[0] is publisher:
            await asyncio.wait({self._sending[1]}, timeout=LAST_PUBLISH_SECONDS)

    async def _send_all(self) -> None:
        # No record is under way meanwhile: a wait that ends takes its own back.
        failure = await _failure_of(_prepare())
        if failure is not None:
            self._pause("ECS jobs", failure)
        while self._pending:
            publisher = next(iter(self._pending))
            offer = self._pending.pop(publisher)
            sending = asyncio.create_task(_failure_of(_send(publisher.task_instance, offer.record)))
            self._sending = publisher, sending
            try:
                await asyncio.wait({sending})
            finally:
                self._sending = None
            failure = asyncio.CancelledError() if sending.cancelled() else sending.result()
            if failure is None:
                publisher.note(offer.shown, monotonic_time())
            else:
                self._pause(f"ECS job {offer.times.job_id}", failure)
            await asyncio.sleep(PACE)

    def _pause(self, what: str, error: BaseException) -> None:
        log.debug("%s could not be published", what, exc_info=error)
        self._pending.clear()
        self._paused_until = monotonic_time() + PAUSE_AFTER_FAILURE


async def _failure_of(step: Awaitable[None]) -> BaseException | None:
    """Return what a step raised. A user's XCom backend may raise a ``SystemExit``, which would end the event loop."""
    try:
        await step
    except (asyncio.CancelledError, KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # noqa: BLE001 - as above
        return error
    return None


_queues: WeakKeyDictionary[asyncio.AbstractEventLoop, PublishQueue] = WeakKeyDictionary()


def _queue_of_this_loop() -> PublishQueue:
    return _queues.setdefault(asyncio.get_running_loop(), PublishQueue())


async def _prepare() -> None:
    """Import what sends a record, in a thread: it takes many seconds the first time, as it imports what runs a task."""
    await asyncio.to_thread(_import_sender)


async def _send(task_instance: Any, make_record: Callable[[], dict[str, Any]]) -> None:
    """Write the XCom of a task, from its trigger.

    It must not be cancelled, and has no time limit: up to Airflow 3.1, an abandoned request stops the triggerer.
    Call :func:`_prepare` first.
    """
    record = await asyncio.to_thread(make_record)
    xcom, sync_to_async = _import_sender()
    values = {
        "key": XCOM_KEY,
        "value": _of_try(record, task_instance),
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
