"""The official SDK makes each of the 25 asynchronous requests: what it is answered, and what becomes of the servers."""

from __future__ import annotations

import re
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import official_submits as submits
import pytest
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException
from huaweicloudsdkecs.v2 import EcsClient, PrePaidServerExtendParam, ShowJobRequest, ShowJobResponse
from official_submits import SDK_CALLS, Ids

from airflow_provider_ecsjobs.emulator import Emulator
from airflow_provider_ecsjobs.emulator.catalogue import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOKEN = "0f8fad5b-d9cb-469f-a165-70867728950e"
ORDER = re.compile(r"CS\d{10}[0-9A-Z]{5}")


@dataclass
class Cloud:
    """A clock that stands still, a cloud by it, its client, and what exists there."""

    now: float
    emulator: Emulator
    client: EcsClient
    ids: Ids

    def servers(self) -> dict[str, dict[str, Any]]:
        return self.emulator.servers

    def server(self) -> dict[str, Any]:
        return self.emulator.servers[self.ids.server_id]

    def show(self, job_id: str) -> ShowJobResponse:
        return self.client.show_job(ShowJobRequest(job_id=job_id))

    def finished(self, job_id: str) -> ShowJobResponse:
        self.now += 1000
        return self.show(job_id)


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    # The SDK signs with the real time, so the emulator's begins there; a day of drift is not refused.
    monkeypatch.setattr("airflow_provider_ecsjobs.emulator.auth.MAX_SKEW_SECONDS", 30 * 86_400)
    with Emulator(init_seconds=10, run_seconds=100, clock=lambda: cloud.now) as emulator:
        cloud = Cloud(now=time.time(), emulator=emulator, client=submits.ecs_client(emulator), ids=None)
        cloud.ids = submits.prepare(emulator)
        yield cloud


def refusal(call: Callable[[], Any]) -> tuple[int, str]:
    with pytest.raises(ClientRequestException) as caught:
        call()
    return caught.value.status_code, caught.value.error_code


def test_all_requests_are_tried() -> None:
    assert list(SDK_CALLS) == [operation.name for operation in OPERATIONS]
    assert len(SDK_CALLS) == 25


# What each leaves behind, seen by the ids of what existed before and the servers after.
EFFECTS: dict[str, Callable[[Ids, dict[str, dict[str, Any]]], Any]] = {
    "create_post_paid_servers": lambda _, servers: (
        [s["name"] for s in servers.values()][3:] == ["web-0001", "web-0002"]
    ),
    "create_servers": lambda _, servers: [s["name"] for s in servers.values()][3:] == ["db"],
    "delete_servers": lambda ids, servers: list(servers) == [ids.prepaid_server_id],
    "batch_start_servers": lambda ids, servers: (
        both(ids, servers, "status") == ["ACTIVE"] * 2 and updated(servers[ids.server_id])
    ),
    "batch_stop_servers": lambda ids, servers: both(ids, servers, "status") == ["SHUTOFF"] * 2,
    "batch_reboot_servers": lambda ids, servers: (
        both(ids, servers, "status") == ["ACTIVE"] * 2 and updated(servers[ids.server_id])
    ),
    "resize_post_paid_server": lambda ids, servers: servers[ids.server_id]["flavorRef"] == submits.FLAVOR,
    "resize_server": lambda ids, servers: servers[ids.server_id]["flavorRef"] == submits.FLAVOR,
    "batch_resize_servers": lambda ids, servers: both(ids, servers, "flavorRef") == [submits.FLAVOR] * 2,
    "change_server_charge_mode": lambda ids, servers: both(ids, servers, "charging_mode") == ["prePaid"] * 2,
    "change_server_os_with_cloud_init": lambda ids, servers: servers[ids.server_id]["imageRef"] == submits.IMAGE,
    "change_server_os_without_cloud_init": lambda ids, servers: servers[ids.server_id]["imageRef"] == submits.IMAGE,
    "reinstall_server_with_cloud_init": lambda ids, servers: updated(servers[ids.server_id]),
    "reinstall_server_without_cloud_init": lambda ids, servers: updated(servers[ids.server_id]),
    "attach_server_volume": lambda ids, servers: servers[ids.server_id]["volumes"][1:] == [ids.volume_id],
    "detach_server_volume": lambda ids, servers: both(ids, servers, "volumes") == [[], [ids.attached_volume_id]],
    "batch_attach_sharable_volumes": lambda ids, servers: (
        both(ids, servers, "volumes") == [[ids.attached_volume_id, ids.volume_id]] * 2
    ),
    "batch_detach_volumes": lambda ids, servers: both(ids, servers, "volumes") == [[], []],
    "batch_add_server_nics": lambda ids, servers: (
        [nic["subnet_id"] for nic in servers[ids.server_id]["nics"]] == [None, submits.SUBNET, None]
        and servers[ids.server_id]["nics"][2]["id"] == ids.port_id
    ),
    "batch_delete_server_nics": lambda ids, servers: servers[ids.server_id]["nics"] == [],
    "change_vpc": lambda ids, servers: (
        servers[ids.server_id]["vpcid"] == submits.VPC
        and [nic["subnet_id"] for nic in servers[ids.server_id]["nics"]] == [submits.SUBNET]
    ),
    "migrate_server": lambda ids, servers: servers[ids.server_id]["dedicated_host_id"] == submits.HOST,
    "execute_server_redeploy": lambda ids, servers: updated(servers[ids.server_id]),
    "delete_recycle_bin_server": lambda ids, servers: ids.recycled_server_id not in servers,
    "revert_recycle_bin_server": lambda ids, servers: servers[ids.recycled_server_id]["name"] == "fourth",
}


