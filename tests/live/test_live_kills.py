"""The worker dies at each point of a create, and the cloud makes the servers once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_ecsjobs.emulator import Emulator
from tests.live.kills import DAG_ID, HELD_ANSWER, POINTS, assert_made_once, dag_text, kill_each
from tests.live.standalone import LiveAirflow

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]
STEP_SECONDS = 240.0


def test_a_killed_worker_never_makes_servers_twice(tmp_path: Path) -> None:
    dags, notes = tmp_path / "dags", tmp_path / "notes"
    dags.mkdir()
    notes.mkdir()
    (dags / "killed.py").write_text(dag_text(notes))
    with Emulator(init_seconds=0.5, run_seconds=3) as emulator:
        environment = dict([emulator.connection_env()])
        # A worker that is gone is noticed by its missing heartbeats, after five minutes by default.
        environment["AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT"] = "15"
        environment["AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL"] = "3"
        with LiveAirflow(tmp_path / "airflow", dags, parallelism=4, environment=environment) as airflow:
            emulator.fault(HELD_ANSWER)
            run_id = airflow.trigger(DAG_ID)
            airflow.wait_until(lambda: emulator.submissions, STEP_SECONDS, "the first request to arrive")
            kill_each(notes, airflow.wait_until, STEP_SECONDS)
            state = airflow.wait(DAG_ID, run_id, STEP_SECONDS)

            timelines = {timeline.task_id: timeline for timeline in airflow.timelines(DAG_ID, run_id)}
            assert {name: timeline.final_state for name, timeline in timelines.items()} == dict.fromkeys(
                POINTS, "success"
            )
            assert state == "success"
            assert all(timeline.has_been("up_for_retry") for timeline in timelines.values())
            results = {point: airflow.xcom(DAG_ID, run_id, point) for point in POINTS}
        assert_made_once(emulator)
        made = {made["job_id"] for made in emulator.submissions if not made["replayed"]}
        assert made == {result["job_id"] for result in results.values()}
        # Only where the record was not written yet is the cloud asked again, with the same token.
        assert emulator.counters["replays"] == 2
