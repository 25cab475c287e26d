"""What a wait has seen of its job is said after a restart too."""

from __future__ import annotations

import json

import pytest

from airflow_provider_ecsjobs.core.waiting.end import Outcome
from airflow_provider_ecsjobs.core.waiting.policy import WaitPolicy
from airflow_provider_ecsjobs.core.waiting.wait import Wait
from airflow_provider_ecsjobs.triggers.ecs_jobs import EcsJobTriggerArguments
from tests.core.samples import JOB_ID
from tests.core.virtual_wait import BUSY, GONE, PARTS, START, Waiting, seen


def restarted(wait: Wait) -> Wait:
    """Return the wait as another triggerer takes it up, from what lies in the database."""
    from dataclasses import asdict

    arguments = EcsJobTriggerArguments.of_wait(wait, server_ids=None, conn_id="c", publishes=True)
    stored = json.loads(json.dumps(asdict(arguments)))
    return Wait(JOB_ID, EcsJobTriggerArguments(**stored).policy())


def begun() -> Wait:
    waiting = Waiting(unreachable_timeout=900, deadline=86_400)
    waiting.at(84, seen("RUNNING", PARTS))
    return waiting.wait


def test_a_job_that_is_gone_after_a_restart_was_seen_before() -> None:
    end = restarted(begun()).receive(GONE, START + 7200)
    assert end is not None
    assert end.outcome is Outcome.NOT_FOUND
    assert "no longer knows it, 2 h 0 min into the wait (last status RUNNING, 1 of 3 sub-jobs done)" in end.message
    assert "Check the job id" not in end.message
    assert end.job is not None
    assert (end.job.job_id, end.job.job_type, end.job.status) == (JOB_ID, "createServer", "RUNNING")
    assert end.job.begin_time == seen().begin_time


def test_a_wait_that_is_unreachable_after_a_restart_says_what_was_seen() -> None:
    wait = restarted(begun())
    ends = [wait.receive(BUSY, START + at) for at in (200, 700, 1101)]
    assert ends[2] is not None
    assert "(last status RUNNING, 1 of 3 sub-jobs done)" in ends[2].message


def test_a_deadline_after_a_restart_says_what_was_seen() -> None:
    end = restarted(begun()).receive(BUSY, START + 86_400)
    assert end is not None
    assert "(last status RUNNING, 1 of 3 sub-jobs done)" in end.message


def test_it_survives_two_restarts() -> None:
    end = restarted(restarted(begun())).receive(GONE, START + 7200)
    assert end is not None
    assert "last status RUNNING, 1 of 3" in end.message


@pytest.mark.parametrize("old", [{"seen_status": "RUNNING", "seen_sub_jobs_finished": 1}])
def test_arguments_of_an_earlier_version_say_the_status_at_least(old: dict[str, object]) -> None:
    arguments = EcsJobTriggerArguments(job_id=JOB_ID, started=START, **old)  # type: ignore[arg-type]
    end = Wait(JOB_ID, arguments.policy()).receive(GONE, START + 7200)
    assert end is not None
    assert "no longer knows it" in end.message
    assert "last status RUNNING" in end.message
    assert end.job is not None


def test_a_wait_that_was_taken_up_late_does_not_claim_what_it_can_not_know() -> None:
    end = Wait(JOB_ID, WaitPolicy(started=START)).receive(GONE, START + 7200)
    assert end is not None
    assert "never seen since the wait was resumed" in end.message
    assert "It may have been purged. If not: check the job id" in end.message


def test_a_rescheduled_sensor_does_not_claim_it_either() -> None:
    end = Wait(JOB_ID, WaitPolicy(started=START), was_unfinished=True).receive(GONE, START + 30)
    assert end is not None
    assert "since the wait was resumed" in end.message


def test_the_type_of_the_job_is_learnt_when_the_arguments_had_none() -> None:
    arguments = EcsJobTriggerArguments(job_id=JOB_ID, started=START, seen_status="RUNNING", seen_sub_jobs_finished=1)
    wait = Wait(JOB_ID, arguments.policy())
    assert wait.receive(seen("RUNNING", PARTS), START + 10) is None
    assert wait.job is not None
    assert wait.job.job_type == "createServer"
