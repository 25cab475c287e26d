"""All the ways to wait for a job, each to its one end: a result, or one of the exceptions that are documented."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow.exceptions import AirflowRescheduleException
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_ecsjobs.exceptions import (
    EcsApiError,
    EcsJobFailed,
    EcsJobNotFound,
    EcsJobPaymentTimeout,
    EcsJobTimeout,
    EcsOutcomeUnknownError,
    EcsRejectedError,
    EcsUnauthorizedError,
    EcsUnreachableError,
)
from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook
from airflow_provider_ecsjobs.operators.ecs_jobs import EcsJobOperator
from airflow_provider_ecsjobs.sensors.ecs_jobs import EcsJobSensor
from tests.faults.fault_plans import LONG, POLL
from tests.faults.left_behind import Complaints, events_of, in_time

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

_KINDS: tuple[tuple[type[Exception], str], ...] = (
    (EcsJobFailed, "fail"),
    (EcsJobPaymentTimeout, "payment_timeout"),
    (EcsJobTimeout, "timeout"),
    (EcsJobNotFound, "not_found"),
    (EcsUnauthorizedError, "unauthorized"),
    (EcsUnreachableError, "unreachable"),
    (EcsOutcomeUnknownError, "unknown"),
    (EcsRejectedError, "rejected"),
    (EcsApiError, "error"),
)
_MOST_POKES = 500


class End(NamedTuple):
    """How a wait ended.

    :param outcome: in a word.
    :param text: what a user is told.
    :param result: what it gave, if it ended well.
    """

    outcome: str
    text: str
    result: Any = None


def end_of(wait: Callable[[], Any]) -> End:
    """Wait, and tell the end. Any exception that is not documented is raised."""
    try:
        return End("success", "", wait())
    except tuple(kind for kind, _ in _KINDS) as error:
        return End(next(outcome for kind, outcome in _KINDS if isinstance(error, kind)), str(error))


def to_the_end(make: Callable[[], Any], context: Any, complaints: Complaints) -> Any:
    """Execute a task; if it defers, run its trigger as another process would, and resume with the one event."""
    try:
        return make().execute(context)
    except TaskDeferred as deferral:
        path, kwargs = deferral.trigger.serialize()
        assert path.endswith("EcsJobTrigger")
        trigger = type(deferral.trigger)(**json.loads(json.dumps(kwargs)))
        events = asyncio.run(events_of(trigger, complaints))
        assert len(events) == 1
        return getattr(make(), deferral.method_name)(context, json.loads(json.dumps(events[0])))


def by_hook(job_id: str, complaints: Complaints, limits: dict[str, float]) -> Any:
    hook = EcsJobsHook()
    try:
        job = hook.wait_for_job(job_id, poll_interval=POLL, max_poll_interval=POLL, **limits)
        return job.result()
    finally:
        hook.close()


def _by_sensor(**how: Any) -> Callable[[str, Complaints, dict[str, float]], Any]:
    def wait(job_id: str, complaints: Complaints, limits: dict[str, float]) -> Any:
        options = {"poke_interval": POLL, "max_wait": POLL, **how, **limits}
        return to_the_end(lambda: EcsJobSensor(task_id="wait", job_id=job_id, **options), {}, complaints)

    return wait


def _by_operator(**how: Any) -> Callable[[str, Complaints, dict[str, float]], Any]:
    def wait(job_id: str, complaints: Complaints, limits: dict[str, float]) -> Any:
        options = {"poll_interval": POLL, "max_poll_interval": POLL, **how, **limits}
        return to_the_end(lambda: EcsJobOperator(task_id="wait", job_id=job_id, **options), {}, complaints)

    return wait


def by_rescheduled_sensor(job_id: str, complaints: Complaints, limits: dict[str, float]) -> Any:
    first: datetime | None = None
    names: dict[str, Any] = {"dag_id": "d", "task_id": "t", "run_id": "r", "map_index": -1, "try_number": 1}
    ti = SimpleNamespace(
        **names, max_tries=0, get_first_reschedule_date=lambda _: first, first_reschedule_date=lambda: first
    )
    context: Any = {"ti": ti, "task_instance": ti}
    with _first_reschedule_date(lambda: first):
        for _ in range(_MOST_POKES):
            began = datetime.fromtimestamp(time.time(), UTC)
            options = {"poke_interval": POLL, "max_wait": POLL, "deferrable": False, "mode": "reschedule", **limits}
            try:
                return EcsJobSensor(task_id="wait", job_id=job_id, **options).execute(context)
            except AirflowRescheduleException as again:
                first = first or began
                # As long as the scheduler leaves it alone.
                threading.Event().wait(min((again.reschedule_date - datetime.now(UTC)).total_seconds(), 0.2))
    raise AssertionError(f"the sensor was rescheduled more than {_MOST_POKES} times")


def _first_reschedule_date(first: Callable[[], datetime | None]) -> Any:
    """Tell Airflow 2.11, which asks the database, when the sensor poked first."""
    from contextlib import nullcontext
    from unittest import mock

    try:
        import airflow.sensors.base as of_2_11

        _ = of_2_11._orig_start_date
    except (ImportError, AttributeError):
        return nullcontext()
    return mock.patch.object(of_2_11, "_orig_start_date", lambda *_, **__: first())  # noqa: PT008 - asked anew each time


WAYS: dict[str, Callable[[str, Complaints, dict[str, float]], Any]] = {
    "hook": by_hook,
    "poking sensor": _by_sensor(deferrable=False),
    "rescheduled sensor": by_rescheduled_sensor,
    "deferred sensor": _by_sensor(deferrable=True),
    "operator in a worker": _by_operator(deferrable=False),
    "deferred operator": _by_operator(deferrable=True),
}


def limits_of(way: str, limits: dict[str, float]) -> dict[str, float]:
    """Add long limits to those that are given."""
    return {"timeout": LONG, "unreachable_timeout": LONG, **limits}


def warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait once in each way: threads and files that a process opens once are open after it."""
    from tests.faults.fault_world import world_of

    with world_of(monkeypatch, names=(False,), login="password") as world:
        for way in WAYS.values():
            job = world.emulator.plant_job({"status": "RUNNING"}, {"status": "SUCCESS"})
            in_time(partial(way, job, Complaints(), {"timeout": LONG}))
