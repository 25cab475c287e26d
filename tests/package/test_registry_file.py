"""What the registry of Airflow shows of us is what there is."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import pytest
import yaml

from airflow_provider_ecsjobs import get_provider_info

REGISTERED = yaml.safe_load((Path(__file__).parents[2] / ".airflow-registry.yaml").read_text())
ROLES = {"operators": "Operator", "sensors": "Sensor", "triggers": "Trigger", "hooks": "Hook"}


@pytest.mark.parametrize("role", ROLES)
def test_all_public_classes_of_a_role_are_listed(role: str) -> None:
    listed = [entry["module"].rpartition(".") for entry in REGISTERED[role]]
    (named,) = {tuple(entry["python-modules"]) for entry in get_provider_info()[role]}
    public = {
        (module, name)
        for module in named
        for name, found in inspect.getmembers(importlib.import_module(module), inspect.isclass)
        if name.startswith("Ecs") and name.endswith(ROLES[role]) and "Base" not in name
    }
    assert {(module, name) for module, _, name in listed} == public


def test_it_names_the_package_as_it_is_installed() -> None:
    info = get_provider_info()
    assert REGISTERED["package-name"] == info["package-name"]
    assert REGISTERED["description"] == info["description"].replace("and wait without", "and wait for them without")


def test_its_logo_is_that_of_the_provider() -> None:
    (integration,) = get_provider_info()["integrations"]
    assert REGISTERED["logo"].endswith(f"/docs{integration['logo']}")
