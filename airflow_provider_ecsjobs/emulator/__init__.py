"""A local, in-memory emulator of the ECS API, for tests and for trying out DAGs without an account."""

from __future__ import annotations

from airflow_provider_ecsjobs.emulator.faults import Fault
from airflow_provider_ecsjobs.emulator.server import Emulator

__all__ = ["Emulator", "Fault"]