def both(ids: Ids, servers: dict[str, dict[str, Any]], key: str) -> list[Any]:
    return [servers[server_id][key] for server_id in (ids.server_id, ids.other_server_id)]


def updated(server: dict[str, Any]) -> bool:
    return server["updated"] > server["created"]


@pytest.mark.parametrize("name", SDK_CALLS)
def test_each_request_makes_a_job_that_succeeds_and_has_its_effect(cloud: Cloud, name: str) -> None:
    before = cloud.servers()
    effect = EFFECTS[name]

    answer = SDK_CALLS[name](cloud.client, cloud.ids)

    assert re.fullmatch("[0-9a-f]{32}", answer.job_id)
    assert cloud.servers() == before
    job = cloud.finished(answer.job_id)
    assert (job.job_id, job.status, job.error_code, job.fail_reason) == (answer.job_id, "SUCCESS", None, None)
    assert effect(cloud.ids, cloud.servers())
    assert [record["operation"] for record in cloud.emulator.submissions] == [name]
    assert cloud.emulator.counters["submits"] == 1


@pytest.mark.parametrize("name", sorted(SDK_CALLS.keys() - {"create_servers", "create_post_paid_servers"}))
def test_a_request_that_names_an_unknown_server_is_not_found_and_does_nothing(cloud: Cloud, name: str) -> None:
    before = cloud.servers()
    unknown = str(uuid.uuid4())
    # One of two in a batch: the good one is not touched either.
    ids = Ids(
        **{
            **{key: getattr(cloud.ids, key) for key in Ids.__slots__},
            "recycled_server_id": unknown,
            ("other_server_id" if named_servers(name) > 1 else "server_id"): unknown,
        }
    )

    assert refusal(lambda: SDK_CALLS[name](cloud.client, ids)) == (404, "Ecs.0114")

    cloud.now += 1000
    assert cloud.servers() == before
    assert cloud.emulator.submissions == []


def named_servers(name: str) -> int:
    two = ("delete_servers", "batch_start_servers", "batch_stop_servers", "batch_reboot_servers")
    more = (
        "batch_resize_servers",
        "change_server_charge_mode",
        "batch_attach_sharable_volumes",
        "batch_detach_volumes",
    )
    return 2 if name in two + more else 1


# Entities


