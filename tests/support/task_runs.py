"""Runs tasks as Airflow does, without one: tries, deferral and resume, XComs, and a store that outlives the tries."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import TaskDeferred

if TYPE_CHECKING:
    from collections.abc import Callable

STARTED = datetime(2026, 11, 25, 1, 2, 3, 456789, tzinfo=UTC)
QUICK = {"poll_interval": 0.05, "max_poll_interval": 0.05}


class Store:
    """A task state store: JSON values by key."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def get(self, key: str, default: Any = None) -> Any:
        return json.loads(self.values[key]) if key in self.values else default

    def set(self, key: str, value: Any) -> None:
        self.values[key] = json.dumps(value)

    def delete(self, key: str) -> None:
        self.values.pop(key, None)


class TaskRun:
    """One task instance: its tries share the store and the identity, but no XComs.

    :param make: makes the task anew, as each process does.
    :param store: the task state store; ``None`` for an Airflow that has none.
    """

    def __init__(self, make: Callable[[], Any], *, store: Store | None = None, retries: int = 2) -> None:
        self.make = make
        self.store = store
        self.xcoms: dict[str, Any] = {}
        self.ti = SimpleNamespace(
            dag_id="dag",
            run_id="run",
            task_id="task",
            map_index=-1,
            try_number=1,
            max_tries=retries,
            xcom_push=lambda key, value: self.xcoms.__setitem__(key, value),
            xcom_pull=lambda task_ids, key, map_indexes: self.xcoms.get(key),
        )

    @property
    def context(self) -> Any:
        context = {"ti": self.ti, "dag_run": SimpleNamespace(start_date=STARTED)}
        return context if self.store is None else {**context, "task_state_store": self.store}

    def start(self) -> Any:
        """Execute the task: its result, or the deferral that it raised."""
        try:
            return self.make().execute(self.context)
        except TaskDeferred as deferral:
            return deferral

    def resume(self, deferral: Any) -> Any:
        """Run the trigger to its event, and the task's resume method with it, in another process's task."""
        assert isinstance(deferral, TaskDeferred)
        event = asyncio.run(_event(deferral.trigger))
        return getattr(self.make(), deferral.method_name)(self.context, event)

    def run(self) -> Any:
        """Run the task to its end: its result."""
        outcome = self.start()
        return self.resume(outcome) if isinstance(outcome, TaskDeferred) else outcome

    def retry(self) -> None:
        """Begin the next automatic try: its XComs are gone, all else stays."""
        self.ti.try_number += 1
        self.xcoms.clear()

    def clear(self) -> None:
        """Have a user clear the task."""
        self.ti.max_tries = self.ti.try_number + (self.make().retries or 0)
        self.retry()


async def _event(trigger: Any) -> dict[str, Any]:
    (event,) = [event async for event in trigger.run()]
    return json.loads(json.dumps(event.payload))  # type: ignore[no-any-return]


def quick_run(make: Callable[..., Any], *, store: bool = True, **options: Any) -> TaskRun:
    """Return the run of a task of an operator that polls often."""
    return TaskRun(lambda: make(task_id="task", **QUICK, **options), store=Store() if store else None)
