"""The connection form of Airflow 2.11, drawn with wtforms; a plain Airflow 3 does not have that installed."""

from __future__ import annotations

from typing import Any

from airflow_provider_ecsjobs.provider_info import CONNECTION_FIELDS


def form_widgets() -> dict[str, Any]:
    """Make a form field for each extra field of the connection, by its name.

    Airflow 2.11 takes fields for text, passwords and whole numbers, and drops a provider that gives it any other: so
    the choice of ``auth`` and the seconds are texts there.
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
                label, description=description, default=schema.get("default"), widget=BS3TextFieldWidget()
            )
    return widgets
