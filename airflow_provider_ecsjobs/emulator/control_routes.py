"""Control over HTTP, for tests in other processes: ``/_emulator/...``. It is not authenticated."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from airflow_provider_ecsjobs.emulator.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from airflow_provider_ecsjobs.emulator.faults import FaultPlan
    from airflow_provider_ecsjobs.emulator.journal import Journal
    from airflow_provider_ecsjobs.emulator.rate_limit import RateLimit
    from airflow_provider_ecsjobs.emulator.state import State

    Handler = Callable[[web.Request], Awaitable[web.Response]]

CONTROL_PREFIX = "/_emulator/"

# Key -> accepted types.
_PLANT_KEYS: dict[str, tuple[type, ...]] = {"bodies": (list,), "job_id": (str,), "http_status": (int,)}
_START_KEYS: dict[str, tuple[type, ...]] = {
    "job_type": (str,),
    "sub_jobs": (int,),
    "failing": (int,),
    "error_code": (str,),
    "fail_reason": (str,),
    "init_seconds": (int, float),
    "run_seconds": (int, float),
}
_FAILURE_KEYS: dict[str, tuple[type, ...]] = {
    "job_type": (str,),
    "failing": (int,),
    "reasons": (list,),
    "times": (int,),
}
_SERVER_KEYS: dict[str, tuple[type, ...]] = {
    "name": (str,),
    "charging_mode": (str,),
    "status": (str,),
    "volumes": (list,),
    "nics": (list,),
    "recycled": (bool,),
}
_LIMIT_KEYS: dict[str, tuple[type, ...]] = {"requests": (int,), "seconds": (int, float)}
_FAULT_KEYS: dict[str, tuple[type, ...]] = {
    "path": (str,),
    "method": (str,),
    "times": (int,),
    "status": (int,),
    "headers": (dict,),
    "body": (str, dict),
    "delay": (int, float),
    "stall": (int, float),
    "reset": (str,),
    "truncate": (bool,),
}


def control_routes(state: State, faults: FaultPlan, journal: Journal, limit: RateLimit) -> list[web.RouteDef]:
    """Make the control routes over these parts of the cloud."""

    def add_job(body: dict[str, Any]) -> dict[str, Any]:
        return {"job_id": _plant(state, body) if "bodies" in body else state.start_job(**_checked(body, _START_KEYS))}

    def add_fault(body: dict[str, Any]) -> dict[str, Any]:
        faults.add(Fault(**_checked(body, _FAULT_KEYS)))
        return {}

    def add_failure(body: dict[str, Any]) -> dict[str, Any]:
        state.fail_next(**_checked(body, _FAILURE_KEYS))
        return {}

    def set_limit(body: dict[str, Any]) -> dict[str, Any]:
        limit.set(**{"requests": None, **_checked(body, _LIMIT_KEYS)})
        return {}

    def add_server(body: dict[str, Any]) -> dict[str, Any]:
        return {"server_id": state.add_server(**_checked(body, _SERVER_KEYS))}

    async def clear_faults(_: web.Request) -> web.Response:
        faults.clear()
        return web.json_response({})

    return [
        web.post(f"{CONTROL_PREFIX}jobs", _changing(add_job)),
        web.post(f"{CONTROL_PREFIX}faults", _changing(add_fault)),
        web.delete(f"{CONTROL_PREFIX}faults", clear_faults),
        web.post(f"{CONTROL_PREFIX}failures", _changing(add_failure)),
        web.post(f"{CONTROL_PREFIX}rate_limit", _changing(set_limit)),
        web.post(f"{CONTROL_PREFIX}servers", _changing(add_server)),
        web.get(f"{CONTROL_PREFIX}servers", _showing(state.servers)),
        web.get(f"{CONTROL_PREFIX}orders", _showing(state.orders)),
        web.post(f"{CONTROL_PREFIX}orders/{{order_id}}/pay", _concluding(state.pay_order)),
        web.post(f"{CONTROL_PREFIX}orders/{{order_id}}/cancel", _concluding(state.cancel_order)),
        web.get(f"{CONTROL_PREFIX}submissions", _showing(journal.submissions)),
        web.get(f"{CONTROL_PREFIX}counters", _showing(journal.counters)),
        web.get(f"{CONTROL_PREFIX}requests", _showing(journal.requests)),
        web.get(f"{CONTROL_PREFIX}health", _showing(lambda: {"status": "ok"})),
    ]


def _showing(look: Callable[[], object]) -> Handler:
    async def handle(_: web.Request) -> web.Response:
        return web.json_response(look())

    return handle


def _changing(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        body = await _json_object(request)
        try:
            return web.json_response(change(body))
        except ValueError as error:
            raise _bad_request(str(error)) from None

    return handle


def _concluding(conclude: Callable[[str], None]) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        try:
            conclude(request.match_info["order_id"])
        except KeyError as error:
            raise web.HTTPNotFound(text=f"{error.args[0]}\n") from None
        except ValueError as error:
            raise _bad_request(str(error)) from None
        return web.json_response({})

    return handle


def _plant(state: State, body: dict[str, Any]) -> str:
    checked = _checked(body, _PLANT_KEYS)
    bodies = checked.pop("bodies")
    if not all(isinstance(item, dict | str) for item in bodies):
        raise ValueError("bodies must hold objects, or texts to send as they are")
    return state.plant_job(*bodies, **checked)


def _checked(body: dict[str, Any], keys: dict[str, tuple[type, ...]]) -> dict[str, Any]:
    """Return the body's values that are not null, if all of them are known and of their types."""
    for key, value in body.items():
        if key not in keys:
            raise ValueError(f"unknown key {key!r}; known are {', '.join(keys)}")
        # To Python a bool is an int, to JSON it is not.
        wrong_bool = isinstance(value, bool) and bool not in keys[key]
        if value is not None and (wrong_bool or not isinstance(value, keys[key])):
            kinds = " or ".join(kind.__name__ for kind in keys[key])
            raise ValueError(f"{key} must be {kinds}, not {value!r}")
    return {key: value for key, value in body.items() if value is not None}


async def _json_object(request: web.Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.read())
    except ValueError as error:
        raise _bad_request(f"not JSON: {error}") from None
    if not isinstance(body, dict):
        raise _bad_request("not a JSON object")
    return body


def _bad_request(reason: str) -> web.HTTPBadRequest:
    return web.HTTPBadRequest(text=f"{reason}\n")
