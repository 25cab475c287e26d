"""The connection form of Airflow 2.11, drawn with wtforms; a plain Airflow 3 does not have that installed."""

from __future__ import annotations

from typing import Any

from airflow_provider_ecsjobs.provider_info import CONNECTION_FIELDS


def form_widgets() -> dict[str, Any]:
    """Make a form field for each extra field of the connection, by its name."""
    from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget, Select2Widget
    from wtforms import PasswordField, SelectField, StringField

    widgets: dict[str, Any] = {}
    for name, described in CONNECTION_FIELDS.items():
        schema = described["schema"]
        common = {"label": described["label"], "description": described["description"]}
        if "enum" in schema:
            widgets[name] = SelectField(
                **common, choices=schema["enum"], default=schema["default"], widget=Select2Widget()
            )
        elif schema.get("format") == "password":
            widgets[name] = PasswordField(**common, widget=BS3PasswordFieldWidget())
        else:
            widgets[name] = StringField(**common, widget=BS3TextFieldWidget())
    return widgets
