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


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the pauses between two sends of a request take hundredths of a second."""
    from airflow_provider_ecsjobs.core import flows

    monkeypatch.setattr(flows, "LONGEST_BACKOFF", 0.05)
