"""The same with the CeleryExecutor on Redis: here the workers are processes of their own, and are killed as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_ecsjobs.emulator import Emulator
from tests.ha import scenarios, workers
from tests.ha.broker import broker
from tests.ha.cluster import trial_of
from tests.ha.judgement import assert_all_ended_right
from tests.live import kills
from tests.live.job_clock import JobClock

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.live, pytest.mark.timeout(7200)]


def test_nothing_is_lost_with_the_celery_executor(tmp_path: Path, count: int, outage: float, *, is_small: bool) -> None:
    dags, notes = tmp_path / "dags", tmp_path / "notes"
    dags.mkdir()
    notes.mkdir()
    # A cloud of its own: there jobs end when its clock leaps, and the first answer never comes.
    clock = JobClock()
    (dags / "killed.py").write_text(kills.dag_text(notes, conn_id="killed", retries=4))
    with broker() as messages, Emulator(run_seconds=scenarios.JOB_SECONDS, clock=clock) as killed_cloud:
        killed_cloud.fault(kills.HELD_ANSWER)
        environment = workers.settings(messages) | dict([killed_cloud.connection_env("killed")])
        with trial_of(tmp_path, count, environment=environment, start=workers.start_workers) as trial:
            trial.begin()
            if not is_small:
                scenarios.kill_scheduler_while_waits_start(trial)
            scenarios.kill_workers_at_each_point(trial, killed_cloud, clock, notes)
            if not is_small:
                scenarios.kill_a_triggerer(trial, 0)
                scenarios.restart_the_other_triggerer(trial, 1)
                scenarios.restart_api_server(trial, 2)
                scenarios.stop_the_cloud(trial, 3, outage)
            trial.await_in_flight()
            scenarios.kill_a_worker_while_waits_resume(trial, 4)
            assert_all_ended_right(trial)
