"""The example DAGs, as Airflow's DAG processor sees them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "example_dags").glob("*.py"))
SLOW = {"requests", "aiohttp", "huaweicloudsdkcore", "huaweicloudsdkecs", "pandas", "numpy"}


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 3


@pytest.mark.usefixtures("airflow_db")
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_it_is_read_without_errors(path: Path) -> None:
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # Airflow 2.11
        from airflow.models.dagbag import DagBag

    bag = DagBag(str(path))

    assert bag.import_errors == {}
    assert list(bag.dags) == [path.stem]
    (dag,) = bag.dags.values()
    assert dag.doc_md
    assert "example" in dag.tags
    assert dag.tasks


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_it_imports_nothing_slow(path: Path) -> None:
    imported = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").split(".")[0])

    assert imported & SLOW == set()
    assert "airflow_provider_ecsjobs" in imported
