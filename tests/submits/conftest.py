from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_ecsjobs.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def ecs_emulator() -> Iterator[Emulator]:
    """An emulator whose jobs take no time: what is tested here is the submit."""
    with Emulator(init_seconds=0, run_seconds=0) as emulator:
        yield emulator
