"""The lists over HTTP: servers, flavors, the recycle bin."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from aiohttp import web

from airflow_provider_ecsjobs.emulator import errors, views
from airflow_provider_ecsjobs.emulator.list_query import ListQuery
from airflow_provider_ecsjobs.emulator.rules import UNKNOWN_SERVER, invalid_query
from airflow_provider_ecsjobs.emulator.server_filters import server_filters
from airflow_provider_ecsjobs.emulator.servers import UnknownServerError, plain_server

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from airflow_provider_ecsjobs.emulator.journal import Journal
    from airflow_provider_ecsjobs.emulator.list_query import Found
    from airflow_provider_ecsjobs.emulator.state import State

    Handler = Callable[["Lists", web.Request, ListQuery], dict[str, Any]]
    View = Callable[[dict[str, Any], str, str], dict[str, Any]]
    Route = tuple[str, str, Callable[[web.Request], Awaitable[web.Response]]]

_PAGES = ("limit", "offset", "marker")
_EXISTING = {"in_recycle_bin": "false"}


class Lists:
    """The handlers of the lists of a state, each with the query that its route has."""

    def __init__(self, state: State, region: str) -> None:
        self._state = state
        self._region = region
        self._filters = server_filters(region)

    def servers(self, request: web.Request, query: ListQuery) -> dict[str, Any]:
        """Return servers: those with certain ids, or those that match the filters."""
        if ids := [server_id for server_id in request.query.get("server_id", "").split(",") if server_id]:
            found = query.page(request.query, [{"id": server_id} for server_id in dict.fromkeys(ids)])
            servers = [self._look_up(request, item["id"]) for item in found.items]
        else:
            found = self._find(request, query)
            servers = self._shown(request, found, views.server)
        return {"count": found.total, "servers": servers, "servers_links": []}

    def cloud_servers(self, request: web.Request, query: ListQuery) -> dict[str, Any]:
        """Return servers as v1.1 shows them, with the keys that the client expects."""
        found = self._find(request, query)
        hidden = set(views.EXPECT_FIELDS) - set(_expected(request))
        servers = [
            {key: value for key, value in server.items() if key not in hidden}
            for server in self._shown(request, found, views.cloud_server)
        ]
        return {"servers": servers, **_next_page(request, found)}

    def nova_servers(self, request: web.Request, query: ListQuery) -> dict[str, Any]:
        """Return servers as OpenStack shows them."""
        found = self._find(request, query)
        return {"servers": self._shown(request, found, views.nova_server), **_next_page(request, found)}

    def recycled(self, request: web.Request, query: ListQuery) -> dict[str, Any]:
        """Return servers in the recycle bin."""
        return {"servers": self._shown(request, self._find(request, query), views.server)}

    def flavors(self, request: web.Request, query: ListQuery) -> dict[str, Any]:
        """Return flavors."""
        flavors = [views.flavor(flavor_id) for flavor_id in views.FLAVORS]
        by_id = {"flavor_id": lambda flavor, asked: flavor["id"] == asked}
        return {"flavors": query.find(request.query, flavors, by_id).items}

    def _find(self, request: web.Request, query: ListQuery) -> Found:
        return self._state.find_servers(partial(query.find, request.query, filters=self._filters))

    def _shown(self, request: web.Request, found: Found, view: View) -> list[dict[str, Any]]:
        return [view(server, request.match_info["project_id"], self._region) for server in found.items]

    def _look_up(self, request: web.Request, server_id: str) -> dict[str, Any]:
        try:
            server = self._state.server(server_id)
        except UnknownServerError:
            return _missing(server_id)
        return views.server(server, request.match_info["project_id"], self._region)


class ListRoute(NamedTuple):
    """A list: its handler, what it holds, for the docs, and what it can be asked for."""

    handler: Handler
    what: str
    query: ListQuery

    def describe(self) -> str:
        """Return what it holds, the sizes of its pages and its parameters, for the docs."""
        parameters = ", ".join(f"`{name}`" for name in self.query.parameters())
        return f"{self.what}, {self.query.default} a page, at most {self.query.most}: by {parameters}"


LISTS: dict[str, ListRoute] = {
    "/v1/{project_id}/cloudservers/detail": ListRoute(
        Lists.servers,
        "servers",
        ListQuery(
            pages=_PAGES,
            filters=("name", "status", "flavor", "tags", "not-tags", "ip", "ip_eq"),
            others=("server_id",),
            implied=_EXISTING,
            default=25,
            most=1000,
            invalid=invalid_query,
        ),
    ),
    "/v1.1/{project_id}/cloudservers/detail": ListRoute(
        Lists.cloud_servers,
        "servers, with other keys than v1",
        ListQuery(
            filters=(
                *("id", "name", "status", "in_recycle_bin", "flavor_name", "image_id", "metadata", "metadata-key"),
                *("tags", "not-tags", "availability_zone", "availability_zone_eq", "charging_mode", "key_name"),
            ),
            others=("expect-fields",),
            implied=_EXISTING,
            default=10,
            most=100,
            invalid=invalid_query,
        ),
    ),
    "/v1/{project_id}/cloudservers/flavors": ListRoute(
        Lists.flavors,
        "some flavors",
        ListQuery(filters=("flavor_id",), default=1000, most=1000, invalid=invalid_query),
    ),
    "/v1/{project_id}/recycle-bin/cloudservers": ListRoute(
        Lists.recycled,
        "the recycle bin",
        ListQuery(
            pages=_PAGES,
            filters=("name", "tags"),
            implied={"in_recycle_bin": "true"},
            default=1000,
            most=1000,
            invalid=invalid_query,
        ),
    ),
    "/v2.1/{project_id}/servers/detail": ListRoute(
        Lists.nova_servers,
        "servers, as OpenStack shows them",
        ListQuery(
            filters=("name", "status", "flavor", "tags", "not-tags", "ip"),
            implied=_EXISTING,
            default=1000,
            most=1000,
            invalid=errors.bad_request_of_nova,
        ),
    ),
}
"""All lists, by path."""


def list_routes(state: State, journal: Journal, region: str) -> list[Route]:
    """Return the routes for this state: method, path and handler."""
    lists = Lists(state, region)

    async def respond(request: web.Request, *, kind: ListRoute) -> web.Response:
        if unknown := _unknown(request, kind.query):
            journal.count("not_emulated")
            raise errors.parameter_not_emulated(unknown[0], request.path)
        return web.json_response(kind.handler(lists, request, kind.query))

    return [("GET", path, partial(respond, kind=kind)) for path, kind in LISTS.items()]


def _unknown(request: web.Request, query: ListQuery) -> list[str]:
    """Return what the client asks for and the emulator does not know."""
    parameters = [name for name in request.query if name not in query.parameters()]
    fields = [f"expect-fields={name}" for name in _expected(request) if name not in views.EXPECT_FIELDS]
    return parameters + fields


def _expected(request: web.Request) -> list[str]:
    return [name for given in request.query.getall("expect-fields", []) for name in given.split(",") if name]


def _missing(server_id: str) -> dict[str, Any]:
    """Return what a list shows of a server that it is asked for by id, and that does not exist."""
    keys = views.server({**plain_server(server_id, 0.0), "task_state": None}, "", "")
    fault = {"code": 404, "message": UNKNOWN_SERVER.message.format(server_id=server_id)}
    return {**dict.fromkeys(keys), "id": server_id, "fault": fault}


def _next_page(request: web.Request, found: Found) -> dict[str, Any]:
    if found.next_marker is None:
        return {}
    address = request.url.update_query(marker=found.next_marker)
    return {"servers_links": [{"rel": "next", "href": str(address)}]}
