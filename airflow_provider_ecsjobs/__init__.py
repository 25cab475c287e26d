"""Apache Airflow provider for the asynchronous jobs of Huawei Cloud ECS."""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"


def get_provider_info() -> dict[str, Any]:
    """Describe this provider to Airflow (entry point ``apache_airflow_provider``)."""
    name = "Huawei Cloud ECS"
    return {
        "package-name": "airflow-provider-ecsjobs",
        "name": name,
        "description": "Wait for the asynchronous jobs of Huawei Cloud ECS without a worker slot.",
        "versions": [__version__],
        "integrations": [
            {
                "integration-name": name,
                "external-doc-url": "https://support.huaweicloud.com/intl/en-us/api-ecs/en-us_topic_0022067710.html",
                "tags": ["service"],
            }
        ],
        "hooks": [_modules(name, "hooks")],
        "operators": [_modules(name, "operators")],
        "sensors": [_modules(name, "sensors")],
        "triggers": [_modules(name, "triggers")],
        "connection-types": [
            {
                "connection-type": "huawei_ecs",
                "hook-class-name": "airflow_provider_ecsjobs.hooks.ecs_jobs.EcsJobsHook",
                "hook-name": name,
            }
        ],
    }


def _modules(integration: str, role: str) -> dict[str, Any]:
    return {"integration-name": integration, "python-modules": [f"airflow_provider_ecsjobs.{role}.ecs_jobs"]}
