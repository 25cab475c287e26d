"""Records of submits that hold more than those of 0.1.0 are understood; and 0.1.0 understands them, in turn."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_ecsjobs.core.submit.record import Record
from airflow_provider_ecsjobs.exceptions import EcsOutcomeUnknownNoRetry
from airflow_provider_ecsjobs.operators.submit_once import STORE_KEY
from tests.support.task_runs import Store, TaskRun
from tests.upgrade.submit_records import FILE
from tests.upgrade.writing import JOB_ID, task

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.emulator import Emulator

pytestmark = pytest.mark.usefixtures("quick_backoff")
RECORDS: dict[str, dict[str, Any]] = json.loads(FILE.read_text())
KEYS_OF_0_1_0 = {
    *("operation", "max_tries", "submitted_at", "token", "job_id", "order_id", "server_ids", "is_given_up"),
    *("retries", "clears", "request", "version"),
}


def run_of(name: str, record: dict[str, Any]) -> TaskRun:
    store = Store()
    store.set(STORE_KEY, record)
    run = TaskRun(lambda: task(name), store=store)
    run.ti.try_number = 3
    return run


@pytest.mark.parametrize("name", RECORDS)
def test_each_is_understood_whole(name: str) -> None:
    record = Record.from_dict({**RECORDS[name], "of_a_later_version": 1})
    assert record is not None
    assert record.to_dict() == RECORDS[name]
    assert set(RECORDS[name]) >= KEYS_OF_0_1_0
    assert RECORDS[name]["version"] == 1


def test_a_user_who_was_told_is_told_again_by_a_retry_and_obeyed_after_a_clear(connected: Emulator) -> None:
    run = run_of("resize", RECORDS["resize, told"])
    with pytest.raises(EcsOutcomeUnknownNoRetry, match="clear the task to send it again"):
        run.run()
    assert connected.counters["requests"] == 0

    run.clear()
    with pytest.raises(Exception, match="rejected"):  # the server is none of the emulator's
        run.run()
    assert [request["method"] for request in connected.requests] == ["POST"]


def test_a_job_that_was_found_after_a_clear_belongs_to_that_attempt(connected: Emulator) -> None:
    connected.plant_job({"status": "RUNNING"}, {"status": "SUCCESS"}, job_id=JOB_ID)
    run = run_of("create", RECORDS["create, asked after a clear"])
    run.ti.max_tries = RECORDS["create, asked after a clear"]["max_tries"]

    deferral = run.start()

    assert isinstance(deferral, TaskDeferred)
    assert run.resume(deferral)["job_id"] == JOB_ID
    assert connected.counters["submits"] == 0
