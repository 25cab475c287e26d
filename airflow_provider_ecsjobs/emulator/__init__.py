"""A local, in-memory emulator of the ECS API, for tests and for trying out DAGs without an account.

:class:`~airflow_provider_ecsjobs.emulator.emulator.Emulator` is its front. The rest of the package never imports it. It
imports only the signing algorithm from the rest, so that client and emulator do not share the same mistakes.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.emulator.emulator import Emulator
    from airflow_provider_ecsjobs.emulator.faults import Fault

__all__ = ["Emulator", "Fault"]

_HOMES = {"Emulator": "emulator", "Fault": "faults"}


def __getattr__(name: str) -> object:
    # Imported at first use: ``python -m`` imports this package before __main__, which handles Ctrl+C.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
