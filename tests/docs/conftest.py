"""What pages show is run with the intervals that they show, but not for as long."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_ecsjobs.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def ecs_emulator() -> Iterator[Emulator]:
    """An emulator whose jobs take no time."""
    with Emulator(init_seconds=0, run_seconds=0) as emulator:
        yield emulator


@pytest.fixture(autouse=True)
def _quick(quick_polls: None) -> None:
    """Let waits end soon."""
