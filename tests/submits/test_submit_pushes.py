"""XComs that Airflow does not take: the request was accepted, so the task goes on, and nothing is sent twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from task_runs import Store, TaskRun

from airflow_provider_ecsjobs.operators.servers import EcsCreateServersOperator, EcsRebootServersOperator

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_ecsjobs.emulator import Emulator

STORES = pytest.mark.parametrize("store", [None, Store()], ids=["no store", "store"])
WAITS = pytest.mark.parametrize("options", [{}, {"deferrable": False}, {"wait_for_completion": False}], ids=str)


def rejecting_none(key: str, value: Any) -> None:
    """Take XComs as Airflow 3.0 does, whose API has no null for a value."""
    if value is None:
        raise RuntimeError("422 Unprocessable Entity")


def rejecting_all(key: str, value: Any) -> None:
    raise RuntimeError("503 Service Unavailable")


def reboot(server_id: str, store: Store | None, **options: Any) -> TaskRun:
    options = {"poll_interval": 0.05, "retries": 1, **options}
    return TaskRun(
        lambda: EcsRebootServersOperator(task_id="task", server_ids=[server_id], **options), store=store, retries=1
    )


@STORES
@WAITS
def test_none_is_never_pushed(store: Store | None, options: dict[str, Any], connected: Emulator) -> None:
    task = reboot(connected.add_server(), store, **options)
    task.ti.xcom_push = rejecting_none

    assert task.run()["job_id"] == connected.submissions[0]["job_id"]
    assert connected.counters["submits"] == 1


@STORES
@WAITS
def test_a_push_that_fails_after_an_accepted_submit_fails_no_task(
    store: Store | None, options: dict[str, Any], connected: Emulator, log_text: Callable[[], str]
) -> None:
    task = reboot(connected.add_server(), store, **options)
    task.ti.xcom_push = rejecting_all

    result = task.run()

    assert result["job_id"] == connected.submissions[0]["job_id"]
    assert connected.counters["submits"] == 1
    logged = log_text()
    submitted = f"batch_reboot_servers: submitted: ECS job {result['job_id']}"
    assert "503 Service Unavailable" in logged
    assert 0 <= logged.find(submitted) < logged.find("The XCom 'job_id' could not be pushed")


def test_an_xcom_that_cannot_be_read_on_resume_fails_no_task(connected: Emulator) -> None:
    task = reboot(connected.add_server(), None)
    deferral = task.start()

    def failing(**_: Any) -> Any:
        raise RuntimeError("503 Service Unavailable")

    task.ti.xcom_pull = failing
    assert task.resume(deferral)["status"] == "SUCCESS"


def test_what_was_accepted_is_logged_before_it_is_stored(connected: Emulator, log_text: Callable[[], str]) -> None:
    class FullStore(Store):
        def set(self, key: str, value: Any) -> None:
            if value["job_id"] is not None:
                raise RuntimeError("no room")
            super().set(key, value)

    fields = {"name": "web", "flavor": "s6.small.1", "image": "img", "vpc": "vpc", "subnets": ["subnet"]}
    create = TaskRun(
        lambda: EcsCreateServersOperator(task_id="task", root_volume="SSD", wait_for_completion=False, **fields),
        store=FullStore(),
    )

    made = create.run()

    logged = log_text()
    submitted = f"create_servers: submitted: ECS job {made['job_id']}, servers {', '.join(made['server_ids'])}"
    assert 0 <= logged.find(submitted) < logged.find("could not be recorded")
