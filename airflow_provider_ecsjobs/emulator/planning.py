"""How requests become the parts of a job: which servers they are about, and what happens to each."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_ecsjobs.emulator import rules
from airflow_provider_ecsjobs.emulator.jobs import Failure
from airflow_provider_ecsjobs.emulator.views import DEFAULT_DISK_SIZE
from airflow_provider_ecsjobs.emulator.work import Part, Payment, Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from airflow_provider_ecsjobs.emulator.servers import Server, Servers

    PartsOf = Callable[["Call", Servers], list[Part]]
    TaskOf = Callable[["Call"], Task]
    PaymentOf = Callable[["Call", Servers], Payment]
    Effect = Callable[[Server, "Call"], object]
    ServerIdsOf = Callable[[Mapping[str, Any]], Iterable[str]]

_PORT_TAKEN = Failure("Ecs.0217", "Failed to attach the port: it is in use.")
_KEPT = ("availability_zone", "key_name", "user_data", "description", "metadata")
"""What a server has as its creation asked for it."""
_BEING_DELETED = Failure("Ecs.1001", "Failed to delete the ECS because the ECS is being deleted.")


@dataclass(frozen=True, slots=True)
class Call:
    """A checked request.

    :param path: the values of the path's placeholders.
    """

    path: Mapping[str, str]
    body: Mapping[str, Any]


# Which servers


def each(server_ids: ServerIdsOf, effect: Effect) -> PartsOf:
    """Make one part for each server that the body names."""

    def parts(call: Call, servers: Servers) -> list[Part]:
        found = servers.existing(server_ids(call.body))
        return [_changing(servers, server["id"], effect, call) for server in found]

    return parts


def one(effect: Effect) -> PartsOf:
    """Make the only part, for the server that the path names."""

    def parts(call: Call, servers: Servers) -> list[Part]:
        [server] = servers.existing([call.path["server_id"]])
        return [_changing(servers, server["id"], effect, call)]

    return parts


def create(payment: PaymentOf) -> PartsOf:
    """Make one part for each server to create; its id is known from now on."""

    def parts(call: Call, servers: Servers) -> list[Part]:
        asked = call.body["server"]
        count = asked.get("count") or 1
        # The cloud tells the servers of one request apart by a number.
        suffixes = [f"-{number:04}" for number in range(1, count + 1)] if count > 1 else [""]
        mode = "postPaid" if payment(call, servers) is Payment.NONE else "prePaid"
        return [_creating(servers, asked, name=f"{asked['name']}{suffix}", charging_mode=mode) for suffix in suffixes]

    return parts


def delete(call: Call, servers: Servers) -> list[Part]:
    """Make one part for each server to delete: it goes into the recycle bin, if that is on.

    Of one that is being deleted the documentation has the reason and its code, but not where they are said; since both
    are OpenStack's, it is in the job.
    """
    found = servers.deletable(server["id"] for server in call.body["servers"])
    server_ids = [server["id"] for server in found]
    return [
        Part(
            server_id,
            partial(servers.delete, server_id),
            failure=_BEING_DELETED if servers.is_leaving(server_id) else None,
        )
        for server_id in server_ids
    ]


def revert(call: Call, servers: Servers) -> list[Part]:
    """Make the only part, for a server to bring back from the recycle bin."""
    server_id = call.path["server_id"]
    servers.check_recycled(server_id)
    return [Part(server_id, partial(servers.revert, server_id))]


def remove(call: Call, servers: Servers) -> list[Part]:
    """Make the only part, for a server of the recycle bin to delete for good."""
    server_id = call.path["server_id"]
    servers.check_recycled(server_id)
    return [Part(server_id, lambda _: servers.remove(server_id))]


def add_nics(call: Call, servers: Servers) -> list[Part]:
    """Make one part for each NIC to add; its id is known from now on. A port of another NIC can't be attached."""
    [server] = servers.existing([call.path["server_id"]])
    return [
        replace(
            _changing(servers, server["id"], partial(_add_nic, nic=nic), call, nic_id=nic["id"]),
            failure=_PORT_TAKEN if servers.has_nic(nic["id"]) else None,
        )
        for nic in map(servers.new_nic, call.body["nics"])
    ]


def delete_nics(call: Call, servers: Servers) -> list[Part]:
    """Make one part for each NIC to delete; a server's first one is its primary NIC.

    :raises ApiError: if one of them is that, or the server does not have it.
    """
    [server] = servers.existing([call.path["server_id"]])
    own = [nic["id"] for nic in server["nics"]]
    for nic in call.body["nics"]:
        if nic["id"] not in own:
            raise rules.UNKNOWN_NIC.refusal(nic_id=nic["id"], server_id=server["id"])
        if nic["id"] == own[0]:
            raise rules.PRIMARY_NIC.refusal(nic_id=nic["id"])
    return [
        _changing(servers, server["id"], partial(_delete_nic, nic_id=nic["id"]), call, nic_id=nic["id"])
        for nic in call.body["nics"]
    ]


def change_vpc(call: Call, servers: Servers) -> list[Part]:
    """Make the only part, for a server that moves to another VPC with its one NIC."""
    nic = servers.new_nic(call.body["nic"])
    return one(lambda server, call: server.update(vpcid=call.body["vpc_id"], nics=[nic]))(call, servers)


def attach_volume(call: Call, servers: Servers) -> list[Part]:
    """Make the only part, for the server that the path names.

    The emulator knows of a volume only what it is attached to: one of several servers is a shared one.

    :raises ApiError: if the volume is in use.
    """
    [server] = servers.existing([call.path["server_id"]])
    volume_id = call.body["volumeAttachment"]["volumeId"]
    holders = servers.holders(volume_id)
    if volume_id in server["volumes"]:
        raise rules.DISK_ATTACHED.refusal(volume_id=volume_id)
    if server["id"] in holders or len(holders) == 1:
        raise rules.DISK_IN_USE.refusal(volume_id=volume_id)
    return [servers.attaching(server["id"], volume_id)]


