"""The example DAGs, as Airflow's DAG processor sees them."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from tests.package.example_files import EXAMPLES, read_example

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILES = sorted(EXAMPLES.glob("*.py"))
CHEAP = {"__future__", "logging", "typing", "airflow", "airflow_provider_ecsjobs"}


def test_there_are_examples() -> None:
    assert len(FILES) >= 7


@pytest.mark.usefixtures("airflow_db")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_is_read_without_errors(path: Path) -> None:
    dag = read_example(path)

    assert dag.doc_md
    assert "example" in dag.tags
    assert dag.tasks
    assert not dag.catchup


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_imports_nothing_slow(path: Path) -> None:
    imported = set(_imported_at_once(ast.parse(path.read_text())))

    # What a function imports costs nothing when the file is read; the rest is paid for again and again.
    assert {name.split(".")[0] for name in imported} <= CHEAP
    assert {name for name in imported if name.startswith("airflow.")} == {"airflow.providers.common.compat.sdk"}
    assert any(name.startswith("airflow_provider_ecsjobs.") for name in imported)


def _imported_at_once(node: ast.AST) -> Iterator[str]:
    """Give the modules that are imported when the file is read: by everything that is not in a function."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            yield child.module or ""
        elif not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _imported_at_once(child)
