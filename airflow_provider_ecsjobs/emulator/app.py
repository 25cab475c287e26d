"""The web application: its routes and the middlewares in front of them."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from aiohttp import http_exceptions, web

from airflow_provider_ecsjobs.emulator import errors, rules
from airflow_provider_ecsjobs.emulator.control_routes import CONTROL_PREFIX, control_routes, unknown_control
from airflow_provider_ecsjobs.emulator.controls import Controls
from airflow_provider_ecsjobs.emulator.errors import UnauthorizedError
from airflow_provider_ecsjobs.emulator.faults import FaultPlan
from airflow_provider_ecsjobs.emulator.iam_routes import IAM_PREFIX, PUBLIC_IAM, iam_routes
from airflow_provider_ecsjobs.emulator.jobs import new_job_id
from airflow_provider_ecsjobs.emulator.journal import Journal
from airflow_provider_ecsjobs.emulator.json_body import encode_body
from airflow_provider_ecsjobs.emulator.list_routes import list_routes
from airflow_provider_ecsjobs.emulator.metadata_routes import PUBLIC_METADATA, metadata_routes
from airflow_provider_ecsjobs.emulator.read_routes import read_routes
from airflow_provider_ecsjobs.emulator.servers import UnknownServerError
from airflow_provider_ecsjobs.emulator.signature_check import verify
from airflow_provider_ecsjobs.emulator.submit_routes import submit_routes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from airflow_provider_ecsjobs.emulator.account import Account
    from airflow_provider_ecsjobs.emulator.rate_limit import RateLimit
    from airflow_provider_ecsjobs.emulator.state import State

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# A request to a proxy has an absolute URL, and some clients send one to servers, too.
_ABSOLUTE = re.compile(r"https?://[^/?#]*", re.IGNORECASE)

_LOG = logging.getLogger(__name__)
REQUEST_LOG = logging.getLogger(f"{__name__}.requests")
"""Gets a line for each request except control requests."""

NOVA_PREFIX = "/v2.1/"
"""The path prefix of OpenStack's own API, which has its own error bodies."""

MAX_BODY_BYTES = 12 * 1024 * 1024
"""The gateway's limit for a request body."""


@dataclass(frozen=True)
class Cloud:
    """The emulated cloud: its only account, the state of its region, its rate limit, faults and journal."""

    account: Account
    state: State
    limit: RateLimit
    faults: FaultPlan = field(default_factory=FaultPlan)
    journal: Journal = field(default_factory=Journal)


CLOUD = web.AppKey("cloud", Cloud)
# aiohttp 3.14 expects a RequestKey here. Earlier releases have none and accept any key.
REQUEST_ID: Any = getattr(web, "RequestKey", web.AppKey)("request_id", str)


def make_app(cloud: Cloud) -> web.Application:
    """Return the web application of this cloud."""
    app = web.Application(
        middlewares=[_keep_journal, _inject_faults, _guard],
        client_max_size=MAX_BODY_BYTES,
    )
    app[CLOUD] = cloud
    routes = (
        ("GET", "/v1/{project_id}/jobs/{job_id}", show_job),
        *submit_routes(cloud.state, cloud.journal),
        # The lists come first: /cloudservers/detail is no server.
        *list_routes(cloud.state, cloud.journal, cloud.account.region),
        *read_routes(cloud.state, cloud.account.region),
        *iam_routes(cloud.account, cloud.journal),
        *metadata_routes(cloud.account, cloud.journal),
    )
    for method, path, handler in routes:
        app.router.add_route(method, path, handler)
    app.add_routes(control_routes(Controls(cloud)))
    app.on_response_prepare.append(_add_request_id)
    return app


async def show_job(request: web.Request) -> web.Response:
    """Return the response to a job query."""
    cloud = request.app[CLOUD]
    cloud.journal.count("job_queries")
    response = cloud.state.show_job(request.match_info["job_id"])
    if response is None:
        raise rules.UNKNOWN_JOB.error()
    if isinstance(response.body, dict):
        return web.json_response(response.body, status=response.http_status)
    return web.Response(body=encode_body(response.body), status=response.http_status, content_type="application/json")


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
        REQUEST_LOG.info("%s %s %s", request.method, request.raw_path.partition("?")[0], status or "cut off")
    return response


