"""A DAG that knows nothing of the emulator, with the official SDK in it, runs against it."""

from __future__ import annotations

import pytest

from airflow_provider_ecsjobs.emulator import Emulator
from tests.support.dag_runs import run_dag

pytestmark = pytest.mark.usefixtures("airflow_db")


def test_a_dag_with_the_official_sdk_creates_reads_stops_resizes_and_deletes(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.emulator.dags import servers_by_sdk

    with Emulator(init_seconds=0.1, run_seconds=0.4) as emulator:
        monkeypatch.setenv(*emulator.connection_env())
        monkeypatch.setenv("ECS_ENDPOINT", emulator.url)
        for name, value in emulator.sdk_environment().items():
            monkeypatch.setenv(name, value)

        run = run_dag(servers_by_sdk.servers_by_sdk_dag)

        assert set(run.states.values()) == {"success"}, run.states
        assert sorted(run.xcoms["addresses"]) == ["192.168.0.10", "192.168.0.11"]
        assert (run.xcoms["flavors"], run.xcoms["left"]) == (["s6.large.2", "s6.small.1"], 0)
        assert emulator.servers == {}
        assert (emulator.counters["unauthorized"], emulator.counters["not_emulated"]) == (0, 0)
