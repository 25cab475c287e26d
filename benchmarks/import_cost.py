"""The import time of our modules in a DAG file, above a bare ``import airflow.sdk``, compared with other providers."""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
from importlib import metadata

from benchmarks.figures import Bound, Section, Table
from benchmarks.processes import MARK, airflow_home

NAME = "import_cost"
SIZES = {"full": 4, "small": 0}
OURS = (
    "operators.ecs_jobs",
    "operators.servers",
    "sensors.ecs_jobs",
    "triggers.ecs_jobs",
    "hooks.ecs_jobs",
    "decorators.ecs_job",
)
"""Our modules that a DAG file may import."""
PEERS = {
    "airflow.providers.dbt.cloud.operators.dbt": "apache-airflow-providers-dbt-cloud",
    "airflow.providers.databricks.operators.databricks": "apache-airflow-providers-databricks",
    "airflow.providers.amazon.aws.operators.ecs": "apache-airflow-providers-amazon",
    "airflow.providers.http.operators.http": "apache-airflow-providers-http",
    "airflow.providers.http.sensors.http": "apache-airflow-providers-http",
    "airflow.providers.huawei.cloud.operators.mrs": "apache-airflow-providers-huawei",
}
_SCRIPT = """
import airflow.sdk, sys, time
began = time.process_time()
try:
    import {module}
except Exception as error:
    print("{mark}" + repr(error)[:80])
else:
    print("{mark}" + str(time.process_time() - began))
"""


def run(size: str) -> Section:
    """Import each module in fresh processes, in turn, several times."""
    modules = [f"airflow_provider_ecsjobs.{name}" for name in OURS]
    modules += [module for module, distribution in PEERS.items() if _is_installed(distribution)]
    costs: dict[str, list[float]] = {}
    failures: dict[str, str] = {}
    with airflow_home() as environment:
        for turn in range(SIZES[size] + 1):  # in the full size, the first one compiles, and is thrown away
            order = list(modules)
            random.Random(turn).shuffle(order)
            for module in order:
                cost = _cost(module, environment)
                if isinstance(cost, str):
                    failures[module] = cost
                elif turn or size == "small":
                    costs.setdefault(module, []).append(cost * 1000)
    middle = {module: statistics.median(all_) for module, all_ in costs.items()}
    worst = max(middle[f"airflow_provider_ecsjobs.{name}"] for name in OURS)
    peers = {module: middle[module] for module in PEERS if module in middle}
    rows: list[tuple[str, ...]] = []
    for module in modules:
        shown = f"**`{module}`**" if module.startswith("airflow_provider_ecsjobs") else f"`{module}`"
        if module in failures:
            rows.append((shown, "fails", failures[module].replace("|", "/"), ""))
        else:
            spread = f"{min(costs[module]):.0f} to {max(costs[module]):.0f}"
            rows.append((shown, f"{middle[module]:.0f}", spread, f"{middle[module] / worst:.1f}"))
    head = ("module", "CPU ms above `airflow.sdk`", "least to most", "/ the slowest of ours")
    note = (
        f"CPU time, medians of {SIZES[size]} fresh processes in random order, with compiled modules and a warm file"
        " cache, above a bare `import airflow.sdk`. That import loads `DAG`, `BaseOperator` and nearly everything that a"
        " DAG file uses."
    )
    bounds = []
    if peers:
        cheapest = min(peers, key=peers.__getitem__)
        what = f"import of the cheapest peer, `{cheapest}` / the slowest of ours"
        bounds.append(Bound(what, peers[cheapest] / worst, 3.5, is_least=True))
    return Section(NAME, "Import cost", bounds, [Table(head, rows)], note)


def _is_installed(distribution: str) -> bool:
    try:
        return bool(metadata.version(distribution))
    except metadata.PackageNotFoundError:
        return False


def _cost(module: str, environment: dict[str, str]) -> float | str:
    script = _SCRIPT.format(module=module, mark=MARK)
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    for line in done.stdout.splitlines():
        if line.startswith(MARK):
            result = line[len(MARK) :]
            try:
                return float(result)
            except ValueError:
                return result
    raise RuntimeError(f"import {module}: {done.stderr[-1000:]}")
