"""The reads over HTTP: servers, their disks and NICs, flavors, the recycle bin."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from aiohttp import web

from airflow_provider_ecsjobs.emulator import views
from airflow_provider_ecsjobs.emulator.rules import invalid_parameter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from airflow_provider_ecsjobs.emulator.state import State

    Handler = Callable[[web.Request], dict[str, Any]]
    Route = tuple[str, str, Callable[[web.Request], Awaitable[web.Response]]]

_SERVERS = "/v1/{project_id}/cloudservers"
_NOVA = "/v2.1/{project_id}/servers"
_MOST = 1000


class Read(NamedTuple):
    """A route that reads: the name of its handler, and what it returns, for the docs."""

    handler: str
    what: str


READS = {
    f"{_SERVERS}/detail": Read(
        "servers", "servers: by `limit`, `offset` (a page) or `marker`, `name`, `status`, `flavor`, `tags`"
    ),
    "/v1.1/{project_id}/cloudservers/detail": Read("servers", "the same"),
    f"{_SERVERS}/flavors": Read("flavors", "some flavors"),
    f"{_SERVERS}/{{server_id}}": Read("server", "a server"),
    f"{_SERVERS}/{{server_id}}/block_device": Read("disks", "its disks, the system disk first"),
    f"{_SERVERS}/{{server_id}}/os-interface": Read("nics", "its NICs"),
    "/v1/{project_id}/recycle-bin/cloudservers": Read("recycled", "the recycle bin"),
    f"{_NOVA}/detail": Read("nova servers", "servers, as OpenStack shows them"),
    f"{_NOVA}/{{server_id}}": Read("nova server", "a server, as OpenStack shows it"),
    f"{_NOVA}/{{server_id}}/os-interface": Read("nics", "its NICs"),
}
"""All reads, by path."""


def read_routes(state: State, region: str) -> list[Route]:
    """Return the routes for this state: method, path and handler."""

    def shown(request: web.Request) -> dict[str, Any]:
        return state.server(request.match_info["server_id"])

    def show_server(request: web.Request) -> dict[str, Any]:
        return {"server": views.server(shown(request), request.match_info["project_id"], region)}

    def show_nova_server(request: web.Request) -> dict[str, Any]:
        return {"server": views.nova_server(shown(request), request.match_info["project_id"], region)}

    def list_servers(request: web.Request) -> dict[str, Any]:
        servers = _described(request, state.all_servers(), views.server, region)
        return {"count": len(servers), "servers": _page(request, servers), "servers_links": []}

    def list_nova_servers(request: web.Request) -> dict[str, Any]:
        return {"servers": _page(request, _described(request, state.all_servers(), views.nova_server, region))}

    def list_recycled(request: web.Request) -> dict[str, Any]:
        recycled = {key: {**server, "task_state": None} for key, server in state.recycle_bin().items()}
        return {"servers": _page(request, _described(request, recycled, views.server, region))}

    def list_disks(request: web.Request) -> dict[str, Any]:
        disks = views.disks(shown(request))
        free = {kind: max(most - len(disks), 0) for kind, most in views.MOST_DISKS.items()}
        return {"attachableQuantity": free, "volumeAttachments": disks}

    def list_interfaces(request: web.Request) -> dict[str, Any]:
        interfaces = views.interfaces(shown(request))
        free = {"free_nic": max(12 - len(interfaces), 0)}
        return {"attachableQuantity": free, "interfaceAttachments": interfaces}

    def list_flavors(_: web.Request) -> dict[str, Any]:
        return {"flavors": [views.flavor(flavor_id) for flavor_id in views.FLAVORS]}

    handlers: dict[str, Handler] = {
        "servers": list_servers,
        "server": show_server,
        "nova servers": list_nova_servers,
        "nova server": show_nova_server,
        "recycled": list_recycled,
        "disks": list_disks,
        "nics": list_interfaces,
        "flavors": list_flavors,
    }
    return [("GET", path, partial(_respond, handler=handlers[read.handler])) for path, read in READS.items()]


async def _respond(request: web.Request, *, handler: Handler) -> web.Response:
    return web.json_response(handler(request))


def _described(
    request: web.Request, servers: Mapping[str, Mapping[str, Any]], view: Callable[..., dict[str, Any]], region: str
) -> list[dict[str, Any]]:
    """Return the servers that match the query, as ``view`` shows them, newest first."""
    found = [server for server in servers.values() if _matches(server, request.query)]
    return [view(server, request.match_info["project_id"], region) for server in reversed(found)]


def _matches(server: Mapping[str, Any], query: Mapping[str, str]) -> bool:
    """Return whether a server matches the query: part of its name, its status, flavor, id, and all tags."""
    asked = [tag for tag in query.get("tags", "").split(",") if tag]
    return (
        query.get("name", "") in server["name"]
        and query.get("status", server["status"]) == server["status"]
        and query.get("flavor", server["flavorRef"]) == server["flavorRef"]
        and all(id_ in ("", server["id"]) for id_ in (query.get("id", ""), query.get("server_id", "")))
        and all(tag in server["tags"] or f"{tag}=" in server["tags"] for tag in asked)
    )


def _page(request: web.Request, servers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return at most ``limit`` servers: those after the server ``marker``, or page number ``offset``."""
    limit = _number(request, "limit", _MOST)
    marker = request.query.get("marker")
    if marker is None:
        first = (_number(request, "offset", 1) - 1) * limit
    else:
        ids = [server["id"] for server in servers]
        if marker not in ids:
            raise invalid_parameter("marker must be the id of a server")
        first = ids.index(marker) + 1
    return servers[first : first + limit]


def _number(request: web.Request, name: str, default: int) -> int:
    given = request.query.get(name)
    if given is None:
        return default
    if not given.isdecimal() or not 1 <= int(given) <= _MOST:
        raise invalid_parameter(f"{name} must be between 1 and {_MOST}")
    return int(given)
