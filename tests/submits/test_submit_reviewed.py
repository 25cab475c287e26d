"""Ways in which a submit went wrong once: a review found them."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_ecsjobs.core import flows
from airflow_provider_ecsjobs.emulator import Emulator, Fault
from airflow_provider_ecsjobs.exceptions import (
    EcsApiError,
    EcsConfigError,
    EcsInvalidRequestNoRetry,
    EcsJobFailed,
    EcsJobNotFound,
    EcsOutcomeUnknownNoRetry,
    EcsUnreachableError,
)
from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook
from airflow_provider_ecsjobs.operators.ecs_jobs import EcsSubmitJobOperator
from airflow_provider_ecsjobs.operators.servers import (
    EcsAttachVolumeOperator,
    EcsCreateServersOperator,
    EcsDeleteServersOperator,
    EcsRebootServersOperator,
    EcsStopServersOperator,
)
from tests.support.machine_clock import MachineClock
from tests.support.patience import A_MINUTE
from tests.support.task_runs import Store, TaskRun

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("quick_backoff")
SERVER = {"name": "web", "flavor": "f", "image": "i", "vpc": "v", "subnets": ["s"], "root_volume": "SSD"}
QUICK = {"poll_interval": 0.05, "max_poll_interval": 0.05}


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flows, "LONGEST_BACKOFF", 0.05)


def run_of(make: Callable[..., Any], *, store: bool = True, **options: Any) -> TaskRun:
    return TaskRun(lambda: make(task_id="task", **QUICK, **options), store=Store() if store else None)


@pytest.mark.parametrize("store", [True, False], ids=["with the store", "without"])
def test_a_delete_goes_on_after_one_that_failed_in_part(store: bool, connected: Emulator) -> None:
    servers = [connected.add_server(str(number)) for number in range(3)]
    connected.fail_next("deleteVMs", failing=1)
    run = run_of(EcsDeleteServersOperator, store=store, server_ids=servers, retries=2)
    with pytest.raises(EcsJobFailed, match="1 of 3 sub-jobs failed"):
        run.run()

    run.retry()

    assert run.run()["status"] == "SUCCESS"
    assert connected.servers == {}


def test_a_delete_whose_worker_died_is_green_before_airflow_3_3_too(connected: Emulator) -> None:
    run = run_of(EcsDeleteServersOperator, store=False, server_ids=[connected.add_server()], retries=2)
    run.start()

    run.retry()

    assert run.run() == {"job_id": None, "order_id": None, "server_ids": []}


@pytest.mark.parametrize("rendered", ["None", "null", ["a", None]])
def test_a_template_without_a_value_is_a_mistake_and_no_empty_list(rendered: Any, connected: Emulator) -> None:
    task = EcsDeleteServersOperator(task_id="task", server_ids="{{ x }}")
    task.server_ids = rendered

    with pytest.raises(EcsInvalidRequestNoRetry, match="the template or XCom it comes from had no value"):
        TaskRun(lambda: task).run()


def test_the_xcom_has_the_servers_that_only_the_job_names(connected: Emulator) -> None:
    server = connected.add_server()
    run = run_of(EcsStopServersOperator, server_ids=[server])

    run.run()

    assert run.xcoms["server_ids"] == [server]


def test_another_request_is_not_taken_for_this_one(connected: Emulator) -> None:
    first, second = connected.add_server("first"), connected.add_server("second")
    meant = [first]
    run = TaskRun(lambda: EcsStopServersOperator(task_id="task", server_ids=meant, **QUICK), store=Store())
    run.run()

    meant[:] = [second]
    run.clear()
    run.run()

    assert {server["status"] for server in connected.servers.values()} == {"SHUTOFF"}


def test_another_request_waits_for_the_job_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    with Emulator(init_seconds=0, run_seconds=600) as emulator:
        monkeypatch.setenv(*emulator.connection_env())
        meant = [emulator.add_server("first")]
        run = TaskRun(lambda: EcsStopServersOperator(task_id="task", server_ids=meant, **QUICK), store=Store())
        run.start()

        meant[:] = [emulator.add_server("second")]
        run.clear()

        with pytest.raises(EcsApiError, match="still runs, and the task's parameters have changed since") as caught:
            run.start()
        assert not isinstance(caught.value, AirflowFailException)  # a retry may find it ended
        assert emulator.counters["submits"] == 1


def test_a_create_that_is_named_after_the_time_is_still_one_request(connected: Emulator) -> None:
    names = iter(("at-1", "at-2"))
    run = TaskRun(lambda: EcsCreateServersOperator(task_id="task", **{**SERVER, "name": next(names)}, **QUICK))
    run.store = Store()
    run.start()

    run.retry()

    assert run.run()["status"] == "SUCCESS"
    assert connected.counters["submits"] == 1


def test_user_data_that_looks_like_a_template_is_encoded(connected: Emulator) -> None:
    script = "#!/bin/sh\ndocker ps --format '{{.Names}}'\n"
    task = EcsCreateServersOperator(task_id="task", user_data="{{ x }}", **SERVER)
    task.user_data = script

    body = task._request().body

    assert body is not None
    assert base64.b64decode(body["server"]["user_data"]).decode() == script


def test_the_deadline_holds_while_the_request_is_sent_again(connected: Emulator) -> None:
    connected.fault(Fault(method="POST", times=10_000, status=202, body={"error": {"code": "Common.0024"}}))

    with pytest.raises(EcsApiError, match="could not be submitted"):
        run_of(EcsCreateServersOperator, timeout=0.3, **SERVER).run()


def test_the_grace_begins_when_the_request_was_taken(connected: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = MachineClock(monkeypatch)
    connected.fault(Fault(method="POST", times=3, status=202, body={"error": {"code": "Common.0024"}}))
    run = run_of(EcsCreateServersOperator, not_found_grace=A_MINUTE, **SERVER)
    with monkeypatch.context() as patched:
        # Each pause before the request is sent again lasts longer than the grace.
        patched.setattr(time, "sleep", lambda _: setattr(clock, "passed", clock.passed + 2 * A_MINUTE))
        deferred = run.start()
    assert clock.passed == 6 * A_MINUTE
    connected.fault(Fault(path="/jobs/", status=400, body={"error": {"code": "Common.0011", "message": "unknown"}}))

    assert run.resume(deferred)["status"] == "SUCCESS"


def test_an_unknown_job_of_our_own_names_the_servers(connected: Emulator) -> None:
    run = run_of(EcsCreateServersOperator, not_found_grace=0, **SERVER)
    deferred = run.start()
    connected.purge_job(run.xcoms["job_id"])

    with pytest.raises(EcsJobNotFound, match=rf"The API took the request \(servers {run.xcoms['server_ids'][0]}\)"):
        run.resume(deferred)


def test_nothing_is_doubtful_where_nothing_could_be_sent(monkeypatch: pytest.MonkeyPatch, connected: Emulator) -> None:
    server = connected.add_server()
    name, value = connected.connection_env()
    monkeypatch.setenv(name, json.dumps({**json.loads(value), "extra": {"auth": "none such"}}))
    run = run_of(EcsAttachVolumeOperator, server_id=server, volume_id="a-volume")
    with pytest.raises(EcsConfigError):
        run.run()

    monkeypatch.setenv(name, value)
    run.retry()

    assert run.run()["status"] == "SUCCESS"


def test_a_worker_that_died_is_told_of_once(connected: Emulator) -> None:
    run = run_of(EcsAttachVolumeOperator, server_id=connected.add_server(), volume_id="a-volume")
    assert run.store is not None
    record = {"operation": "attach_server_volume", "max_tries": 2, "submitted_at": 1.0}
    run.store.set("ecs_submit", record)
    run.retry()

    with pytest.raises(EcsOutcomeUnknownNoRetry) as caught:
        run.run()

    assert str(caught.value).count("resubmit_unknown=True") == 1
    assert "an earlier try may have sent the request" in str(caught.value)


JOB = {"status": "SUCCESS", "job_type": "createServer"}


@pytest.mark.parametrize(
    ("job", "kept", "said"),
    [
        ({**JOB, "entities": {}}, [0, 1, 2], ""),
        ({**JOB, "entities": {"sub_jobs_total": 3, "sub_jobs": [(0, "SUCCESS")]}}, [0, 1, 2], ""),
        (
            {**JOB, "status": "FAIL", "entities": {"sub_jobs": [(0, "SUCCESS"), (1, "FAIL"), (2, "RUNNING")]}},
            [0, 2],
            "Not told by the job, so these may exist, too: server {2}",
        ),
        ({**JOB, "status": "FAIL", "entities": {}}, [0, 1, 2], "so these may exist, too: server {0}, server {1}"),
    ],
)
def test_servers_that_the_job_does_not_list_are_not_lost(
    job: Any, kept: list[int], said: str, connected: Emulator
) -> None:
    run = run_of(EcsCreateServersOperator, count=3, **SERVER)
    deferred = run.start()
    submitted = run.xcoms["server_ids"]
    parts = [
        {"status": status, "job_type": "createSingleServer", "entities": {"server_id": submitted[number]}}
        for number, status in job["entities"].get("sub_jobs", ())
    ]
    body = {**job, "entities": {**job["entities"], "sub_jobs": parts}}
    connected.plant_job(body, job_id=run.xcoms["job_id"])

    if said:
        with pytest.raises(EcsJobFailed) as caught:
            run.resume(deferred)
        assert said.format(*submitted) in str(caught.value)
    else:
        assert run.resume(deferred)["server_ids"] == submitted
    assert run.xcoms["server_ids"] == [submitted[number] for number in kept]


def test_before_airflow_3_3_a_wait_that_breaks_off_does_not_double_a_reboot(connected: Emulator) -> None:
    run = run_of(EcsRebootServersOperator, store=False, server_ids=[connected.add_server()], unreachable_timeout=0.05)
    deferred = run.start()
    connected.fault(Fault(path="/jobs/", times=10_000, status=503))

    with pytest.raises(EcsOutcomeUnknownNoRetry, match="keeps no record of what was submitted"):
        run.resume(deferred)

    stopping = run_of(EcsStopServersOperator, store=False, server_ids=list(connected.servers), unreachable_timeout=0.05)
    deferred = stopping.start()
    with pytest.raises(EcsUnreachableError):  # doing that twice harms nothing
        stopping.resume(deferred)


def test_what_the_exception_holds_is_hidden_too(connected: Emulator) -> None:
    echo = {
        "error": {"code": "Ecs.0005", "message": "bad canary-Password", "details": [{"message": "canary-Password"}]}
    }
    connected.fault(Fault(method="POST", status=400, body=echo))
    body = {"os-change": {"imageid": "i", "adminpass": "canary-Password"}}

    with pytest.raises(EcsApiError) as caught:
        EcsJobsHook().submit("change_server_os_with_cloud_init", server_id="s", body=body)

    assert "canary" not in repr(caught.value.error)


def test_a_text_for_a_body_is_shown_by_no_error(connected: Emulator) -> None:
    task = EcsSubmitJobOperator(task_id="task", operation="delete_servers", body="{{ x }}")
    task.body = "{'os-change': {'adminpass': 'canary-Password'}}"

    with pytest.raises(EcsInvalidRequestNoRetry) as caught:
        TaskRun(lambda: task).run()

    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("options", [{"tags": "a=b"}, {"count": 2.7}, {"user_data": 7}, {"subnets": []}])
def test_a_parameter_of_a_wrong_type_is_said_when_the_dag_is_parsed(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        EcsCreateServersOperator(task_id="task", **{**SERVER, **options})
