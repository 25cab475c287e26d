"""For each rule of the emulated cloud: what there is, and the request that breaks the rule."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

CREATE: dict[str, Any] = {
    "name": "web",
    "imageRef": "image",
    "flavorRef": "s6.small.1",
    "vpcid": "vpc",
    "nics": [{"subnet_id": "subnet"}],
    "root_volume": {"volumetype": "SSD"},
}
TOKEN = "0f8fad5b-d9cb-469f-a165-70867728950e"
RESIZE = {"flavorRef": "s6.large.2", "mode": "withStopServer"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """A request that breaks a rule; ``{server}`` is a server that exists, ``{system_disk}`` its disk.

    :param server: what that server is like, as the arguments of ``add_server``.
    :param before: requests that are made before it, method, path and body each.
    :param wait: seconds between these and the request.
    """

    path: str
    body: Any = None
    method: str = "POST"
    version: str = "v1"
    query: tuple[tuple[str, str], ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    server: dict[str, Any] = field(default_factory=dict)
    before: tuple[tuple[str, str, Any], ...] = ()
    wait: float = 1000
    project_id: str | None = None

    def shown(self) -> str:
        """Say in short what is asked for."""
        query = f"?{urlencode(self.query)}" if self.query else ""
        return f"`{self.method} /{self.version}/{{project_id}}{self.path}{query}`"


def create(**changes: Any) -> Breaker:
    return Breaker(path="/cloudservers", body={"server": {**CREATE, **changes}})


def on_server(what: str, body: Any, **options: Any) -> Breaker:
    return Breaker(path=f"/cloudservers/{{server}}/{what}", body=body, **options)


def with_token(token: str, **options: Any) -> Breaker:
    return Breaker(path="/cloudservers", body={"server": CREATE}, headers={"X-Client-Token": token}, **options)


_DELETE = {"servers": [{"id": "{server}"}]}
_RECYCLED = "/recycle-bin/cloudservers/{server}"
_STOP = {"os-stop": {"servers": [{"id": "{server}"}]}}
_ATTACH = {"volumeAttachment": {"volumeId": "disk"}}

BREAKERS: dict[str, Breaker] = {
    "UNKNOWN_SERVER": Breaker(method="GET", path="/cloudservers/nobody"),
    "UNKNOWN_JOB": Breaker(method="GET", path="/jobs/none"),
    "WRONG_PROJECT": Breaker(method="GET", path="/jobs/none", project_id="another"),
    "NO_BODY": Breaker(path="/cloudservers"),
    "BROKEN_JSON": Breaker(path="/cloudservers", body=b"{"),
    "INVALID_PARAMETER": create(nics=[]),
    "INVALID_QUERY": Breaker(method="GET", path="/cloudservers/detail", query=(("limit", "1001"),)),
    "NAME_CHARACTERS": create(name="my server"),
    "NAME_LENGTH": create(name="a" * 65),
    "PASSWORD": create(adminPass="password1"),
    "TOO_MANY_TAGS": create(server_tags=[{"key": str(number), "value": ""} for number in range(11)]),
    "SAME_TAG_TWICE": create(server_tags=[{"key": "team", "value": value} for value in "ab"]),
    "TAG_LENGTH": create(server_tags=[{"key": "k" * 37, "value": ""}]),
    "TAG_CHARACTERS": create(server_tags=[{"key": "a=b", "value": ""}]),
    "METADATA": create(metadata={"role": 1}),
    "DESCRIPTION": create(description="<b>"),
    "COUNT": create(count=501),
    "TOO_MANY_DELETES": Breaker(path="/cloudservers/delete", body={"servers": [{"id": "x"}] * 1001}),
    "DISK_SIZE": create(data_volumes=[{"volumetype": "SSD", "size": 9}]),
    "DISK_TYPE": create(root_volume={"volumetype": "FLOPPY"}),
    "NOT_STOPPED": on_server("resize", {"resize": {"flavorRef": "s6.large.2"}}),
    "SAME_FLAVOR": on_server("resize", {"resize": RESIZE}, before=(("POST", "resize", {"resize": RESIZE}),)),
    "PREPAID_DELETE": Breaker(path="/cloudservers/delete", body=_DELETE, server={"charging_mode": "prePaid"}),
    "PREPAID_RESIZE": on_server("resize", {"resize": RESIZE}, server={"charging_mode": "prePaid"}),
    "PREPAID_MIGRATION": on_server(
        "migrate", {"migrate": None}, server={"charging_mode": "prePaid", "status": "SHUTOFF"}
    ),
    "RUNNING_MIGRATION": on_server("migrate", {"migrate": None}),
    "SEVERAL_NICS": on_server(
        "changevpc", {"vpc_id": "v", "nic": {"subnet_id": "s"}}, server={"nics": ["first", "second"]}
    ),
    "BEING_BUILT": Breaker(
        path="/cloudservers/action",
        body={"os-stop": {"servers": [{"id": "{created}"}]}},
        before=(("POST", "/cloudservers", {"server": CREATE}),),
        wait=50,
    ),
    "BROKEN_SERVER": Breaker(
        path="/cloudservers/action",
        body={"os-stop": {"servers": [{"id": "{created}"}]}},
        before=(("POST", "/cloudservers", {"server": {**CREATE, "name": "fails"}}),),
    ),
    "BEING_DELETED": Breaker(
        path="/cloudservers/action", body=_STOP, before=(("POST", "/cloudservers/delete", _DELETE),), wait=50
    ),
    "LEAVING_RECYCLE_BIN": Breaker(
        method="DELETE",
        path=_RECYCLED,
        server={"recycled": True},
        before=(("POST", f"{_RECYCLED}/actions/revert", None),),
        wait=50,
    ),
    "BUSY": on_server("resize", {"resize": RESIZE}, before=(("POST", "resize", {"resize": RESIZE}),), wait=50),
    "DISK_ATTACHED": on_server("attachvolume", _ATTACH, server={"volumes": ["disk"]}),
    "DISK_IN_USE": on_server("attachvolume", _ATTACH, before=(("POST", "attachvolume", _ATTACH),), wait=50),
    "TOO_MANY_DISKS": on_server(
        "attachvolume", _ATTACH, server={"volumes": [f"disk-{number}" for number in range(59)]}
    ),
    "SYSTEM_DISK": on_server("detachvolume/{system_disk}", None, method="DELETE"),
    "DISK_NOT_ATTACHED": on_server("detachvolume/disk", None, method="DELETE"),
    "PRIMARY_NIC": on_server("nics/delete", {"nics": [{"id": "first"}]}, server={"nics": ["first", "second"]}),
    "UNKNOWN_NIC": on_server("nics/delete", {"nics": [{"id": "third"}]}, server={"nics": ["first", "second"]}),
    "CLIENT_TOKEN_REUSED": with_token(TOKEN, before=(("POST", "/cloudservers", {"server": {**CREATE, "count": 2}}),)),
    "CLIENT_TOKEN_MALFORMED": with_token("token"),
    "CLIENT_TOKEN_EXPIRED": with_token(
        TOKEN, before=(("POST", "/cloudservers", {"server": CREATE}),), wait=8 * 3600 + 1
    ),
}
