"""The wheel holds the package, the whole package, and nothing but the package."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest

from tests.support.wheels import build_wheel

ROOT = Path(__file__).parents[2]
PACKAGE = "airflow_provider_ecsjobs"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    source, target = tmp_path_factory.mktemp("source") / "repo", tmp_path_factory.mktemp("wheel")
    source.mkdir()
    skipped = shutil.ignore_patterns("__pycache__", "*.pyc")
    for folder in (PACKAGE, "tests", "example_dags"):
        shutil.copytree(ROOT / folder, source / folder, ignore=skipped)
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, source)
    return zipfile.ZipFile(build_wheel(source, target))


def test_it_holds_exactly_the_package(wheel: zipfile.ZipFile) -> None:
    package = {
        str(path.relative_to(ROOT))
        for path in (ROOT / PACKAGE).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    held = set(wheel.namelist())
    info = {name for name in held if ".dist-info/" in name}

    assert held - info == package
    assert {name.partition(".dist-info/")[2] for name in info} == {
        "METADATA",
        "RECORD",
        "WHEEL",
        "entry_points.txt",
        "licenses/LICENSE",
    }


def test_it_is_typed(wheel: zipfile.ZipFile) -> None:
    assert f"{PACKAGE}/py.typed" in wheel.namelist()


def test_it_names_the_entry_point(wheel: zipfile.ZipFile) -> None:
    (points,) = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    text = wheel.read(points).decode()

    assert "[apache_airflow_provider]" in text
    assert f"{PACKAGE}:get_provider_info" in text
