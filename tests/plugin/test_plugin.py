"""The plugin as Airflow loads it: in every component, so that it must cost nothing and never fail."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from importlib import reload
from typing import TYPE_CHECKING

import pytest

from airflow_provider_ecsjobs import __file__ as package_file
from airflow_provider_ecsjobs.plugin import ecs_jobs
from airflow_provider_ecsjobs.provider_info import provider_info
from tests.support.patience import A_MINUTE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
from pathlib import Path

STATIC = Path(package_file).parent / "plugin" / "static"
IMPORTED = """
import sys
from airflow_provider_ecsjobs.compat import AirflowPlugin, conf
before = set(sys.modules)
import airflow_provider_ecsjobs.plugin.ecs_jobs
print("@@" + " ".join(sorted(set(sys.modules) - before)))
"""


@pytest.fixture
def reloaded(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., type]]:
    """Return a function that loads the plugin anew, with options of Airflow's configuration."""

    def load(**options: str) -> type:
        for name, value in options.items():
            monkeypatch.setenv(f"AIRFLOW__{name}", value)
        return reload(ecs_jobs).EcsJobsPlugin

    yield load
    monkeypatch.undo()
    reload(ecs_jobs)


def test_it_imports_no_other_module_of_ours_and_nothing_else() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED], capture_output=True, text=True, timeout=5 * A_MINUTE, check=True
    )
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("@@")]
    modules = set(line[2:].split())

    # What Airflow's own import of the plugins has loaded already is not seen here.
    assert {name for name in modules if name.startswith("airflow_provider_ecsjobs.")} <= {
        "airflow_provider_ecsjobs.compat",
        "airflow_provider_ecsjobs.plugin",
        "airflow_provider_ecsjobs.plugin.ecs_jobs",
    }
    assert not {name.split(".")[0] for name in modules} & {"fastapi", "starlette", "sqlalchemy", "requests", "aiohttp"}


def test_addresses_are_absolute_and_hold_the_base_path(reloaded: Callable[..., type]) -> None:
    options = {"API__BASE_URL": "https://host.example/team/airflow/", "ECSJOBS__TASK_TAB": "True"}
    apps = reloaded(**options).react_apps  # type: ignore[attr-defined]

    assert len({app["bundle_url"] for app in apps}) == 2
    for app in apps:
        for name in ("bundle_url", "icon", "icon_dark_mode"):
            assert app[name].startswith("/team/airflow/ecsjobs/static/")


def test_each_option_is_described_with_the_default_it_has() -> None:
    options = provider_info("1")["config"]["ecsjobs"]["options"]

    assert options["publish_jobs"]["default"] == "True"
    assert options["task_tab"]["default"] is None  # the version of Airflow decides


def test_the_icons_are_drawings_without_a_script() -> None:
    for path in STATIC.glob("*.svg"):
        drawing = ET.fromstring(path.read_text())
        assert {element.tag.rpartition("}")[2] for element in drawing.iter()} <= {"svg", "rect", "path"}


def test_the_script_never_reads_markup() -> None:
    script = (STATIC / "ecs-jobs.js").read_text()

    for forbidden in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", "srcdoc"):
        assert forbidden not in script
