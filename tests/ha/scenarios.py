"""What is done to an Airflow while its waits are in flight; each lets the jobs of one group end meanwhile."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from tests.ha.trial import TRIGGERERS
from tests.ha.workers import kill_worker_of
from tests.live import kills

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_ecsjobs.emulator import Emulator
    from tests.ha.trial import Trial
    from tests.live.job_clock import JobClock

JOB_SECONDS = 200.0
"""How long the jobs of the cloud run whose tasks are killed, by its clock."""
STOP_SECONDS = 60.0
"""How long a component may take to stop by itself."""
DEADLINE_SECONDS = 4.0
"""So soon a deadline comes after the kill: before another triggerer can have noticed it."""


def kill_scheduler_while_waits_start(trial: Trial) -> None:
    """SIGKILL the scheduler, with the tasks that its LocalExecutor runs, when a third of the waits is in flight."""
    trial.await_in_flight(1 / 3)
    with trial.disturbance("scheduler killed while waits start", None) as disturbance:
        disturbance.struck = len(trial.wait_until(trial.running, "a task to be running"))
        trial.airflow.components.kill("scheduler")
        trial.airflow.start("scheduler")
        trial.await_in_flight()


def kill_a_triggerer(trial: Trial, group: int) -> None:
    """SIGKILL a triggerer just before a deadline: jobs end while nobody watches, and the other one takes all over."""
    name = trial.wait_until(lambda: trial.triggerer_of_next_deadline(DEADLINE_SECONDS), "a deadline to be near")
    with trial.disturbance("triggerer killed", group) as disturbance:
        disturbance.struck = trial.holding(name)
        trial.airflow.components.kill(name)
        trial.end_jobs(group)
    trial.start_triggerer(name)


def restart_the_other_triggerer(trial: Trial, group: int) -> None:
    """Stop the triggerer that has all waits by now, in good order, and start it again."""
    name = max(TRIGGERERS, key=trial.holding)
    with trial.disturbance("triggerer restarted", group) as disturbance:
        disturbance.struck = trial.holding(name)
        trial.end_jobs(group)
        trial.airflow.components.terminate(name, STOP_SECONDS)
        trial.start_triggerer(name)


def kill_scheduler_while_waits_resume(trial: Trial, group: int) -> None:
    """SIGKILL the scheduler when tasks resume after their wait."""
    with trial.disturbance("scheduler killed while waits resume", group) as disturbance:
        trial.end_jobs(group)
        disturbance.struck = len(trial.wait_until(lambda: trial.running(group), "a task to resume"))
        trial.airflow.components.kill("scheduler")
        trial.airflow.start("scheduler")


def restart_api_server(trial: Trial, group: int) -> None:
    """Restart the API server, which every worker talks to, when tasks resume after their wait."""
    with trial.disturbance("API server restarted", group) as disturbance:
        trial.end_jobs(group)
        disturbance.struck = len(trial.wait_until(lambda: trial.running(group), "a task to resume"))
        trial.airflow.components.terminate("execution-api", STOP_SECONDS)
        trial.airflow.start_api_server_of_tasks()


def stop_the_cloud(trial: Trial, group: int, seconds: float) -> None:
    """Let the cloud be unreachable for some time, in which jobs end."""
    with trial.disturbance(f"cloud unreachable for {seconds:.0f} s", group) as disturbance:
        disturbance.struck = len(disturbance.in_flight)
        with trial.emulator.unreachable():
            back = time.monotonic() + seconds
            trial.end_jobs(group)
            trial.wait_until(lambda: time.monotonic() >= back, "the cloud to come back")


def kill_workers_at_each_point(trial: Trial, cloud: Emulator, clock: JobClock, notes: Path) -> None:
    """SIGKILL a worker whose task stands at a point of its submit, or of its resuming; no server is made twice.

    :param cloud: where the DAG of :mod:`tests.live.kills` makes its servers.
    :param clock: that cloud's clock, by which its jobs run on until it leaps.
    :param notes: the folder where its tasks say that they stand.
    """
    with trial.disturbance("workers killed at each point of a submit", None) as disturbance:
        run_id = trial.airflow.trigger(kills.DAG_ID)
        # The task that waits for the held answer has said where it is before it asked.
        trial.wait_until(lambda: cloud.submissions, "the first request to arrive")

        def kill(pid: int) -> None:
            disturbance.struck += bool(kill_worker_of(trial.airflow, pid))

        first, *others, resuming = kills.POINTS
        kill_each = partial(kills.kill_each, notes, trial.airflow.wait_until, trial.step_seconds, kill)
        kill_each([first])
        _let_job_end(trial, run_id, first, clock)
        kill_each(others)
        _let_job_end(trial, run_id, resuming, clock)
        kill_each([resuming])
        assert trial.airflow.wait(kills.DAG_ID, run_id, trial.step_seconds) == "success"
    kills.assert_made_once(cloud)
    jobs = [trial.airflow.xcom(kills.DAG_ID, run_id, point)["job_id"] for point in kills.POINTS]
    assert sorted(made["job_id"] for made in cloud.submissions if not made["replayed"]) == sorted(jobs)


def _let_job_end(trial: Trial, run_id: str, task_id: str, clock: JobClock) -> None:
    """Let all jobs end when this task is deferred.

    It may have been killed beside the one that was to be: had its job ended by its next try, it would never resume.
    """

    def is_deferred() -> bool:
        tasks = trial.airflow.task_instances(kills.DAG_ID, run_id)
        return any((task["task_id"], task["state"]) == (task_id, "deferred") for task in tasks)

    trial.wait_until(is_deferred, f"{task_id} to be deferred")
    clock.leap(JOB_SECONDS)


def kill_a_worker_while_waits_resume(trial: Trial, group: int) -> None:
    """SIGKILL a worker, with all that it runs, when tasks resume on it after their wait."""
    with trial.disturbance("worker killed while waits resume", group) as disturbance:
        trial.end_jobs(group)
        # One may have ended in the moment between the look and the kill.
        while not disturbance.struck:
            busy = trial.wait_until(lambda: trial.running(group), "a task to resume")
            disturbance.struck = int(bool(kill_worker_of(trial.airflow, busy[0])))
