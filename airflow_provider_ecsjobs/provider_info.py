"""The provider's metadata for Airflow, including the connection form."""

from __future__ import annotations

from typing import Any

from airflow_provider_ecsjobs.core.auth.credentials import AUTHS
from airflow_provider_ecsjobs.transport.config_fields import MAX_RATE, MAX_TIMEOUT, MIN_RATE, MIN_TIMEOUT

NAME = "Huawei Cloud ECS"
CONNECTION_TYPE = "huawei_ecs"

UI_FIELD_BEHAVIOUR: dict[str, Any] = {
    # The host may hold the scheme. The port is shown: some Airflows do not test a connection without one.
    "hidden-fields": ["schema"],
    "relabeling": {
        "login": "Access key (AK) or IAM user",
        "password": "Secret key (SK) or IAM password",
        "host": "Endpoint",
        "port": "Port",
    },
    "placeholders": {
        "port": "443, if the test button says Bad Request; else empty",
        "login": "AK for auth aksk, IAM user name for auth password, else empty",
        "password": "SK for auth aksk, password for auth password, else empty",
        "host": "empty, with a Region (under Extra Fields); or https://...",
    },
}
"""The standard fields of the connection form."""


def _text(label: str, description: str, **schema: Any) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": ["string", "null"], **schema}}


def _number(label: str, description: str, minimum: float, maximum: float) -> dict[str, Any]:
    schema = {"type": ["number", "null"], "minimum": minimum, "maximum": maximum}
    return {"label": label, "description": description, "schema": schema}


def _seconds(label: str, description: str) -> dict[str, Any]:
    return _number(label, description, MIN_TIMEOUT, MAX_TIMEOUT)


CONNECTION_FIELDS: dict[str, dict[str, Any]] = {
    "region": _text("Region", "Such as cn-north-4 or eu-west-101. Sets the endpoint, and the project if none is set."),
    "auth": {
        "label": "Authentication",
        "description": "aksk: access key and secret key; password: IAM user; token: an existing IAM token; agency: the"
        " agency of the ECS server Airflow runs on; env: HUAWEICLOUD_SDK_AK and _SK on the machine.",
        "schema": {"type": "string", "enum": list(AUTHS), "default": "aksk"},
    },
    "project_id": _text("Project ID", "Looked up by region if empty."),
    "domain_name": _text("Account name", "The account (domain) that the IAM user belongs to. For auth password."),
    "security_token": _text("Security token", "Belongs to a temporary AK/SK. For auth aksk.", format="password"),
    "token": _text("IAM token", "A project-scoped token, valid 24 h. For auth token.", format="password"),
    "iam_endpoint": _text("IAM endpoint", "For clouds other than Huawei's own; otherwise derived from the region."),
    "metadata_endpoint": _text("Metadata endpoint", "http://169.254.169.254 if empty. For auth agency."),
    "verify": _text("Verify certificates", "true (if empty), false, or the path of a CA bundle on the machine."),
    "proxy": _text("Proxy", "http://user:password@host:port; the environment's if empty.", format="password"),
    "connect_timeout": _seconds("Connect timeout (s)", "Maximum time to connect, in seconds; 10 if empty."),
    "read_timeout": _seconds("Read timeout (s)", "Maximum time for a response, in seconds; 30 if empty."),
    "requests_per_second": _number(
        "Requests per second",
        "Rate limit of all waits in a triggerer together; 20 if empty. Lower while the API throttles.",
        MIN_RATE,
        MAX_RATE,
    ),
}
"""The fields of the connection form that are stored in its extra."""


def form_widgets() -> dict[str, Any]:
    """Return a form field for each extra field of the connection, by name, for Airflow 2.11, 3.0 and 3.1.

    Airflow 2.11 accepts fields for text, passwords and whole numbers, and drops a provider with any other field. So
    the numbers are text fields, and on 2.11 ``auth`` is one, too.
    """
    from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget
    from wtforms import PasswordField, StringField

    widgets: dict[str, Any] = {}
    for name, described in CONNECTION_FIELDS.items():
        label, description, schema = described["label"], described["description"], described["schema"]
        if schema.get("format") == "password":
            widgets[name] = PasswordField(label, description=description, widget=BS3PasswordFieldWidget())
        else:
            widgets[name] = StringField(
                label,
                _choice(schema),
                description=description,
                default=schema.get("default"),
                widget=BS3TextFieldWidget(),
            )
    return widgets


