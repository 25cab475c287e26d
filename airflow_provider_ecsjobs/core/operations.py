"""The asynchronous requests of the ECS API, as data: the name, the path and the requirements of each.

The names are those of the official SDK's methods (``huaweicloudsdkecs.v2.EcsClient``). API pages: *ECS API Reference,
Lifecycle Management, Status Management, Disk Management, NIC Management*.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_PROJECT = "/v1/{project_id}"
_SERVERS = f"{_PROJECT}/cloudservers"
_SERVER = f"{_SERVERS}/{{server_id}}"
_RECYCLED = f"{_PROJECT}/recycle-bin/cloudservers/{{server_id}}"
_NEW_SERVER = (
    "server.name",
    "server.imageRef",
    "server.flavorRef",
    "server.vpcid",
    "server.nics[]",
    "server.root_volume.volumetype",
)
_NEW_SERVER_FLAGS = (
    "dry_run",
    "server.isAutoRename",
    "server.nics[].ipv6_enable",
    "server.data_volumes[].multiattach",
    "server.data_volumes[].shareable",
)


@dataclass(frozen=True, slots=True)
class Operation:
    """One asynchronous request. Its response has a ``job_id``.

    :param name: the official SDK's method.
    :param method: the HTTP method.
    :param path: the path below the endpoint, with its parameters in braces.
    :param page: the title of its page in the ECS API Reference.
    :param body: the keys at the top of the body; empty if it has none.
    :param required: the required parts of the body: keys joined by dots, ``[]`` for each item of a list.
    :param nullable: the required keys that may be null.
    :param flags: the booleans of the body, named as in ``required``.
    :param query: the query parameters, all optional.
    :param takes_client_token: whether ``X-Client-Token`` makes it safe to send the request again.
    :param is_idempotent: whether it is harmless to carry out the request twice.
    :param has_dry_run: whether ``dry_run`` in the body only checks the request.
    :param to_check: what to check if the outcome of the request is unknown.
    :param done_codes: the API's error codes that mean a resent request was carried out before.
    """

    name: str
    method: str
    path: str
    page: str
    body: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    nullable: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    query: tuple[str, ...] = ()
    takes_client_token: bool = False
    is_idempotent: bool = False
    has_dry_run: bool = False
    to_check: str = ""
    done_codes: tuple[str, ...] = ()

    @property
    def path_parameters(self) -> tuple[str, ...]:
        """The names in the path, except that of the project, which comes from the connection."""
        return tuple(name for name in re.findall(r"{(\w+)}", self.path) if name != "project_id")


_ALL = (
    Operation(
        "create_post_paid_servers",
        "POST",
        _SERVERS,
        "Creating ECSs (Pay-per-Use)",
        body=("server", "dry_run"),
        required=_NEW_SERVER,
        flags=_NEW_SERVER_FLAGS,
        takes_client_token=True,
        has_dry_run=True,
        to_check="whether servers of this name exist",
    ),
    Operation(
        "create_servers",
        "POST",
        "/v1.1/{project_id}/cloudservers",
        "Creating ECSs",
        body=("server", "dry_run"),
        required=_NEW_SERVER,
        flags=_NEW_SERVER_FLAGS,
        takes_client_token=True,
        has_dry_run=True,
        to_check="whether servers of this name, or an order for them, exist",
    ),
    Operation(
        "delete_servers",
        "POST",
        f"{_SERVERS}/delete",
        "Deleting ECSs",
        body=("servers", "delete_publicip", "delete_volume"),
        required=("servers[].id",),
        flags=("delete_publicip", "delete_volume"),
        is_idempotent=True,
        to_check="whether the servers still exist",
    ),
    Operation(
        "batch_start_servers",
        "POST",
        f"{_SERVERS}/action",
        "Starting ECSs in a Batch",
        body=("os-start",),
        required=("os-start.servers[].id",),
        is_idempotent=True,
        to_check="whether the servers run",
    ),
    Operation(
        "batch_stop_servers",
        "POST",
        f"{_SERVERS}/action",
        "Stopping ECSs in a Batch",
        body=("os-stop",),
        required=("os-stop.servers[].id",),
        is_idempotent=True,
        to_check="whether the servers are stopped",
    ),
    Operation(
        "batch_reboot_servers",
        "POST",
        f"{_SERVERS}/action",
        "Restarting ECSs in a Batch",
        body=("reboot",),
        required=("reboot.servers[].id", "reboot.type"),
        to_check="whether the servers have rebooted",
    ),
    Operation(
        "resize_post_paid_server",
        "POST",
        f"{_SERVER}/resize",
        "Modifying the Specifications of an ECS (Pay-per-Use)",
        body=("resize", "dry_run"),
        required=("resize.flavorRef",),
        flags=("dry_run",),
        has_dry_run=True,
        to_check="which flavor the server has",
    ),
    Operation(
        "resize_server",
        "POST",
        "/v1.1/{project_id}/cloudservers/{server_id}/resize",
        "Modifying the Specifications of an ECS",
        body=("resize", "dry_run"),
        required=("resize.flavorRef",),
        flags=("dry_run",),
        has_dry_run=True,
        to_check="which flavor the server has, and whether there is an order to change it",
    ),
    Operation(
        "batch_resize_servers",
        "POST",
        f"{_SERVERS}/batch-resize",
        "Batch Modifying ECS Specifications",
        body=("resize",),
        required=("resize.flavorRef", "resize.servers[].id"),
        to_check="which flavor the servers have, and whether there is an order to change it",
    ),
    Operation(
        "change_server_charge_mode",
        "POST",
        f"{_SERVERS}/actions/change-charge-mode",
        "Changing the Billing Mode of ECSs",
        body=("server_ids", "charge_mode", "prepaid_options", "dry_run"),
        required=("server_ids[]", "charge_mode"),
        flags=(
            "dry_run",
            "prepaid_options.auto_pay",
            "prepaid_options.auto_renew",
            "prepaid_options.include_data_disks",
            "prepaid_options.include_publicips",
        ),
        has_dry_run=True,
        to_check="how the servers are billed, and whether there is an order to change it",
    ),
    Operation(
        "change_server_os_without_cloud_init",
        "POST",
        f"{_SERVER}/changeos",
        "Changing an ECS OS (Using an Image Without Cloud-Init Installed)",
        body=("os-change",),
        required=("os-change.imageid",),
        to_check="which image the server has",
    ),
    Operation(
        "change_server_os_with_cloud_init",
        "POST",
        "/v2/{project_id}/cloudservers/{server_id}/changeos",
        "Changing an ECS OS (Using an Image with Cloud-Init Installed)",
        body=("os-change",),
        required=("os-change.imageid",),
        to_check="which image the server has",
    ),
    Operation(
        "reinstall_server_without_cloud_init",
        "POST",
        f"{_SERVER}/reinstallos",
        "Reinstalling an ECS OS (Using an Image Without Cloud-Init Installed)",
        body=("os-reinstall",),
        required=("os-reinstall",),
        to_check="whether the server's system has been reinstalled",
    ),
    Operation(
        "reinstall_server_with_cloud_init",
        "POST",
        "/v2/{project_id}/cloudservers/{server_id}/reinstallos",
        "Reinstalling an ECS OS (Using an Image with Cloud-Init Installed)",
        body=("os-reinstall",),
        required=("os-reinstall",),
        to_check="whether the server's system has been reinstalled",
    ),
    Operation(
        "attach_server_volume",
        "POST",
        f"{_SERVER}/attachvolume",
        "Attaching a Disk to an ECS",
        body=("volumeAttachment", "dry_run"),
        required=("volumeAttachment.volumeId",),
        flags=("dry_run",),
        has_dry_run=True,
        to_check="whether the volume is attached to the server",
    ),
    Operation(
        "detach_server_volume",
        "DELETE",
        f"{_SERVER}/detachvolume/{{volume_id}}",
        "Detaching an EVS Disk from an ECS",
        query=("delete_flag",),
        is_idempotent=True,
        to_check="whether the volume is still attached to the server",
        done_codes=("Ecs.0111",),
    ),
    Operation(
        "batch_attach_sharable_volumes",
        "POST",
        f"{_PROJECT}/batchaction/attachvolumes/{{volume_id}}",
        "Batch Attaching a Shared Disk to ECSs",
        body=("serverinfo",),
        required=("serverinfo[].server_id",),
        to_check="which servers the volume is attached to",
    ),
    Operation(
        "batch_detach_volumes",
        "POST",
        f"{_PROJECT}/batchaction/detachvolumes/{{volume_id}}",
        "Batch Detaching a Shared Disk from ECSs",
        body=("serverinfo",),
        required=("serverinfo[]",),
        is_idempotent=True,
        to_check="which servers the volume is still attached to",
    ),
    Operation(
        "batch_add_server_nics",
        "POST",
        f"{_SERVER}/nics",
        "Adding NICs to an ECS in a Batch",
        body=("nics",),
        required=("nics[]",),
        flags=("nics[].ipv6_enable",),
        to_check="which NICs the server has",
    ),
    Operation(
        "batch_delete_server_nics",
        "POST",
        f"{_SERVER}/nics/delete",
        "Deleting NICs from an ECS in a Batch",
        body=("nics",),
        required=("nics[].id",),
        is_idempotent=True,
        to_check="which NICs the server has",
    ),
    Operation(
        "change_vpc",
        "POST",
        f"{_SERVER}/changevpc",
        "Changing a VPC for an ECS",
        body=("vpc_id", "nic"),
        required=("vpc_id", "nic"),
        to_check="which VPC the server is in",
    ),
    Operation(
        "migrate_server",
        "POST",
        f"{_SERVER}/migrate",
        "Cold Migrating an ECS",
        body=("migrate",),
        required=("migrate",),
        nullable=("migrate",),  # null: from a dedicated host to the shared pool
        to_check="which dedicated host the server is on",
    ),
    Operation(
        "execute_server_redeploy",
        "POST",
        f"{_SERVER}/actions/redeploy",
        "Redeploying an ECS",
        to_check="whether the server has been redeployed",
    ),
    Operation(
        "delete_recycle_bin_server",
        "DELETE",
        _RECYCLED,
        "Permanently Deleting an ECS from the Recycle Bin",
        is_idempotent=True,
        to_check="whether the server is still in the recycle bin",
        done_codes=("Ecs.0114", "Ecs.0614"),
    ),
    Operation(
        "revert_recycle_bin_server",
        "POST",
        f"{_RECYCLED}/actions/revert",
        "Restoring an ECS from the Recycle Bin",
        is_idempotent=True,
        to_check="whether the server is still in the recycle bin",
    ),
)

OPERATIONS: Mapping[str, Operation] = MappingProxyType({operation.name: operation for operation in _ALL})
"""All asynchronous requests, by name."""
