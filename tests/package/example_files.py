"""The example DAGs, and how Airflow reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).parents[2] / "example_dags"


def read_example(path: Path) -> Any:
    """Read a DAG file as the DAG processor does, and give its only DAG."""
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # Airflow 2.11
        from airflow.models.dagbag import DagBag

    bag = DagBag(str(path))
    assert bag.import_errors == {}
    assert list(bag.dags) == [path.stem]
    return bag.dags[path.stem]
