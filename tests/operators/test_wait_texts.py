"""What stands in the log of a wait and of a submit, and in their exceptions: who, how long, and until when."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs.core.hints import HINTS
from airflow_provider_ecsjobs.emulator import Fault
from airflow_provider_ecsjobs.exceptions import EcsJobTimeout, EcsRejectedNoRetry, EcsUnreachableError
from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook
from airflow_provider_ecsjobs.operators.ecs_jobs import EcsJobOperator
from airflow_provider_ecsjobs.operators.servers import EcsCreateServersOperator, EcsStopServersOperator
from tests.support.task_runs import Store, TaskRun

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_ecsjobs.emulator import Emulator

SERVER = {"name": "web", "flavor": "s6.small.1", "image": "img", "vpc": "vpc", "subnets": ["subnet"]}
CREATE: dict[str, Any] = {**SERVER, "root_volume": {"volumetype": "SSD"}}


def test_the_first_line_of_a_deferred_wait_names_place_gap_and_deadline(
    connected: Emulator, set_connection: Callable[..., None], log_text: Callable[[], str]
) -> None:
    set_connection(**connected.connection(project_id=None))
    job_id = connected.start_job(run_seconds=600)
    TaskRun(lambda: EcsJobOperator(task_id="task", job_id=job_id, timeout=7200, poll_interval=20)).start()
    logged = log_text()
    until = time.strftime("%Y-%m-%d %H:", time.gmtime(time.time() + 7200))
    assert f"Waiting, deferred, until {until}" in logged
    assert "UTC (timeout=2 h 0 min), a poll every 20 s to 60 s; connection 'huawei_ecs_default'," in logged
    project = connected.projects[0]["id"]
    assert f"region {connected.region}, project {project}, ECS job {job_id}" in logged


def test_the_first_line_of_a_wait_without_an_end_says_so(connected: Emulator, log_text: Callable[[], str]) -> None:
    options: dict[str, Any] = {"timeout": None, "poll_interval": 60, "max_poll_interval": 60}
    TaskRun(lambda: EcsCreateServersOperator(task_id="task", **CREATE, **options)).start()
    assert "Waiting, deferred, for as long as it takes, a poll every 60 s; connection" in log_text()


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"timeout": 0.2, "execution_timeout": timedelta(hours=1)}, "the limit is timeout=0 s ("),
        (
            {"timeout": None, "execution_timeout": timedelta(seconds=0.2)},
            "the limit is execution_timeout=0 s, less a margin of 0.02 s (",
        ),
    ],
)
def test_a_limit_names_the_parameter_that_it_comes_from(limits: dict[str, Any], said: str, connected: Emulator) -> None:
    job_id = connected.start_job(run_seconds=600)
    run = TaskRun(lambda: EcsJobOperator(task_id="task", job_id=job_id, poll_interval=0.1, **limits))
    with pytest.raises(EcsJobTimeout) as caught:
        run.resume(run.start())
    assert said in str(caught.value)


def test_a_dry_run_says_what_it_checked(connected: Emulator, log_text: Callable[[], str]) -> None:
    TaskRun(lambda: EcsCreateServersOperator(task_id="task", dry_run=True, **CREATE)).start()
    assert "create_servers checked: the API would take it; nothing was made" in log_text()
    assert connected.servers == {}


def test_a_submit_that_does_not_reach_the_api_is_unreachable_as_a_wait_is(
    connected: Emulator, vanish: Callable[[Emulator], None]
) -> None:
    vanish(connected)
    with pytest.raises(EcsUnreachableError, match="delete_servers could not be submitted within"):
        EcsJobsHook().submit("delete_servers", body={"servers": [{"id": "s"}]}, timeout=0.1)


def test_a_submit_that_is_given_up_early_tells_how_long_it_was_tried(connected: Emulator) -> None:
    connected.fault(Fault(status=503, headers={"Retry-After": "900"}))
    with pytest.raises(EcsUnreachableError, match=r"could not be submitted within \d+ s of 10 min: "):
        EcsJobsHook().submit("delete_servers", body={"servers": [{"id": "s"}]}, timeout=600)


def test_a_query_that_does_not_reach_the_api_is_unreachable_too(
    connected: Emulator, vanish: Callable[[Emulator], None], quick_backoff: None
) -> None:
    vanish(connected)
    with pytest.raises(EcsUnreachableError, match="can't be queried"):
        EcsJobsHook().get_job("a" * 32)


@pytest.mark.parametrize("code", HINTS)
def test_a_rejected_submit_has_the_hint_of_a_failed_job(code: str, connected: Emulator) -> None:
    body = {"error": {"code": code, "message": "No."}}
    connected.fault(Fault(path="/cloudservers", method="POST", status=403, body=body))
    with pytest.raises(EcsRejectedNoRetry) as caught:
        TaskRun(lambda: EcsCreateServersOperator(task_id="task", **CREATE)).start()
    first, last = str(caught.value).split("\n")
    assert first.startswith(f"create_servers was rejected: {code} No. (HTTP 403")
    assert last == f"  What can be done: {HINTS[code]}."


def test_a_code_among_the_details_is_hinted_too(connected: Emulator) -> None:
    details = [{"code": "Ecs.0605", "message": "locked"}]
    body = {"error": {"code": "Ecs.0005", "message": "No.", "details": details}}
    connected.fault(Fault(path="/action", status=400, body=body))
    with pytest.raises(EcsRejectedNoRetry) as caught:
        TaskRun(lambda: EcsStopServersOperator(task_id="task", server_ids=["s"])).start()
    assert str(caught.value).endswith(f"\n  What can be done: {HINTS['Ecs.0605']}.")


@pytest.mark.parametrize("store", [Store(), None], ids=["with the store", "without"])
def test_a_retry_that_reconnects_does_not_say_that_it_submitted(
    store: Store | None, connected: Emulator, log_text: Callable[[], str]
) -> None:
    run = TaskRun(lambda: EcsCreateServersOperator(task_id="task", retries=2, **CREATE), store=store)
    run.start()
    assert f"submitted: ECS job {run.xcoms['job_id']}" in log_text()
    run.retry()
    run.start()
    logged = log_text()
    assert run.xcoms["job_id"] in logged
    assert "submitted: " not in logged
    assert connected.counters["submits"] <= 2
    assert {made["job_id"] for made in connected.submissions} == {run.xcoms["job_id"]}
