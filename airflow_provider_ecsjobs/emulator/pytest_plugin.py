"""Pytest fixtures; enable them with ``pytest_plugins = ["airflow_provider_ecsjobs.emulator.pytest_plugin"]``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_ecsjobs.emulator.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def ecs_emulator() -> Iterator[Emulator]:
    """Run a new ECS emulator for each test."""
    with Emulator() as emulator:
        yield emulator


@pytest.fixture(scope="session")
def ecs_emulator_session() -> Iterator[Emulator]:
    """Run one ECS emulator for all tests. Its ``reset()`` restores the initial state."""
    with Emulator() as emulator:
        yield emulator
