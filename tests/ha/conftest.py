"""Left out of ``make test``: these take minutes, and servers that not every machine has. ``make test-ha`` runs them."""

from __future__ import annotations

import os

import pytest

collect_ignore_glob = [] if os.environ.get("ECSJOBS_HA_WAITS") else ["test_*.py"]


@pytest.fixture(scope="session")
def count() -> int:
    """How many waits there are at once."""
    return int(os.environ["ECSJOBS_HA_WAITS"])


@pytest.fixture(scope="session")
def is_small(count: int) -> bool:
    """Whether it is to be quick: what one executor has shown is not tried with the other one again."""
    return count < 100


@pytest.fixture(scope="session")
def outage(count: int) -> float:
    """For how many seconds the cloud is unreachable: a minute at full size."""
    return min(max(10.0, count / 5), 60.0)
