"""On Airflow 2.11, too, the worker dies at each point of a create, and the token keeps the servers to one set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_ecsjobs.emulator import Emulator
from tests.live.kills import DAG_ID, HELD_ANSWER, POINTS, assert_made_once, dag_text, kill_each
from tests.live_2_11.scheduling import Scheduling

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
        emulator.fault(HELD_ANSWER)
        environment = dict([emulator.connection_env()])
        with Scheduling(tmp_path / "airflow", dags, environment) as airflow:
            airflow.trigger(DAG_ID)
            airflow.wait_until(lambda: emulator.submissions, STEP_SECONDS, "the first request to arrive")
            kill_each(notes, airflow.wait_until, STEP_SECONDS)
            state = airflow.wait_until(lambda: airflow.run_state(DAG_ID), STEP_SECONDS, "the run to finish")

            assert (state, airflow.states(DAG_ID)) == ("success", dict.fromkeys(POINTS, ("success", 2)))
        assert_made_once(emulator)
        # Nothing is recorded on 2.11: each second try asks with the same token, and is given the same job.
        assert emulator.counters["replays"] == len(POINTS)
