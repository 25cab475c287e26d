"""The schemas of the request bodies, and the rules that a schema can't express.

Keys, types and choices are those of the official SDK, ``huaweicloudsdkecs``, and of Huawei's API reference. Values that
depend on the region (flavors, images, networks) are not checked. The rules about a server's state are in
``preconditions``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from airflow_provider_ecsjobs.emulator import rules
from airflow_provider_ecsjobs.emulator.rules import invalid_parameter
from airflow_provider_ecsjobs.emulator.schema_check import Many, OneOf

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_BOOLEAN = ("true", "false", True, False)
_MODE = ("withStopServer",)
_LONGEST_NAME, _LONGEST_NAME_OF_SEVERAL, _LONGEST_DESCRIPTION = 64, 59, 85
_MOST_TAGS, _MOST_METADATA, _MOST_NICS, _MOST_DATA_DISKS, _MOST_CREATED, _MOST_DELETED = 10, 10, 12, 23, 500, 1000
_LONGEST_TAG_KEY, _LONGEST_TAG_VALUE, _LONGEST_METADATA = 36, 43, 255
# The allowed characters of a key and a value.
_OLDER_TAG = (r"[\w-]*", r"[\w.-]*")
_TAG = (r"[^\x00-\x1f=*<>\\,|/]*", r"[^\x00-\x1f=*<>\\,|]*")
_METADATA_KEY = r"[A-Za-z0-9:_.-]{1,255}"
_KINDS_OF_CHARACTERS = ("[A-Z]", "[a-z]", "[0-9]", "[^A-Za-z0-9]")
DISK_TYPES = ("SATA", "SAS", "SSD", "GPSSD", "GPSSD2", "ESSD", "ESSD2", "co-p1", "uh-l1")
"""The disk types in the API reference."""
_SERVERS = Many({"id!": str}, 1000)


_NIC = OneOf(
    ("subnet_id", "port_id"),
    {
        "subnet_id": str,
        "port_id": str,
        "ip_address": str,
        "ipv6_enable": bool,
        "security_groups": Many({"id!": str}),
    },
)
_OS = {"adminpass": str, "keyname": str, "userid": str, "mode": _MODE, "metadata": dict}
_PERIOD = {
    "period_type!": ("month", "year"),
    "auto_pay": bool,
    "auto_renew": bool,
    "include_data_disks": bool,
    "include_publicips": bool,
}
_PREPAID = {
    "chargingMode": ("prePaid", "postPaid"),
    "periodType": ("month", "year"),
    "isAutoPay": _BOOLEAN,
    "isAutoRenew": _BOOLEAN,
}
_RESIZE = {"flavorRef!": str, "mode": _MODE}
_VOLUME = {"volumetype!": str, "size!": int, "multiattach": bool, "shareable": bool, "data_image_id": str}


def _server(extendparam: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name!": str,
        "imageRef!": str,
        "flavorRef!": str,
        "vpcid!": str,
        "nics!": Many(_NIC, _MOST_NICS),
        "root_volume!": {"volumetype!": str, "size": int},
        "data_volumes": Many(_VOLUME, _MOST_DATA_DISKS),
        "count": int,
        "adminPass": str,
        "key_name": str,
        "user_data": str,
        "availability_zone": str,
        "description": str,
        "isAutoRename": bool,
        "metadata": dict,
        "security_groups": Many({"id": str}),
        "server_tags": Many({"key!": str, "value": str}),
        "tags": Many(str),
        "extendparam": extendparam,
    }


CREATE_POST_PAID = {"server!": _server({}), "dry_run": bool}
CREATE = {"server!": _server(_PREPAID), "dry_run": bool}
DELETE = {"servers!": Many({"id!": str}), "delete_publicip": bool, "delete_volume": bool}
START = {"os-start!": {"servers!": _SERVERS}}
STOP = {"os-stop!": {"type": ("SOFT", "HARD"), "servers!": _SERVERS}}
REBOOT = {"reboot!": {"type!": ("SOFT", "HARD"), "servers!": _SERVERS}}
RESIZE_POST_PAID = {"resize!": _RESIZE, "dry_run": bool}
RESIZE = {
    "resize!": {**_RESIZE, "dedicated_host_id": str, "extendparam": {"isAutoPay": _BOOLEAN}},
    "dry_run": bool,
}
BATCH_RESIZE = {"resize!": {"flavorRef!": str, "mode": str, "servers!": Many({"id!": str}, 50)}}
CHARGE_MODE = {
    "server_ids!": Many(str, 10),
    "charge_mode!": ("prePaid",),
    "prepaid_options": _PERIOD,
    "dry_run": bool,
}
CHANGE_OS = {"os-change!": {**_OS, "imageid!": str, "isAutoPay": _BOOLEAN}}
REINSTALL_OS = {"os-reinstall!": _OS}
ATTACH_VOLUME = {
    "volumeAttachment!": {"volumeId!": str, "device": str, "volume_type": str, "count": int},
    "dry_run": bool,
}
BATCH_ATTACH = {"serverinfo!": Many({"server_id!": str, "device": str})}
BATCH_DETACH = {"serverinfo!": Many(str)}
ADD_NICS = {"nics!": Many(_NIC)}
DELETE_NICS = {"nics!": Many({"id!": str})}
CHANGE_VPC = {"vpc_id!": str, "nic!": _NIC}
MIGRATE = {"migrate": {"dedicated_host_id": str}}


def _period(options: Mapping[str, Any], name: str, type_key: str, number_key: str) -> None:
    for key in (type_key, number_key):
        if options.get(key) in (None, ""):
            raise invalid_parameter(f"{name}.{key} is required")
    most = {"month": 9, "year": 3}[options[type_key]]
    # It is a number in one request and a string in the other.
    if str(options[number_key]) not in map(str, range(1, most + 1)):
        raise invalid_parameter(f"{name}.{number_key} must be between 1 and {most}")


def create(body: Mapping[str, Any]) -> None:
    """Check the cloud's rules for new servers: their number, names, passwords, disks and texts.

    :raises ApiError: if a rule is broken.
    """
    server = body["server"]
    count = server.get("count")
    if count is not None and not 1 <= count <= _MOST_CREATED:
        raise rules.COUNT.error()
    _check_name(server["name"], _LONGEST_NAME_OF_SEVERAL if (count or 1) > 1 else _LONGEST_NAME)
    _check_password(server.get("adminPass"))
    # 0 is the smallest size that the image allows.
    _check_disk("server.root_volume", server["root_volume"], 0, 1024)
    for disk in server.get("data_volumes") or []:
        _check_disk("server.data_volumes[]", disk, 10, 32768)
    _check_tags(server)
    _check_metadata(server.get("metadata") or {})
    description = server.get("description") or ""
    if len(description) > _LONGEST_DESCRIPTION or re.search("[<>]", description):
        raise rules.DESCRIPTION.error()


def delete(body: Mapping[str, Any]) -> None:
    """Check the number of servers to delete.

    :raises ApiError: if there are too many.
    """
    if len(body["servers"]) > _MOST_DELETED:
        raise rules.TOO_MANY_DELETES.error()


def migrate(body: Mapping[str, Any]) -> None:
    """Check that the body has the key ``migrate``. Its value may be null, for no dedicated host.

    :raises ApiError: if it is missing.
    """
    if "migrate" not in body:
        raise invalid_parameter("migrate is required")


def _check_name(name: str, longest: int) -> None:
    if re.search(r"[^\w.-]", name):
        raise rules.NAME_CHARACTERS.error()
    if len(name) > longest:
        raise rules.NAME_LENGTH.error(longest=longest)


def _check_tags(server: Mapping[str, Any]) -> None:
    # The older list holds strings such as "key.value".
    older = [(*tag.partition(".")[::2], *_OLDER_TAG) for tag in server.get("tags") or []]
    tags = older + [(tag["key"], tag.get("value") or "", *_TAG) for tag in server.get("server_tags") or []]
    if len(tags) > _MOST_TAGS:
        raise rules.TOO_MANY_TAGS.error()
    keys = [key for key, *_ in tags]
    for key, value, of_key, of_value in tags:
        if not 1 <= len(key) <= _LONGEST_TAG_KEY or len(value) > _LONGEST_TAG_VALUE:
            raise rules.TAG_LENGTH.error(key=key)
        if not (re.fullmatch(of_key, key) and re.fullmatch(of_value, value)):
            raise rules.TAG_CHARACTERS.error(key=key)
        if keys.count(key) > 1:
            raise rules.SAME_TAG_TWICE.error(key=key)


def _check_metadata(metadata: Mapping[str, Any]) -> None:
    are_texts = all(
        re.fullmatch(_METADATA_KEY, key) and isinstance(value, str) and len(value) <= _LONGEST_METADATA
        for key, value in metadata.items()
    )
    if len(metadata) > _MOST_METADATA or not are_texts:
        raise rules.METADATA.error()


def _check_password(password: str | None) -> None:
    kinds = [bool(re.search(kind, password or "")) for kind in _KINDS_OF_CHARACTERS]
    if password and not (8 <= len(password) <= 26 and sum(kinds) >= 3):
        raise rules.PASSWORD.error()


def _check_disk(name: str, disk: Mapping[str, Any], least: int, most: int) -> None:
    if disk["volumetype"] not in DISK_TYPES:
        raise rules.DISK_TYPE.error(name=name, known=", ".join(DISK_TYPES))
    if disk.get("size") is not None and not least <= disk["size"] <= most:
        raise rules.DISK_SIZE.error(name=name, least=least, most=most)


def prepaid_create(body: Mapping[str, Any]) -> None:
    """Check new servers, and the period of a yearly/monthly order.

    :raises ApiError: if a rule is broken.
    """
    create(body)
    options = body["server"].get("extendparam") or {}
    if options.get("chargingMode") == "prePaid":
        _period(options, "server.extendparam", "periodType", "periodNum")


def prepaid_options(body: Mapping[str, Any]) -> None:
    """Check the period of a change to yearly/monthly.

    :raises ApiError: if it is missing or wrong.
    """
    options = body.get("prepaid_options")
    if options is None:
        raise invalid_parameter("prepaid_options is required")
    _period(options, "prepaid_options", "period_type", "period_num")


def login(key: str, *, cloud_init: bool) -> Callable[[Mapping[str, Any]], None]:
    """Return the check that a login to the new system is possible.

    :param key: the key of the body that holds the options.
    :param cloud_init: user data is also accepted, as the system runs cloud-init.
    """

    def rule(body: Mapping[str, Any]) -> None:
        options = body[key]
        _check_password(options.get("adminpass"))
        if options.get("keyname") and not options.get("userid"):
            raise invalid_parameter(f"{key}.userid is required with {key}.keyname")
        if cloud_init and options.get("keyname") and options.get("adminpass"):
            raise invalid_parameter(f"{key}.adminpass and {key}.keyname exclude each other")
        user_data = cloud_init and (options.get("metadata") or {}).get("user_data")
        if not (options.get("adminpass") or options.get("keyname") or user_data):
            raise invalid_parameter(f"{key}.adminpass or {key}.keyname is required")

    return rule
