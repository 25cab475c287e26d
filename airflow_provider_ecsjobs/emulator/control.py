"""Control over HTTP, for tests in other processes: ``/_emulator/...``. It is not authenticated."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from airflow_provider_ecsjobs.emulator.faults import Fault

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.emulator.faults import FaultPlan
    from airflow_provider_ecsjobs.emulator.journal import Journal
    from airflow_provider_ecsjobs.emulator.state import State

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
_FAULT_KEYS: dict[str, tuple[type, ...]] = {
    "path": (str,),
    "times": (int,),
    "status": (int,),
    "headers": (dict,),
    "body": (str, dict),
    "delay": (int, float),
    "reset": (str,),
    "truncate": (bool,),
}


def control_routes(state: State, faults: FaultPlan, journal: Journal) -> list[web.RouteDef]:
    """Make the control routes over these parts of the cloud."""

    async def add_job(request: web.Request) -> web.Response:
        body = await _json_object(request)
        try:
            job_id = _plant(state, body) if "bodies" in body else state.start_job(**_checked(body, _START_KEYS))
        except ValueError as error:
            raise _bad_request(str(error)) from None
        return web.json_response({"job_id": job_id})

    async def add_fault(request: web.Request) -> web.Response:
        body = await _json_object(request)
        try:
            faults.add(Fault(**_checked(body, _FAULT_KEYS)))
        except ValueError as error:
            raise _bad_request(str(error)) from None
        return web.json_response({})

    async def clear_faults(_: web.Request) -> web.Response:
        faults.clear()
        return web.json_response({})

    async def show_counters(_: web.Request) -> web.Response:
        return web.json_response(journal.counters())

    async def show_requests(_: web.Request) -> web.Response:
        return web.json_response(journal.requests())

    async def show_health(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    return [
        web.post(f"{CONTROL_PREFIX}jobs", add_job),
        web.post(f"{CONTROL_PREFIX}faults", add_fault),
        web.delete(f"{CONTROL_PREFIX}faults", clear_faults),
        web.get(f"{CONTROL_PREFIX}counters", show_counters),
        web.get(f"{CONTROL_PREFIX}requests", show_requests),
        web.get(f"{CONTROL_PREFIX}health", show_health),
    ]


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
