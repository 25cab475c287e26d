"""What a DAG file pays for importing us, above a bare ``import airflow.sdk``, beside other providers."""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
from importlib import metadata

from benchmarks.figures import Bound, Section, Table
from benchmarks.processes import MARK, airflow_home

NAME = "import_cost"
SIZES = {"full": 9, "small": 1}
OURS = {
    "operators.ecs_jobs": True,
    "operators.servers": True,
    "sensors.ecs_jobs": True,
    "triggers.ecs_jobs": False,
    "hooks.ecs_jobs": False,
    "decorators.ecs_job": False,
}
"""Our modules, and whether they are the operators and sensors that the bound is about."""
PEERS = {
    "airflow.providers.dbt.cloud.operators.dbt": "apache-airflow-providers-dbt-cloud",
    "airflow.providers.databricks.operators.databricks": "apache-airflow-providers-databricks",
    "airflow.providers.amazon.aws.operators.ecs": "apache-airflow-providers-amazon",
    "airflow.providers.http.operators.http": "apache-airflow-providers-http",
    "airflow.providers.http.sensors.http": "apache-airflow-providers-http",
    "airflow.providers.huawei.cloud.operators.mrs": "apache-airflow-providers-huawei",
}
# `airflow.sdk` loads its names when they are used, and every DAG file uses these: without them, the first provider to
# be imported would be charged for Airflow's own classes.
_BARE = "import airflow.sdk"
_USED = "import airflow.sdk; from airflow.sdk import DAG, BaseOperator, BaseSensorOperator, task"
_SCRIPT = """
import sys, time
{first}
began = time.perf_counter()
try:
    import {module}
except Exception as error:
    print("{mark}" + repr(error)[:80])
else:
    print("{mark}" + str(time.perf_counter() - began))
"""


def run(size: str) -> Section:
    """Import each module in fresh processes, in turn, several times."""
    modules = [f"airflow_provider_ecsjobs.{name}" for name in OURS]
    modules += [module for module, distribution in PEERS.items() if _is_installed(distribution)]
    costs: dict[tuple[str, str], list[float]] = {}
    failures: dict[str, str] = {}
    with airflow_home() as environment:
        for turn in range(SIZES[size] + 1):  # the first one compiles, and is thrown away
            order = [(module, first) for module in modules for first in (_BARE, _USED)]
            random.Random(turn).shuffle(order)
            for module, first in order:
                cost = _cost(module, first, environment)
                if isinstance(cost, str):
                    failures[module] = cost
                elif turn:
                    costs.setdefault((module, first), []).append(cost * 1000)
    rows: list[tuple[str, str, str, str]] = []
    for module in modules:
        if module in failures:
            rows.append((f"`{module}`", f"fails: {failures[module]}", "", ""))
            continue
        bare, used = costs[module, _BARE], costs[module, _USED]
        shown = f"**`{module}`**" if module.startswith("airflow_provider_ecsjobs") else f"`{module}`"
        spread = f"{min(bare):.0f} to {max(bare):.0f}"
        rows.append((shown, f"{statistics.median(bare):.0f}", spread, f"{statistics.median(used):.0f}"))
    worst = max(
        statistics.median(costs[f"airflow_provider_ecsjobs.{name}", _BARE]) for name, counts in OURS.items() if counts
    )
    nearest = min(
        (statistics.median(costs[module, _BARE]) for module in PEERS if (module, _BARE) in costs), default=None
    )
    bounds = [Bound("import of operators and sensors, the slowest of ours", worst, 60.0, "ms")]
    notes = [
        f"Milliseconds, medians of {SIZES[size]} fresh processes, modules compiled, files in the cache. Above a bare"
        " `import airflow.sdk`, which loads Airflow's own classes as late as possible: part of the first two columns is"
        " `BaseOperator` itself. The last column is above `from airflow.sdk import DAG, BaseOperator,"
        " BaseSensorOperator, task`, which a DAG file has in any case."
    ]
    if nearest is not None:
        notes.append(f"The quickest peer takes {nearest / worst:.1f} times as long as the slowest of ours.")
    head = ("module", "ms above `airflow.sdk`", "least to most", "ms above its classes")
    return Section(NAME, "Import cost", bounds, [Table(head, rows)], notes)


def _is_installed(distribution: str) -> bool:
    try:
        return bool(metadata.version(distribution))
    except metadata.PackageNotFoundError:
        return False


def _cost(module: str, first: str, environment: dict[str, str]) -> float | str:
    script = _SCRIPT.format(first=first, module=module, mark=MARK)
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    for line in done.stdout.splitlines():
        if line.startswith(MARK):
            said = line[len(MARK) :]
            try:
                return float(said)
            except ValueError:
                return said
    raise RuntimeError(f"import {module}: {done.stderr[-1000:]}")
