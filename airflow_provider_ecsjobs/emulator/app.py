"""The HTTP side: routes, and what every request passes on its way to them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from aiohttp import web

from airflow_provider_ecsjobs.emulator import errors
from airflow_provider_ecsjobs.emulator.auth import verify
from airflow_provider_ecsjobs.emulator.control import CONTROL_PREFIX, control_routes
from airflow_provider_ecsjobs.emulator.errors import UnauthorizedError
from airflow_provider_ecsjobs.emulator.faults import FaultPlan
from airflow_provider_ecsjobs.emulator.iam import IAM_PREFIX, PUBLIC_PATHS, iam_routes
from airflow_provider_ecsjobs.emulator.journal import Journal
from airflow_provider_ecsjobs.emulator.state import MAX_SUB_JOBS, State, UnknownServerError, new_job_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from airflow_provider_ecsjobs.emulator.account import Account

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

MAX_BODY_BYTES = 12 * 1024 * 1024
"""The gateway's limit for a request body."""

_REQUIRED_SERVER_KEYS = ("name", "imageRef", "flavorRef", "vpcid", "nics", "root_volume")
_MAX_COUNT = 500

# The action of a request -> job type, the servers' status afterwards, accepted values of `type`.
_ACTIONS: dict[str, tuple[str, str, tuple[str | None, ...]]] = {
    "os-start": ("startVMs", "ACTIVE", (None,)),
    "os-stop": ("stopVMs", "SHUTOFF", (None, "SOFT", "HARD")),
    "reboot": ("rebootVMs", "ACTIVE", ("SOFT", "HARD")),
}


@dataclass(frozen=True)
class Cloud:
    """The emulated cloud: the one account it has, the state of its region, its faults and its journal."""

    account: Account
    state: State
    faults: FaultPlan = field(default_factory=FaultPlan)
    journal: Journal = field(default_factory=Journal)


CLOUD = web.AppKey("cloud", Cloud)
# aiohttp 3.14 wants a RequestKey here; the releases before have none and take any key.
REQUEST_ID: Any = getattr(web, "RequestKey", web.AppKey)("request_id", str)


def make_app(cloud: Cloud) -> web.Application:
    """Make the web application that answers for this cloud."""
    app = web.Application(
        middlewares=[_keep_journal, _inject_faults, _guard],
        client_max_size=MAX_BODY_BYTES,
    )
    app[CLOUD] = cloud
    for method, path, handler in (*ROUTES, *iam_routes(cloud.account, cloud.journal)):
        app.router.add_route(method, path, handler)
    app.add_routes(control_routes(cloud.state, cloud.faults, cloud.journal))
    app.on_response_prepare.append(_add_request_id)
    return app


async def show_job(request: web.Request) -> web.Response:
    """Answer a job query."""
    cloud = request.app[CLOUD]
    cloud.journal.count("job_queries")
    answer = cloud.state.show_job(request.match_info["job_id"])
    if answer is None:
        raise errors.unknown_job()
    if isinstance(answer.body, dict):
        return web.json_response(answer.body, status=answer.http_status)
    body = answer.body.encode() if isinstance(answer.body, str) else answer.body
    return web.Response(body=body, status=answer.http_status, content_type="application/json")


async def create_servers(request: web.Request) -> web.Response:
    """Submit a createServer job, of one sub-job for each server."""
    body = await _json_object(request)
    server = body.get("server")
    if not isinstance(server, dict):
        raise errors.invalid_parameter("server is required")
    for key in _REQUIRED_SERVER_KEYS:
        if not server.get(key):
            raise errors.invalid_parameter(f"server.{key} is required")
    count = server.get("count", 1)
    if not isinstance(count, int) or not 1 <= count <= _MAX_COUNT:
        raise errors.invalid_parameter(f"server.count must be between 1 and {_MAX_COUNT}")
    if body.get("dry_run") is True:
        return web.json_response({}, status=202)
    job_id, server_ids = request.app[CLOUD].state.create_servers(_attributes(server, count))
    return _submitted(request, {"job_id": job_id, "serverIds": server_ids})


async def delete_servers(request: web.Request) -> web.Response:
    """Submit a deleteVMs job."""
    server_ids = _server_ids(await _json_object(request))
    return _submitted(request, {"job_id": request.app[CLOUD].state.delete_servers(server_ids)})


async def act_on_servers(request: web.Request) -> web.Response:
    """Submit a job that starts, stops or reboots servers."""
    body = await _json_object(request)
    if len(body) != 1 or next(iter(body)) not in _ACTIONS:
        raise errors.invalid_parameter(f"the body must hold exactly one of {', '.join(_ACTIONS)}")
    [(action, options)] = body.items()
    job_type, status, types = _ACTIONS[action]
    if not isinstance(options, dict) or options.get("type") not in types:
        raise errors.invalid_parameter(f"{action}.type must be SOFT or HARD")
    job_id = request.app[CLOUD].state.act_on_servers(job_type, _server_ids(options), then=status)
    return _submitted(request, {"job_id": job_id})


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/v1/{project_id}/jobs/{job_id}", show_job),
    ("POST", "/v1/{project_id}/cloudservers", create_servers),
    ("POST", "/v1.1/{project_id}/cloudservers", create_servers),
    ("POST", "/v1/{project_id}/cloudservers/delete", delete_servers),
    ("POST", "/v1/{project_id}/cloudservers/action", act_on_servers),
)


