"""IAM over HTTP: tokens, projects, regions, versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from airflow_provider_ecsjobs.emulator import errors, iam_views
from airflow_provider_ecsjobs.emulator.login import read_login

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from airflow_provider_ecsjobs.emulator.account import Account, Token
    from airflow_provider_ecsjobs.emulator.journal import Journal

    Route = tuple[str, str, Callable[[web.Request], Awaitable[web.Response]]]

TOKENS_PATH = "/v3/auth/tokens"
IAM_PREFIX = "/v3/"

PUBLIC_IAM = frozenset({("POST", TOKENS_PATH), *(("GET", path) for path in ("/", "/v3", "/v3/", "/v2.1", "/v2.1/"))})
"""The routes without credentials: method and path."""


def iam_routes(account: Account, journal: Journal) -> list[Route]:
    """Return the routes for this account: method, path and handler."""
    return [*_token_routes(account, journal), *_project_routes(account, journal), *_version_routes()]


def _token_routes(account: Account, journal: Journal) -> list[Route]:
    def describe(request: web.Request, token: Token) -> dict[str, Any]:
        catalog = "nocatalog" not in request.query
        return {"token": iam_views.token(account, token, str(request.url.origin()), catalog=catalog)}

    async def create_token(request: web.Request) -> web.Response:
        journal.count("tokens")
        try:
            token = account.log_in(read_login(await request.read()))
        except errors.ApiError as error:
            if error.status == 401:
                journal.count("unauthorized")
            raise
        return web.json_response(describe(request, token), status=201, headers={"X-Subject-Token": token.text})

    async def show_token(request: web.Request) -> web.Response:
        text = request.headers.get("X-Subject-Token", "")
        try:
            token = account.valid_token(text)
        except errors.UnauthorizedError:
            raise errors.iam_error(404, "Could not find the token.") from None
        return web.json_response(describe(request, token), headers={"X-Subject-Token": text})

    return [("POST", TOKENS_PATH, create_token), ("GET", TOKENS_PATH, show_token)]


def _project_routes(account: Account, journal: Journal) -> list[Route]:
    async def list_projects(request: web.Request) -> web.Response:
        journal.count("project_lookups")
        projects = (iam_views.project(account, project) for project in account.projects())
        return _listing(request, "projects", [project for project in projects if _matches(project, request)])

    async def show_project(request: web.Request) -> web.Response:
        found = account.find_project(project_id=request.match_info["id"])
        if found is None:
            raise errors.iam_error(404, f"Could not find project: {request.match_info['id']}.")
        return web.json_response({"project": iam_views.project(account, found)})

    async def list_domains(request: web.Request) -> web.Response:
        return _listing(request, "domains", [iam_views.domain(account)])

    async def list_regions(request: web.Request) -> web.Response:
        return _listing(request, "regions", [iam_views.region(account)])

    return [
        ("GET", "/v3/projects", list_projects),
        ("GET", "/v3/projects/{id}", show_project),
        ("GET", "/v3/auth/projects", list_projects),
        ("GET", "/v3/auth/domains", list_domains),
        ("GET", "/v3/regions", list_regions),
    ]


def _version_routes() -> list[Route]:
    async def list_versions(request: web.Request) -> web.Response:
        versions = {"values": [iam_views.version(str(request.url.origin()))]}
        return web.json_response({"versions": versions}, status=300)

    async def show_version(request: web.Request) -> web.Response:
        return web.json_response({"version": iam_views.version(str(request.url.origin()))})

    async def show_nova_version(request: web.Request) -> web.Response:
        return web.json_response({"version": iam_views.nova_version(str(request.url.origin()))})

    return [
        ("GET", "/", list_versions),
        *(("GET", path, show_version) for path in ("/v3", "/v3/")),
        *(("GET", path, show_nova_version) for path in ("/v2.1", "/v2.1/")),
    ]


def _matches(project: dict[str, Any], request: web.Request) -> bool:
    """Return whether a project matches the query."""
    asked = {key: request.query[key] for key in ("name", "domain_id", "parent_id") if key in request.query}
    enabled = request.query.get("enabled", "true").lower() == "true"
    return enabled and all(project[key] == value for key, value in asked.items())


def _listing(request: web.Request, what: str, items: list[dict[str, Any]]) -> web.Response:
    return web.json_response({"links": {"self": str(request.url), "next": None, "previous": None}, what: items})
