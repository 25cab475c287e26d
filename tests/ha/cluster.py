"""The Airflow under test: what it is made of, and how soon it notices that a part of it is gone."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_provider_ecsjobs.emulator import Emulator
from tests.ha.diary import PostgresDiary
from tests.ha.postgres import database
from tests.ha.trial import TRIGGERERS, Trial
from tests.ha.waits import CREATE_SECONDS, dag_text, plan_waits
from tests.live.job_clock import JobClock
from tests.live.standalone import LiveAirflow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

PARALLELISM = 4

# What is gone is noticed by its missing heartbeats: by default after half a minute to five minutes.
_QUICK = {
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
    "AIRFLOW__SCHEDULER__JOB_HEARTBEAT_SEC": "2",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "10",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "15",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
}


@contextmanager
def trial_of(
    folder: Path,
    count: int,
    *,
    environment: Mapping[str, str] | None = None,
    start: Callable[[LiveAirflow], None] = lambda airflow: None,
) -> Iterator[Trial]:
    """Run an Airflow on PostgreSQL with two triggerers, and with a DAG of so many waits, which have not begun yet.

    :param folder: an empty folder; Airflow is in ``airflow``, its DAGs are in ``dags``.
    :param environment: further settings of Airflow.
    :param start: starts further components.
    """
    dags = folder / "dags"
    dags.mkdir(exist_ok=True)
    clock = JobClock(held=True)
    with database() as url, Emulator(run_seconds=CREATE_SECONDS, clock=clock) as emulator:
        # Deadlines pass all the time, from when the waits start until the last of them is disturbed.
        waits = plan_waits(emulator, count, deadlines=(40.0, 60.0 + count))
        # Many waits are polled less often: they share a rate.
        (dags / "waits.py").write_text(dag_text(waits, gaps=(2.0, max(5.0, count / 15))))
        # The clock is further from the real time than a signature may be: the login is a user's.
        settings = dict([emulator.connection_env(auth="password")]) | _QUICK | dict(environment or {})
        settings["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = url.replace("postgresql://", "postgresql+psycopg2://")
        diary = PostgresDiary(url)
        with LiveAirflow(
            folder / "airflow", dags, parallelism=PARALLELISM, environment=settings, diary=diary
        ) as airflow:
            start(airflow)
            trial = Trial(airflow, diary, emulator, clock, waits, step_seconds=240.0 + 2 * count)
            trial.note_triggerer(TRIGGERERS[0], known=[])
            trial.start_triggerer(TRIGGERERS[1])
            yield trial
