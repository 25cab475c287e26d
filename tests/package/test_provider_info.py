"""What Airflow reads about us."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import airflow
import jsonschema
import pytest

from airflow_provider_ecsjobs import __version__, get_provider_info
from tests.support.patience import A_MINUTE

NAME = "airflow-provider-ecsjobs"
DOCS = Path(__file__).parents[2] / "docs"


def schema(name: str) -> dict[str, Any]:
    return json.loads((Path(airflow.__file__).parent / name).read_text())  # type: ignore[no-any-return]


def test_the_schema_of_the_running_airflow_accepts_it() -> None:
    jsonschema.validate(get_provider_info(), schema("provider_info.schema.json"))


def known_keys() -> list[str]:
    return sorted(set(get_provider_info()) & set(schema("provider.yaml.schema.json")["properties"]))


@pytest.mark.parametrize("key", known_keys())
def test_each_part_has_the_strict_shape_of_a_provider_yaml(key: str) -> None:
    strict = schema("provider.yaml.schema.json")
    part = {**strict["properties"][key], "definitions": strict.get("definitions", {})}
    jsonschema.validate(get_provider_info()[key], part)


def test_the_entry_point_names_the_distribution() -> None:
    installed = distribution(NAME)
    (point,) = [entry for entry in installed.entry_points if entry.group == "apache_airflow_provider"]
    info = point.load()()

    assert info["package-name"] == installed.metadata["Name"] == NAME
    assert info["versions"][0] == __version__ == installed.version


def test_all_that_is_named_can_be_imported() -> None:
    info = get_provider_info()
    for role in ("hooks", "operators", "sensors", "triggers"):
        for entry in info[role]:
            for module in entry["python-modules"]:
                import_module(module)
    for name in (*info["extra-links"], *(entry["class-name"] for entry in info["task-decorators"])):
        module, _, found = name.rpartition(".")
        assert callable(getattr(import_module(module), found))
    for connection in info["connection-types"]:
        module, _, name = connection["hook-class-name"].rpartition(".")
        hook = getattr(import_module(module), name)
        assert (hook.conn_type, hook.hook_name) == (connection["connection-type"], connection["hook-name"])


def test_its_guides_and_logo_are_there() -> None:
    (integration,) = get_provider_info()["integrations"]
    guides = [path.removeprefix("/docs/") for path in integration["how-to-guide"]]
    assert all((DOCS / name).is_file() for name in [*guides, integration["logo"].removeprefix("/")])


def test_airflow_lists_it() -> None:
    command = [sys.executable, "-m", "airflow", "providers", "list", "-o", "json"]
    listed = subprocess.run(command, capture_output=True, text=True, timeout=5 * A_MINUTE, check=True).stdout
    providers = json.loads(listed[listed.index("[") :])

    (ours,) = [provider for provider in providers if provider["package_name"] == NAME]
    assert ours["version"] == __version__
