"""The official SDK makes each of the 25 asynchronous requests: what it is answered, and what becomes of the servers."""

from __future__ import annotations

import re
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs.emulator.operations import OPERATIONS
from tests.emulator.clocked_cloud import ClockedCloud, refusal
from tests.support import official_submits as submits
from tests.support.official_submits import SDK_CALLS, Ids

if TYPE_CHECKING:
    from collections.abc import Callable


def test_all_requests_are_tried() -> None:
    assert list(SDK_CALLS) == [operation.name for operation in OPERATIONS]
    assert len(SDK_CALLS) == 25


# What each leaves behind, seen by the ids of what existed before and the servers after.
EFFECTS: dict[str, Callable[[Ids, dict[str, dict[str, Any]]], Any]] = {
    "create_post_paid_servers": lambda _, servers: (
        [s["name"] for s in servers.values()][4:] == ["web-0001", "web-0002"]
    ),
    "create_servers": lambda _, servers: [s["name"] for s in servers.values()][4:] == ["db"],
    "delete_servers": lambda ids, servers: list(servers) == [ids.prepaid_server_id, ids.stopped_server_id],
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
        [nic["subnet_id"] for nic in servers[ids.server_id]["nics"]] == [None, None, submits.SUBNET, None]
        and servers[ids.server_id]["nics"][3]["id"] == ids.port_id
    ),
    "batch_delete_server_nics": lambda ids, servers: (
        len(servers[ids.server_id]["nics"]) == 1 and servers[ids.server_id]["nics"][0]["id"] != ids.nic_id
    ),
    "change_vpc": lambda ids, servers: (
        servers[ids.stopped_server_id]["vpcid"] == submits.VPC
        and [nic["subnet_id"] for nic in servers[ids.stopped_server_id]["nics"]] == [submits.SUBNET]
    ),
    "migrate_server": lambda ids, servers: servers[ids.stopped_server_id]["dedicated_host_id"] == submits.HOST,
    "execute_server_redeploy": lambda ids, servers: updated(servers[ids.server_id]),
    "delete_recycle_bin_server": lambda ids, servers: ids.recycled_server_id not in servers,
    "revert_recycle_bin_server": lambda ids, servers: servers[ids.recycled_server_id]["name"] == "fourth",
}


def both(ids: Ids, servers: dict[str, dict[str, Any]], key: str) -> list[Any]:
    return [servers[server_id][key] for server_id in (ids.server_id, ids.other_server_id)]


def settled(servers: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Return servers without what shows that a job is under way."""
    return [{**server, "status": None, "task_state": None} for server in servers.values()]


def updated(server: dict[str, Any]) -> bool:
    return server["updated"] > server["created"]


@pytest.mark.parametrize("name", SDK_CALLS)
def test_each_request_makes_a_job_that_succeeds_and_has_its_effect(cloud: ClockedCloud, name: str) -> None:
    before = cloud.servers()
    effect = EFFECTS[name]

    answer = SDK_CALLS[name](cloud.client, cloud.ids)

    assert re.fullmatch("[0-9a-f]{32}", answer.job_id)
    assert settled(cloud.servers()) == settled(before)
    job = cloud.finished(answer.job_id)
    assert (job.job_id, job.status, job.error_code, job.fail_reason) == (answer.job_id, "SUCCESS", None, None)
    assert effect(cloud.ids, cloud.servers())
    assert [record["operation"] for record in cloud.emulator.submissions] == [name]
    assert cloud.emulator.counters["submits"] == 1


NAME_TWO = {
    "delete_servers",
    "batch_start_servers",
    "batch_stop_servers",
    "batch_reboot_servers",
    "batch_resize_servers",
    "change_server_charge_mode",
    "batch_attach_sharable_volumes",
    "batch_detach_volumes",
}


@pytest.mark.parametrize("name", sorted(SDK_CALLS.keys() - {"create_servers", "create_post_paid_servers"}))
def test_a_request_that_names_an_unknown_server_is_not_found_and_does_nothing(cloud: ClockedCloud, name: str) -> None:
    before = cloud.servers()
    unknown = str(uuid.uuid4())
    # One of two in a batch: the good one is not touched either.
    key = "other_server_id" if name in NAME_TWO else "server_id"
    ids = replace(cloud.ids, **{"recycled_server_id": unknown, "stopped_server_id": unknown, key: unknown})

    assert refusal(lambda: SDK_CALLS[name](cloud.client, ids)) == (404, "Ecs.0114")

    cloud.wait(1000)
    assert cloud.servers() == before
    assert cloud.emulator.submissions == []


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
def test_a_batch_has_a_sub_job_for_each_server(
    cloud: ClockedCloud, name: str, job_type: str, sub_job_type: str
) -> None:
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
def test_a_job_of_one_server_names_it_itself(cloud: ClockedCloud, name: str, job_type: str) -> None:
    job = cloud.finished(SDK_CALLS[name](cloud.client, cloud.ids).job_id)

    assert (job.job_type, job.entities.server_id) == (job_type, cloud.ids.server_id)
    assert not job.entities.sub_jobs


def test_nic_jobs_name_the_nics(cloud: ClockedCloud) -> None:
    deleted = cloud.finished(SDK_CALLS["batch_delete_server_nics"](cloud.client, cloud.ids).job_id)
    added = cloud.finished(SDK_CALLS["batch_add_server_nics"](cloud.client, cloud.ids).job_id)

    assert (deleted.entities.server_id, deleted.entities.nic_id) == (cloud.ids.server_id, cloud.ids.nic_id)
    entities = [sub_job.entities for sub_job in added.entities.sub_jobs]
    assert [entity.nic_id for entity in entities] == [nic["id"] for nic in cloud.server()["nics"][1:]]
    assert {entity.server_id for entity in entities} == {cloud.ids.server_id}


# The recycle bin


def test_a_deleted_server_comes_back_from_the_recycle_bin_or_goes_for_good(cloud: ClockedCloud) -> None:
    [before] = [server for server in cloud.servers().values() if server["id"] == cloud.ids.server_id]
    cloud.finished(submits.delete_servers(cloud.client, cloud.ids.server_id).job_id)
    assert set(cloud.emulator.recycle_bin) == {cloud.ids.server_id, cloud.ids.recycled_server_id}
    ids = replace(cloud.ids, recycled_server_id=cloud.ids.server_id)

    cloud.finished(SDK_CALLS["revert_recycle_bin_server"](cloud.client, ids).job_id)
    assert {**cloud.server(), "updated": before["updated"]} == before
    assert refusal(lambda: SDK_CALLS["delete_recycle_bin_server"](cloud.client, ids)) == (404, "Ecs.0114")

    cloud.finished(SDK_CALLS["delete_recycle_bin_server"](cloud.client, cloud.ids).job_id)
    assert cloud.emulator.recycle_bin == {}
