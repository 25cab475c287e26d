"""The control API over HTTP, for tests in other processes: ``/_emulator/...``. It needs no authentication."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from aiohttp import web

from airflow_provider_ecsjobs.emulator.control_table import CONTROLS
from airflow_provider_ecsjobs.emulator.faults import Fault
from airflow_provider_ecsjobs.emulator.json_body import parse_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_ecsjobs.emulator.control_table import Control
    from airflow_provider_ecsjobs.emulator.controls import Controls

CONTROL_PREFIX = "/_emulator/"


def control_routes(controls: Controls) -> list[web.RouteDef]:
    """Return the routes for these controls."""

    async def handle(request: web.Request, *, control: Control) -> web.Response:
        try:
            arguments = {**request.match_info, **_checked(await _json_object(request), control)}
            returned = _call(controls, control, arguments)
        except KeyError as error:
            raise web.HTTPNotFound(text=_line(error.args[0])) from None
        except (ValueError, TypeError) as error:
            raise _bad_request(str(error)) from None
        return web.json_response(returned)

    return [
        web.route(control.method, f"{CONTROL_PREFIX}{control.path}", partial(handle, control=control))
        for control in CONTROLS
    ]


def unknown_control(method: str, path: str) -> web.HTTPNotFound:
    """Return the response to a control request that does not exist. It names those that do."""
    known = "\n".join(f"{control.method} {CONTROL_PREFIX}{control.path}" for control in CONTROLS)
    return web.HTTPNotFound(text=_line(f"there is no {method} {path}; known are:\n{known}"))


def _call(controls: Controls, control: Control, arguments: dict[str, Any]) -> Any:
    member = getattr(controls, control.name)
    if not callable(member):
        return member
    returned = _ADAPTED.get(control.name, _plainly)(member, arguments)
    if not control.returns:
        return {}
    values = returned if isinstance(returned, tuple) else (returned,)
    return dict(zip(control.returns, values, strict=True))


def _plainly(member: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    return member(**arguments)


def _with_bodies(member: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    bodies = arguments.pop("bodies", [])
    if not all(isinstance(item, dict | str) for item in bodies):
        raise ValueError("bodies must hold objects, or strings to send as they are")
    return member(*bodies, **arguments)


# Methods whose arguments are not plain JSON values.
_ADAPTED: dict[str, Callable[[Callable[..., Any], dict[str, Any]], Any]] = {
    "fault": lambda member, arguments: member(Fault(**arguments)),
    "plant_job": _with_bodies,
    "limit_rate": lambda member, arguments: member(**{"requests": None, **arguments}),
}


def _checked(body: dict[str, Any], control: Control) -> dict[str, Any]:
    """Return the body's values that are not null.

    :raises ValueError: if a key is unknown or missing, or a value has a wrong type.
    """
    keys = control.keys
    for key, value in body.items():
        if key not in keys:
            raise ValueError(f"unknown key {key!r}; known are {', '.join(keys) or 'none'}")
        # In Python a bool is an int; in JSON it is not.
        wrong_bool = isinstance(value, bool) and bool not in keys[key]
        if value is not None and (wrong_bool or not isinstance(value, keys[key])):
            kinds = " or ".join(kind.__name__ for kind in keys[key])
            raise ValueError(f"{key} must be {kinds}, not {value!r}")
    given = {key: value for key, value in body.items() if value is not None}
    missing = [key for key in control.required if key not in given]
    if missing:
        raise ValueError(f"missing key {', '.join(missing)}")
    return given


async def _json_object(request: web.Request) -> dict[str, Any]:
    content = await request.read()
    if not content:
        return {}
    try:
        body = parse_json(content)
    except ValueError as error:
        raise _bad_request(f"not JSON: {error}") from None
    if not isinstance(body, dict):
        raise _bad_request("not a JSON object")
    return body


def _bad_request(reason: str) -> web.HTTPBadRequest:
    return web.HTTPBadRequest(text=_line(reason))


def _line(text: str) -> str:
    # A path, or a regular expression in a message, may hold characters without an encoding.
    return text.encode("utf-8", "backslashreplace").decode() + "\n"
