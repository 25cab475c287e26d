"""The package imports beside the oldest ``common-compat`` that it declares, as far as its imports tell."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "airflow_provider_ecsjobs"
SDK = "airflow.providers.common.compat.sdk"
# Names that its version 1.10.1 has. What it lacks is imported from airflow_provider_ecsjobs.compat, which finds it.
OFFERED = {
    *("AirflowException", "AirflowFailException", "AirflowNotFoundException", "AirflowSensorTimeout"),
    *("AirflowSkipException", "BaseHook", "BaseOperator", "BaseOperatorLink", "BaseSensorOperator", "Connection"),
    *("DAG", "DecoratedOperator", "Param", "PokeReturnValue", "Stats", "XCom", "context_merge", "task"),
    *("task_decorator_factory", "timezone"),
}
FILES = sorted([*PACKAGE.rglob("*.py"), *(ROOT / "example_dags").glob("*.py")])


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_it_imports_only_what_the_oldest_one_has(path: Path) -> None:
    assert set(_imported_when_run(ast.parse(path.read_text()))) <= OFFERED


def _imported_when_run(node: ast.AST) -> Iterator[str]:
    """Give the names that are imported from the SDK by what is run, not only read by a type checker."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ImportFrom) and child.module == SDK:
            yield from (alias.name for alias in child.names)
        elif not (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
            yield from _imported_when_run(child)
