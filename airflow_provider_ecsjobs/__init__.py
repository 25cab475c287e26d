"""Apache Airflow provider for the asynchronous jobs of Huawei Cloud ECS."""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"


def get_provider_info() -> dict[str, Any]:
    """Return this provider's metadata for Airflow (entry point ``apache_airflow_provider``)."""
    from airflow_provider_ecsjobs.provider_info import provider_info

    return provider_info(__version__)
