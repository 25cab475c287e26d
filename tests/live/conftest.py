"""One Airflow for all live tests: its start is what takes time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_ecsjobs.emulator import Emulator
from tests.live.job_clock import JobClock
from tests.live.standalone import LiveAirflow
from tests.live.statsd_sink import StatsdSink

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

JOB_SECONDS = 300.0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests that share the Airflow in one process of pytest-xdist."""
    for item in items:
        if "airflow" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("the shared Airflow"))


@pytest.fixture(scope="session")
def emulators_clock() -> JobClock:
    """The emulator's clock: a job ends when a test says so, however long the tasks took to start."""
    return JobClock()


@pytest.fixture
def clock(emulators_clock: JobClock) -> Iterator[JobClock]:
    """The emulator's clock, for a test that leaps. Leaps of several tests together would make signatures expire."""
    yield emulators_clock
    emulators_clock.return_to_real_time()


@pytest.fixture(scope="session")
def emulator(emulators_clock: JobClock) -> Iterator[Emulator]:
    """The emulator that the Airflow of these tests is connected to."""
    with Emulator(run_seconds=JOB_SECONDS, clock=emulators_clock) as emulator:
        yield emulator


@pytest.fixture(scope="session")
def dags_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the tests put their DAGs, also while Airflow runs: it looks for new ones every two seconds."""
    return tmp_path_factory.mktemp("dags")


@pytest.fixture(scope="session")
def statsd() -> Iterator[StatsdSink]:
    """Where that Airflow sends its metrics."""
    with StatsdSink() as sink:
        yield sink


@pytest.fixture(scope="session")
def airflow(
    emulator: Emulator, dags_folder: Path, statsd: StatsdSink, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveAirflow]:
    """A real Airflow with a single worker slot, connected to the emulator."""
    environment = dict([emulator.connection_env()]) | statsd.environment()
    environment["AIRFLOW__CORE__TEST_CONNECTION"] = "Enabled"
    environment["AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL"] = "2"
    home = tmp_path_factory.mktemp("live") / "airflow"
    with LiveAirflow(home, dags_folder, parallelism=1, environment=environment) as airflow:
        yield airflow
