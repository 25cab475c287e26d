"""Names of Airflow that not every supported ``common-compat`` (1.10.1 and later) has.

All other names are imported from ``airflow.providers.common.compat.sdk`` directly. Each name is looked up when it is
first imported, so that the import of one does not load the others.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from airflow import __version__ as airflow_version

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import (
        AirflowPlugin,
        conf,
        determine_kwargs,
        get_current_context,
        mask_secret,
    )

__all__ = ["AIRFLOW_VERSION", "AirflowPlugin", "conf", "determine_kwargs", "get_current_context", "mask_secret"]

AIRFLOW_VERSION = tuple(int(part) for part in airflow_version.split(".")[:2])
"""The version of the Airflow that runs: major and minor."""

_SDK = "airflow.providers.common.compat.sdk"
_HOMES = {
    "AirflowPlugin": (_SDK, "airflow.plugins_manager"),  # from common-compat 1.12.0 on
    "conf": (_SDK, "airflow.configuration"),  # from common-compat 1.12.0 on
    "mask_secret": (
        _SDK,  # from common-compat 1.22.0 on; it makes the others unnecessary
        "airflow.sdk.log",  # Airflow 3.1 and later
        "airflow.sdk.execution_time.secrets_masker",  # Airflow 3.0
        "airflow.utils.log.secrets_masker",  # Airflow 2.11
    ),
    "determine_kwargs": (
        _SDK,  # from common-compat 1.14.1 on; it makes the others unnecessary
        "airflow.sdk.bases.decorator",  # Airflow 3.2 and later
        "airflow.utils.operator_helpers",  # Airflow 2.11 to 3.1
    ),
    "get_current_context": (_SDK,),  # all versions have it; it stands here to be looked up late
}


def __getattr__(name: str) -> object:
    for home in _HOMES.get(name, ()):
        try:
            found: object = getattr(import_module(home), name)
        except (ImportError, AttributeError):
            continue
        globals()[name] = found
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
