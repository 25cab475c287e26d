"""Each asynchronous request of ECS, made by the official SDK with its typed models: these pin paths and keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkecs import v2 as sdk

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_ecsjobs.emulator import Emulator

FLAVOR, IMAGE, VPC, SUBNET, HOST = "s6.large.2", "image-2", "vpc-2", "subnet-2", "host-2"
MODE = "withStopServer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ids:
    """What exists before a call.

    :param server_id: a pay-per-use server with two NICs.
    :param other_server_id: another one.
    :param prepaid_server_id: a yearly/monthly server.
    :param stopped_server_id: a stopped one with one NIC.
    :param recycled_server_id: a server in the recycle bin.
    :param volume_id: a volume attached to no server.
    :param attached_volume_id: a shared volume, attached to ``server_id`` and ``other_server_id``.
    :param nic_id: the second NIC of ``server_id``.
    :param port_id: a port that is no NIC of a server yet.
    """

    server_id: str
    other_server_id: str
    prepaid_server_id: str
    stopped_server_id: str
    recycled_server_id: str
    volume_id: str
    attached_volume_id: str
    nic_id: str
    port_id: str


def prepare(emulator: Emulator) -> Ids:
    """Let everything exist that the calls need."""
    shared, nic = "6b1a3f44-0000-4000-8000-00000000a77a", "6b1a3f44-0000-4000-8000-0000000000c1"
    primary, single = "6b1a3f44-0000-4000-8000-0000000000c0", "6b1a3f44-0000-4000-8000-0000000000c3"
    return Ids(
        server_id=emulator.add_server("first", volumes=[shared], nics=[primary, nic]),
        other_server_id=emulator.add_server("second", volumes=[shared]),
        prepaid_server_id=emulator.add_server("third", charging_mode="prePaid"),
        stopped_server_id=emulator.add_server("off", status="SHUTOFF", nics=[single]),
        recycled_server_id=emulator.add_server("fourth", recycled=True),
        volume_id="6b1a3f44-0000-4000-8000-00000000f3ee",
        attached_volume_id=shared,
        nic_id=nic,
        port_id="6b1a3f44-0000-4000-8000-0000000000c2",
    )


def ecs_client(emulator: Emulator) -> sdk.EcsClient:
    """Make the official client of an emulator."""
    connection = emulator.connection()
    credentials = BasicCredentials(connection["login"], connection["password"], connection["extra"]["project_id"])
    return sdk.EcsClient.new_builder().with_credentials(credentials).with_endpoint(emulator.url).build()


def create_post_paid_servers(
    client: sdk.EcsClient, *, count: int = 1, token: str | None = None, dry_run: bool | None = None
) -> Any:
    server = sdk.PostPaidServer(
        name="web",
        image_ref="image",
        flavor_ref="s6.small.1",
        vpcid="vpc",
        nics=[sdk.PostPaidServerNic(subnet_id="subnet")],
        root_volume=sdk.PostPaidServerRootVolume(volumetype="SSD", size=40),
        data_volumes=[sdk.PostPaidServerDataVolume(volumetype="SAS", size=100)],
        count=count,
        server_tags=[sdk.PostPaidServerTag(key="team", value="data")],
    )
    body = sdk.CreatePostPaidServersRequestBody(server=server, dry_run=dry_run)
    return client.create_post_paid_servers(sdk.CreatePostPaidServersRequest(x_client_token=token, body=body))


def create_servers(
    client: sdk.EcsClient,
    *,
    count: int = 1,
    token: str | None = None,
    dry_run: bool | None = None,
    extendparam: sdk.PrePaidServerExtendParam | None = None,
) -> Any:
    server = sdk.PrePaidServer(
        name="db",
        image_ref="image",
        flavor_ref="s6.small.1",
        vpcid="vpc",
        nics=[sdk.PrePaidServerNic(subnet_id="subnet")],
        root_volume=sdk.PrePaidServerRootVolume(volumetype="SSD"),
        count=count,
        extendparam=extendparam,
    )
    body = sdk.CreateServersRequestBody(server=server, dry_run=dry_run)
    return client.create_servers(sdk.CreateServersRequest(x_client_token=token, body=body))


def change_server_charge_mode(client: sdk.EcsClient, ids: Ids, *, auto_pay: bool, dry_run: bool | None = None) -> Any:
    body = sdk.ChangeServerChargeModeRequestBody(
        server_ids=[ids.server_id, ids.other_server_id],
        charge_mode="prePaid",
        prepaid_options=sdk.ChangeServerChargeModePrepaidOption(period_type="month", period_num="1", auto_pay=auto_pay),
        dry_run=dry_run,
    )
    return client.change_server_charge_mode(sdk.ChangeServerChargeModeRequest(body=body))


def resize_server(
    client: sdk.EcsClient, server_id: str, *, auto_pay: bool | None = None, dry_run: bool | None = None
) -> Any:
    extendparam = None if auto_pay is None else sdk.ResizeServerExtendParam(is_auto_pay=str(auto_pay).lower())
    resize = sdk.ResizePrePaidServerOption(flavor_ref=FLAVOR, mode=MODE, extendparam=extendparam)
    body = sdk.ResizeServerRequestBody(resize=resize, dry_run=dry_run)
    return client.resize_server(sdk.ResizeServerRequest(server_id=server_id, body=body))


def resize_post_paid_server(client: sdk.EcsClient, server_id: str, *, dry_run: bool | None = None) -> Any:
    body = sdk.ResizePostPaidServerRequestBody(
        resize=sdk.ResizePostPaidServerOption(flavor_ref=FLAVOR, mode=MODE), dry_run=dry_run
    )
    return client.resize_post_paid_server(sdk.ResizePostPaidServerRequest(server_id=server_id, body=body))


def batch_resize_servers(client: sdk.EcsClient, *server_ids: str) -> Any:
    option = sdk.BatchResizeServersOption(flavor_ref=FLAVOR, mode=MODE, servers=_servers(*server_ids))
    return client.batch_resize_servers(sdk.BatchResizeServersRequest(body=sdk.BatchResizeServersReq(resize=option)))


def attach_server_volume(client: sdk.EcsClient, server_id: str, volume_id: str, *, dry_run: bool | None = None) -> Any:
    option = sdk.AttachServerVolumeOption(volume_id=volume_id, device="/dev/sdb")
    body = sdk.AttachServerVolumeRequestBody(volume_attachment=option, dry_run=dry_run)
    return client.attach_server_volume(sdk.AttachServerVolumeRequest(server_id=server_id, body=body))


def delete_servers(client: sdk.EcsClient, *server_ids: str) -> Any:
    body = sdk.DeleteServersRequestBody(servers=_servers(*server_ids), delete_publicip=True, delete_volume=False)
    return client.delete_servers(sdk.DeleteServersRequest(body=body))


def start(client: sdk.EcsClient, *server_ids: str) -> Any:
    option = sdk.BatchStartServersOption(servers=_servers(*server_ids))
    return client.batch_start_servers(
        sdk.BatchStartServersRequest(body=sdk.BatchStartServersRequestBody(os_start=option))
    )


def stop(client: sdk.EcsClient, *server_ids: str) -> Any:
    option = sdk.BatchStopServersOption(servers=_servers(*server_ids), type="HARD")
    return client.batch_stop_servers(sdk.BatchStopServersRequest(body=sdk.BatchStopServersRequestBody(os_stop=option)))


def reboot(client: sdk.EcsClient, *server_ids: str) -> Any:
    option = sdk.BatchRebootSeversOption(servers=_servers(*server_ids), type="SOFT")
    return client.batch_reboot_servers(
        sdk.BatchRebootServersRequest(body=sdk.BatchRebootServersRequestBody(reboot=option))
    )


def _servers(*server_ids: str) -> list[sdk.ServerId]:
    return [sdk.ServerId(id=server_id) for server_id in server_ids]


def _change_os_with(client: sdk.EcsClient, ids: Ids) -> Any:
    option = sdk.ChangeServerOsWithCloudInitOption(
        imageid=IMAGE, keyname="key", userid="user", mode=MODE, metadata=sdk.ChangeSeversOsMetadata()
    )
    body = sdk.ChangeServerOsWithCloudInitRequestBody(os_change=option)
    request = sdk.ChangeServerOsWithCloudInitRequest(server_id=ids.server_id, body=body)
    return client.change_server_os_with_cloud_init(request)


def _change_os_without(client: sdk.EcsClient, ids: Ids) -> Any:
    option = sdk.ChangeServerOsWithoutCloudInitOption(
        imageid=IMAGE, adminpass="Secret-1", mode=MODE, is_auto_pay="true"
    )
    body = sdk.ChangeServerOsWithoutCloudInitRequestBody(os_change=option)
    request = sdk.ChangeServerOsWithoutCloudInitRequest(server_id=ids.server_id, body=body)
    return client.change_server_os_without_cloud_init(request)


def _reinstall_with(client: sdk.EcsClient, ids: Ids) -> Any:
    option = sdk.ReinstallServerWithCloudInitOption(mode=MODE, metadata=sdk.ReinstallSeverMetadata(user_data="IyE="))
    body = sdk.ReinstallServerWithCloudInitRequestBody(os_reinstall=option)
    request = sdk.ReinstallServerWithCloudInitRequest(server_id=ids.server_id, body=body)
    return client.reinstall_server_with_cloud_init(request)


def _reinstall_without(client: sdk.EcsClient, ids: Ids) -> Any:
    option = sdk.ReinstallServerWithoutCloudInitOption(keyname="key", userid="user", mode=MODE)
    body = sdk.ReinstallServerWithoutCloudInitRequestBody(os_reinstall=option)
    request = sdk.ReinstallServerWithoutCloudInitRequest(server_id=ids.server_id, body=body)
    return client.reinstall_server_without_cloud_init(request)


def _detach(client: sdk.EcsClient, ids: Ids) -> Any:
    request = sdk.DetachServerVolumeRequest(server_id=ids.server_id, volume_id=ids.attached_volume_id, delete_flag="1")
    return client.detach_server_volume(request)


def _batch_attach(client: sdk.EcsClient, ids: Ids) -> Any:
    options = [
        sdk.BatchAttachSharableVolumesOption(server_id=server_id, device="/dev/sdc")
        for server_id in (ids.server_id, ids.other_server_id)
    ]
    body = sdk.BatchAttachSharableVolumesRequestBody(serverinfo=options)
    request = sdk.BatchAttachSharableVolumesRequest(volume_id=ids.volume_id, body=body)
    return client.batch_attach_sharable_volumes(request)


def _batch_detach(client: sdk.EcsClient, ids: Ids) -> Any:
    body = sdk.VolumeBatchDetachRequest(serverinfo=[ids.server_id, ids.other_server_id])
    return client.batch_detach_volumes(sdk.BatchDetachVolumesRequest(volume_id=ids.attached_volume_id, body=body))


def _add_nics(client: sdk.EcsClient, ids: Ids) -> Any:
    group = sdk.ServerNicSecurityGroup(id="group")
    nics = [
        sdk.BatchAddServerNicOption(subnet_id=SUBNET, security_groups=[group]),
        sdk.BatchAddServerNicOption(port_id=ids.port_id),
    ]
    body = sdk.BatchAddServerNicsRequestBody(nics=nics)
    return client.batch_add_server_nics(sdk.BatchAddServerNicsRequest(server_id=ids.server_id, body=body))


def _delete_nics(client: sdk.EcsClient, ids: Ids) -> Any:
    body = sdk.BatchDeleteServerNicsRequestBody(nics=[sdk.BatchDeleteServerNicOption(id=ids.nic_id)])
    return client.batch_delete_server_nics(sdk.BatchDeleteServerNicsRequest(server_id=ids.server_id, body=body))


def _change_vpc(client: sdk.EcsClient, ids: Ids) -> Any:
    nic = sdk.ChangeVpcNicBody(subnet_id=SUBNET, security_groups=[sdk.ChangeVpcSecurityGroups(id="group")])
    body = sdk.ChangeVpcRequestBody(vpc_id=VPC, nic=nic)
    return client.change_vpc(sdk.ChangeVpcRequest(server_id=ids.stopped_server_id, body=body))


def _migrate(client: sdk.EcsClient, ids: Ids) -> Any:
    body = sdk.MigrateServerRequestBody(migrate=sdk.MigrateServerOption(dedicated_host_id=HOST))
    return client.migrate_server(sdk.MigrateServerRequest(server_id=ids.stopped_server_id, body=body))


def _redeploy(client: sdk.EcsClient, ids: Ids) -> Any:
    return client.execute_server_redeploy(sdk.ExecuteServerRedeployRequest(server_id=ids.server_id))


def _remove(client: sdk.EcsClient, ids: Ids) -> Any:
    return client.delete_recycle_bin_server(sdk.DeleteRecycleBinServerRequest(server_id=ids.recycled_server_id))


def _revert(client: sdk.EcsClient, ids: Ids) -> Any:
    return client.revert_recycle_bin_server(sdk.RevertRecycleBinServerRequest(server_id=ids.recycled_server_id))


SDK_CALLS: dict[str, Callable[[sdk.EcsClient, Ids], Any]] = {
    "create_post_paid_servers": lambda client, _: create_post_paid_servers(client, count=2),
    "create_servers": lambda client, _: create_servers(client),
    "delete_servers": lambda client, ids: delete_servers(client, ids.server_id, ids.other_server_id),
    "batch_start_servers": lambda client, ids: start(client, ids.server_id, ids.other_server_id),
    "batch_stop_servers": lambda client, ids: stop(client, ids.server_id, ids.other_server_id),
    "batch_reboot_servers": lambda client, ids: reboot(client, ids.server_id, ids.other_server_id),
    "resize_post_paid_server": lambda client, ids: resize_post_paid_server(client, ids.server_id),
    "resize_server": lambda client, ids: resize_server(client, ids.server_id),
    "batch_resize_servers": lambda client, ids: batch_resize_servers(client, ids.server_id, ids.other_server_id),
    "change_server_charge_mode": lambda client, ids: change_server_charge_mode(client, ids, auto_pay=True),
    "change_server_os_with_cloud_init": _change_os_with,
    "change_server_os_without_cloud_init": _change_os_without,
    "reinstall_server_with_cloud_init": _reinstall_with,
    "reinstall_server_without_cloud_init": _reinstall_without,
    "attach_server_volume": lambda client, ids: attach_server_volume(client, ids.server_id, ids.volume_id),
    "detach_server_volume": _detach,
    "batch_attach_sharable_volumes": _batch_attach,
    "batch_detach_volumes": _batch_detach,
    "batch_add_server_nics": _add_nics,
    "batch_delete_server_nics": _delete_nics,
    "change_vpc": _change_vpc,
    "migrate_server": _migrate,
    "execute_server_redeploy": _redeploy,
    "delete_recycle_bin_server": _remove,
    "revert_recycle_bin_server": _revert,
}
"""Each request by the name of the SDK's method; all of them make jobs that need no payment by hand."""
