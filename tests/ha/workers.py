"""Two workers of Celery: started, killed with all that they run, and started again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.ha.broker import Broker
    from tests.live.standalone import LiveAirflow

WORKERS = ("worker-1", "worker-2")


def settings(broker: Broker) -> dict[str, str]:
    """Give the settings of an Airflow whose tasks run on workers."""
    options = "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__"
    return {
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__CELERY__BROKER_URL": broker.url,
        "AIRFLOW__CELERY__WORKER_CONCURRENCY": "2",
        f"{options}GLOBAL_KEYPREFIX": broker.prefix,
        # What a worker took and never acknowledged is delivered again: after a day by default.
        f"{options}VISIBILITY_TIMEOUT": "30",
        # So is a task that stays queued, as it does when its message died with a worker.
        "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "30",
        "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "5",
    }


def start_workers(airflow: LiveAirflow) -> None:
    """Start them all."""
    for name in WORKERS:
        start_worker(airflow, name)


def start_worker(airflow: LiveAirflow, name: str) -> None:
    """Start a worker under its own name, as on a machine of its own."""
    pid_file = str(airflow.home / f"{name}.pid")
    airflow.start(
        name, "worker", "--skip-serve-logs", "--celery-hostname", f"{name}@here", "--pid", pid_file, command="celery"
    )


def kill_worker_of(airflow: LiveAirflow, pid: int) -> str:
    """Kill the worker that a process belongs to, and start it again; its name, or nothing if the process is gone."""
    try:
        name = airflow.components.of_process(pid)
    except ProcessLookupError:
        return ""
    airflow.components.kill(name)
    start_worker(airflow, name)
    return name
