"""The versions that are declared are those that are tested."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tests.docs.pages import table

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONSTRAINTS = ROOT / ".ci" / "constraints"
# Of a date at which it asks for a newer certifi than our lowest; all other tests run with it.
NOT_AT_ITS_LOWEST = "huaweicloudsdkecs"
BOUNDS = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["test"]]


@pytest.mark.parametrize("bound", [bound for bound in BOUNDS if not bound.startswith(NOT_AT_ITS_LOWEST)])
def test_the_lowest_version_of_each_dependency_is_tested(bound: str) -> None:
    name, lowest = bound.split(">=")
    (pinned,) = re.findall(rf"^{name}==(\S+)$", (CONSTRAINTS / "lowest.txt").read_text(), re.M)
    assert pinned == lowest or re.fullmatch(rf"{re.escape(lowest)}(\.0)+", pinned)


def test_the_readme_shows_each_airflow_that_is_tested() -> None:
    shown = {row[0] for row in table("versions")}
    (oldest,) = re.findall(r"^apache-airflow==(\S+)$", (CONSTRAINTS / "lowest.txt").read_text(), re.M)
    dated = {path.stem.removeprefix("airflow-") for path in CONSTRAINTS.glob("airflow-*.txt")}
    assert shown == dated | {oldest}


def test_the_readme_shows_each_python_that_is_declared() -> None:
    declared = {line.rpartition(" ")[2] for line in PROJECT["classifiers"] if ":: Python :: 3." in line}
    assert {row[1] for row in table("versions")} == declared


@pytest.mark.parametrize("path", sorted(CONSTRAINTS.glob("*.txt")), ids=lambda path: path.stem)
def test_pins_name_no_registry(path: Path) -> None:
    head, *pins = path.read_text().splitlines()
    assert head.startswith("# ")
    assert all(re.fullmatch(r"[a-z0-9._-]+==[^\s/@]+", pin) for pin in pins)
