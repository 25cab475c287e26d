"""A pytest fixture; enable it with ``pytest_plugins = ["airflow_provider_ecsjobs.emulator.pytest_plugin"]``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_ecsjobs.emulator.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def ecs_emulator() -> Iterator[Emulator]:
    """Run an ECS emulator of its own for each test."""
    with Emulator() as emulator:
        yield emulator
