"""IAM and the metadata service over HTTP: tokens, projects, the temporary keys of an agency."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aiohttp import web

from airflow_provider_ecsjobs.emulator import errors

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from airflow_provider_ecsjobs.emulator.account import Account, Project, Token
    from airflow_provider_ecsjobs.emulator.journal import Journal

TOKENS_PATH = "/v3/auth/tokens"
METADATA_PATH = "/openstack/latest/securitykey"
PUBLIC_PATHS = frozenset({TOKENS_PATH, METADATA_PATH})
"""What can be asked without credentials."""

IAM_PREFIX = "/v3/"


def iam_routes(account: Account, journal: Journal) -> list[tuple[str, str, Callable[..., Awaitable[web.Response]]]]:
    """Make the routes over this account: method, path and handler."""

    async def create_token(request: web.Request) -> web.Response:
        journal.count("tokens")
        user, scope = _password_login(await request.read())
        project = account.find_project(project_id=scope.get("id"), name=scope.get("name"))
        try:
            token = account.log_in(user["name"], user["password"], user["domain"], project)
        except errors.ApiError:
            journal.count("unauthorized")
            raise
        answer = {"token": _describe_token(account, token)}
        return web.json_response(answer, status=201, headers={"X-Subject-Token": token.text})

    async def list_projects(request: web.Request) -> web.Response:
        journal.count("project_lookups")
        projects = account.projects(request.query.get("name"))
        return _listing(request, "projects", [_describe_project(account, project) for project in projects])

    async def list_domains(request: web.Request) -> web.Response:
        domain = {"id": account.domain_id, "name": account.domain_name, "enabled": True, "description": ""}
        return _listing(request, "domains", [domain])

    async def show_security_key(_: web.Request) -> web.Response:
        journal.count("metadata")
        if not account.has_agency:
            return web.Response(status=404, text="Please configure Cloud Service Agency first\n")
        key = account.new_temporary_key()
        credential = {
            "access": key.access_key,
            "secret": key.secret_key,
            "securitytoken": key.security_token,
            "expires_at": _microseconds(key.expires_at),
        }
        return web.json_response({"credential": credential})

    return [
        ("POST", TOKENS_PATH, create_token),
        ("GET", "/v3/projects", list_projects),
        ("GET", "/v3/auth/projects", list_projects),
        ("GET", "/v3/auth/domains", list_domains),
        ("GET", METADATA_PATH, show_security_key),
    ]


def _password_login(content: bytes) -> tuple[dict[str, str], dict[str, str]]:
    """Read the body of a log-in: the user (``name``, ``password``, ``domain``) and the project of the scope."""
    try:
        auth = _member(json.loads(content), "auth")
    except ValueError:
        raise errors.iam_error(400, "Malformed request body") from None
    identity = _member(auth, "identity")
    if identity.get("methods") != ["password"]:
        raise errors.iam_error(400, "This emulator knows the method 'password' only")
    user = _member(_member(identity, "password"), "user")
    given = {
        "name": _text(user, "name"),
        "password": _text(user, "password"),
        "domain": _text(_member(user, "domain"), "name"),
    }
    project = _member(_member(auth, "scope"), "project")
    key = "id" if "id" in project else "name"
    return given, {key: _text(project, key)}


def _member(holder: Any, key: str) -> dict[str, Any]:
    value = holder.get(key) if isinstance(holder, dict) else None
    if not isinstance(value, dict):
        raise errors.iam_error(400, f"Expecting to find {key} in the request body")
    return value


def _text(holder: dict[str, Any], key: str) -> str:
    value = holder.get(key)
    if not isinstance(value, str) or not value:
        raise errors.iam_error(400, f"Expecting to find the text {key} in the request body")
    return value


def _describe_token(account: Account, token: Token) -> dict[str, Any]:
    domain = {"id": account.domain_id, "name": account.domain_name}
    return {
        "expires_at": _microseconds(token.expires_at),
        "issued_at": _microseconds(token.issued_at),
        "methods": ["password"],
        "catalog": [],
        "roles": [{"id": "0", "name": "te_admin"}],
        "project": {"id": token.project.id, "name": token.project.name, "domain": domain},
        "user": {"id": account.user_id, "name": account.user_name, "domain": domain, "password_expires_at": ""},
    }


def _describe_project(account: Account, project: Project) -> dict[str, Any]:
    return {
        "id": project.id,
        "name": project.name,
        "domain_id": account.domain_id,
        "parent_id": account.domain_id,
        "is_domain": False,
        "enabled": True,
        "description": "",
        "links": {},
    }


def _listing(request: web.Request, what: str, items: list[dict[str, Any]]) -> web.Response:
    return web.json_response({"links": {"self": str(request.url), "next": None, "previous": None}, what: items})


def _microseconds(seconds: float) -> str:
    """Format a time as IAM does: ``2020-01-04T09:05:22.701000Z``."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
