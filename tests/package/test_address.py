"""The repository's address stands in pyproject.toml; all that repeats it agrees."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
URLS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]
ADDRESS = re.compile(r"(?:github\.com|raw\.githubusercontent\.com)/([\w.-]+/[\w-]+)")
OF_OTHERS = {"apache/airflow", "pre-commit/pre-commit-hooks", "rhysd/actionlint"}
(OURS,) = ADDRESS.findall(URLS["Source"])

FOLDERS = ("airflow_provider_ecsjobs", "benchmarks", "docs", "example_dags", "tests", ".ci", ".github")
READ = {".cfg", ".json", ".md", ".py", ".svg", ".toml", ".txt", ".yaml", ".yml", ""}
FILES = [
    *(path for path in ROOT.iterdir() if path.is_file()),
    *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()),
]
NAMING = {
    str(path.relative_to(ROOT)): named
    for path in FILES
    if path.suffix in READ and (named := set(ADDRESS.findall(path.read_text(errors="replace"))))
}


@pytest.mark.parametrize("path", sorted(NAMING))
def test_each_file_names_the_address_of_pyproject(path: str) -> None:
    assert NAMING[path] <= OF_OTHERS | {OURS}


def test_all_addresses_of_pyproject_are_of_one_repository() -> None:
    assert {ADDRESS.findall(url)[0] for url in URLS.values()} == {OURS}


def test_contributing_shows_how_to_change_it() -> None:
    assert f"'s#{OURS}#OWNER/NAME#g'" in (ROOT / "CONTRIBUTING.md").read_text()


@pytest.mark.parametrize("path", ["README.md", "CHANGELOG.md", ".airflow-registry.yaml", "docs/conf.py"])
def test_what_users_see_names_it(path: str) -> None:
    assert OURS in NAMING[path]
