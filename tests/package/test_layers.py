"""Who may import whom: the layers of ``docs/architecture.md``, held over all subpackages."""

from __future__ import annotations

import ast
import graphlib
import importlib.util
import pkgutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import airflow_provider_ecsjobs

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = "airflow_provider_ecsjobs"
# From the bottom to the top: a module imports its own layer and those above it in this list, never one below.
LAYERS = (
    ("core",),
    ("transport",),
    ("compat", "exceptions", "metrics", "provider_info"),
    ("outcomes", "publishing"),
    ("hooks",),
    ("links", "triggers"),
    ("operators",),
    ("decorators", "sensors"),
    ("plugin",),
)
HTTP_LIBRARIES = {"aiohttp", "certifi", "httpx", "requests", "urllib3", "yarl"}
# An import inside a function stands only where the module is dear, or exists on one Airflow alone.
INSIDE_FUNCTIONS = {
    ("__init__", "airflow_provider_ecsjobs.provider_info"),  # Airflow imports the package for its name alone
    ("core.submit.validation", "difflib"),  # for one message
    # What only a worker needs is a fifth of what a DAG file would pay for its operators.
    ("decorators.ecs_job", "airflow_provider_ecsjobs.core.submit.decision_table"),
    ("decorators.ecs_job", "airflow_provider_ecsjobs.core.submit.idempotency"),
    ("decorators.ecs_job", "airflow_provider_ecsjobs.operators.submit_once"),
    ("operators.base_request", "airflow_provider_ecsjobs.core.submit.decision_table"),
    ("operators.base_request", "airflow_provider_ecsjobs.core.submit.idempotency"),
    ("operators.base_request", "airflow_provider_ecsjobs.operators.submit_once"),
    ("operators.base_submit", "airflow_provider_ecsjobs.core.submit.decision_table"),
    ("operators.base_submit", "airflow_provider_ecsjobs.core.submit.idempotency"),
    ("operators.base_submit", "airflow_provider_ecsjobs.operators.submit_once"),
    ("hooks.connection", "airflow_provider_ecsjobs.transport.config"),
    ("hooks.connection", "asgiref.sync"),
    ("hooks.ecs_jobs", "airflow_provider_ecsjobs.transport.sync_client"),  # requests
    ("operators.wait_mixin", "airflow_provider_ecsjobs.triggers.ecs_jobs"),  # airflow.triggers.base
    ("provider_info", "airflow_provider_ecsjobs.compat"),  # Airflow, which asks for the metadata as it is imported
    ("provider_info", "flask_appbuilder.fieldwidgets"),  # Airflow 2.11 to 3.1
    ("provider_info", "wtforms"),  # Airflow 2.11 to 3.1
    ("provider_info", "wtforms.validators"),  # Airflow 2.11 to 3.1
    ("sensors.ecs_jobs", "airflow.sensors.base"),  # Airflow 2.11
    ("transport.config_fields", "difflib"),  # for one message
}


@dataclass(frozen=True)
class Import:
    """An import: where it stands, what it names, and whether it is made when the module is imported."""

    module: str
    target: str
    is_inside_function: bool
    is_for_types: bool


def modules() -> dict[str, Path]:
    """Return all modules of the package but the emulator's, by name below the package."""
    found = {"__init__": Path(airflow_provider_ecsjobs.__file__)}
    for info in pkgutil.walk_packages(airflow_provider_ecsjobs.__path__, f"{PACKAGE}."):
        spec = importlib.util.find_spec(info.name)
        assert spec is not None
        assert spec.origin is not None
        found[info.name.removeprefix(f"{PACKAGE}.")] = Path(spec.origin)
    return {name: path for name, path in found.items() if name.split(".")[0] != "emulator"}


def imports(module: str, source: str) -> Iterator[Import]:
    """Return the imports of a module, each with the module that it is from."""

    def walk(node: ast.AST, *, inside: bool, types: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                yield from (Import(module, alias.name, inside, types) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                known = {name for alias in child.names if (name := f"{child.module}.{alias.name}") in KNOWN}
                yield from (Import(module, name, inside, types) for name in known or {str(child.module)})
            else:
                is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
                is_types = isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"
                yield from walk(child, inside=inside or is_function, types=types or is_types)

    return walk(ast.parse(source), inside=False, types=False)


MODULES = modules()
KNOWN = {f"{PACKAGE}.{name}" for name in MODULES}
IMPORTS = [found for name, path in MODULES.items() for found in imports(name, path.read_text())]


def layer_of(module: str) -> int:
    top = module.removeprefix(f"{PACKAGE}.").split(".")[0]
    return next(number for number, names in enumerate(LAYERS) if top in names)


def upward(found: Import) -> bool:
    """Whether an import goes to a higher layer."""
    is_ours = found.target.startswith(f"{PACKAGE}.")
    return is_ours and found.module != "__init__" and layer_of(found.target) > layer_of(found.module)


def test_each_module_has_a_layer() -> None:
    assert len(MODULES) > 50
    assert {name for name in MODULES if name != "__init__" and layer_of(name) < 0} == set()
    assert {name for name in MODULES if name.startswith("core.auth.")}  # subpackages are walked, too


def test_nothing_imports_upwards() -> None:
    assert [found for found in IMPORTS if upward(found)] == []


def test_an_upward_import_would_be_found() -> None:
    planted = "def f() -> None:\n    from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook\n"
    assert [upward(found) for found in imports("core.flows", planted)] == [True]


def test_there_is_no_circle() -> None:
    graph: dict[str, set[str]] = {}
    for found in IMPORTS:
        if found.target in KNOWN and not found.is_for_types:
            graph.setdefault(f"{PACKAGE}.{found.module}", set()).add(found.target)
    assert list(graphlib.TopologicalSorter(graph).static_order())


@pytest.mark.parametrize(("layer", "barred"), [("core", HTTP_LIBRARIES | {"airflow"}), ("transport", {"airflow"})])
def test_lower_layers_are_free_of_what_is_not_theirs(layer: str, barred: set[str]) -> None:
    ours = [found for found in IMPORTS if found.module.split(".")[0] == layer]
    assert len(ours) > 20
    assert [found for found in ours if found.target.split(".")[0] in barred] == []


def test_imports_inside_functions_are_the_listed_ones() -> None:
    assert {(found.module, found.target) for found in IMPORTS if found.is_inside_function} == INSIDE_FUNCTIONS


def test_nobody_imports_the_emulator() -> None:
    assert [found for found in IMPORTS if found.target.startswith(f"{PACKAGE}.emulator")] == []
