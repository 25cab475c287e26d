"""Servers as the official SDK reads them, at each moment of their lives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from huaweicloudsdkecs import v2 as sdk

from airflow_provider_ecsjobs.emulator import Emulator
from airflow_provider_ecsjobs.emulator.operations import OPERATIONS
from airflow_provider_ecsjobs.emulator.views import DEFAULT_DISK_SIZE
from tests.emulator.clocked_cloud import ClockedCloud, refusal
from tests.emulator.create_body import CREATE
from tests.support import official_submits as submits
from tests.support.official_submits import SDK_CALLS

if TYPE_CHECKING:
    from tests.emulator.emulator_client import SignedClient


def read(cloud: ClockedCloud, server_id: str) -> Any:
    return cloud.client.show_server(sdk.ShowServerRequest(server_id=server_id)).server


def test_a_server_is_in_build_from_the_submit_on_and_then_active(cloud: ClockedCloud) -> None:
    answer = submits.create_post_paid_servers(cloud.client)
    [server_id] = answer.server_ids

    building = read(cloud, server_id)
    assert (building.status, building.os_ext_st_stask_state, building.os_ext_st_svm_state) == (
        "BUILD",
        "spawning",
        "building",
    )
    assert server_id not in cloud.emulator.servers
    cloud.finished(answer.job_id)

    server = read(cloud, server_id)
    assert (server.status, server.os_ext_st_stask_state, server.os_ext_st_spower_state) == ("ACTIVE", None, 1)
    assert (server.name, server.image.id, server.tags) == ("web", "image", ["team=data"])
    assert (server.flavor.id, server.flavor.vcpus, server.flavor.ram) == ("s6.small.1", "1", "1024")
    assert (server.metadata["charging_mode"], server.metadata["vpc_id"]) == ("0", "vpc")
    [address] = server.addresses["vpc"]
    assert address.addr.startswith("192.168.")
    assert address.os_ext_ip_sport_id == cloud.emulator.servers[server_id]["nics"][0]["id"]
    assert [volume.boot_index for volume in server.os_extended_volumesvolumes_attached] == ["0", "-1"]
    assert len(server.created) == len("2016-04-25T20:04:34Z")


def test_a_server_that_could_not_be_created_is_in_error_and_says_why(cloud: ClockedCloud) -> None:
    cloud.emulator.fail_next()
    answer = submits.create_post_paid_servers(cloud.client)
    assert cloud.finished(answer.job_id).status == "FAIL"

    [server_id] = answer.server_ids
    server = read(cloud, server_id)
    assert (server.status, server.fault["message"]) == ("ERROR", "No valid host was found")
    assert refusal(lambda: submits.start(cloud.client, server_id)) == (400, "Ecs.0100")
    assert cloud.finished(submits.delete_servers(cloud.client, server_id).job_id).status == "SUCCESS"


def test_an_unpaid_server_does_not_exist_yet(cloud: ClockedCloud) -> None:
    extendparam = sdk.PrePaidServerExtendParam(charging_mode="prePaid", period_type="year", period_num=1)
    answer = submits.create_servers(cloud.client, extendparam=extendparam)
    [server_id] = answer.server_ids
    assert refusal(lambda: read(cloud, server_id)) == (404, "Ecs.0114")

    cloud.emulator.pay_order(answer.order_id)
    assert read(cloud, server_id).status == "BUILD"
    assert read(cloud, server_id).metadata["charging_mode"] == "1"


LIVES: dict[str, tuple[str, str | None, str]] = {
    "batch_start_servers": ("ACTIVE", "powering-on", "ACTIVE"),
    "batch_stop_servers": ("ACTIVE", "powering-off", "SHUTOFF"),
    "batch_reboot_servers": ("REBOOT", "rebooting", "ACTIVE"),
    "resize_post_paid_server": ("RESIZE", "resize_prep", "ACTIVE"),
    "change_server_os_with_cloud_init": ("REBUILD", "rebuilding", "ACTIVE"),
    "reinstall_server_without_cloud_init": ("REBUILD", "rebuilding", "ACTIVE"),
    "attach_server_volume": ("ACTIVE", "attaching_volume", "ACTIVE"),
}


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("name", LIVES)
def test_a_server_shows_what_it_is_busy_with(cloud: ClockedCloud, name: str, fails: bool) -> None:
    during, task, after = LIVES[name]
    job_type = next(one.job_type for one in OPERATIONS if one.name == name)
    if fails:
        cloud.emulator.fail_next(job_type)
    answer = SDK_CALLS[name](cloud.client, cloud.ids)
    cloud.wait(20)

    busy = read(cloud, cloud.ids.server_id)
    assert (busy.status, busy.os_ext_st_stask_state) == (during, task)
    cloud.finished(answer.job_id)
    idle = read(cloud, cloud.ids.server_id)
    assert (idle.status, idle.os_ext_st_stask_state) == ("ACTIVE" if fails else after, None)


def test_a_stopped_server_is_migrated_and_a_deleted_one_is_gone(cloud: ClockedCloud) -> None:
    migrated = SDK_CALLS["migrate_server"](cloud.client, cloud.ids).job_id
    assert read(cloud, cloud.ids.stopped_server_id).status == "MIGRATING"
    cloud.finished(migrated)
    server = read(cloud, cloud.ids.stopped_server_id)
    assert (server.status, server.osscheduler_hints.dedicated_host_id) == ("SHUTOFF", [submits.HOST])

    deleted = submits.delete_servers(cloud.client, cloud.ids.server_id).job_id
    assert read(cloud, cloud.ids.server_id).os_ext_st_stask_state == "deleting"
    cloud.finished(deleted)
    assert refusal(lambda: read(cloud, cloud.ids.server_id)) == (404, "Ecs.0114")
    [*_, recycled] = cloud.client.list_recycle_bin_servers(sdk.ListRecycleBinServersRequest()).servers
    assert {recycled.name} < {"first", "fourth"}


def test_disks_nics_and_flavors_can_be_read(cloud: ClockedCloud) -> None:
    client, server_id = cloud.client, cloud.ids.server_id

    disks = client.list_server_block_devices(sdk.ListServerBlockDevicesRequest(server_id=server_id)).volume_attachments
    nics = client.list_server_interfaces(sdk.ListServerInterfacesRequest(server_id=server_id)).interface_attachments
    flavors = client.list_flavors(sdk.ListFlavorsRequest()).flavors
    server = client.nova_show_server(sdk.NovaShowServerRequest(server_id=server_id)).server

    assert [(disk.boot_index, disk.device) for disk in disks] == [(0, "/dev/vda"), (-1, "/dev/vdb")]
    assert disks[1].volume_id == cloud.ids.attached_volume_id
    assert nics[1].port_id == cloud.ids.nic_id
    assert [nic.fixed_ips[0].ip_address for nic in nics] == [address.addr for address in server.addresses["vpc"]]
    assert {"s6.small.1", submits.FLAVOR} < {flavor.id for flavor in flavors}
    assert next((flavor.vcpus, flavor.ram) for flavor in flavors if flavor.id == "s6.2xlarge.2") == ("8", 16384)


@pytest.mark.parametrize(("data_disks", "free"), [(27, (32, 0)), (70, (0, 0))])
def test_many_disks_have_names_of_their_own_and_the_free_places_are_none(
    cloud: ClockedCloud, data_disks: int, free: tuple[int, int]
) -> None:
    server_id = cloud.emulator.add_server(volumes=[f"disk-{number}" for number in range(data_disks)])

    answer = cloud.client.list_server_block_devices(sdk.ListServerBlockDevicesRequest(server_id=server_id))
    devices = [disk.device for disk in answer.volume_attachments]
    assert (devices[25:28], len(set(devices))) == (["/dev/vdz", "/dev/vdaa", "/dev/vdab"], data_disks + 1)
    places = answer.attachable_quantity
    assert ((places.free_disk, places.free_blk), places.free_scsi) == (free, free[0])


@pytest.mark.parametrize("size", [{}, {"size": 0}, {"size": None}])
def test_a_system_disk_without_a_size_has_that_of_the_image(client: SignedClient, size: dict[str, Any]) -> None:
    server = {**CREATE["server"], "root_volume": {"volumetype": "SSD", **size}}
    [server_id] = client.request("POST", "/cloudservers", body={"server": server}).json()["serverIds"]

    [disk] = client.request("GET", f"/cloudservers/{server_id}/block_device").json()["volumeAttachments"]
    assert disk["size"] == DEFAULT_DISK_SIZE


def test_a_hard_reboot_shows_as_one(cloud: ClockedCloud) -> None:
    option = sdk.BatchRebootSeversOption(servers=[sdk.ServerId(id=cloud.ids.server_id)], type="HARD")
    body = sdk.BatchRebootServersRequestBody(reboot=option)
    cloud.client.batch_reboot_servers(sdk.BatchRebootServersRequest(body=body))

    assert read(cloud, cloud.ids.server_id).status == "HARD_REBOOT"


def test_a_server_that_nova_does_not_find_is_openstacks_404(client: SignedClient) -> None:
    answer = client.request("GET", "/servers/nobody", version="v2.1")

    assert (answer.status_code, answer.json()["itemNotFound"]["code"]) == (404, 404)


def test_without_a_recycle_bin_a_deleted_server_does_not_come_back() -> None:
    with Emulator(init_seconds=0, run_seconds=0) as emulator:
        client, server_id = submits.ecs_client(emulator), emulator.add_server()
        submits.delete_servers(client, server_id)

        assert (emulator.servers, emulator.recycle_bin) == ({}, {})
        request = sdk.RevertRecycleBinServerRequest(server_id=server_id)
        assert refusal(lambda: client.revert_recycle_bin_server(request)) == (404, "Ecs.0114")
