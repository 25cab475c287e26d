"""The connection form of Airflow 2.11, made by the hook. `make test-matrix` looks at that of Airflow 3."""

from __future__ import annotations

import importlib.util

import pytest

from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook
from airflow_provider_ecsjobs.provider_info import CONNECTION_FIELDS

HAS_WTFORMS = importlib.util.find_spec("flask_appbuilder") is not None


@pytest.mark.skipif(not HAS_WTFORMS, reason="a plain Airflow 3 has no wtforms, and asks for no widgets")
def test_airflow_takes_every_field_and_hides_the_secret_ones() -> None:
    from airflow.providers_manager import ProvidersManager

    manager = ProvidersManager()
    assert "huawei_ecs" in manager.hooks
    widgets = {
        widget.field_name: widget
        for name, widget in manager.connection_form_widgets.items()
        if name.startswith("extra__huawei_ecs__")
    }
    assert list(widgets) == list(CONNECTION_FIELDS)
    hidden = {name for name, widget in widgets.items() if widget.is_sensitive}
    assert hidden == {"security_token", "token", "proxy"}
    # All types share one form there: a choice that is enforced would be so for other types' fields of the same name.
    assert not any(widget.field.kwargs.get("validators") for widget in widgets.values())
    behaviour = manager.field_behaviours["huawei_ecs"]
    assert behaviour["hidden_fields"] == ["schema"]
    assert behaviour["relabeling"]["login"] == "Access key (AK) or IAM user"


def test_the_standard_fields_are_described_as_airflow_2_names_them() -> None:
    assert set(EcsJobsHook.get_ui_field_behaviour()) == {"hidden_fields", "relabeling", "placeholders"}
