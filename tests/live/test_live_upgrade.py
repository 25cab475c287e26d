"""An earlier version leaves waits in flight in a real Airflow, and this one takes them over."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from airflow_provider_ecsjobs.emulator import Emulator
from tests.live.account import failure_text
from tests.live.job_clock import JobClock
from tests.live.standalone import LiveAirflow
from tests.support.wheels import lay_out

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(1500),
    pytest.mark.skipif("ECSJOBS_UPGRADE" not in os.environ, reason="takes a minute more; make test-upgrade"),
]

ROOT = Path(__file__).parents[2]
EARLIER = "d72c8b717449371fc9779c1cf408c24dfa2c2eae"
"""The commit that is upgraded from: the last one before the versions were tested at all."""
STEP_SECONDS = 480.0

DAG = """
from airflow.providers.common.compat.sdk import DAG, Param
from airflow_provider_ecsjobs.operators.ecs_jobs import EcsJobOperator, EcsSubmitJobOperator
from airflow_provider_ecsjobs.operators.servers import EcsCreateServersOperator
from airflow_provider_ecsjobs.sensors.ecs_jobs import EcsJobSensor

names = ("good_job", "bad_job", "first_server", "second_server")
with DAG("in_flight", schedule=None, catchup=False, params={name: Param(type="string") for name in names}):
    EcsJobSensor(task_id="sensor", job_id="{{ params.good_job }}", poke_interval=1, max_wait=1)
    EcsJobOperator(task_id="operator", job_id="{{ params.bad_job }}", poll_interval=1, max_poll_interval=1)
    EcsCreateServersOperator(
        task_id="create", name="new", flavor="s6.small.1", image="image", vpc="vpc", subnets=["subnet"],
        root_volume="SSD", count=2, poll_interval=1, max_poll_interval=1,
    )
    for task_id, server, deferrable in (("deferred", "first_server", True), ("in_worker", "second_server", False)):
        EcsSubmitJobOperator(
            task_id=task_id, operation="execute_server_redeploy", server_id=f"{{{{ params.{server} }}}}",
            deferrable=deferrable, poll_interval=1, max_poll_interval=1, retries=5, retry_delay=1,
        )
"""
SOON_MISSED = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
}
"""The worker that waits does not outlive the stop. Airflow notices after five minutes that it, or the scheduler that
started it, has no heartbeats any more."""
WAITING = {"sensor": "deferred", "operator": "deferred", "create": "deferred", "deferred": "deferred"}
WAITING |= {"in_worker": "running"}


def test_waits_in_flight_are_taken_over_by_this_version(tmp_path: Path) -> None:
    earlier = lay_out(_checked_out(EARLIER, tmp_path / "source"), tmp_path / "earlier")
    this = lay_out(ROOT, tmp_path / "this")
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "in_flight.py").write_text(DAG)
    clock = JobClock(held=True)
    with Emulator(run_seconds=15, clock=clock) as emulator:
        conf = {"good_job": emulator.start_job(), "bad_job": emulator.start_job(failing=1)}
        conf |= {"first_server": emulator.add_server("first"), "second_server": emulator.add_server("second")}
        environment = dict([emulator.connection_env()]) | {"PYTHONPATH": str(earlier)}
        with LiveAirflow(tmp_path / "airflow", tmp_path / "dags", parallelism=6, environment=environment) as airflow:
            assert _imported_by(airflow).is_relative_to(earlier)
            run_id = airflow.trigger("in_flight", conf)
            airflow.wait_until(lambda: _states(airflow, run_id) == WAITING, STEP_SECONDS, f"the tasks to be {WAITING}")
            airflow.wait_until(lambda: emulator.counters["submits"] == 3, STEP_SECONDS, "all requests to be accepted")
            pushed = airflow.xcom("in_flight", run_id, "deferred", "job_id")

            with airflow.stopped():
                airflow.components.environment |= {"PYTHONPATH": str(this), **SOON_MISSED}
            assert _imported_by(airflow).is_relative_to(this)
            airflow.wait_until(
                lambda: _is_retried(airflow, run_id), STEP_SECONDS, "the task in the worker to be retried"
            )
            clock.release()
            assert airflow.wait("in_flight", run_id, STEP_SECONDS) == "failed"

            assert _states(airflow, run_id) == dict.fromkeys(WAITING, "success") | {"operator": "failed"}
            reason = failure_text(airflow.log_records("in_flight", run_id, "operator"))
            results = {task: airflow.xcom("in_flight", run_id, task) for task in WAITING if task != "operator"}
    assert "Ecs.0219 No valid host was found" in reason
    assert results["sensor"]["job_id"] == conf["good_job"]
    assert results["deferred"]["job_id"] == pushed
    # Each request once: the record that the earlier version left is understood by this one.
    assert {made["job_id"] for made in emulator.submissions} == {
        results[task]["job_id"] for task in ("create", "deferred", "in_worker")
    }
    assert emulator.counters["submits"] == 3
    others = {*conf.values(), *results["sensor"]["server_ids"]}
    assert set(results["create"]["server_ids"]) == set(emulator.servers) - others


def _checked_out(commit: str, folder: Path) -> Path:
    packed = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=False)
    if packed.returncode:
        pytest.skip(f"the history of this repository, with commit {commit}, is not here")
    with tarfile.open(fileobj=BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def _imported_by(airflow: LiveAirflow) -> Path:
    """Return where the components of this Airflow import the provider from."""
    command = [sys.executable, "-c", "import airflow_provider_ecsjobs as found; print(found.__file__)"]
    environment, home = airflow.components.environment, airflow.components.log_folder
    told = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, check=True)
    return Path(told.stdout.strip())


def _states(airflow: LiveAirflow, run_id: str) -> dict[str, str]:
    return {task["task_id"]: task["state"] for task in airflow.task_instances("in_flight", run_id)}


def _is_retried(airflow: LiveAirflow, run_id: str) -> bool:
    (task,) = (task for task in airflow.task_instances("in_flight", run_id) if task["task_id"] == "in_worker")
    return task["state"] == "running" and task["try_number"] > 1
