"""What only a real scheduler, triggerer and worker can prove."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.live.account import failure_text
from tests.live.conftest import JOB_SECONDS
from tests.live.timeline import most_at_once

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_ecsjobs.emulator import Emulator
    from tests.live.job_clock import JobClock
    from tests.live.standalone import LiveAirflow

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]

SENSORS = 10
# A bound for a slow machine; each step takes a fraction of it on an idle one.
STEP_SECONDS = 240.0

TEN_SENSORS = f"""
from airflow.providers.common.compat.sdk import DAG, Param
from airflow_provider_ecsjobs.sensors.ecs_jobs import EcsJobSensor

with DAG("ten_sensors", schedule=None, catchup=False, params={{"job_id": Param(type="string")}}):
    for number in range({SENSORS}):
        EcsJobSensor(task_id=f"wait_{{number}}", job_id="{{{{ params.job_id }}}}", poke_interval=1, max_wait=1)
"""

FAILING_JOB = """
import json
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, Param
from airflow_provider_ecsjobs.exceptions import EcsJobFailed
from airflow_provider_ecsjobs.operators.ecs_jobs import EcsJobOperator


def note_exception(context):
    error = context["exception"]
    note = {"is_job_failure": isinstance(error, EcsJobFailed), "text": str(error), "job": error.job.to_dict()}
    Path(context["params"]["note"]).write_text(json.dumps(note))


params = {"job_id": Param(type="string"), "note": Param(type="string")}
with DAG("failing_job", schedule=None, catchup=False, params=params):
    EcsJobOperator(
        task_id="wait",
        job_id="{{ params.job_id }}",
        poll_interval=1,
        retries=2,
        on_failure_callback=note_exception,
    )
"""

RUNNING_BODY = {
    "status": "RUNNING",
    "job_type": "createServer",
    "begin_time": "2026-01-02T03:04:05.000Z",
    "entities": {},
}

FAILED_BODY = RUNNING_BODY | {
    "status": "FAIL",
    "end_time": "2026-01-02T03:05:29.000Z",
    "error_code": "Common.0021",
    "fail_reason": "CollectInfoTask-fail",
    "entities": {
        "sub_jobs_total": 3,
        "sub_jobs": [
            {
                "status": "FAIL",
                "job_id": "2c9eb2c5544cbf6101544f0635672b60",
                "job_type": "createSingleServer",
                "entities": {"server_id": "bae51750-0089-41a1-9b18-5c777978ff6d"},
                "error_code": "Ecs.0219",
                "fail_reason": "No valid host was found",
            },
            *(
                {"status": "SUCCESS", "job_type": "createSingleServer", "entities": {"server_id": server_id}}
                for server_id in ("0ab1", "77c2")
            ),
        ],
    },
}

FAILURE_TEXT = """\
createServer failed: Ecs.0219 No valid host was found \
(1 of 3 sub-jobs; the job itself: Common.0021 CollectInfoTask-fail)
  What can be done: no host has room for this flavor; choose another availability zone or flavor, or try later.
  Failed: Ecs.0219 No valid host was found: createSingleServer, server bae51750-0089-41a1-9b18-5c777978ff6d, \
sub-job 2c9eb2c5544cbf6101544f0635672b60
  Exist and cost money: server 0ab1, server 77c2
  ECS job {job_id}, project {project_id}, {region}; took 84 s."""


@pytest.fixture(scope="module", autouse=True)
def dags(dags_folder: Path) -> None:
    (dags_folder / "ten_sensors.py").write_text(TEN_SENSORS)
    (dags_folder / "failing_job.py").write_text(FAILING_JOB)


def test_ten_sensors_wait_at_once_beside_a_single_worker_slot(
    airflow: LiveAirflow, emulator: Emulator, clock: JobClock
) -> None:
    job_id = emulator.start_job(sub_jobs=3)
    run_id = airflow.trigger("ten_sensors", {"job_id": job_id})

    def all_deferred() -> bool:
        return most_at_once(airflow.timelines("ten_sensors", run_id), "deferred") == SENSORS

    airflow.wait_until(all_deferred, STEP_SECONDS, "all sensors to be deferred at the same time")
    clock.leap(JOB_SECONDS + 1)
    state = airflow.wait("ten_sensors", run_id, STEP_SECONDS)

    timelines = airflow.timelines("ten_sensors", run_id)
    assert {timeline.task_id: timeline.final_state for timeline in timelines} == {
        f"wait_{number}": "success" for number in range(SENSORS)
    }
    assert state == "success"
    assert most_at_once(timelines, "running") == 1
    assert airflow.xcom("ten_sensors", run_id, "wait_0")["job_id"] == job_id


def test_a_failed_job_tells_its_reason_in_the_task_log_and_to_the_callback(
    airflow: LiveAirflow, emulator: Emulator, tmp_path: Path
) -> None:
    job_id = emulator.plant_job(RUNNING_BODY, FAILED_BODY)
    note = tmp_path / "note.json"
    run_id = airflow.trigger("failing_job", {"job_id": job_id, "note": str(note)})
    assert airflow.wait("failing_job", run_id, STEP_SECONDS) == "failed"

    (timeline,) = airflow.timelines("failing_job", run_id)
    assert timeline.has_been("deferred")
    assert not timeline.has_been("up_for_retry")
    project_id = emulator.connection()["extra"]["project_id"]
    expected = FAILURE_TEXT.format(job_id=job_id, project_id=project_id, region=emulator.region)
    kind, _, text = failure_text(airflow.log_records("failing_job", run_id, "wait")).partition(": ")
    assert kind.startswith("EcsJobFailed")
    assert text == expected
    assert json.loads(note.read_text()) == {
        "is_job_failure": True,
        "text": expected,
        "job": FAILED_BODY | {"job_id": job_id},
    }
