"""Reasons as other services write them, over a socket: in the exception of a worker, and of a task that resumes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs.exceptions import EcsJobFailed
from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook
from airflow_provider_ecsjobs.operators.ecs_jobs import EcsJobOperator
from tests.support.task_runs import TaskRun

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.emulator import Emulator

BODIES: dict[str, tuple[dict[str, Any], str]] = {
    "reason only in code and message": (
        {
            "job_type": "resizeServer",
            "entities": {"server_id": "s"},
            "error_code": None,
            "fail_reason": None,
            "code": "Ecs.0207",
            "message": "the flavor is sold out",
        },
        "resizeServer failed: Ecs.0207 the flavor is sold out\n  ECS job {job_id}, server s, project {project},",
    ),
    "BMS": (
        {
            "job_type": "baremetalBatchCreate",
            "error_code": "Common.0021",
            "fail_reason": "SubJob-fail",
            "entities": {
                "sub_jobs_total": 1,
                "sub_jobs": [
                    {
                        "status": "FAIL",
                        "job_id": "x1",
                        "job_type": "baremetalSingleCreate",
                        "entities": {"server_id": "s-1"},
                        "error_code": None,
                        "fail_reason": None,
                        "code": "BMS.0219",
                        "message": "no valid host",
                    }
                ],
            },
        },
        (
            "baremetalBatchCreate failed: BMS.0219 no valid host"
            " (1 of 1 sub-jobs; the job itself: Common.0021 SubJob-fail)\n"
            "  Failed: BMS.0219 no valid host: baremetalSingleCreate, server s-1, sub-job x1\n"
        ),
    ),
    "VBS": (
        {
            "job_type": "bksCreateBackup",
            "error_code": "VBS.0022",
            "fail_reason": "subJob fail",
            "entities": {"backup_id": "b"},
            "sub_jobs": [
                {
                    "status": "FAIL",
                    "job_id": "x",
                    "job_type": "bksCreateSnapshot",
                    "error_code": "EVS.5400",
                    "fail_reason": "snapshot quota exceeded",
                    "entities": {},
                }
            ],
        },
        (
            "bksCreateBackup failed: EVS.5400 snapshot quota exceeded (1 of 1 sub-jobs; the job itself: VBS.0022 subJob"
            " fail)\n  Failed: EVS.5400 snapshot quota exceeded: bksCreateSnapshot, sub-job x\n"
        ),
    ),
}


@pytest.mark.parametrize("name", BODIES)
def test_the_first_words_are_the_reason(name: str, connected: Emulator) -> None:
    body, text = BODIES[name]
    job_id = connected.plant_job({"status": "FAIL", **body})
    with pytest.raises(EcsJobFailed) as caught:
        EcsJobsHook().wait_for_job(job_id)
    project = connected.connection()["extra"]["project_id"]
    assert str(caught.value).startswith(text.format(job_id=job_id, project=project))
    assert str(caught.value).endswith(
        f"  ECS job {job_id}, {'server s, ' * ('server s,' in text)}project {project}, {connected.region}."
    )


@pytest.mark.parametrize("name", BODIES)
def test_a_task_that_resumes_says_the_same(name: str, connected: Emulator) -> None:
    body, _ = BODIES[name]
    job_id = connected.plant_job({"status": "INIT"}, {"status": "FAIL", **body})
    run = TaskRun(lambda: EcsJobOperator(task_id="task", job_id=job_id, poll_interval=0.05))
    with pytest.raises(EcsJobFailed) as caught:
        run.resume(run.start())
    with pytest.raises(EcsJobFailed) as at_once:
        EcsJobsHook().wait_for_job(job_id)
    assert str(caught.value) == str(at_once.value)


def test_the_event_of_an_earlier_version_names_no_project(connected: Emulator) -> None:
    body = {"status": "FAIL", "job_id": "j", "job_type": "createServer", "error_code": "Ecs.1", "entities": {}}
    event = json.loads(json.dumps({"outcome": "finished", "message": "m", "job": body}))
    with pytest.raises(EcsJobFailed) as caught:
        EcsJobOperator(task_id="task", job_id="j").execute_complete(TaskRun(lambda: None).context, event)
    assert str(caught.value) == "createServer failed: Ecs.1\n  ECS job j."
