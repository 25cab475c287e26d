from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

# What is left after hundreds of waits is counted by `make soak`: beside other tests, on a busy machine, so are they.
collect_ignore = [] if "ECSJOBS_SOAK_WAITS" in os.environ else ["test_leaks_over_time.py"]


@pytest.fixture(autouse=True)
def _quick(quick_backoff: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everything that lasts minutes take fractions of a second, and a body of 64 KiB be too large."""
    from airflow_provider_ecsjobs.core import flows, responses
    from airflow_provider_ecsjobs.emulator import account
    from airflow_provider_ecsjobs.transport import async_client, rate_limit, sync_client

    # Airflow compiles a regular expression of each token, and 9 KB take it 20 ms. Long tokens are tested on their own.
    monkeypatch.setattr(account, "TOKEN_LENGTH", 100)
    monkeypatch.setattr(responses, "MAX_RETRY_AFTER", 0.1)
    monkeypatch.setattr(rate_limit, "LONGEST_INTERVAL", 0.02)
    monkeypatch.setattr(flows, "LONGEST_BACKOFF", 0.05)
    for driver in (async_client, sync_client):
        monkeypatch.setattr(driver, "MAX_BODY_BYTES", 64 * 1024)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "*")


_is_warm: list[bool] = []


@pytest.fixture(autouse=True)
def _warm(_quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait in each way before the first test of a process, and as quickly as the tests do."""
    from tests.faults.ways_to_wait import warm_up

    if not _is_warm:
        warm_up(monkeypatch)
        _is_warm.append(True)


@pytest.fixture(autouse=True, scope="module")
def _little_to_collect() -> Iterator[None]:
    """Take what is loaded out of the garbage collector's way, also after these tests, which take more out of it."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
    gc.collect()
    gc.freeze()
