"""The parameters of our tasks: the effect of each, and how it is read.

A parameter that steers the *request* is templated. It is converted when its value is known. A parameter that steers
*Airflow* takes literals only: it is used before anything is rendered, or in a process other than the one that renders.
"""

from __future__ import annotations

import os
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from airflow_provider_ecsjobs.compat import conf
from airflow_provider_ecsjobs.core.errors import EcsConfigError
from airflow_provider_ecsjobs.core.job import check_job_id
from airflow_provider_ecsjobs.core.services import HOST_OF_SERVICE
from airflow_provider_ecsjobs.core.submit.values import (
    as_given,
    one_of,
    optional,
    read_flag,
    read_flag_as_digit,
    secret_text,
    text,
    whole_number,
)
from airflow_provider_ecsjobs.core.text import shown
from airflow_provider_ecsjobs.hooks.connection import check_conn_id, check_name
from airflow_provider_ecsjobs.outcomes import seconds_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_ecsjobs.core.submit.values import Reader

MOST_SERVERS_OF_A_CREATE = 500
ON_PARTIAL_FAILURE = ("fail", "keep")
ATTRIBUTES: Mapping[str, str] = MappingProxyType({"dry_run": "is_dry_run"})
"""The attribute of a parameter, if it has another name: Airflow's operators have a method ``dry_run``."""
_LITERAL = "It steers Airflow, so it takes no template"


def is_template(value: Any) -> bool:
    """Return whether a value is known only when the task runs: it holds Jinja, or is the output of another task."""
    if isinstance(value, str):
        return "{{" in value or "{%" in value
    return not isinstance(value, dict | list | tuple | set | int | float | None)


def nothing_is_templated(value: Any) -> bool:
    """Return ``False``: all values of a running task are known, even if one looks like a template."""
    return False


def _read_job_id(name: str, value: Any) -> str:
    return check_job_id(value)


def _read_conn_id(name: str, value: Any) -> Any:
    check_conn_id(value)
    return value


def _read_name(name: str, value: Any) -> Any:
    check_name(name, value)
    return value


def _read_service(name: str, value: Any) -> Any:
    check_name(name, value)
    if value and value not in HOST_OF_SERVICE:
        known = ", ".join(map(repr, HOST_OF_SERVICE))
        raise EcsConfigError(f"{name} is {shown(value)}; expected one of {known}.")
    return value


def _literal_flag(name: str, value: Any) -> Any:
    if value is not True and value is not False:
        raise ValueError(f"{name} is {shown(value)}; expected True or False. {_LITERAL}.")
    return value


def _literal_choice(*choices: str) -> Reader:
    def read(name: str, value: Any) -> Any:
        if value not in choices:
            expected = " or ".join(map(repr, choices))
            raise ValueError(f"{name} is {shown(value)}; expected {expected}. {_LITERAL}.")
        return value

    return read


def _deferrable(name: str, value: Any) -> Any:
    return defers_by_default() if value is None else _literal_flag(name, value)


def _seconds(*, zero_allowed: bool = False, none_allowed: bool = False) -> Reader:
    def read(name: str, value: Any) -> float | None:
        if value is None and none_allowed:
            return None
        if isinstance(value, str) and is_template(value):
            raise ValueError(f"{name} is {shown(value)}; expected seconds, as a number or a timedelta. {_LITERAL}.")
        return seconds_of(name, value, zero_allowed=zero_allowed)

    return read


POWER_MODE = one_of("SOFT", "HARD")
STOP_MODE = optional(one_of("withStopServer"))

STEERS_REQUEST: Mapping[str, Reader] = MappingProxyType(
    {
        "admin_password": secret_text,
        "auto_pay": read_flag,
        "availability_zone": text,
        "body": as_given,
        "cloud_init": read_flag,
        "count": whole_number(1, MOST_SERVERS_OF_A_CREATE),
        "data_volumes": as_given,
        "delete_flag": optional(read_flag_as_digit),
        "delete_public_ip": read_flag,
        "delete_volumes": read_flag,
        "device": text,
        "dry_run": read_flag,
        "flavor": text,
        "force": read_flag,
        "huawei_ecs_conn_id": _read_conn_id,
        "image": text,
        "job_id": _read_job_id,
        "key_name": text,
        "missing_ok": read_flag,
        "name": text,
        "nic_ids": as_given,
        "operation": text,
        "period_count": whole_number(1),
        "period_type": optional(one_of("month", "year")),
        "project_id": _read_name,
        "public_ip": as_given,
        "region": _read_name,
        "root_volume": as_given,
        "security_groups": as_given,
        "server_id": as_given,
        "server_ids": as_given,
        "service": _read_service,
        "subnets": as_given,
        "tags": as_given,
        "user_data": secret_text,
        "user_id": text,
        "volume_id": text,
        "vpc": text,
        "wait_for_completion": read_flag,
    }
)
"""The parameters that steer the request, and how each is read. They are templated. ``mode`` differs between operators:
each operator that has one sets its own reader."""

STEERS_AIRFLOW: Mapping[str, Reader] = MappingProxyType(
    {
        "deferrable": _deferrable,
        "exponential_backoff": _literal_flag,
        "max_poll_interval": _seconds(),
        "max_wait": _seconds(none_allowed=True),
        "mode": _literal_choice("poke", "reschedule"),
        "never_fail": _literal_flag,
        "not_found_grace": _seconds(zero_allowed=True),
        "on_partial_failure": _literal_choice(*ON_PARTIAL_FAILURE),
        "payment_timeout": _seconds(zero_allowed=True, none_allowed=True),
        "poke_interval": _seconds(),
        "poll_interval": _seconds(),
        "resubmit_unknown": _literal_flag,
        "soft_fail": _literal_flag,
        "timeout": _seconds(zero_allowed=True, none_allowed=True),
        "unreachable_timeout": _seconds(),
    }
)
"""The parameters that steer Airflow, and how each is read when the DAG is parsed. They take literals only."""


def literal(name: str, value: Any) -> Any:
    """Read a parameter that steers Airflow.

    :raises ValueError: the value is wrong, or a template.
    """
    return STEERS_AIRFLOW[name](name, value)


def defers_by_default() -> bool:
    """Return whether a task defers if its ``deferrable`` is not set.

    ``[operators] default_deferrable`` decides if the environment sets it. Airflow's default is False. It is not meant
    for tasks whose purpose is to wait. The configuration file does not count: Airflow itself writes its default there.
    """
    is_set = "AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE" in os.environ
    return bool(conf.getboolean("operators", "default_deferrable")) if is_set else True
