"""Plans the parts of a job from its request: one per server, with its effect."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_ecsjobs.emulator import rules
from airflow_provider_ecsjobs.emulator.jobs import Failure
from airflow_provider_ecsjobs.emulator.servers import disks_of
from airflow_provider_ecsjobs.emulator.views import DEFAULT_DISK_SIZE, MOST_DISKS
from airflow_provider_ecsjobs.emulator.work import Part, Payment, Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from airflow_provider_ecsjobs.emulator.servers import Server, Servers

    PartsOf = Callable[["CheckedRequest", Servers], list[Part]]
    TaskOf = Callable[["CheckedRequest"], Task]
    PaymentOf = Callable[["CheckedRequest", Servers], Payment]
    Effect = Callable[[Server, "CheckedRequest"], object]
    ServerIdsOf = Callable[[Mapping[str, Any]], Iterable[str]]

_PORT_TAKEN = Failure("Ecs.0217", "Failed to attach the port: it is in use.")
_KEPT = ("availability_zone", "key_name", "user_data", "description", "metadata")
"""The attributes that a server keeps from its create request."""
_BEING_DELETED = Failure("Ecs.1001", "Failed to delete the ECS because the ECS is being deleted.")


@dataclass(frozen=True, slots=True)
class CheckedRequest:
    """A checked request.

    :param path: the values of the path's placeholders.
    """

    path: Mapping[str, str]
    body: Mapping[str, Any]


# Which servers


def each(server_ids: ServerIdsOf, effect: Effect) -> PartsOf:
    """Return a function that makes one part for each server in the body."""

    def parts(request: CheckedRequest, servers: Servers) -> list[Part]:
        found = servers.existing(server_ids(request.body))
        return [_changing(servers, server["id"], effect, request) for server in found]

    return parts


def one(effect: Effect) -> PartsOf:
    """Return a function that makes the only part, for the server in the path."""

    def parts(request: CheckedRequest, servers: Servers) -> list[Part]:
        [server] = servers.existing([request.path["server_id"]])
        return [_changing(servers, server["id"], effect, request)]

    return parts


def create(payment: PaymentOf) -> PartsOf:
    """Return a function that makes one part for each server to create, with its new id."""

    def parts(request: CheckedRequest, servers: Servers) -> list[Part]:
        asked = request.body["server"]
        count = asked.get("count") or 1
        # If a request creates several servers, the cloud adds a number to each name.
        suffixes = [f"-{number:04}" for number in range(1, count + 1)] if count > 1 else [""]
        mode = "postPaid" if payment(request, servers) is Payment.NONE else "prePaid"
        return [_creating(servers, asked, name=f"{asked['name']}{suffix}", charging_mode=mode) for suffix in suffixes]

    return parts


def delete(request: CheckedRequest, servers: Servers) -> list[Part]:
    """Return one part for each server to delete. It goes into the recycle bin if that is on.

    A server that is being deleted already makes its part fail. Huawei documents the code and reason, but not whether
    they are in the response or in the job. Both come from OpenStack, so we put them in the job.
    """
    found = servers.deletable(server["id"] for server in request.body["servers"])
    server_ids = [server["id"] for server in found]
    return [
        Part(
            server_id,
            partial(servers.delete, server_id),
            failure=_BEING_DELETED if servers.is_leaving(server_id) else None,
        )
        for server_id in server_ids
    ]


def revert(request: CheckedRequest, servers: Servers) -> list[Part]:
    """Return the only part, for a server to restore from the recycle bin."""
    server_id = request.path["server_id"]
    servers.check_recycled(server_id)
    return [Part(server_id, partial(servers.revert, server_id))]


def remove(request: CheckedRequest, servers: Servers) -> list[Part]:
    """Return the only part, for a server to delete permanently from the recycle bin."""
    server_id = request.path["server_id"]
    servers.check_recycled(server_id)
    return [Part(server_id, lambda _: servers.remove(server_id))]


def add_nics(request: CheckedRequest, servers: Servers) -> list[Part]:
    """Return one part for each NIC to add, with its id. The part fails if another NIC has the port or is getting it."""
    [server] = servers.existing([request.path["server_id"]])
    taken, parts = servers.ports(), []
    for nic in map(servers.new_nic, request.body["nics"]):
        failure = _PORT_TAKEN if nic["id"] in taken else None
        parts.append(replace(servers.adding_nic(server["id"], nic), failure=failure))
        taken.add(nic["id"])
    return parts


def delete_nics(request: CheckedRequest, servers: Servers) -> list[Part]:
    """Return one part for each NIC to delete. A server's first NIC is its primary one.

    :raises ApiError: if one of them is the primary NIC, or the server does not have it.
    """
    [server] = servers.existing([request.path["server_id"]])
    own = [nic["id"] for nic in server["nics"]]
    for nic in request.body["nics"]:
        if nic["id"] not in own:
            raise rules.UNKNOWN_NIC.error(nic_id=nic["id"], server_id=server["id"])
        if nic["id"] == own[0]:
            raise rules.PRIMARY_NIC.error(nic_id=nic["id"])
    return [
        _changing(servers, server["id"], partial(_delete_nic, nic_id=nic["id"]), request, nic_id=nic["id"])
        for nic in request.body["nics"]
    ]


def change_vpc(request: CheckedRequest, servers: Servers) -> list[Part]:
    """Return the only part, for a server that moves to another VPC with its only NIC."""
    nic = servers.new_nic(request.body["nic"])
    return one(lambda server, request: server.update(vpcid=request.body["vpc_id"], nics=[nic]))(request, servers)


def attach_volume(request: CheckedRequest, servers: Servers) -> list[Part]:
    """Return the only part, for the server in the path.

    The emulator knows only the servers of a volume. A volume with several servers counts as shared.

    :raises ApiError: if the volume is in use, or the server has too many.
    """
    [server] = servers.existing([request.path["server_id"]])
    volume_id = request.body["volumeAttachment"]["volumeId"]
    _check_attachable(servers, volume_id, [server])
    if len(servers.holders(volume_id)) == 1:
        raise rules.DISK_IN_USE.error(volume_id=volume_id)
    return [servers.attaching(server["id"], volume_id)]


def attach_shared_volume(request: CheckedRequest, servers: Servers) -> list[Part]:
    """Return one part for each server to attach a shared volume to.

    :raises ApiError: if one of them has it already or is just getting it, or has too many.
    """
    found = servers.existing(server["server_id"] for server in request.body["serverinfo"])
    server_ids, volume_id = dict.fromkeys(server["id"] for server in found), request.path["volume_id"]
    _check_attachable(servers, volume_id, found)
    return [servers.attaching(server_id, volume_id) for server_id in server_ids]


def detach_volume(server_ids: ServerIdsOf | None = None) -> PartsOf:
    """Return a function that makes one part for each server to detach a volume from: those of the body or the path.

    We do not know the cloud's response if the volume is just being detached. Here it is detached once more.
    """

    def parts(request: CheckedRequest, servers: Servers) -> list[Part]:
        named = server_ids(request.body) if server_ids is not None else [request.path["server_id"]]
        found, volume_id = servers.existing(named), request.path["volume_id"]
        for server in found:
            if volume_id == server["root_volume"]:
                raise rules.SYSTEM_DISK.error(server_id=server["id"])
            if volume_id not in server["volumes"]:
                raise rules.DISK_NOT_ATTACHED.error(volume_id=volume_id, server_id=server["id"])
        return [_changing(servers, server["id"], _detach, request) for server in found]

    return parts


# What happens to a server


def become(status: str) -> Effect:
    """Return the effect that sets the status of a server."""
    return lambda server, _: server.update(status=status)


def stay(_: Server, __: CheckedRequest) -> None:
    """Leave the server as it is. Only the time of its last update changes."""


def resize(server: Server, request: CheckedRequest) -> None:
    """Set the server's flavor, and its dedicated host if one is given."""
    options = request.body["resize"]
    server["flavorRef"] = options["flavorRef"]
    server["dedicated_host_id"] = options.get("dedicated_host_id") or server["dedicated_host_id"]


