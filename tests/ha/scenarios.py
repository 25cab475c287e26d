"""What is done to an Airflow while its waits are in flight; each lets the jobs of one group end meanwhile."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.ha.trial import TRIGGERERS

if TYPE_CHECKING:
    from tests.ha.trial import Trial

STOP_SECONDS = 60.0
"""How long a component may take to stop by itself."""


def kill_scheduler_while_waits_start(trial: Trial) -> None:
    """SIGKILL the scheduler, with the tasks that its LocalExecutor runs, when a third of the waits is in flight."""
    trial.await_in_flight(1 / 3)
    with trial.disturbance("scheduler killed while waits start", None) as disturbance:
        disturbance.struck = sum(state == "running" for state in trial.states().values())
        trial.airflow.components.kill("scheduler")
        trial.airflow.start("scheduler")
        trial.await_in_flight()


def kill_a_triggerer(trial: Trial, group: int) -> None:
    """SIGKILL the triggerer that holds most: jobs end while nobody watches, and the other one takes the waits over."""
    name = max(TRIGGERERS, key=trial.holding)
    with trial.disturbance("triggerer killed", group) as disturbance:
        disturbance.struck = trial.holding(name)
        trial.airflow.components.kill(name)
        trial.end_jobs()
    trial.start_triggerer(name)


def restart_the_other_triggerer(trial: Trial, group: int) -> None:
    """Stop the triggerer that has all waits by now, in good order, and start it again."""
    name = max(TRIGGERERS, key=trial.holding)
    with trial.disturbance("triggerer restarted", group) as disturbance:
        disturbance.struck = trial.holding(name)
        trial.end_jobs()
        trial.airflow.components.terminate(name, STOP_SECONDS)
        trial.start_triggerer(name)


def kill_scheduler_while_waits_resume(trial: Trial, group: int) -> None:
    """SIGKILL the scheduler when tasks resume after their wait."""
    with trial.disturbance("scheduler killed while waits resume", group) as disturbance:
        trial.end_jobs()
        disturbance.struck = len(trial.wait_until(lambda: trial.busy(group), "a task to resume"))
        trial.airflow.components.kill("scheduler")
        trial.airflow.start("scheduler")


def restart_api_server(trial: Trial, group: int) -> None:
    """Restart the API server, which every worker talks to, when tasks resume after their wait."""
    with trial.disturbance("API server restarted", group) as disturbance:
        trial.end_jobs()
        disturbance.struck = len(trial.wait_until(lambda: trial.busy(group), "a task to resume"))
        trial.airflow.components.terminate("api-server", STOP_SECONDS)
        trial.airflow.start("api-server")


def stop_the_cloud(trial: Trial, group: int, seconds: float) -> None:
    """Let the cloud be unreachable for some time, in which jobs end."""
    with trial.disturbance(f"cloud unreachable for {seconds:.0f} s", group) as disturbance:
        disturbance.struck = len(disturbance.in_flight)
        with trial.emulator.unreachable():
            back = time.monotonic() + seconds
            trial.end_jobs()
            trial.wait_until(lambda: time.monotonic() >= back, "the cloud to come back")
