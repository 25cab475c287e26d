"""A throw-away Airflow for the tests: its home, its database, its connections."""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import socket
import sys
import tempfile
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

# Before anything imports Airflow, which reads these once.
_HOME = tempfile.mkdtemp(prefix="ecsjobs-tests-")
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
os.environ["AIRFLOW_HOME"] = _HOME
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = f"{_HOME}/dags"
os.environ["AIRFLOW__CORE__UNIT_TEST_MODE"] = "False"
os.environ["AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS"] = "False"
os.makedirs(f"{_HOME}/dags", exist_ok=True)  # noqa: PTH103 - pathlib would be one more import, for nothing
for _name in [name for name in os.environ if name.startswith("AIRFLOW_CONN_")]:
    del os.environ[_name]

# A busy machine is no failure: no example has a time limit. In CI the examples are the same in every run.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize="CI" in os.environ
)
settings.load_profile("any machine")

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_ecsjobs.emulator import Emulator
    from tests.live.browser import Browser

pytest_plugins = ["airflow_provider_ecsjobs.emulator.pytest_plugin"]


def pytest_collection_finish() -> None:
    """Have the garbage collector run rarely, and without what was imported: it took a seventh of the CPU time."""
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


@pytest.fixture(autouse=True)
def _nothing_learned() -> None:
    """Forget how long the jobs of earlier tests took. Only tests with triggers pay for the import."""
    triggers = sys.modules.get("airflow_provider_ecsjobs.triggers.ecs_jobs")
    if triggers is not None:
        triggers.durations_of.cache_clear()


# What Airflow hides in logs, in each process for good: in 3.x, in 3.0, and in 2.11.
_MASKERS = (
    "airflow.sdk._shared.secrets_masker",
    "airflow._shared.secrets_masker",
    "airflow.sdk.execution_time.secrets_masker",
    "airflow.utils.log.secrets_masker",
)


@pytest.fixture(autouse=True)
def _nothing_masked() -> None:
    """Let Airflow forget the secrets of earlier tests: each log line is searched for all of them, which takes longer
    and longer; and one that a test looks for might be hidden because of another test.
    """
    for name in _MASKERS:
        module = sys.modules.get(name)
        if module is not None:
            masker = module._secrets_masker()
            masker.patterns, masker.replacer = set(), None


@pytest.fixture(scope="session")
def airflow_db() -> None:
    """Give a fresh metadata database, made once for all tests."""
    from airflow.utils.db import initdb

    initdb()


@pytest.fixture
def connected(ecs_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """Give an emulator that the default connection leads to."""
    name, value = ecs_emulator.connection_env()
    monkeypatch.setenv(name, value)
    return ecs_emulator


@pytest.fixture
def set_connection(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Give a function that sets a connection from its fields."""
    import json

    def set_it(conn_id: str = "huawei_ecs_default", **fields: object) -> None:
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(fields))

    return set_it


@pytest.fixture
def vanish() -> Iterator[Callable[[Emulator], None]]:
    """Give a function that ends an emulator for good: nobody else gets its port, such as one of another process."""
    with ExitStack() as held:

        def stop(emulator: Emulator) -> None:
            emulator.stop()
            holder = held.enter_context(socket.socket())
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.bind(("127.0.0.1", int(emulator.url.rpartition(":")[2])))

        yield stop


@pytest.fixture
def quick_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pauses after trouble take hundredths of a second."""
    from airflow_provider_ecsjobs.core import responses
    from airflow_provider_ecsjobs.core.auth import session
    from airflow_provider_ecsjobs.core.waiting import schedule

    monkeypatch.setattr(schedule, "FIRST_BACKOFF", 0.02)
    monkeypatch.setattr(schedule, "SHORTEST_DELAY", 0.01)
    monkeypatch.setattr(session, "CONFIRM_AFTER", 0.02)
    monkeypatch.setattr(responses, "DELAY_OF_CODE", dict.fromkeys(responses.DELAY_OF_CODE, 0.05))


@pytest.fixture
def quick_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pauses between polls take a hundredth of their time, whatever the intervals."""
    from airflow_provider_ecsjobs.core.waiting import wait
    from airflow_provider_ecsjobs.sensors import ecs_jobs

    for module, name in ((wait, "poll_delay"), (wait, "first_poll_delay"), (ecs_jobs, "poll_delay")):
        delay = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *args, delay=delay: delay(*args) / 100)


@pytest.fixture
def log_text(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """Return a function that returns what was logged since its last call: Airflow 3 logs to the output, 2 does not."""
    caplog.set_level("INFO")

    def take() -> str:
        text = caplog.text + "".join(capsys.readouterr())
        caplog.clear()
        return text

    return take


@pytest.fixture
def lookups(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give a list that fills with the ids of the connections that are looked up in Airflow."""
    from airflow.providers.common.compat.sdk import BaseHook

    seen: list[str] = []
    look_up = BaseHook.get_connection

    def noting(conn_id: str) -> object:
        seen.append(conn_id)
        return look_up(conn_id)

    monkeypatch.setattr(BaseHook, "get_connection", noting)
    return seen


@pytest.fixture(autouse=True)
def no_pause_after_deferral(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a trigger fire at once: no scheduler is behind."""
    from airflow_provider_ecsjobs.core.waiting import schedule

    monkeypatch.setattr(schedule, "FIRST_POLL_DELAY", 0.0)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return a browser for the pages. Skip the tests if none can be had."""
    from tests.live.browser import missing, start_browser

    if why := missing():
        pytest.skip(why)
    with start_browser() as browser:
        yield browser