@pytest.mark.parametrize(
    ("name", "job_type", "sub_job_type"),
    [
        ("create_post_paid_servers", "createServer", "createSingleServer"),
        ("delete_servers", "deleteVMs", "deleteSingleServer"),
        ("batch_attach_sharable_volumes", "attachVolumeToVMs", "attachVolume"),
        ("batch_resize_servers", "resizeVMs", "resizeSingleServer"),
    ],
)
def test_a_batch_has_a_sub_job_for_each_server(cloud: Cloud, name: str, job_type: str, sub_job_type: str) -> None:
    answer = SDK_CALLS[name](cloud.client, cloud.ids)
    job = cloud.finished(answer.job_id)

    [record] = cloud.emulator.submissions
    assert (job.job_type, job.entities.sub_jobs_total, job.entities.server_id) == (job_type, 2, None)
    assert [sub_job.job_type for sub_job in job.entities.sub_jobs] == [sub_job_type] * 2
    assert [sub_job.entities.server_id for sub_job in job.entities.sub_jobs] == record["server_ids"]


@pytest.mark.parametrize(
    ("name", "job_type"),
    [
        ("resize_server", "resizeServer"),
        ("change_server_os_with_cloud_init", "changeOS"),
        ("reinstall_server_without_cloud_init", "reInitOs"),
        ("attach_server_volume", "attachVolume"),
        ("detach_server_volume", "detachVolume"),
    ],
)
def test_a_job_of_one_server_names_it_itself(cloud: Cloud, name: str, job_type: str) -> None:
    job = cloud.finished(SDK_CALLS[name](cloud.client, cloud.ids).job_id)

    assert (job.job_type, job.entities.server_id) == (job_type, cloud.ids.server_id)
    assert not job.entities.sub_jobs


def test_nic_jobs_name_the_nics(cloud: Cloud) -> None:
    deleted = cloud.finished(SDK_CALLS["batch_delete_server_nics"](cloud.client, cloud.ids).job_id)
    added = cloud.finished(SDK_CALLS["batch_add_server_nics"](cloud.client, cloud.ids).job_id)

    assert (deleted.entities.server_id, deleted.entities.nic_id) == (cloud.ids.server_id, cloud.ids.nic_id)
    entities = [sub_job.entities for sub_job in added.entities.sub_jobs]
    assert [entity.nic_id for entity in entities] == [nic["id"] for nic in cloud.server()["nics"]]
    assert {entity.server_id for entity in entities} == {cloud.ids.server_id}


# Client tokens


@pytest.mark.parametrize("create", [submits.create_post_paid_servers, submits.create_servers])
def test_the_same_token_and_parameters_get_the_same_answer(cloud: Cloud, create: Callable[..., Any]) -> None:
    first = create(cloud.client, count=2, token=TOKEN)
    cloud.now += 8 * 3600
    again = create(cloud.client, count=2, token=TOKEN)

    assert (again.job_id, again.server_ids) == (first.job_id, first.server_ids)
    assert set(cloud.servers()) >= set(first.server_ids)
    assert len(cloud.servers()) == 3 + 2
    assert (cloud.emulator.counters["submits"], cloud.emulator.counters["replays"]) == (1, 1)
    records = cloud.emulator.submissions
    assert [record.pop("replayed") for record in records] == [False, True]
    assert records[0] == records[1]
    assert records[0]["client_token"] == TOKEN


def test_a_token_answers_its_order_again(cloud: Cloud) -> None:
    extendparam = PrePaidServerExtendParam(charging_mode="prePaid", period_type="month", period_num=1)
    first, again = (submits.create_servers(cloud.client, token=TOKEN, extendparam=extendparam) for _ in range(2))

    assert ORDER.fullmatch(first.order_id)
    assert again.to_json_object() == first.to_json_object()
    assert len(cloud.emulator.orders) == 1


def test_a_token_is_for_the_same_parameters_of_the_same_request(cloud: Cloud) -> None:
    submits.create_servers(cloud.client, token=TOKEN)

    assert refusal(lambda: submits.create_servers(cloud.client, count=2, token=TOKEN)) == (400, "Ecs.0122")
    assert refusal(lambda: submits.create_post_paid_servers(cloud.client, token=TOKEN)) == (400, "Ecs.0122")
    assert cloud.emulator.counters["submits"] == 1


