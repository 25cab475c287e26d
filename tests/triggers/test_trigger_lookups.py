"""Look-ups through Airflow itself, with a secrets backend that does not answer: Airflow then says "isn't defined"."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs.core.waiting import schedule, wait
from airflow_provider_ecsjobs.triggers.ecs_jobs import EcsJobTrigger
from tests.support.absent_backend import AbsentBackend

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.emulator import Emulator


async def event_of(trigger: EcsJobTrigger) -> dict[str, Any]:
    (event,) = [event.payload async for event in trigger.run()]
    return event  # type: ignore[no-any-return]


@pytest.fixture(autouse=True)
def backend(ecs_emulator: Emulator, airflow_db: None, monkeypatch: pytest.MonkeyPatch) -> type[AbsentBackend]:
    path = f"{AbsentBackend.__module__}.{AbsentBackend.__qualname__}"
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND", path)
    monkeypatch.setattr(AbsentBackend, "calls", 0)
    monkeypatch.setattr(AbsentBackend, "connection", ecs_emulator.connection_env()[1])
    monkeypatch.setattr(schedule, "FIRST_BACKOFF", 0.02)
    monkeypatch.setattr(schedule, "FIRST_POLL_DELAY", 0.02)
    return AbsentBackend


async def test_a_backend_that_is_away_for_a_while_ends_no_wait(
    ecs_emulator: Emulator, backend: type[AbsentBackend], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend, "failures", 3)
    job_id = ecs_emulator.plant_job({"status": "RUNNING"}, {"status": "SUCCESS"})

    event = await event_of(
        EcsJobTrigger(job_id, "in_the_vault", poll_interval=0.03, max_poll_interval=0.03, seen_status="RUNNING")
    )

    assert event["outcome"] == "finished"
    assert backend.calls > 3


async def test_a_late_look_up_at_the_deadline_is_followed_by_the_final_poll(
    ecs_emulator: Emulator, backend: type[AbsentBackend], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend, "failures", 2)
    job_id, now = ecs_emulator.plant_job({"status": "SUCCESS"}), time.time()

    event = await event_of(EcsJobTrigger(job_id, "in_the_vault", started=now - 60, deadline=now - 1))

    assert event["outcome"] == "finished"


async def test_a_deadline_without_a_connection_says_so(
    backend: type[AbsentBackend], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend, "failures", math.inf)
    monkeypatch.setattr(wait, "FINAL_POLL_SECONDS", 0.1)
    now = time.time()

    event = await event_of(EcsJobTrigger("job-1", "in_the_vault", started=now - 60, deadline=now - 1))

    assert event["outcome"] == "timeout"
    assert "A final poll was not possible: the Airflow connection could not be looked up." in event["message"]
    assert "in_the_vault" in event["message"]


async def test_a_connection_that_no_backend_has_is_reported_after_a_while(backend: type[AbsentBackend]) -> None:
    event = await event_of(EcsJobTrigger("job-1", "nowhere", unreachable_timeout=0.05))

    assert event["outcome"] == "unreachable"
    assert "nowhere" in event["message"]
    assert "isn't defined" in event["message"]
