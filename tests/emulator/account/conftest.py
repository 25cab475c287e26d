from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from airflow_provider_ecsjobs.emulator import Emulator
from tests.emulator.account.clock import Clock
from tests.emulator.emulator_client import SignedClient

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ecs_emulator(clock: Clock) -> Iterator[Emulator]:
    with Emulator(clock=clock, token_seconds=3600, agency_seconds=1800) as emulator:
        yield emulator


@pytest.fixture
def client(ecs_emulator: Emulator, clock: Clock) -> Iterator[SignedClient]:
    client = SignedClient(ecs_emulator)
    client.now = lambda: datetime.fromtimestamp(clock(), UTC)
    with client.session:
        yield client
