"""The control API over HTTP, as data: each route, with the property or method of the fixture behind it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    Kinds = tuple[type, ...]

_NUMBER = (int, float)


@dataclass(frozen=True, slots=True)
class Control:
    """A route of the control API.

    :param path: the path below ``/_emulator/``; a placeholder is an argument, too.
    :param name: the property (for a GET) or method of the fixture.
    :param what: what the route does, for the docs.
    :param keys: the keys of the body, which are the method's arguments, and their types.
    :param required: those of the keys without a default.
    :param returns: the keys of the response, if the method returns something.
    """

    method: str
    path: str
    name: str
    what: str
    keys: Mapping[str, Kinds] = field(default_factory=dict)
    returns: tuple[str, ...] = ()
    required: tuple[str, ...] = ()


_START_JOB: dict[str, Kinds] = {
    "job_type": (str,),
    "sub_jobs": (int,),
    "failing": (int,),
    "error_code": (str,),
    "fail_reason": (str,),
    "init_seconds": _NUMBER,
    "run_seconds": _NUMBER,
}
_ADD_SERVER: dict[str, Kinds] = {
    "name": (str,),
    "charging_mode": (str,),
    "status": (str,),
    "volumes": (list,),
    "nics": (list,),
    "recycled": (bool,),
}
_FAIL_NEXT: dict[str, Kinds] = {"job_type": (str,), "failing": (int,), "reasons": (list,), "times": (int,)}
_FAULT: dict[str, Kinds] = {
    "path": (str,),
    "method": (str,),
    "times": (int,),
    "status": (int,),
    "headers": (dict,),
    "body": (str, dict),
    "delay": _NUMBER,
    "stall": _NUMBER,
    "reset": (str,),
    "truncate": (bool,),
}
_PLANT_JOB: dict[str, Kinds] = {"bodies": (list,), "job_id": (str,), "http_status": (int,)}
_ADD_KEY: dict[str, Kinds] = {"access_key": (str,), "secret_key": (str,)}
_ADD_PROJECT: dict[str, Kinds] = {"name": (str,), "project_id": (str,)}

CONTROLS = (
    Control("GET", "health", "healthy", "report that it serves", returns=("status",)),
    Control("GET", "servers", "servers", "the servers, by id"),
    Control("GET", "recycle_bin", "recycle_bin", "the servers in the recycle bin, by id"),
    Control("GET", "orders", "orders", "the orders, by id"),
    Control("GET", "submissions", "submissions", "the accepted submits, oldest first"),
    Control("GET", "counters", "counters", "the counters"),
    Control("GET", "requests", "requests", "the received requests, oldest first, without secrets"),
    Control("GET", "projects", "projects", "the projects of the account"),
    Control("POST", "jobs", "start_job", "start a job", _START_JOB, ("job_id",)),
    Control("POST", "planted_jobs", "plant_job", "add a job that returns the given bodies", _PLANT_JOB, ("job_id",)),
    Control("DELETE", "jobs/{job_id}", "purge_job", "delete a job"),
    Control("POST", "servers", "add_server", "add a server", _ADD_SERVER, ("server_id",)),
    Control("POST", "failures", "fail_next", "make the next jobs of a type fail", _FAIL_NEXT),
    Control("POST", "faults", "fault", "apply a fault to the next requests", _FAULT),
    Control("DELETE", "faults", "clear_faults", "remove the remaining faults"),
    Control("POST", "orders/{order_id}/pay", "pay_order", "pay an order"),
    Control("POST", "orders/{order_id}/cancel", "cancel_order", "cancel an order"),
    Control("POST", "rate_limit", "limit_rate", "set a rate limit", {"requests": (int,), "seconds": _NUMBER}),
    Control("POST", "keys", "add_key", "add an access key", _ADD_KEY, required=tuple(_ADD_KEY)),
    Control("DELETE", "keys/{access_key}", "remove_key", "remove an access key"),
    Control("POST", "keys/rotate", "rotate_key", "replace the first access key", returns=("access_key", "secret_key")),
    Control(
        "POST",
        "temporary_keys",
        "temporary_key",
        "create a temporary key",
        returns=("access_key", "secret_key", "security_token"),
    ),
    Control("DELETE", "tokens", "revoke_tokens", "revoke all tokens"),
    Control(
        "POST",
        "agency",
        "set_agency",
        "assign an agency, or remove it",
        {"assigned": (bool,)},
        required=("assigned",),
    ),
    Control(
        "POST",
        "metadata_tokens",
        "require_metadata_tokens",
        "require IMDSv2 tokens, or not",
        {"required": (bool,)},
        required=("required",),
    ),
    Control("POST", "projects", "add_project", "add a project", _ADD_PROJECT, required=tuple(_ADD_PROJECT)),
    Control("DELETE", "projects/{project_id}", "remove_project", "remove a project"),
    Control(
        "POST", "permissions", "forbid", "remove permissions, or restore them", {"what": (bool, list), "code": (str,)}
    ),
    Control("DELETE", "counters", "reset_counters", "reset counters, requests and submits"),
    Control("POST", "reset", "reset", "reset everything"),
)
"""All routes."""
