"""Client tokens, dry runs, orders and failures on demand, as the official SDK sees them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from huaweicloudsdkecs.v2 import PrePaidServerExtendParam

from tests.emulator.clocked_cloud import ClockedCloud, refusal
from tests.support import official_submits as submits
from tests.support.official_submits import SDK_CALLS

if TYPE_CHECKING:
    from collections.abc import Callable

TOKEN = "0f8fad5b-d9cb-469f-a165-70867728950e"
ORDER = re.compile(r"CS\d{10}[0-9A-Z]{5}")


# Client tokens


@pytest.mark.parametrize("create", [submits.create_post_paid_servers, submits.create_servers])
def test_the_same_token_and_parameters_get_the_same_response(cloud: ClockedCloud, create: Callable[..., Any]) -> None:
    first = create(cloud.client, count=2, token=TOKEN)
    cloud.wait(8 * 3600)
    again = create(cloud.client, count=2, token=TOKEN)

    assert (again.job_id, again.server_ids) == (first.job_id, first.server_ids)
    assert set(cloud.servers()) >= set(first.server_ids)
    assert len(cloud.servers()) == 4 + 2
    assert (cloud.emulator.counters["submits"], cloud.emulator.counters["replays"]) == (1, 1)
    records = cloud.emulator.submissions
    assert [record.pop("replayed") for record in records] == [False, True]
    assert records[0] == records[1]
    assert records[0]["client_token"] == TOKEN


def test_a_token_answers_its_order_again(cloud: ClockedCloud) -> None:
    extendparam = PrePaidServerExtendParam(charging_mode="prePaid", period_type="month", period_num=1)
    first, again = (submits.create_servers(cloud.client, token=TOKEN, extendparam=extendparam) for _ in range(2))

    assert ORDER.fullmatch(first.order_id)
    assert again.to_json_object() == first.to_json_object()
    assert len(cloud.emulator.orders) == 1


def test_a_token_is_for_the_same_parameters_of_the_same_request(cloud: ClockedCloud) -> None:
    submits.create_servers(cloud.client, token=TOKEN)

    assert refusal(lambda: submits.create_servers(cloud.client, count=2, token=TOKEN)) == (400, "Ecs.0122")
    assert refusal(lambda: submits.create_post_paid_servers(cloud.client, token=TOKEN)) == (400, "Ecs.0122")
    assert cloud.emulator.counters["submits"] == 1


@pytest.mark.parametrize("token", ["x", TOKEN.upper(), TOKEN.replace("-", ""), f"{{{TOKEN}}}"])
def test_a_token_must_be_a_lower_case_uuid(cloud: ClockedCloud, token: str) -> None:
    assert refusal(lambda: submits.create_servers(cloud.client, token=token)) == (400, "Ecs.0123")
    assert cloud.emulator.submissions == []


def test_a_token_expires_after_eight_hours(cloud: ClockedCloud) -> None:
    submits.create_servers(cloud.client, token=TOKEN)
    cloud.wait(8 * 3600 + 1)

    assert refusal(lambda: submits.create_servers(cloud.client, token=TOKEN)) == (400, "Ecs.0124")


# Dry runs


def test_a_dry_run_checks_and_does_nothing(cloud: ClockedCloud) -> None:
    client, ids, before = cloud.client, cloud.ids, cloud.servers()

    answers = [
        submits.create_post_paid_servers(client, dry_run=True, token=TOKEN),
        submits.create_servers(client, dry_run=True, token=TOKEN),
        submits.resize_server(client, ids.server_id, dry_run=True),
        submits.resize_post_paid_server(client, ids.server_id, dry_run=True),
        submits.attach_server_volume(client, ids.server_id, ids.volume_id, dry_run=True),
        submits.change_server_charge_mode(client, ids, auto_pay=True, dry_run=True),
    ]

    assert [(answer.status_code, answer.job_id) for answer in answers] == [(202, None)] * 6
    cloud.wait(1000)
    assert cloud.servers() == before
    assert (cloud.emulator.submissions, cloud.emulator.orders) == ([], {})
    assert refusal(lambda: submits.resize_server(client, "nobody", dry_run=True)) == (404, "Ecs.0114")
    # The token is not used up.
    assert submits.create_servers(client, count=2, token=TOKEN).job_id


# Orders


def test_a_yearly_monthly_create_waits_for_its_payment(cloud: ClockedCloud) -> None:
    extendparam = PrePaidServerExtendParam(charging_mode="prePaid", period_type="year", period_num=3)
    answer = submits.create_servers(cloud.client, extendparam=extendparam)
    cloud.wait(1000)

    unpaid = cloud.show(answer.job_id)
    assert (unpaid.status, unpaid.job_type, unpaid.end_time) == ("PENDING_PAYMENT", "createServer", "")
    assert cloud.emulator.orders == {answer.order_id: {"status": "unpaid", "job_id": answer.job_id}}

    cloud.emulator.pay_order(answer.order_id)
    assert cloud.show(answer.job_id).status == "INIT"
    cloud.wait(10)
    assert cloud.show(answer.job_id).status == "RUNNING"
    assert cloud.finished(answer.job_id).status == "SUCCESS"
    [server_id] = answer.server_ids
    assert cloud.servers()[server_id]["charging_mode"] == "prePaid"


@pytest.mark.parametrize("paid", ["true", True])
def test_an_order_may_be_paid_automatically(cloud: ClockedCloud, paid: Any) -> None:
    extendparam = PrePaidServerExtendParam(charging_mode="prePaid", period_type="month", period_num=9, is_auto_pay=paid)
    created = submits.create_servers(cloud.client, extendparam=extendparam)
    changed = submits.change_server_charge_mode(cloud.client, cloud.ids, auto_pay=True)

    assert {cloud.show(answer.job_id).status for answer in (created, changed)} == {"INIT"}
    assert {order["status"] for order in cloud.emulator.orders.values()} == {"paid"}


def test_the_job_of_a_cancelled_order_stays_and_is_gone_after_14_days(cloud: ClockedCloud) -> None:
    answer = submits.change_server_charge_mode(cloud.client, cloud.ids, auto_pay=False)
    cloud.emulator.cancel_order(answer.order_id)

    cloud.wait(14 * 86_400 - 1)
    assert cloud.show(answer.job_id).status == "PENDING_PAYMENT"
    assert cloud.server()["charging_mode"] == "postPaid"
    cloud.wait(1)
    assert refusal(lambda: cloud.show(answer.job_id)) == (400, "Common.0011")


def test_the_resize_of_a_yearly_monthly_server_is_only_an_order(cloud: ClockedCloud) -> None:
    server_id = cloud.ids.prepaid_server_id
    answer = submits.resize_server(cloud.client, server_id)

    assert (answer.job_id, bool(ORDER.fullmatch(answer.order_id))) == (None, True)
    cloud.wait(1000)
    assert cloud.servers()[server_id]["flavorRef"] is None
    cloud.emulator.pay_order(answer.order_id)
    assert cloud.servers()[server_id]["flavorRef"] == submits.FLAVOR
    assert cloud.emulator.orders == {answer.order_id: {"status": "paid", "job_id": None}}


def test_the_resize_of_a_yearly_monthly_server_may_be_paid_automatically(cloud: ClockedCloud) -> None:
    submits.resize_server(cloud.client, cloud.ids.prepaid_server_id, auto_pay=True)

    assert cloud.servers()[cloud.ids.prepaid_server_id]["flavorRef"] == submits.FLAVOR


def test_a_batch_resize_with_a_yearly_monthly_server_waits_for_its_payment(cloud: ClockedCloud) -> None:
    answer = submits.batch_resize_servers(cloud.client, cloud.ids.server_id, cloud.ids.prepaid_server_id)
    assert cloud.finished(answer.job_id).status == "PENDING_PAYMENT"

    cloud.emulator.pay_order(answer.order_id)

    assert cloud.finished(answer.job_id).status == "SUCCESS"
    assert cloud.servers()[cloud.ids.prepaid_server_id]["flavorRef"] == submits.FLAVOR


def test_an_order_is_concluded_once(cloud: ClockedCloud) -> None:
    order_id = submits.change_server_charge_mode(cloud.client, cloud.ids, auto_pay=False).order_id
    cloud.emulator.pay_order(order_id)

    with pytest.raises(ValueError, match=f"order {order_id} is paid already"):
        cloud.emulator.pay_order(order_id)
    with pytest.raises(ValueError, match="is paid already"):
        cloud.emulator.cancel_order(order_id)
    with pytest.raises(KeyError, match=f"there is no order 'CS0'; known are {order_id}"):
        cloud.emulator.cancel_order("CS0")


# Failures on demand


def test_the_next_jobs_of_a_type_fail_as_told(cloud: ClockedCloud) -> None:
    cloud.emulator.fail_next(failing=2, reasons=[("Ecs.0319", "sold out"), ("Ecs.0012", "no IPs left")])

    failed = submits.create_servers(cloud.client, count=3)
    job = cloud.finished(failed.job_id)

    assert (job.status, job.error_code, job.fail_reason) == ("FAIL", "Common.0021", "CollectInfoTask-fail")
    sub_jobs = job.entities.sub_jobs
    assert [(sub_job.error_code, sub_job.fail_reason) for sub_job in sub_jobs] == [
        ("Ecs.0319", "sold out"),
        ("Ecs.0012", "no IPs left"),
        (None, None),
    ]
    assert [server_id in cloud.servers() for server_id in failed.server_ids] == [False, False, True]
    assert cloud.finished(submits.create_servers(cloud.client).job_id).status == "SUCCESS"


def test_a_failed_job_of_one_server_fails_itself_and_changes_nothing(cloud: ClockedCloud) -> None:
    cloud.emulator.fail_next("attachVolume", times=2)
    before = cloud.server()

    jobs = [cloud.finished(SDK_CALLS["attach_server_volume"](cloud.client, cloud.ids).job_id) for _ in range(2)]

    assert [(job.status, job.error_code) for job in jobs] == [("FAIL", "Ecs.0219")] * 2
    assert jobs[0].fail_reason == "No valid host was found"
    assert cloud.server() == before
    assert cloud.finished(SDK_CALLS["attach_server_volume"](cloud.client, cloud.ids).job_id).status == "SUCCESS"


def test_failures_wait_for_a_new_job_of_their_type(cloud: ClockedCloud) -> None:
    submits.create_servers(cloud.client, token=TOKEN)
    cloud.emulator.fail_next("createServer", failing=7)
    cloud.emulator.fail_next("stopVMs", reasons=[("Ecs.0001", "a"), ("Ecs.0002", "b"), ("Ecs.0003", "c")])

    submits.create_servers(cloud.client, token=TOKEN)
    submits.create_servers(cloud.client, dry_run=True)
    started = cloud.finished(SDK_CALLS["batch_start_servers"](cloud.client, cloud.ids).job_id)
    stopped = cloud.finished(SDK_CALLS["batch_stop_servers"](cloud.client, cloud.ids).job_id)
    created = cloud.finished(submits.create_servers(cloud.client, count=2).job_id)

    assert (started.status, stopped.status, created.status) == ("SUCCESS", "FAIL", "FAIL")
    assert [sub_job.error_code for sub_job in stopped.entities.sub_jobs] == ["Ecs.0001", "Ecs.0002"]
    assert [sub_job.status for sub_job in created.entities.sub_jobs] == ["FAIL", "FAIL"]


def test_an_unpaid_job_fails_once_it_is_paid(cloud: ClockedCloud) -> None:
    cloud.emulator.fail_next("changeChargeMode")
    answer = submits.change_server_charge_mode(cloud.client, cloud.ids, auto_pay=False)
    cloud.emulator.pay_order(answer.order_id)

    assert cloud.finished(answer.job_id).status == "FAIL"
    assert cloud.server()["charging_mode"] == "postPaid"


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"job_type": "createServers"}, "job_type must be one of createServer, "),
        ({"failing": 0}, "failing must be a positive integer"),
        ({"times": 0}, "times must be a positive integer"),
        ({"reasons": []}, "reasons must be pairs"),
        ({"reasons": ["no"]}, "reasons must be pairs"),
    ],
)
def test_impossible_failures_are_refused(cloud: ClockedCloud, wrong: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        cloud.emulator.fail_next(**wrong)
