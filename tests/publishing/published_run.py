"""Runs of a task, with its trigger, that keep what both publish."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from airflow_provider_ecsjobs import compat, publishing
from airflow_provider_ecsjobs.core.job_snapshot import shown_record
from airflow_provider_ecsjobs.metrics import WAIT_METRICS
from tests.support.task_runs import QUICK, Store, TaskRun

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from airflow_provider_ecsjobs.core.waiting.wait import WaitObserver


@asynccontextmanager
async def observing(task_instance: Any) -> AsyncIterator[WaitObserver]:
    """Observe a wait as a trigger does."""
    publisher = publishing.publisher_of(task_instance)
    try:
        yield publisher or WAIT_METRICS
    finally:
        if publisher is not None:
            publisher.stop()
    if publisher is not None:
        await publisher.settle()


class PublishedRun(TaskRun):
    """A task instance whose worker and trigger write its XComs."""

    def __init__(self, make: Callable[[], Any], **options: Any) -> None:
        super().__init__(make, **options)
        self.pushed: list[tuple[str, Any]] = []
        self.ti.xcom_push = self._push

    @property
    def record(self) -> Any:
        """The record that the job page shows."""
        return shown_record(self.xcoms.get(publishing.XCOM_KEY), self.xcoms.get(publishing.END_XCOM_KEY))

    @property
    def published(self) -> list[tuple[str, Any]]:
        """All records in the order of their publishing, with their keys."""
        keys = (publishing.XCOM_KEY, publishing.END_XCOM_KEY)
        return [(key, value) for key, value in self.pushed if key in keys]

    def start(self) -> Any:
        with self._as_airflow():
            return super().start()

    def resume(self, deferral: Any) -> Any:
        deferral.trigger.task_instance = self.ti
        with self._as_airflow():
            return super().resume(deferral)

    def resume_with(self, event: Any) -> Any:
        """Resume the task with an event that is not of its trigger."""
        with self._as_airflow():
            return self.make().execute_complete(self.context, event)

    def _push(self, key: str, value: Any) -> None:
        self.xcoms[key] = value
        self.pushed.append((key, value))

    async def _send(self, task_instance: Any, make_record: Callable[[], dict[str, Any]]) -> None:
        record = publishing._of_try(make_record(), task_instance)
        task_instance.xcom_push(key=publishing.XCOM_KEY, value=record)

    async def _prepare(self) -> None:
        """Airflow's side is there."""

    @contextmanager
    def _as_airflow(self) -> Iterator[None]:
        task = self.make()
        with (
            patch.object(compat, "get_current_context", lambda: {"ti": self.ti, "task": task}, create=True),
            patch.object(publishing, "_send", self._send),
            patch.object(publishing, "_prepare", self._prepare),
        ):
            yield


def published_run(make: Callable[..., Any], **options: Any) -> PublishedRun:
    """Return the run of a task that polls often."""
    return PublishedRun(lambda: make(task_id="task", **{**QUICK, **options}), store=Store())
