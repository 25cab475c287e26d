"""What a DAG file pays for when it imports us: nothing that talks to a network."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.support.patience import A_MINUTE

MODULES = (
    "airflow_provider_ecsjobs",
    "airflow_provider_ecsjobs.exceptions",
    "airflow_provider_ecsjobs.hooks.ecs_jobs",
    "airflow_provider_ecsjobs.decorators.ecs_job",
    "airflow_provider_ecsjobs.links.ecs_console",
    "airflow_provider_ecsjobs.operators.ecs_jobs",
    "airflow_provider_ecsjobs.operators.servers",
    "airflow_provider_ecsjobs.sensors.ecs_jobs",
    "airflow_provider_ecsjobs.triggers.ecs_jobs",
)
UNWANTED = ("requests", "urllib3", "aiohttp", "yarl", "certifi", "huaweicloudsdkcore", "huaweicloudsdkecs")
# Airflow first, with the names our modules take from it; then each module in a process of its own, as a fork.
SCRIPT = """
import json, os, sys
from airflow.providers.common.compat.sdk import (
    AirflowException, AirflowFailException, AirflowSensorTimeout, AirflowSkipException, BaseHook, BaseOperator,
    BaseSensorOperator, PokeReturnValue,
)
import airflow.triggers.base
before = set(sys.modules)
for name in json.loads(sys.argv[1]):
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        __import__(name)
        print("@@" + json.dumps([name, sorted(set(sys.modules) - before)]), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""


@pytest.fixture(scope="module")
def imported() -> dict[str, list[str]]:
    """Tell for each module what it imports beyond Airflow itself."""
    script = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(MODULES)],
        capture_output=True,
        text=True,
        timeout=5 * A_MINUTE,
        check=True,
    )
    return dict(json.loads(line[2:]) for line in script.stdout.splitlines() if line.startswith("@@"))


@pytest.mark.parametrize("module", MODULES)
def test_nothing_slow_is_imported(imported: dict[str, list[str]], module: str) -> None:
    ours = imported[module]

    assert [name for name in ours if name.split(".")[0] in UNWANTED] == []
    assert [name for name in ours if name.startswith(("airflow_provider_ecsjobs.emulator", "pytest"))] == []