@web.middleware
async def _keep_journal(request: web.Request, handler: Handler) -> web.StreamResponse:
    request[REQUEST_ID] = new_job_id()
    if _is_control(request):
        return await handler(request)
    cloud = request.app[CLOUD]
    journal = cloud.journal
    journal.arrived(request.transport)
    if _carries_credentials(request):
        journal.count("authenticated")
    status = None
    try:
        response = await handler(request)
        if not response.prepared:
            response.headers.setdefault("Date", formatdate(cloud.account.clock(), usegmt=True))
        if request.transport is not None and not request.transport.is_closing():
            status = response.status
    finally:
        journal.answered(
            method=request.method,
            path=request.path,
            query=request.query,
            headers=request.headers,
            status=status,
            request_id=request[REQUEST_ID],
        )
    return response


@web.middleware
async def _inject_faults(request: web.Request, handler: Handler) -> web.StreamResponse:
    cloud = request.app[CLOUD]
    fault = None if _is_control(request) else cloud.faults.take(request.path)
    if fault is None:
        return await handler(request)
    cloud.journal.count("faults")

    async def handle() -> web.Response:
        response = await handler(request)
        assert isinstance(response, web.Response)
        return response

    return await fault.befall(request, handle)


@web.middleware
async def _guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let only known APIs, asked with good credentials for our project, through; turn errors into answers."""
    request_id = request[REQUEST_ID]
    try:
        # The gateway knows its APIs by path and method: a wrong method is an unknown API, too.
        if request.match_info.http_exception is not None:
            raise errors.unknown_api(request_id)
        if not _is_control(request):
            await _admit(request)
        return await handler(request)
    except UnauthorizedError as error:
        request.app[CLOUD].journal.count("unauthorized")
        answer = errors.unauthorized(error, request_id)
    except UnknownServerError as error:
        answer = errors.unknown_server(error.server_id)
    except web.HTTPRequestEntityTooLarge:
        answer = errors.body_too_large(request_id)
    except errors.ApiError as error:
        answer = error
    return web.json_response(answer.body, status=answer.status)


async def _admit(request: web.Request) -> None:
    account = request.app[CLOUD].account
    if request.path in PUBLIC_PATHS:
        return
    token = request.headers.get("X-Auth-Token")
    project_id = request.match_info.get("project_id")
    if token and "Authorization" not in request.headers:
        scope = account.project_of_token(token)
    else:
        verify(
            account,
            method=request.method,
            path=request.raw_path.partition("?")[0],
            query=list(request.query.items()),
            headers=request.headers,
            body=await request.read(),
        )
        scope = project_id or ""
    if project_id is not None:
        if scope != project_id or not account.serves(project_id):
            raise errors.wrong_project()
        account.check_permission(request.path)


def _carries_credentials(request: web.Request) -> bool:
    if request.path.startswith(IAM_PREFIX) or request.path in PUBLIC_PATHS:
        return False
    return "Authorization" in request.headers or "X-Auth-Token" in request.headers


async def _add_request_id(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.setdefault("X-Request-Id", request[REQUEST_ID])


async def _json_object(request: web.Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.read())
    except ValueError:
        raise errors.openstack_bad_request("Malformed request body") from None
    if not isinstance(body, dict):
        raise errors.openstack_bad_request("The request body is not a JSON object")
    return body


def _server_ids(holder: dict[str, Any]) -> list[str]:
    servers = holder.get("servers")
    if not isinstance(servers, list) or not 1 <= len(servers) <= MAX_SUB_JOBS:
        raise errors.invalid_parameter(f"servers must hold between 1 and {MAX_SUB_JOBS} servers")
    server_ids = [server.get("id") if isinstance(server, dict) else None for server in servers]
    known = [server_id for server_id in server_ids if isinstance(server_id, str)]
    if len(known) < len(servers):
        raise errors.invalid_parameter("servers[].id is required")
    return known


def _attributes(server: dict[str, Any], count: int) -> list[dict[str, Any]]:
    shown = {key: server[key] for key in ("name", "imageRef", "flavorRef", "vpcid")}
    if count == 1:
        return [shown]
    # The cloud tells the servers of one request apart by a number.
    return [{**shown, "name": f"{shown['name']}-{number:04}"} for number in range(1, count + 1)]


def _submitted(request: web.Request, answer: dict[str, Any]) -> web.Response:
    request.app[CLOUD].journal.count("submits")
    return web.json_response(answer)


def _is_control(request: web.Request) -> bool:
    return request.path.startswith(CONTROL_PREFIX)
