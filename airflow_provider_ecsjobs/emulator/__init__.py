"""A local, in-memory emulator of the ECS API, for tests and for trying out DAGs without an account.

:class:`~airflow_provider_ecsjobs.emulator.emulator.Emulator` is its front. The rest of the package never imports it. It
imports only the signing algorithm from the rest, so that client and emulator do not share the same mistakes.
"""

from __future__ import annotations

from airflow_provider_ecsjobs.emulator.emulator import Emulator
from airflow_provider_ecsjobs.emulator.faults import Fault

__all__ = ["Emulator", "Fault"]
