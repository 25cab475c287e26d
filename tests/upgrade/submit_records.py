"""Writes the records of submits that hold more than those of 0.1.0: ``python -m tests.upgrade.submit_records``."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

from tests.upgrade.writing import JOB_ID, SERVER_ID, TASKS, task

FILE = Path(__file__).parent / "submit_records.json"


def told(name: str) -> dict[str, Any]:
    """Return the record of a task that told its user that the outcome is not known."""
    from airflow_provider_ecsjobs.exceptions import EcsOutcomeUnknownNoRetry
    from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook

    run = _killed(name)
    run.retry()
    with (
        mock.patch.object(EcsJobsHook, "send", side_effect=AssertionError),
        contextlib.suppress(EcsOutcomeUnknownNoRetry),
    ):
        run.start()
    return _record(run)


def asked_after_a_clear(name: str) -> dict[str, Any]:
    """Return the record of a create that was cleared while its request was out, and whose job was found then."""
    from airflow_provider_ecsjobs.core.errors import ApiError, ErrorKind
    from airflow_provider_ecsjobs.core.submit.submission import Submission
    from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook

    run = _killed(name)
    run.clear()
    found = Submission(JOB_ID, None, (SERVER_ID,))
    with (
        mock.patch.object(EcsJobsHook, "send", return_value=found),
        mock.patch.object(EcsJobsHook, "poll_once", return_value=ApiError(ErrorKind.TRANSIENT, "busy")),
    ):
        run.start()
    return _record(run)


def _killed(name: str) -> Any:
    from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook
    from tests.support.task_runs import Store, TaskRun

    run = TaskRun(lambda: task(name), store=Store())
    with mock.patch.object(EcsJobsHook, "send", side_effect=KeyboardInterrupt), contextlib.suppress(KeyboardInterrupt):
        run.start()
    return run


def _record(run: Any) -> dict[str, Any]:
    from airflow_provider_ecsjobs.operators.submit_once import STORE_KEY

    record: dict[str, Any] = run.store.get(STORE_KEY)
    return record


def main() -> None:
    """Write the file."""
    os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp()
    os.environ["AIRFLOW_CONN_HUAWEI_ECS_DEFAULT"] = json.dumps(
        {"conn_type": "huawei_ecs", "login": "AK", "password": "SK", "extra": {"region": "r", "project_id": "p"}}
    )
    records = {f"{name}, mark": _record(_killed(name)) for name in TASKS}
    records["resize, told"] = told("resize")
    records["create, asked after a clear"] = asked_after_a_clear("create")
    FILE.write_text(json.dumps(records, indent=2) + "\n")


if __name__ == "__main__":
    main()