def change_os(server: Server, request: CheckedRequest) -> None:
    """Set the server's image, and start the server."""
    server.update(imageRef=request.body["os-change"]["imageid"], status="ACTIVE")


def migrate(server: Server, request: CheckedRequest) -> None:
    """Set the server's dedicated host; none if the request has none."""
    server["dedicated_host_id"] = (request.body["migrate"] or {}).get("dedicated_host_id")


def change_charging(server: Server, request: CheckedRequest) -> None:
    """Set the server's charging mode."""
    server["charging_mode"] = request.body["charge_mode"]


# The tasks of servers meanwhile


def busy(name: str, status: str | None = None) -> TaskOf:
    """Return a function that returns the same task for each request."""
    task = Task(name, status)
    return lambda _: task


def reboot_task(request: CheckedRequest) -> Task:
    """Return the task of a reboot: hard or soft."""
    hard = request.body["reboot"]["type"] == "HARD"
    return Task("rebooting_hard", "HARD_REBOOT") if hard else Task("rebooting", "REBOOT")


# The payment


def nobody(_: CheckedRequest, __: Servers) -> Payment:
    """Return that there is no order."""
    return Payment.NONE


def create_payment(request: CheckedRequest, _: Servers) -> Payment:
    """Return how the order of new servers is paid."""
    options = request.body["server"].get("extendparam") or {}
    return _payment(options.get("chargingMode") == "prePaid", options.get("isAutoPay"))


