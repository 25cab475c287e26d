"""Control over HTTP, as data: each route, and the property or method of the fixture that it stands for."""

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

    :param path: below ``/_emulator/``; a placeholder is an argument, too.
    :param name: the property (of a GET) or method of the fixture.
    :param keys: the keys of the body, which are the method's arguments, and their types.
    :param answers: the keys of the answer, if the method returns something.
    """

    method: str
    path: str
    name: str
    what: str
    keys: Mapping[str, Kinds] = field(default_factory=dict)
    answers: tuple[str, ...] = ()


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

CONTROLS = (
    Control("GET", "health", "healthy", "say that it serves", answers=("status",)),
    Control("GET", "servers", "servers", "the servers, by id"),
    Control("GET", "recycle_bin", "recycle_bin", "the servers in the recycle bin, by id"),
    Control("GET", "orders", "orders", "the orders, by id"),
    Control("GET", "submissions", "submissions", "the accepted submits, oldest first"),
    Control("GET", "counters", "counters", "how much of what was seen"),
    Control("GET", "requests", "requests", "the requests, oldest first, without secrets"),
    Control("GET", "projects", "projects", "the projects of the account"),
    Control("POST", "jobs", "start_job", "start a job", _START_JOB, ("job_id",)),
    Control("POST", "planted_jobs", "plant_job", "add a job that answers given bodies", _PLANT_JOB, ("job_id",)),
    Control("DELETE", "jobs/{job_id}", "purge_job", "forget a job"),
    Control("POST", "servers", "add_server", "let a server exist", _ADD_SERVER, ("server_id",)),
    Control("POST", "failures", "fail_next", "let the next jobs of a type fail", _FAIL_NEXT),
    Control("POST", "faults", "fault", "let a fault befall the next requests", _FAULT),
    Control("DELETE", "faults", "clear_faults", "forget the faults that are left"),
    Control("POST", "orders/{order_id}/pay", "pay_order", "pay an order"),
    Control("POST", "orders/{order_id}/cancel", "cancel_order", "cancel an order"),
    Control(
        "POST", "rate_limit", "limit_rate", "limit the requests in a time", {"requests": (int,), "seconds": _NUMBER}
    ),
    Control("POST", "keys", "add_key", "add an access key", {"access_key": (str,), "secret_key": (str,)}),
    Control("DELETE", "keys/{access_key}", "remove_key", "remove an access key"),
    Control("POST", "keys/rotate", "rotate_key", "replace the first access key", answers=("access_key", "secret_key")),
    Control(
        "POST",
        "temporary_keys",
        "temporary_key",
        "make a temporary key",
        answers=("access_key", "secret_key", "security_token"),
    ),
    Control("DELETE", "tokens", "revoke_tokens", "revoke all tokens"),
    Control("POST", "agency", "set_agency", "assign an agency, or take it away", {"assigned": (bool,)}),
    Control(
        "POST", "metadata_tokens", "require_metadata_tokens", "require tokens of IMDSv2, or not", {"required": (bool,)}
    ),
    Control("POST", "projects", "add_project", "add a project", {"name": (str,), "project_id": (str,)}),
    Control("DELETE", "projects/{project_id}", "remove_project", "remove a project"),
    Control(
        "POST", "permissions", "forbid", "take permissions, or give them back", {"what": (bool, list), "code": (str,)}
    ),
    Control("DELETE", "counters", "reset_counters", "forget what was seen"),
    Control("POST", "reset", "reset", "forget all that happened"),
)
"""All routes."""
