"""What becomes of a submit when the network or the cloud does not play along: over sockets, by tasks."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_ecsjobs.emulator import Emulator, Fault
from airflow_provider_ecsjobs.exceptions import (
    EcsApiError,
    EcsJobFailed,
    EcsJobNotFound,
    EcsJobPaymentTimeout,
    EcsOutcomeUnknownError,
    EcsOutcomeUnknownNoRetry,
    EcsRejectedNoRetry,
    EcsUnauthorizedNoRetry,
)
from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook
from airflow_provider_ecsjobs.operators.servers import (
    EcsAttachVolumeOperator,
    EcsCreateServersOperator,
    EcsDeleteServersOperator,
    EcsResizeServerOperator,
)
from tests.live.job_clock import JobClock
from tests.support.patience import A_MINUTE
from tests.support.task_runs import Store, TaskRun

pytestmark = pytest.mark.usefixtures("quick_backoff", "short_pauses")
VOLUME = "6b1a3f44-0000-4000-8000-00000000f3ee"
LOST = [
    pytest.param({"reset": "during"}, id="cut in the answer"),
    pytest.param({"reset": "after"}, id="reset after its effect"),
    pytest.param({"truncate": True}, id="truncated answer"),
]


def create(**options: Any) -> TaskRun:
    fields = {"name": "web", "flavor": "s6.small.1", "image": "img", "vpc": "vpc", "subnets": ["subnet"]}
    fields |= {"root_volume": "SSD", "count": 2, "poll_interval": 0.05, "retries": 2, **options}
    return TaskRun(lambda: EcsCreateServersOperator(task_id="task", **fields), store=Store())


def attach(server_id: str, **options: Any) -> TaskRun:
    fields = {"server_id": server_id, "volume_id": VOLUME, "poll_interval": 0.05, "retries": 2, **options}
    return TaskRun(lambda: EcsAttachVolumeOperator(task_id="task", **fields), store=Store())


@pytest.mark.parametrize("fault", LOST)
def test_a_lost_response_to_a_create_is_asked_for_again_with_the_same_token(fault: Any, connected: Emulator) -> None:
    connected.fault(Fault(path="/cloudservers$", **fault))

    result = create().run()

    assert result["status"] == "SUCCESS"
    assert sorted(connected.servers) == sorted(result["server_ids"])
    assert (connected.counters["submits"], connected.counters["replays"]) == (1, 1)
    assert len({made["client_token"] for made in connected.submissions}) == 1


@pytest.mark.parametrize("fault", LOST)
def test_a_lost_response_to_an_attach_fails_and_says_what_to_check(fault: Any, connected: Emulator) -> None:
    server = connected.add_server()
    connected.fault(Fault(path="/attachvolume", **fault))

    with pytest.raises(EcsOutcomeUnknownNoRetry) as caught:
        attach(server).run()

    said = str(caught.value)
    assert "attach_server_volume: it is not known whether the request was carried out" in said
    assert "Check whether the volume is attached to the server" in said
    assert "resubmit_unknown=True" in said
    assert isinstance(caught.value, AirflowFailException)
    assert connected.counters["submits"] == 1


def test_a_lost_attach_is_sent_again_where_the_user_says_so(connected: Emulator) -> None:
    server = connected.add_server()
    connected.fault(Fault(path="/attachvolume", reset="before"))

    assert attach(server, resubmit_unknown=True).run()["status"] == "SUCCESS"
    assert connected.servers[server]["volumes"] == [VOLUME]


def test_an_attach_after_an_unknown_outcome_is_sent_when_a_user_clears_the_task(connected: Emulator) -> None:
    server = connected.add_server()
    run = attach(server)
    connected.fault(Fault(path="/attachvolume", reset="before"))
    with pytest.raises(EcsOutcomeUnknownNoRetry):
        run.run()

    run.clear()

    assert run.run()["status"] == "SUCCESS"
    assert connected.counters["submits"] == 1


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(
            {"status": 202, "body": {"error": {"code": "Common.0024", "message": "busy"}}}, id="202 with a code"
        ),
        pytest.param({"status": 429}, id="429"),
        pytest.param({"status": 501, "body": {"error": {"code": "Ecs.0603", "message": "wait"}}}, id="501 busy"),
    ],
)
@pytest.mark.parametrize("kind", ["create", "attach"])
def test_flow_control_is_waited_out(kind: str, fault: Any, connected: Emulator) -> None:
    run = create() if kind == "create" else attach(connected.add_server())
    connected.fault(Fault(method="POST", times=3, **fault))

    assert run.run()["status"] == "SUCCESS"
    assert (connected.counters["faults"], connected.counters["submits"]) == (3, 1)


def test_flow_control_without_end_fails_in_a_way_that_is_retried(connected: Emulator) -> None:
    connected.fault(Fault(method="POST", times=1000, status=202, body={"error": {"code": "Common.0024"}}))
    run = create(unreachable_timeout=0.3)

    with pytest.raises(EcsApiError, match=r"could not be submitted within 0 s: Common\.0024") as caught:
        run.run()

    assert not isinstance(caught.value, AirflowFailException)
    assert run.store is not None
    assert run.store.values == {}  # nothing was taken, so nothing is to be remembered


@pytest.mark.parametrize(("status", "code"), [(400, "Ecs.0005"), (403, "Pdp.0001"), (409, "Ecs.0021")])
@pytest.mark.parametrize("kind", ["create", "attach"])
def test_a_rejection_is_final_and_shows_all_that_the_api_said(
    kind: str, status: int, code: str, connected: Emulator
) -> None:
    run = create() if kind == "create" else attach(connected.add_server())
    details = [{"code": "Ecs.1520", "message": "the quota of cores is used up"}]
    body = {"error": {"code": code, "message": "not like this", "details": details}}
    connected.fault(Fault(method="POST", status=status, body=body))

    with pytest.raises(EcsRejectedNoRetry) as caught:
        run.run()

    said = str(caught.value)
    request_id = connected.requests[-1]["request_id"]
    for part in (code, "not like this", "Ecs.1520 the quota of cores is used up", f"HTTP {status}", request_id):
        assert part in said
    assert isinstance(caught.value, AirflowFailException)
    assert connected.counters["requests"] == 1
    assert run.store is not None
    assert run.store.values == {}


def test_unauthorized_credentials_are_final_once_confirmed(
    connected: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, value = connected.connection_env()
    monkeypatch.setenv(name, value.replace(connected.connection()["password"], "wrong-secret-key"))

    with pytest.raises(EcsUnauthorizedNoRetry):
        create().run()

    assert connected.counters["requests"] == 2


def test_a_refused_connection_is_no_unknown_outcome(monkeypatch: pytest.MonkeyPatch, connected: Emulator) -> None:
    name, value = connected.connection_env()
    monkeypatch.setenv(name, value.replace(connected.url, "http://127.0.0.1:1"))

    with pytest.raises(EcsApiError, match="the connection was refused") as caught:
        attach("a-server", unreachable_timeout=0.2).run()

    assert not isinstance(caught.value, EcsOutcomeUnknownError)


@pytest.mark.parametrize("store", [True, False], ids=["with the store", "without"])
def test_a_retry_after_a_failed_job_makes_a_second_job_with_a_second_token(store: bool, connected: Emulator) -> None:
    run = create()
    run.store = run.store if store else None
    connected.fail_next()
    with pytest.raises(EcsJobFailed, match=r"Ecs\.0219 No valid host was found") as caught:
        run.run()
    assert not isinstance(caught.value, AirflowFailException)

    run.retry()
    result = run.run()

    assert sorted(connected.servers) == sorted(result["server_ids"])
    assert connected.counters["submits"] == 2
    assert len({made["client_token"] for made in connected.submissions}) == 2
    assert len({made["job_id"] for made in connected.submissions}) == 2


@pytest.mark.parametrize("store", [True, False], ids=["with the store", "without"])
def test_three_failed_tries_make_three_jobs(store: bool, connected: Emulator) -> None:
    run = create()
    run.store = run.store if store else None
    connected.fail_next(times=3)
    for number in range(1, 4):
        with pytest.raises(EcsJobFailed):
            run.run()
        assert connected.counters["submits"] == number
        run.retry()


@pytest.mark.parametrize("store", [True, False], ids=["with the store", "without"])
def test_a_clear_after_success_makes_a_new_job(store: bool, connected: Emulator) -> None:
    run = create()
    run.store = run.store if store else None
    first = run.run()

    run.clear()
    second = run.run()

    assert set(first["server_ids"]).isdisjoint(second["server_ids"])
    assert len(connected.servers) == 4


def test_a_clear_while_the_job_runs_waits_for_that_one(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = JobClock()
    with Emulator(init_seconds=0, run_seconds=A_MINUTE, clock=clock) as emulator:
        monkeypatch.setenv(*emulator.connection_env())
        run = create()
        run.start()
        first = run.xcoms["job_id"]

        run.clear()
        deferred = run.start()
        clock.leap(A_MINUTE)
        result = run.resume(deferred)

        assert (result["job_id"], result["status"]) == (first, "SUCCESS")
        assert run.xcoms["server_ids"] == result["server_ids"]  # pushed anew: the clear has taken the XComs away
        assert (emulator.counters["submits"], emulator.counters["replays"]) == (1, 0)


def test_a_purged_job_is_said_to_be_purged(connected: Emulator) -> None:
    run = create(not_found_grace=0)
    run.start()
    connected.purge_job(run.xcoms["job_id"])

    run.retry()

    with pytest.raises(EcsJobNotFound, match="finished jobs are purged after a day") as caught:
        run.run()
    assert isinstance(caught.value, AirflowFailException)
    assert connected.counters["submits"] == 1


def test_an_unpaid_order_is_ordered_anew_after_a_clear(connected: Emulator) -> None:
    run = create(period_type="month", payment_timeout=0)
    with pytest.raises(EcsJobPaymentTimeout, match="is unpaid or was cancelled") as caught:
        run.run()
    order = run.xcoms["order_id"]
    assert f"its order {order} is unpaid" in str(caught.value)
    assert connected.orders[order]["status"] == "unpaid"
    connected.cancel_order(order)

    run.clear()
    deferred = run.start()

    assert run.xcoms["order_id"] not in (None, order)
    connected.pay_order(run.xcoms["order_id"])
    assert run.resume(deferred)["status"] == "SUCCESS"


def test_a_resize_of_a_yearly_server_ends_with_its_order(connected: Emulator) -> None:
    server = connected.add_server(charging_mode="prePaid", status="SHUTOFF")
    run = TaskRun(lambda: EcsResizeServerOperator(task_id="task", server_id=server, flavor="big"), store=Store())

    result = run.run()

    assert (result["job_id"], list(connected.orders)) == (None, [result["order_id"]])
    run.retry()
    assert run.run() == result
    assert len(connected.orders) == 1


def test_deleting_what_does_not_exist_fails_unless_told_otherwise(connected: Emulator) -> None:
    there, gone = connected.add_server(), "6b1a3f44-0000-4000-8000-000000000dad"

    def delete(**options: Any) -> TaskRun:
        ids = [gone, there]
        return TaskRun(lambda: EcsDeleteServersOperator(task_id="task", server_ids=ids, poll_interval=0.05, **options))

    with pytest.raises(EcsRejectedNoRetry, match=rf"Ecs\.0114.*{gone}"):
        delete().run()
    assert list(connected.servers) == [there]
    assert delete(missing_ok=True).run()["status"] == "SUCCESS"
    assert connected.servers == {}
    assert delete(missing_ok=True).run() == {"job_id": None, "order_id": None, "server_ids": []}


def test_a_lost_response_to_a_delete_does_not_fail_the_retry(connected: Emulator) -> None:
    server = connected.add_server()
    connected.fault(Fault(path="/delete$", reset="after"))
    run = TaskRun(lambda: EcsDeleteServersOperator(task_id="task", server_ids=[server], poll_interval=0.05))

    assert run.run() == {"job_id": None, "order_id": None, "server_ids": []}
    assert connected.servers == {}
    assert connected.counters["submits"] == 1


def test_the_hook_says_what_is_not_known(connected: Emulator) -> None:
    server = connected.add_server()
    connected.fault(Fault(path="/attachvolume", status=504, body="<html>Gateway Time-out</html>"))

    with pytest.raises(EcsOutcomeUnknownError, match="not known whether the request was carried out"):
        EcsJobsHook().submit("attach_server_volume", server_id=server, body={"volumeAttachment": {"volumeId": VOLUME}})