def resize_payment(request: CheckedRequest, servers: Servers) -> Payment:
    """Return how the order of a resize is paid."""
    [server] = servers.existing([request.path["server_id"]])
    options = request.body["resize"].get("extendparam") or {}
    return _payment(server["charging_mode"] == "prePaid", options.get("isAutoPay"))


def batch_resize_payment(request: CheckedRequest, servers: Servers) -> Payment:
    """Return how the order of a batch resize is paid: always by a user, as the request has no automatic payment."""
    found = servers.existing(server["id"] for server in request.body["resize"]["servers"])
    return _payment(any(server["charging_mode"] == "prePaid" for server in found), False)


def charging_payment(request: CheckedRequest, _: Servers) -> Payment:
    """Return how the order of a change to yearly/monthly is paid."""
    return _payment(True, request.body["prepaid_options"].get("auto_pay"))


def _payment(prepaid: bool, automatic: object) -> Payment:
    if not prepaid:
        return Payment.NONE
    return Payment.AUTOMATIC if automatic in (True, "true") else Payment.MANUAL


def _creating(servers: Servers, asked: Mapping[str, Any], **attributes: Any) -> Part:
    root, data = str(uuid.uuid4()), {str(uuid.uuid4()): volume["size"] for volume in asked.get("data_volumes") or []}
    return servers.building(
        str(uuid.uuid4()),
        **{key: asked[key] for key in ("imageRef", "flavorRef", "vpcid")},
        **{key: asked[key] for key in _KEPT if asked.get(key)},
        nics=[servers.new_nic(nic) for nic in asked["nics"]],
        root_volume=root,
        volumes=list(data),
        disk_sizes={root: asked["root_volume"].get("size") or DEFAULT_DISK_SIZE, **data},
        tags=_tags(asked),
        **attributes,
    )


def _tags(asked: Mapping[str, Any]) -> list[str]:
    # The older key holds strings such as "key.value".
    older = [tag.replace(".", "=", 1) for tag in asked.get("tags") or []]
    return older + [f"{tag['key']}={tag.get('value') or ''}" for tag in asked.get("server_tags") or []]


def _changing(
    servers: Servers, server_id: str, effect: Effect, request: CheckedRequest, nic_id: str | None = None
) -> Part:
    return Part(server_id, partial(servers.change, server_id, lambda server: effect(server, request)), nic_id)


def _check_attachable(servers: Servers, volume_id: str, found: Iterable[Server]) -> None:
    holders, is_system_disk = servers.holders(volume_id), servers.is_system_disk(volume_id)
    for server in found:
        if volume_id in disks_of(server):
            raise rules.DISK_ATTACHED.error(volume_id=volume_id)
        if server["id"] in holders or is_system_disk:
            raise rules.DISK_IN_USE.error(volume_id=volume_id)
        if servers.disk_count(server["id"]) >= MOST_DISKS["free_disk"]:
            raise rules.TOO_MANY_DISKS.error(server_id=server["id"])


def _detach(server: Server, request: CheckedRequest) -> None:
    server["volumes"] = [volume_id for volume_id in server["volumes"] if volume_id != request.path["volume_id"]]


def _delete_nic(server: Server, _: CheckedRequest, *, nic_id: str) -> None:
    server["nics"] = [nic for nic in server["nics"] if nic["id"] != nic_id]