@pytest.mark.parametrize("token", ["x", TOKEN.upper(), TOKEN.replace("-", ""), f"{{{TOKEN}}}"])
def test_a_token_must_be_a_lower_case_uuid(cloud: Cloud, token: str) -> None:
    assert refusal(lambda: submits.create_servers(cloud.client, token=token)) == (400, "Ecs.0123")
    assert cloud.emulator.submissions == []


def test_a_token_expires_after_eight_hours(cloud: Cloud) -> None:
    submits.create_servers(cloud.client, token=TOKEN)
    cloud.now += 8 * 3600 + 1

    assert refusal(lambda: submits.create_servers(cloud.client, token=TOKEN)) == (400, "Ecs.0124")


# Dry runs


def test_a_dry_run_checks_and_does_nothing(cloud: Cloud) -> None:
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
    cloud.now += 1000
    assert cloud.servers() == before
    assert (cloud.emulator.submissions, cloud.emulator.orders) == ([], {})
    assert refusal(lambda: submits.resize_server(client, "nobody", dry_run=True)) == (404, "Ecs.0114")
    # The token is not used up.
    assert submits.create_servers(client, count=2, token=TOKEN).job_id


# Orders


def test_a_yearly_monthly_create_waits_for_its_payment(cloud: Cloud) -> None:
    extendparam = PrePaidServerExtendParam(charging_mode="prePaid", period_type="year", period_num=3)
    answer = submits.create_servers(cloud.client, extendparam=extendparam)
    cloud.now += 1000

    unpaid = cloud.show(answer.job_id)
    assert (unpaid.status, unpaid.job_type, unpaid.end_time) == ("PENDING_PAYMENT", "createServer", "")
    assert cloud.emulator.orders == {answer.order_id: {"status": "unpaid", "job_id": answer.job_id}}

    cloud.emulator.pay_order(answer.order_id)
    assert cloud.show(answer.job_id).status == "INIT"
    cloud.now += 10
    assert cloud.show(answer.job_id).status == "RUNNING"
    assert cloud.finished(answer.job_id).status == "SUCCESS"
    [server_id] = answer.server_ids
    assert cloud.servers()[server_id]["charging_mode"] == "prePaid"


@pytest.mark.parametrize("paid", ["true", True])
def test_an_order_may_be_paid_automatically(cloud: Cloud, paid: Any) -> None:
    extendparam = PrePaidServerExtendParam(charging_mode="prePaid", period_type="month", period_num=9, is_auto_pay=paid)
    created = submits.create_servers(cloud.client, extendparam=extendparam)
    changed = submits.change_server_charge_mode(cloud.client, cloud.ids, auto_pay=True)

    assert {cloud.show(answer.job_id).status for answer in (created, changed)} == {"INIT"}
    assert {order["status"] for order in cloud.emulator.orders.values()} == {"paid"}


def test_the_job_of_a_cancelled_order_stays_and_is_gone_after_14_days(cloud: Cloud) -> None:
    answer = submits.change_server_charge_mode(cloud.client, cloud.ids, auto_pay=False)
    cloud.emulator.cancel_order(answer.order_id)

    cloud.now += 14 * 86_400 - 1
    assert cloud.show(answer.job_id).status == "PENDING_PAYMENT"
    assert cloud.server()["charging_mode"] == "postPaid"
    cloud.now += 1
    assert refusal(lambda: cloud.show(answer.job_id)) == (400, "Common.0011")


def test_the_resize_of_a_yearly_monthly_server_is_only_an_order(cloud: Cloud) -> None:
    server_id = cloud.ids.prepaid_server_id
    answer = submits.resize_server(cloud.client, server_id)

    assert (answer.job_id, bool(ORDER.fullmatch(answer.order_id))) == (None, True)
    cloud.now += 1000
    assert cloud.servers()[server_id]["flavorRef"] is None
    cloud.emulator.pay_order(answer.order_id)
    assert cloud.servers()[server_id]["flavorRef"] == submits.FLAVOR
    assert cloud.emulator.orders == {answer.order_id: {"status": "paid", "job_id": None}}