def attach_shared_volume(call: Call, servers: Servers) -> list[Part]:
    """Make one part for each server that a shared volume is to be attached to.

    :raises ApiError: if one of them has it already.
    """
    found = servers.existing(server["server_id"] for server in call.body["serverinfo"])
    server_ids, volume_id = dict.fromkeys(server["id"] for server in found), call.path["volume_id"]
    if any(volume_id in server["volumes"] for server in found):
        raise rules.DISK_ATTACHED.refusal(volume_id=volume_id)
    if servers.holders(volume_id) & server_ids.keys():
        raise rules.DISK_IN_USE.refusal(volume_id=volume_id)
    return [servers.attaching(server_id, volume_id) for server_id in server_ids]


def detach_volume(server_ids: ServerIdsOf | None = None) -> PartsOf:
    """Make one part for each server to detach the path's volume from: those that the body names, or the path's.

    Of a volume that is just being detached the cloud's answer is not known; here it is detached once more.
    """

    def parts(call: Call, servers: Servers) -> list[Part]:
        named = server_ids(call.body) if server_ids is not None else [call.path["server_id"]]
        found, volume_id = servers.existing(named), call.path["volume_id"]
        for server in found:
            if volume_id not in server["volumes"]:
                raise rules.DISK_NOT_ATTACHED.refusal(volume_id=volume_id, server_id=server["id"])
        return [_changing(servers, server["id"], _detach, call) for server in found]

    return parts


# What happens to a server


def become(status: str) -> Effect:
    """Make the effect of a request that leaves servers in a status."""
    return lambda server, _: server.update(status=status)


def stay(_: Server, __: Call) -> None:
    """Leave the server as it is, but for the time of its last update."""


def resize(server: Server, call: Call) -> None:
    """Give the server another flavor, and dedicated host if one is named."""
    options = call.body["resize"]
    server["flavorRef"] = options["flavorRef"]
    server["dedicated_host_id"] = options.get("dedicated_host_id") or server["dedicated_host_id"]


def change_os(server: Server, call: Call) -> None:
    """Give the server another image; it starts with that."""
    server.update(imageRef=call.body["os-change"]["imageid"], status="ACTIVE")


def migrate(server: Server, call: Call) -> None:
    """Move the server to a dedicated host, or away from one if none is named."""
    server["dedicated_host_id"] = (call.body["migrate"] or {}).get("dedicated_host_id")


def change_charging(server: Server, call: Call) -> None:
    """Change the server's charging mode."""
    server["charging_mode"] = call.body["charge_mode"]


# What servers are busy with meanwhile


def busy(name: str, status: str | None = None) -> TaskOf:
    """Make a task that is the same for each request."""
    task = Task(name, status)
    return lambda _: task


def reboot_task(call: Call) -> Task:
    """Say what servers are busy with while they reboot: that depends on how."""
    hard = call.body["reboot"]["type"] == "HARD"
    return Task("rebooting_hard", "HARD_REBOOT") if hard else Task("rebooting", "REBOOT")


# Who pays


def nobody(_: Call, __: Servers) -> Payment:
    """Say that there is no order."""
    return Payment.NONE


def create_payment(call: Call, _: Servers) -> Payment:
    """Say how the creation of servers is paid."""
    options = call.body["server"].get("extendparam") or {}
    return _payment(options.get("chargingMode") == "prePaid", options.get("isAutoPay"))


def resize_payment(call: Call, servers: Servers) -> Payment:
    """Say how a server's other flavor is paid."""
    [server] = servers.existing([call.path["server_id"]])
    options = call.body["resize"].get("extendparam") or {}
    return _payment(server["charging_mode"] == "prePaid", options.get("isAutoPay"))


def batch_resize_payment(call: Call, servers: Servers) -> Payment:
    """Say how servers' other flavor is paid: by hand, for the request has no word for anything else."""
    found = servers.existing(server["id"] for server in call.body["resize"]["servers"])
    return _payment(any(server["charging_mode"] == "prePaid" for server in found), False)


def charging_payment(call: Call, _: Servers) -> Payment:
    """Say how the change to yearly/monthly is paid."""
    return _payment(True, call.body["prepaid_options"].get("auto_pay"))


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
        disk_sizes={root: asked["root_volume"].get("size", DEFAULT_DISK_SIZE), **data},
        tags=_tags(asked),
        **attributes,
    )


def _tags(asked: Mapping[str, Any]) -> list[str]:
    # The older key holds texts such as "key.value".
    older = [tag.replace(".", "=", 1) for tag in asked.get("tags") or []]
    return older + [f"{tag['key']}={tag.get('value') or ''}" for tag in asked.get("server_tags") or []]


def _changing(servers: Servers, server_id: str, effect: Effect, call: Call, nic_id: str | None = None) -> Part:
    return Part(server_id, partial(servers.change, server_id, lambda server: effect(server, call)), nic_id)


def _detach(server: Server, call: Call) -> None:
    server["volumes"] = [volume_id for volume_id in server["volumes"] if volume_id != call.path["volume_id"]]


def _add_nic(server: Server, _: Call, *, nic: dict[str, Any]) -> None:
    server["nics"].append(nic)


def _delete_nic(server: Server, _: Call, *, nic_id: str) -> None:
    server["nics"] = [nic for nic in server["nics"] if nic["id"] != nic_id]
