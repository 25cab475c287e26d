"""The asynchronous requests over HTTP: each is checked and started. The response has its job."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from aiohttp import web

from airflow_provider_ecsjobs.emulator import rules
from airflow_provider_ecsjobs.emulator.client_tokens import Claim
from airflow_provider_ecsjobs.emulator.json_body import parse_json
from airflow_provider_ecsjobs.emulator.operations import OPERATIONS
from airflow_provider_ecsjobs.emulator.planning import CheckedRequest
from airflow_provider_ecsjobs.emulator.rules import invalid_parameter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from airflow_provider_ecsjobs.emulator.journal import Journal
    from airflow_provider_ecsjobs.emulator.operations import Operation
    from airflow_provider_ecsjobs.emulator.state import State
    from airflow_provider_ecsjobs.emulator.work import Submitted

TOKEN_HEADER = "X-Client-Token"  # noqa: S105 - a header's name


def submit_routes(
    state: State, journal: Journal
) -> list[tuple[str, str, Callable[[web.Request], Awaitable[web.Response]]]]:
    """Return the routes for this state: method, path and handler."""

    async def submit(request: web.Request, *, operations: Sequence[Operation]) -> web.Response:
        body = await _json_object(request) if operations[0].body else {}
        operation = _chosen(operations, body)
        operation.check(body, request.query)
        claim = _claim(request, operation, body)
        plan = partial(operation.plan, CheckedRequest(dict(request.match_info), body))
        if operation.takes_dry_run and body.get("dry_run"):
            state.check_only(plan)
            return web.json_response({}, status=202)
        submitted = state.submit(plan, claim)
        token = claim.token if claim is not None else None
        journal.submitted(operation=operation.name, client_token=token, submitted=submitted)
        return web.json_response(_response_body(operation, submitted))

    routes: dict[tuple[str, str], list[Operation]] = {}
    for operation in OPERATIONS:
        routes.setdefault((operation.method, operation.path), []).append(operation)
    return [(method, path, partial(submit, operations=found)) for (method, path), found in routes.items()]


def _chosen(operations: Sequence[Operation], body: dict[str, Any]) -> Operation:
    """Return the operation that a body is for. Operations with the same path have different keys in their bodies."""
    if len(operations) == 1:
        return operations[0]
    by_key = {key.removesuffix("!"): operation for operation in operations for key in operation.body or {}}
    if len(body) != 1 or next(iter(body)) not in by_key:
        raise invalid_parameter(f"the body must hold exactly one of {', '.join(by_key)}")
    return by_key[next(iter(body))]


def _claim(request: web.Request, operation: Operation, body: dict[str, Any]) -> Claim | None:
    token = request.headers.get(TOKEN_HEADER) if operation.takes_token else None
    if token is None:
        return None
    return Claim(request.match_info["project_id"], token, json.dumps([operation.name, body], sort_keys=True))


def _response_body(operation: Operation, submitted: Submitted) -> dict[str, Any]:
    body: dict[str, Any] = {"job_id": submitted.job_id, "order_id": submitted.order_id}
    if operation.names_servers:
        body["serverIds"] = list(submitted.server_ids)
    return {key: value for key, value in body.items() if value is not None}


async def _json_object(request: web.Request) -> dict[str, Any]:
    content = await request.read()
    if not content:
        raise rules.NO_BODY.error()
    try:
        body = parse_json(content)
    except ValueError:
        raise rules.BROKEN_JSON.error() from None
    if not isinstance(body, dict):
        raise rules.BROKEN_JSON.error()
    return body
