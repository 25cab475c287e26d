"""Servers as the responses to reads show them: those of ECS itself (v1) and of OpenStack's Nova (v2.1). Pure."""

from __future__ import annotations

import hashlib
import re
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    Server = Mapping[str, Any]
    Shown = dict[str, Any]

DEFAULT_DISK_SIZE = 40
"""The size in GB of a disk whose size no request has set."""

MOST_DISKS = {"free_disk": 60, "free_scsi": 60, "free_blk": 24}
"""How many disks a server can have, in all and by the kinds of their bus."""

FLAVORS = ("s6.small.1", "s6.medium.2", "s6.large.2", "s6.large.4", "s6.xlarge.2", "s6.2xlarge.2", "c7.large.2")
"""The listed flavors. Servers may have any other flavor, too."""

_VCPUS = {"small": 1, "medium": 1, "large": 2, "xlarge": 4}
_POWER = {"ACTIVE": 1, "REBOOT": 1, "SHUTOFF": 4}
_VM_STATES = {"BUILD": "building", "ERROR": "error", "SHUTOFF": "stopped"}
_ZONE = "a"


def flavor(flavor_id: str) -> Shown:
    """Return a flavor. Its name holds its size and the ratio of memory to vCPUs, such as ``s6.2xlarge.4``."""
    named = re.fullmatch(r"\w+\.([0-9]{0,4})(\w+)\.([0-9]{1,4})", flavor_id)  # few digits: int() has a limit
    vcpus, ratio = 1, 1
    if named:
        vcpus, ratio = _VCPUS.get(named[2], 1) * int(named[1] or 1), int(named[3])
    return {
        "id": flavor_id,
        "name": flavor_id,
        "vcpus": str(vcpus),
        "ram": vcpus * ratio * 1024,
        "disk": "0",
        "swap": "",
        "OS-FLV-EXT-DATA:ephemeral": 0,
        "OS-FLV-DISABLED:disabled": False,
        "rxtx_factor": 1.0,
        "os-flavor-access:is_public": True,
        "os_extra_specs": {"ecs:performancetype": "normal", "cond:operation:status": "normal"},
        "links": [],
    }


def server(shown: Server, project_id: str, region: str) -> Shown:
    """Return a server as ``GET /v1/{project_id}/cloudservers/{server_id}`` shows it.

    :param shown: the server as the state shows it.
    """
    described = flavor(shown["flavorRef"] or "")
    return {
        **_common(shown, project_id, region),
        "flavor": {
            "id": described["id"],
            "name": described["name"],
            "vcpus": described["vcpus"],
            "ram": str(described["ram"]),
            "disk": "0",
        },
        "image": {"id": shown["imageRef"] or ""},
        "addresses": {shown["vpcid"] or "vpc": [_address(nic, number) for number, nic in enumerate(shown["nics"])]},
        "metadata": metadata(shown),
        "os-extended-volumes:volumes_attached": [
            {
                "id": disk["volumeId"],
                "delete_on_termination": str(disk["bootIndex"] == 0).lower(),
                "bootIndex": str(disk["bootIndex"]),
                "device": disk["device"],
            }
            for disk in disks(shown)
        ],
        "security_groups": [{"id": "default", "name": "default"}],
        "tags": list(shown["tags"]),
        "sys_tags": [{"key": "_sys_enterprise_project_id", "value": "0"}],
        "enterprise_project_id": "0",
        "os:scheduler_hints": _hints(shown),
    }


_CLOUD_SERVER = {
    **{key: key for key in ("id", "name", "status", "tenant_id", "user_id", "created", "updated", "description")},
    **{key: key for key in ("key_name", "locked", "enterprise_project_id", "metadata", "tags", "security_groups")},
    "image": "image",
    "availability_zone": "OS-EXT-AZ:availability_zone",
    "vm_state": "OS-EXT-STS:vm_state",
    "task_state": "OS-EXT-STS:task_state",
    "power_state": "OS-EXT-STS:power_state",
    "launched_at": "OS-SRV-USG:launched_at",
    "root_device_name": "OS-EXT-SRV-ATTR:root_device_name",
}
"""The keys of the v1.1 list, with those of v1 for the same."""

EXPECT_FIELDS = (
    "launched_at",
    "key_name",
    "locked",
    "root_device_name",
    "tenancy",
    "dedicated_host_id",
    "enterprise_project_id",
    "tags",
    "metadata",
    "addresses",
    "security_groups",
    "volumes_attached",
    "image",
    "power_state",
    "cpu_options",
    "market_info",
)
"""The keys that the v1.1 list shows only if it is asked for them."""


def cloud_server(shown: Server, project_id: str, region: str) -> Shown:
    """Return a server as ``GET /v1.1/{project_id}/cloudservers/detail`` shows it, with all keys."""
    described = server(shown, project_id, region)
    flavor_numbers = {key: int(described["flavor"][key]) for key in ("vcpus", "ram", "disk")}
    return {
        **{key: described[older] for key, older in _CLOUD_SERVER.items()},
        "in_recycle_bin": shown["in_recycle_bin"],
        "spod_id": None,
        "flavor": {**described["flavor"], **flavor_numbers},
        "fault": shown["fault"],
        "market_info": {"charge_mode": shown["charging_mode"]},
        "tenancy": "dedicated" if shown["dedicated_host_id"] else "shared",
        "dedicated_host_id": shown["dedicated_host_id"],
        "addresses": {
            network: [{**address, "version": 4} for address in addresses]
            for network, addresses in described["addresses"].items()
        },
        "volumes_attached": [
            {
                "id": disk["volumeId"],
                "delete_on_termination": disk["bootIndex"] == 0,
                "device": disk["device"],
                "bootIndex": str(disk["bootIndex"]),
                "size": disk["size"],
            }
            for disk in disks(shown)
        ],
        "cpu_options": None,
    }


