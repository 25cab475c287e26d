"""Runs the DAG of each page in docs/operators/, and compares its log, its failure and its tables with the code."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs.emulator.operations import OPERATIONS as EMULATED
from airflow_provider_ecsjobs.operators import servers
from airflow_provider_ecsjobs.operators.base_request import EcsBaseRequestOperator
from tests.docs.operator_pages import FOLDER, operations, render
from tests.docs.pages import TEXTS, Snippet, code_in, snippet, snippets, table
from tests.support.dag_runs import run_dag

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.emulator import Emulator

PAGES = {found.name: found for found in snippets("operator dag")}
"""The DAG of each operator's page, by the operator."""

JOB_TYPES = {one.name: one.job_type for one in EMULATED}

CHANGING = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\b[0-9a-f]{32}\b|http://[\d.:]+|\b\d+ s\b")
"""What is different in each run: ids, addresses, lengths of time."""


@pytest.mark.parametrize("page", [*FOLDER.glob("*.md")], ids=lambda page: page.stem)
def test_the_page_is_that_of_the_code(page: Path) -> None:
    assert page.read_text() == render(page.read_text()), "make it anew: python -m tests.docs.operator_pages"


def test_each_operator_has_a_page_and_a_row_in_the_list() -> None:
    rows = {code_in(operator)[0]: guide for _, guide, operator in table("typed operators")}
    assert set(PAGES) == set(rows) == set(servers.__all__)
    for name, found in PAGES.items():
        assert f"]({found.page.removeprefix('docs/')})" in rows[name]
        assert f"made from the code: {name} -->" in TEXTS[found.page]


@pytest.mark.usefixtures("airflow_db")
@pytest.mark.parametrize("name", PAGES)
def test_the_dag_of_the_page_logs_what_the_page_shows(
    name: str,
    connected: Emulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SERVERS", '{"conn_type": "generic", "password": "Of-the-connection-1"}')
    dag, conf = _dag(PAGES[name], connected, tmp_path)
    with caplog.at_level("INFO"):
        assert set(run_dag(dag, conf).states.values()) == {"success"}

    _assert_shown(snippet("operator log", page=PAGES[name].page), caplog.text + capsys.readouterr().out)


@pytest.mark.usefixtures("airflow_db")
@pytest.mark.parametrize("name", PAGES)
def test_a_failed_job_is_reported_as_the_page_shows(
    name: str,
    connected: Emulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SERVERS", '{"conn_type": "generic", "password": "Of-the-connection-1"}')
    dag, conf = _dag(PAGES[name], connected, tmp_path)
    shown = snippet("operator failure", page=PAGES[name].page)
    code, reason = re.findall(r"failed: (\S+) ([^(\n]+?)(?: \(|$)", shown.text, re.M)[0]
    (operation, *_) = operations(getattr(servers, name))
    connected.fail_next(JOB_TYPES[operation.name], failing=1, reasons=[(code, reason)], times=9)
    with caplog.at_level("INFO"):
        assert "failed" in run_dag(_without_retries(dag), conf).states.values()

    _assert_shown(shown, caplog.text + capsys.readouterr().out)


def _dag(found: Snippet, emulator: Emulator, folder: Path) -> tuple[Any, dict[str, str]]:
    """Return the DAG of a page, set to poll often in the worker, and the parameters for a run of it."""
    path = folder / f"{Path(found.page).stem.replace('-', '_')}.py"
    path.write_text(found.text)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for task in module.dag.tasks:
        if isinstance(task, EcsBaseRequestOperator):
            task.deferrable, task.poll_interval, task.max_poll_interval = False, 0.05, 0.05
    things = _things_in(emulator)
    return module.dag, {name: things[name] for name in module.dag.params}


def _without_retries(dag: Any) -> Any:
    for task in dag.tasks:
        task.retries = 0
    return dag


def _things_in(emulator: Emulator) -> dict[str, str]:
    """Return what the DAGs of the pages have as parameters: a server, a disk that it has, and so on."""
    volume = "2f7b0f3e-0d2a-4e0c-8f0f-6b1f3c3f7a11"
    return {
        "server_id": emulator.add_server(nics=["first-nic", "second-nic"], volumes=[volume]),
        "volume_id": "8d6c1c5e-5f0e-4b55-9a39-7a4f6f1b2c90",
        "attached_volume_id": volume,
        "nic_id": "second-nic",
    }


def _assert_shown(shown: Snippet, logged: str) -> None:
    there = CHANGING.sub("<>", logged)
    for line in shown.text.splitlines():
        assert CHANGING.sub("<>", line) in there, f"{line}\n\nnot in\n\n{logged}"
