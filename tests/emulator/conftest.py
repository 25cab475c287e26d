from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_ecsjobs.emulator.pytest_plugin import ecs_emulator
from tests.emulator.clocked_cloud import ClockedCloud, clocked_cloud
from tests.emulator.emulator_client import SignedClient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_ecsjobs.emulator import Emulator

__all__ = ["ecs_emulator"]


@pytest.fixture
def client(ecs_emulator: Emulator) -> Iterator[SignedClient]:
    client = SignedClient(ecs_emulator)
    with client.session:
        yield client


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[ClockedCloud]:
    with clocked_cloud(monkeypatch) as cloud:
        yield cloud