@web.middleware
async def _inject_faults(request: web.Request, handler: Handler) -> web.StreamResponse:
    cloud = request.app[CLOUD]
    fault = None if _is_control(request) else cloud.faults.take(request.method, request.path)
    if fault is None:
        return await handler(request)
    cloud.journal.count("faults")

    async def handle() -> web.Response:
        response = await handler(request)
        assert isinstance(response, web.Response)
        return response

    return await fault.apply(request, handle)


@web.middleware
async def _guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Pass on only requests to known APIs with valid credentials for our project. Turn errors into responses."""
    request_id = request[REQUEST_ID]
    try:
        _check_host(request)
        _check_emulated(request)
        if not _is_control(request):
            await _admit(request)
            _limit(request)
        return await handler(request)
    except UnauthorizedError as error:
        request.app[CLOUD].journal.count("unauthorized")
        response = errors.unauthorized(error, request_id)
    except UnknownServerError as error:
        is_nova = request.path.startswith(NOVA_PREFIX)
        make_error = errors.unknown_to_nova if is_nova else rules.UNKNOWN_SERVER.error
        response = make_error(server_id=error.server_id)
    except web.HTTPRequestEntityTooLarge:
        response = errors.body_too_large(request_id)
    except errors.ApiError as error:
        response = error
    except (http_exceptions.BadHttpMessage, web.RequestPayloadError):
        response = errors.unreadable_body(request_id)
    except (web.HTTPException, ConnectionResetError):  # the latter from a client that goes away within its request
        raise
    except Exception:
        _LOG.exception("The ECS emulator has a bug: %s %s", request.method, request.path)
        raise
    return web.json_response(response.body, status=response.status)


def _check_host(request: web.Request) -> None:
    # Responses of IAM hold URLs with this host.
    try:
        request.url.origin()
    except ValueError:
        raise web.HTTPBadRequest(text="the Host header is not a host with or without a port\n") from None


def _check_emulated(request: web.Request) -> None:
    # The gateway knows its APIs by path and method: a wrong method is an unknown API, too.
    if request.match_info.http_exception is None:
        return
    if _is_control(request):
        raise unknown_control(request.method, request.path)
    request.app[CLOUD].journal.count("not_emulated")
    raise errors.not_emulated(request.method, request.path, request[REQUEST_ID])


async def _admit(request: web.Request) -> None:
    account = request.app[CLOUD].account
    if _is_public(request):
        return
    token = request.headers.get("X-Auth-Token")
    project_id = request.match_info.get("project_id")
    if token and "Authorization" not in request.headers:
        scope = account.project_of_token(token)
    else:
        verify(
            account,
            method=request.method,
            path=_ABSOLUTE.sub("", request.raw_path).partition("?")[0],
            query=list(request.query.items()),
            headers=request.headers,
            body=await request.read(),
        )
        scope = project_id or ""
    if project_id is not None:
        if scope != project_id or not account.serves(project_id):
            raise rules.WRONG_PROJECT.error()
        account.check_permission(request.path)


def _limit(request: web.Request) -> None:
    cloud = request.app[CLOUD]
    # IAM and the metadata service are other services with their own limits.
    if request.path.startswith(IAM_PREFIX) or _is_public(request):
        return
    try:
        cloud.limit.admit(request[REQUEST_ID])
    except errors.ApiError:
        cloud.journal.count("throttled")
        raise


def _carries_credentials(request: web.Request) -> bool:
    if request.path.startswith(IAM_PREFIX) or _is_public(request):
        return False
    return "Authorization" in request.headers or "X-Auth-Token" in request.headers


async def _add_request_id(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.setdefault("X-Request-Id", request[REQUEST_ID])


def _is_public(request: web.Request) -> bool:
    return (request.method, request.path) in PUBLIC_IAM | PUBLIC_METADATA


def _is_control(request: web.Request) -> bool:
    return request.path.startswith(CONTROL_PREFIX)
