"""The three ways to wait for a job, made alike: the hook and the poking sensor (sync), the trigger (async)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from airflow_provider_ecsjobs.exceptions import (
    EcsApiError,
    EcsConfigError,
    EcsJobFailed,
    EcsJobNotFound,
    EcsJobPaymentTimeout,
    EcsJobTimeout,
    EcsUnauthorizedError,
    EcsUnreachableError,
)
from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook
from airflow_provider_ecsjobs.sensors.ecs_jobs import EcsJobSensor
from airflow_provider_ecsjobs.triggers.ecs_jobs import EcsJobTrigger

if TYPE_CHECKING:
    from collections.abc import Callable

_OUTCOMES: tuple[tuple[type[Exception], str], ...] = (
    (EcsJobFailed, "finished"),
    (EcsJobPaymentTimeout, "payment_timeout"),
    (EcsJobTimeout, "timeout"),
    (EcsJobNotFound, "not_found"),
    (EcsUnauthorizedError, "unauthorized"),
    (EcsUnreachableError, "unreachable"),
    ((EcsApiError), "error"),
    (EcsConfigError, "error"),
)
POLL = 0.03
"""The gap between polls of these waits, in seconds."""


def by_hook(job_id: str, timeout: float, unreachable_timeout: float) -> tuple[str, str]:
    """Wait with ``EcsJobsHook.wait_for_job``; give the outcome in the trigger's words, and the message."""
    hook = EcsJobsHook()
    try:
        return _outcome(
            lambda: hook.wait_for_job(
                job_id,
                poll_interval=POLL,
                max_poll_interval=POLL,
                timeout=timeout,
                unreachable_timeout=unreachable_timeout,
            )
        )
    finally:
        hook.close()


def by_sensor(job_id: str, timeout: float, unreachable_timeout: float) -> tuple[str, str]:
    """Wait with a sensor that keeps its worker."""
    sensor = EcsJobSensor(
        task_id="wait",
        job_id=job_id,
        deferrable=False,
        poke_interval=POLL,
        max_wait=POLL,
        timeout=timeout,
        unreachable_timeout=unreachable_timeout,
    )
    return _outcome(lambda: sensor.execute({}))  # type: ignore[arg-type]


def by_trigger(job_id: str, timeout: float, unreachable_timeout: float) -> tuple[str, str]:
    """Wait with the trigger, which has to send exactly one event."""
    import time

    now = time.time()
    trigger = EcsJobTrigger(
        job_id,
        poll_interval=POLL,
        max_poll_interval=POLL,
        started=now,
        deadline=now + timeout,
        unreachable_timeout=unreachable_timeout,
    )
    (event,) = asyncio.run(events_of(trigger))
    return event["outcome"], event["message"]


PATHS: dict[str, Callable[[str, float, float], tuple[str, str]]] = {
    "hook": by_hook,
    "sensor": by_sensor,
    "trigger": by_trigger,
}


async def events_of(trigger: EcsJobTrigger) -> list[dict[str, Any]]:
    """Run a trigger to its end."""
    return [event.payload async for event in trigger.run()]


def _outcome(wait: Callable[[], Any]) -> tuple[str, str]:
    try:
        wait()
    except tuple(kind for kind, _ in _OUTCOMES) as error:
        return next(outcome for kind, outcome in _OUTCOMES if isinstance(error, kind)), str(error)
    return "finished", ""