def test_the_resize_of_a_yearly_monthly_server_may_be_paid_automatically(cloud: Cloud) -> None:
    submits.resize_server(cloud.client, cloud.ids.prepaid_server_id, auto_pay=True)

    assert cloud.servers()[cloud.ids.prepaid_server_id]["flavorRef"] == submits.FLAVOR


def test_a_batch_resize_with_a_yearly_monthly_server_waits_for_its_payment(cloud: Cloud) -> None:
    answer = submits.batch_resize_servers(cloud.client, cloud.ids.server_id, cloud.ids.prepaid_server_id)
    assert cloud.finished(answer.job_id).status == "PENDING_PAYMENT"

    cloud.emulator.pay_order(answer.order_id)

    assert cloud.finished(answer.job_id).status == "SUCCESS"
    assert cloud.servers()[cloud.ids.prepaid_server_id]["flavorRef"] == submits.FLAVOR


def test_an_order_is_concluded_once(cloud: Cloud) -> None:
    order_id = submits.change_server_charge_mode(cloud.client, cloud.ids, auto_pay=False).order_id
    cloud.emulator.pay_order(order_id)

    with pytest.raises(ValueError, match=f"order {order_id} is paid already"):
        cloud.emulator.pay_order(order_id)
    with pytest.raises(ValueError, match="is paid already"):
        cloud.emulator.cancel_order(order_id)
    with pytest.raises(KeyError, match=f"there is no order 'CS0'; known are {order_id}"):
        cloud.emulator.cancel_order("CS0")


# The recycle bin


def test_a_deleted_server_comes_back_from_the_recycle_bin_or_goes_for_good(cloud: Cloud) -> None:
    [before] = [server for server in cloud.servers().values() if server["id"] == cloud.ids.server_id]
    cloud.finished(submits.delete_servers(cloud.client, cloud.ids.server_id).job_id)
    assert set(cloud.emulator.recycle_bin) == {cloud.ids.server_id, cloud.ids.recycled_server_id}
    ids = Ids(**{**{key: getattr(cloud.ids, key) for key in Ids.__slots__}, "recycled_server_id": cloud.ids.server_id})

    cloud.finished(SDK_CALLS["revert_recycle_bin_server"](cloud.client, ids).job_id)
    assert {**cloud.server(), "updated": before["updated"]} == before
    assert refusal(lambda: SDK_CALLS["delete_recycle_bin_server"](cloud.client, ids)) == (404, "Ecs.0114")

    cloud.finished(SDK_CALLS["delete_recycle_bin_server"](cloud.client, cloud.ids).job_id)
    assert cloud.emulator.recycle_bin == {}


# Failures on demand


def test_the_next_jobs_of_a_type_fail_as_told(cloud: Cloud) -> None:
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


def test_a_failed_job_of_one_server_fails_itself_and_changes_nothing(cloud: Cloud) -> None:
    cloud.emulator.fail_next("attachVolume", times=2)
    before = cloud.server()

    jobs = [cloud.finished(SDK_CALLS["attach_server_volume"](cloud.client, cloud.ids).job_id) for _ in range(2)]

    assert [(job.status, job.error_code) for job in jobs] == [("FAIL", "Ecs.0219")] * 2
    assert jobs[0].fail_reason == "No valid host was found"
    assert cloud.server() == before
    assert cloud.finished(SDK_CALLS["attach_server_volume"](cloud.client, cloud.ids).job_id).status == "SUCCESS"


def test_failures_wait_for_a_new_job_of_their_type(cloud: Cloud) -> None:
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


def test_an_unpaid_job_fails_once_it_is_paid(cloud: Cloud) -> None:
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
def test_impossible_failures_are_refused(cloud: Cloud, wrong: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        cloud.emulator.fail_next(**wrong)