def _choice(schema: dict[str, Any]) -> list[Any]:
    """Return the validator that tells Airflow 3.0 and 3.1 the values to choose from."""
    from wtforms.validators import any_of

    from airflow_provider_ecsjobs.compat import AIRFLOW_VERSION

    # Airflow 2.11 has the fields of all types in one form, and fills all fields of one name alike. The validator would
    # refuse a connection of another type with an "auth" of its own.
    return [any_of(schema["enum"])] if "enum" in schema and AIRFLOW_VERSION >= (3, 0) else []


def provider_info(version: str) -> dict[str, Any]:
    """Return the provider's metadata.

    :param version: the provider's version.
    """
    return {
        "package-name": "airflow-provider-ecsjobs",
        "name": NAME,
        "description": "Submit the asynchronous jobs of Huawei Cloud ECS exactly once, and wait without a worker slot.",
        "versions": [version],
        "integrations": [
            {
                "integration-name": NAME,
                "external-doc-url": "https://support.huaweicloud.com/intl/en-us/api-ecs/en-us_topic_0022067710.html",
                # Paths of the repository, in the form that Airflow's schema asks for: a logo's is below docs/.
                "how-to-guide": [
                    f"/docs/{page}.md" for page in ("servers", "server-operators", "operators", "wait", "fleet")
                ],
                "logo": "/integration-logos/huawei-cloud-ecs.svg",
                "tags": ["service"],
            }
        ],
        "hooks": [_modules("hooks")],
        "operators": [_modules("operators", "ecs_jobs", "servers")],
        "sensors": [_modules("sensors")],
        "triggers": [_modules("triggers")],
        "task-decorators": [
            {"name": "ecs_job", "class-name": "airflow_provider_ecsjobs.decorators.ecs_job.ecs_job_task"}
        ],
        "extra-links": [
            "airflow_provider_ecsjobs.links.ecs_console.EcsConsoleLink",
            "airflow_provider_ecsjobs.links.job_page.EcsJobPageLink",
        ],
        "config": {
            "ecsjobs": {
                "description": "The pages of ECS jobs in Airflow's UI.",
                "options": {
                    "publish_jobs": _switch(
                        "Whether tasks and triggers publish the state of their job, as the XComs ecs_job and"
                        " ecs_job_end, for the pages of ECS jobs in Airflow's UI. Read by workers and triggerers.",
                        "True",
                    ),
                    "task_tab": _switch(
                        "Whether the job page is a tab of tasks, too. Without a value it is one from Airflow 3.4 on,"
                        " which shows the tab for tasks of this provider alone. Up to Airflow 3.3 the tab is shown for"
                        " all tasks of all DAGs. Read by the API server.",
                        None,
                    ),
                },
            }
        },
        "connection-types": [
            {
                "connection-type": CONNECTION_TYPE,
                "hook-class-name": "airflow_provider_ecsjobs.hooks.ecs_jobs.EcsJobsHook",
                "hook-name": NAME,
                "ui-field-behaviour": UI_FIELD_BEHAVIOUR,
                "conn-fields": CONNECTION_FIELDS,
            }
        ],
    }


def _switch(description: str, default: str | None) -> dict[str, Any]:
    return {
        "description": description,
        "version_added": "0.1.0",
        "type": "boolean",
        "example": None,
        "default": default,
    }


def _modules(role: str, *names: str) -> dict[str, Any]:
    modules = [f"airflow_provider_ecsjobs.{role}.{name}" for name in names or ("ecs_jobs",)]
    return {"integration-name": NAME, "python-modules": modules}
