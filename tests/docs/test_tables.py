"""The tables of README.md and of docs/ are those of the code."""

from __future__ import annotations

import ast
import inspect
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSensorTimeout

from airflow_provider_ecsjobs import exceptions, get_provider_info
from airflow_provider_ecsjobs.core.auth.credentials import DEFAULT_METADATA_ENDPOINT
from airflow_provider_ecsjobs.core.hints import HINTS
from airflow_provider_ecsjobs.core.operations import OPERATIONS
from airflow_provider_ecsjobs.core.waiting.schedule import DEFAULT_MAX_POLL_INTERVAL
from airflow_provider_ecsjobs.operators.base import EcsBaseOperator
from airflow_provider_ecsjobs.operators.base_request import EcsBaseRequestOperator
from airflow_provider_ecsjobs.operators.base_submit import EcsBaseSubmitOperator
from airflow_provider_ecsjobs.operators.ecs_jobs import EcsJobOperator
from airflow_provider_ecsjobs.provider_info import CONNECTION_FIELDS
from airflow_provider_ecsjobs.sensors.ecs_jobs import EcsJobSensor
from airflow_provider_ecsjobs.transport.config import (
    DEFAULT_CONNECT_TIMEOUT,
    DEFAULT_READ_TIMEOUT,
    DEFAULT_REQUESTS_PER_SECOND,
)
from airflow_provider_ecsjobs.triggers.ecs_jobs import EcsJobTriggerArguments
from tests.docs.pages import ROOT, code_in, table

INHERITED = {"timeout", "soft_fail", "mode"}


def test_the_table_of_task_parameters_is_that_of_the_code() -> None:
    sensor, operator = EcsJobSensor(task_id="s", job_id="x"), EcsJobOperator(task_id="o", job_id="x")
    listed: dict[type, set[str]] = {EcsJobSensor: set(), EcsJobOperator: set()}
    for sensor_cell, operator_cell, default, _, meaning in table("parameters of tasks"):
        for task, cell in ((sensor, sensor_cell), (operator, operator_cell)):
            for name in code_in(cell):
                listed[type(task)].add(name)
                # None is given, and says that the configuration decides.
                actual = None if name == "deferrable" else _plain(getattr(task, name))
                assert default == "required" or actual == ast.literal_eval(default.strip("`")), name
                assert ("(T)" in meaning) == (name in task.template_fields), name
    assert listed[EcsJobSensor] == _parameters(EcsJobSensor) | INHERITED
    assert listed[EcsJobOperator] == _parameters(EcsJobOperator, EcsBaseOperator)


def test_the_table_of_operations_is_that_of_the_code() -> None:
    listed = {code_in(name)[0]: cells for name, *cells in table("operations")}
    assert list(listed) == list(OPERATIONS)
    for name, (parameters, repeatable, dry_run) in listed.items():
        operation = OPERATIONS[name]
        assert tuple(code_in(parameters)) == operation.path_parameters, name
        safe = "by its token" if operation.takes_client_token else "yes" if operation.is_idempotent else "no"
        assert (repeatable, dry_run == "yes") == (safe, operation.has_dry_run), name


def test_the_table_of_parameters_of_submits_is_that_of_the_code() -> None:
    rows = {
        code_in(name)[0]: ast.literal_eval(default.strip("`")) for name, default, _ in table("parameters of submits")
    }
    expected: dict[str, Any] = {}
    for base in (EcsBaseRequestOperator, EcsBaseSubmitOperator):
        signature = inspect.signature(base.__init__).parameters
        expected |= {name: found.default for name, found in signature.items() if found.kind == found.KEYWORD_ONLY}
    assert rows == expected
    marked = {code_in(name)[0] for name, _, meaning in table("parameters of submits") if "(T)" in meaning}
    assert marked == {"body", "dry_run", "wait_for_completion"}


def test_the_table_of_trigger_parameters_is_that_of_the_code() -> None:
    listed = {
        name: ast.literal_eval(default.strip("`"))
        for names, default, *_ in table("parameters of the trigger")
        for name in code_in(names)
    }
    signature = inspect.signature(EcsJobTriggerArguments).parameters
    assert listed == {name: signature[name].default for name in signature if name != "later"}


def test_the_table_of_exceptions_is_that_of_the_code() -> None:
    for names, _, retried, skipped in table("exceptions"):
        found, *bases = (getattr(exceptions, name) for name in code_in(names))
        assert issubclass(found, tuple(bases) or object)
        assert retried == ("no" if issubclass(found, (AirflowFailException, AirflowSensorTimeout)) else "yes")
        assert skipped == ("yes" if issubclass(found, (exceptions.EcsJobFailed, exceptions.EcsJobTimeout)) else "no")


def test_the_table_of_connection_fields_is_that_of_the_form() -> None:
    rows = {name: default for field, default, _ in table("fields") for name in code_in(field)}
    assert list(rows) == list(CONNECTION_FIELDS)
    assert rows["metadata_endpoint"] == f"`{DEFAULT_METADATA_ENDPOINT}`"
    assert rows["connect_timeout"] == f"`{DEFAULT_CONNECT_TIMEOUT:g}`"
    assert rows["read_timeout"] == f"`{DEFAULT_READ_TIMEOUT:g}`"


def test_the_table_of_options_is_that_of_the_configuration() -> None:
    listed = {code_in(name)[0]: ast.literal_eval(default.strip("`")) for name, default, _ in table("options")}
    options = get_provider_info()["config"]["ecsjobs"]["options"]
    assert listed == {name: ast.literal_eval(str(option["default"])) for name, option in options.items()}


def test_the_table_of_example_dags_has_all() -> None:
    listed = {link.partition("]")[0].strip("[") for link, _ in table("example dags")}
    assert listed == {path.stem for path in (ROOT / "example_dags").glob("*.py")}


def test_the_table_of_hints_is_that_of_the_code() -> None:
    assert {code_in(code)[0]: hint for code, hint in table("hints")} == HINTS


def test_the_table_of_capacity_is_the_arithmetic_of_the_rate() -> None:
    for waits, rate, shown in table("capacity"):
        assert shown == f"{max(DEFAULT_MAX_POLL_INTERVAL, int(waits) / int(rate)):g} s"
    assert DEFAULT_REQUESTS_PER_SECOND in {int(rate) for _, rate, _ in table("capacity")}


def _parameters(*tasks: type) -> set[str]:
    signatures = [inspect.signature(task.__init__).parameters for task in tasks]  # type: ignore[misc]
    return {name for found in signatures for name, one in found.items() if one.kind == one.KEYWORD_ONLY}


def _plain(value: Any) -> Any:
    return value.total_seconds() if isinstance(value, timedelta) else value
