"""The reads of one server over HTTP, and of its disks and NICs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from aiohttp import web

from airflow_provider_ecsjobs.emulator import views

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from airflow_provider_ecsjobs.emulator.state import State

    Handler = Callable[[web.Request], dict[str, Any]]
    Route = tuple[str, str, Callable[[web.Request], Awaitable[web.Response]]]

_SERVERS = "/v1/{project_id}/cloudservers"
_NOVA = "/v2.1/{project_id}/servers"


class Read(NamedTuple):
    """A route that reads: the name of its handler, and what it returns, for the docs."""

    handler: str
    what: str


READS = {
    f"{_SERVERS}/{{server_id}}": Read("server", "a server"),
    f"{_SERVERS}/{{server_id}}/block_device": Read("disks", "its disks, the system disk first"),
    f"{_SERVERS}/{{server_id}}/os-interface": Read("nics", "its NICs"),
    f"{_NOVA}/{{server_id}}": Read("nova server", "a server, as OpenStack shows it"),
    f"{_NOVA}/{{server_id}}/os-interface": Read("nics", "its NICs"),
}
"""All reads of one server, by path."""


def read_routes(state: State, region: str) -> list[Route]:
    """Return the routes for this state: method, path and handler."""

    def shown(request: web.Request) -> dict[str, Any]:
        return state.server(request.match_info["server_id"])

    def show_server(request: web.Request) -> dict[str, Any]:
        return {"server": views.server(shown(request), request.match_info["project_id"], region)}

    def show_nova_server(request: web.Request) -> dict[str, Any]:
        return {"server": views.nova_server(shown(request), request.match_info["project_id"], region)}

    def list_disks(request: web.Request) -> dict[str, Any]:
        disks = views.disks(shown(request))
        free = {kind: max(most - len(disks), 0) for kind, most in views.MOST_DISKS.items()}
        return {"attachableQuantity": free, "volumeAttachments": disks}

    def list_interfaces(request: web.Request) -> dict[str, Any]:
        interfaces = views.interfaces(shown(request))
        free = {"free_nic": max(12 - len(interfaces), 0)}
        return {"attachableQuantity": free, "interfaceAttachments": interfaces}

    handlers: dict[str, Handler] = {
        "server": show_server,
        "nova server": show_nova_server,
        "disks": list_disks,
        "nics": list_interfaces,
    }
    return [("GET", path, partial(_respond, handler=handlers[read.handler])) for path, read in READS.items()]


async def _respond(request: web.Request, *, handler: Handler) -> web.Response:
    return web.json_response(handler(request))