def nova_server(shown: Server, project_id: str, region: str) -> Shown:
    """Return a server as ``GET /v2.1/{project_id}/servers/{server_id}`` shows it."""
    addresses = [
        {key: value for key, value in _address(nic, 0).items() if key in _NOVA_ADDRESS} | {"version": 4}
        for nic in shown["nics"]
    ]
    return {
        **_common(shown, project_id, region),
        "flavor": {"id": shown["flavorRef"] or "", "links": []},
        "image": {"id": shown["imageRef"] or "", "links": []},
        "addresses": {shown["vpcid"] or "vpc": addresses},
        "metadata": metadata(shown),
        "os-extended-volumes:volumes_attached": [{"id": disk["volumeId"]} for disk in disks(shown)],
        "security_groups": [{"name": "default"}],
        "links": [],
    }


def disks(shown: Server) -> list[Shown]:
    """Return a server's disks as ``.../block_device`` shows them. The first one is the system disk."""
    return [
        {
            "id": volume_id,
            "volumeId": volume_id,
            "serverId": shown["id"],
            "device": f"/dev/vd{_letters(number)}",
            "bootIndex": 0 if number == 0 else -1,
            "size": shown["disk_sizes"].get(volume_id, DEFAULT_DISK_SIZE),
            "bus": "virtio",
            "pciAddress": f"0000:02:{number + 1:02x}.0",
        }
        for number, volume_id in enumerate([shown["root_volume"], *shown["volumes"]])
    ]


def _letters(number: int) -> str:
    # As Linux names disks: a to z, then aa, ab and so on.
    return (_letters(number // 26 - 1) if number >= 26 else "") + ascii_lowercase[number % 26]


def interfaces(shown: Server) -> list[Shown]:
    """Return a server's NICs as ``.../os-interface`` shows them."""
    return [
        {
            "port_id": nic["id"],
            "net_id": nic["subnet_id"] or "",
            "port_state": "ACTIVE",
            "mac_addr": _mac(nic["id"]),
            "fixed_ips": [{"ip_address": nic["ip_address"], "subnet_id": nic["subnet_id"] or ""}],
        }
        for nic in shown["nics"]
    ]


_NOVA_ADDRESS = ("addr", "OS-EXT-IPS:type", "OS-EXT-IPS-MAC:mac_addr")


def _common(shown: Server, project_id: str, region: str) -> Shown:
    status = shown["status"]
    return {
        "id": shown["id"],
        "name": shown["name"],
        "status": status,
        "created": _seconds(shown["created"]),
        "updated": _seconds(shown["updated"]),
        "tenant_id": project_id,
        "user_id": "",
        "hostId": hashlib.sha256(shown["id"].encode()).hexdigest()[:56],
        "key_name": shown.get("key_name"),
        "description": shown.get("description", ""),
        "accessIPv4": "",
        "accessIPv6": "",
        "config_drive": "",
        "locked": False,
        "progress": 0,
        "OS-EXT-STS:task_state": shown["task_state"],
        "OS-EXT-STS:vm_state": _VM_STATES.get(status, "active"),
        "OS-EXT-STS:power_state": _POWER.get(status, 0),
        "OS-EXT-AZ:availability_zone": zone(shown, region),
        "OS-SRV-USG:launched_at": None if status == "BUILD" else shown["created"].removesuffix("Z"),
        "OS-SRV-USG:terminated_at": None,
        "OS-DCF:diskConfig": "MANUAL",
        "OS-EXT-SRV-ATTR:hostname": shown["name"],
        "OS-EXT-SRV-ATTR:root_device_name": "/dev/vda",
        **({"fault": shown["fault"]} if shown["fault"] else {}),
    }


def zone(shown: Server, region: str) -> str:
    """Return a server's availability zone."""
    return shown.get("availability_zone") or f"{region}{_ZONE}"


def metadata(shown: Server) -> dict[str, str]:
    """Return a server's metadata, with what the cloud adds."""
    return {
        **{key: str(value) for key, value in shown["metadata"].items()},
        "charging_mode": "1" if shown["charging_mode"] == "prePaid" else "0",
        "metering.resourcespeccode": f"{shown['flavorRef'] or ''}.linux",
        "vpc_id": shown["vpcid"] or "",
    }


def _hints(shown: Server) -> Shown:
    host = shown["dedicated_host_id"]
    return {"dedicated_host_id": [host], "tenancy": ["dedicated"]} if host else {}


def _address(nic: Mapping[str, Any], number: int) -> Shown:
    return {
        "addr": nic["ip_address"],
        "version": "4",
        "primary": number == 0,
        "OS-EXT-IPS:type": "fixed",
        "OS-EXT-IPS-MAC:mac_addr": _mac(nic["id"]),
        "OS-EXT-IPS:port_id": nic["id"],
    }


def _mac(nic_id: str) -> str:
    digest = hashlib.sha256(nic_id.encode()).hexdigest()
    return "fa:16:3e:" + ":".join(digest[start : start + 2] for start in (0, 2, 4))


def _seconds(time: str) -> str:
    """Return a time without milliseconds. Servers have none, unlike jobs."""
    return f"{time.partition('.')[0]}Z"
