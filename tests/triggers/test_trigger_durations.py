"""What one trigger saw end, the triggers after it in the same process know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_ecsjobs.metrics import WAIT_METRICS
from airflow_provider_ecsjobs.triggers.ecs_jobs import EcsJobTrigger, durations_of

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.emulator import Emulator


async def kinds_after(trigger: EcsJobTrigger, service: str = "ecs") -> set[tuple[str, int, int]]:
    outcomes = [event.payload["outcome"] async for event in trigger.run()]
    assert outcomes == ["finished"]
    return set(durations_of(service)._kinds)


async def test_the_duration_of_a_job_is_kept_by_service_type_and_size(connected: Emulator) -> None:
    job = connected.start_job(init_seconds=0.0, run_seconds=0.1)
    kinds = await kinds_after(EcsJobTrigger(job, poll_interval=0.05, max_poll_interval=0.05))
    assert {job_type for job_type, _, _ in kinds} == {"createServer"}
    assert not durations_of("bms")._kinds


def test_each_service_has_durations_of_its_own() -> None:
    wait = EcsJobTrigger("job-1", service="bms")._wait(WAIT_METRICS)
    assert wait.durations is durations_of("bms")
    assert wait.durations is not durations_of("ecs")


async def test_nothing_is_known_at_first(connected: Emulator) -> None:
    assert not durations_of("ecs")._kinds
