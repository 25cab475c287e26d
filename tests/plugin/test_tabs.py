"""What each version of Airflow is given for its navigation and its tabs, and whether the one here accepts it."""

from __future__ import annotations

from importlib import reload
from typing import TYPE_CHECKING, Any

import airflow
import pytest

from airflow_provider_ecsjobs import compat
from airflow_provider_ecsjobs.decorators.ecs_job import _EcsJobDecoratedOperator
from airflow_provider_ecsjobs.operators.base import EcsBaseOperator
from airflow_provider_ecsjobs.operators.ecs_jobs import EcsJobOperator
from airflow_provider_ecsjobs.operators.servers import EcsCreateServersOperator
from airflow_provider_ecsjobs.plugin import ecs_jobs
from airflow_provider_ecsjobs.sensors.ecs_jobs import EcsJobSensor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Apps = Callable[..., list[dict[str, Any]]]

WITHOUT_SCOPES = ["2.11.2", "3.0.6", "3.1.8", "3.2.2", "3.3.2"]
WITH_SCOPES = ["3.4.0b2", "3.4.0", "3.10.1", "4.0.0"]


@pytest.fixture
def apps(monkeypatch: pytest.MonkeyPatch) -> Iterator[Apps]:
    """Return a function that loads the plugin anew, in a version of Airflow and with a value of the option."""

    def load(version: str, task_tab: str | None = None) -> list[dict[str, Any]]:
        monkeypatch.setattr(airflow, "__version__", version)
        monkeypatch.delenv("AIRFLOW__ECSJOBS__TASK_TAB", raising=False)
        if task_tab is not None:
            monkeypatch.setenv("AIRFLOW__ECSJOBS__TASK_TAB", task_tab)
        reload(compat)
        return list(reload(ecs_jobs).EcsJobsPlugin.react_apps)

    yield load
    monkeypatch.undo()
    reload(compat)
    reload(ecs_jobs)


@pytest.mark.parametrize("version", [*WITHOUT_SCOPES, *WITH_SCOPES])
@pytest.mark.parametrize("task_tab", ["True", "False", "perhaps", None])
def test_all_versions_have_one_place_in_the_navigation(apps: Apps, version: str, task_tab: str | None) -> None:
    (app,) = [app for app in apps(version, task_tab) if app["destination"] == "nav"]

    assert (app["name"], app["url_route"]) == ("ECS jobs", "ecs-jobs")
    assert app["bundle_url"] == "/ecsjobs/static/ecs-jobs.js"
    assert "applies_to" not in app


def tab(apps: list[dict[str, Any]]) -> dict[str, Any] | None:
    return next((app for app in apps if app["destination"] == "task_instance"), None)


@pytest.mark.parametrize("version", WITHOUT_SCOPES)
def test_a_version_that_would_show_a_tab_on_every_task_has_one_only_if_a_user_wants_it(
    apps: Apps, version: str
) -> None:
    assert tab(apps(version)) is None
    assert tab(apps(version, "False")) is None
    assert tab(apps(version, "perhaps")) is None

    wanted = tab(apps(version, "True"))

    assert wanted is not None
    assert "applies_to" not in wanted
    assert wanted["bundle_url"] == "/ecsjobs/static/ecs-jobs.js?tab"


@pytest.mark.parametrize("version", WITH_SCOPES)
def test_a_version_that_can_tell_tasks_apart_has_a_tab_on_ours(apps: Apps, version: str) -> None:
    assert tab(apps(version, "False")) is None
    assert tab(apps(version, "perhaps")) is None
    for task_tab in (None, "True"):
        found = tab(apps(version, task_tab))
        assert found is not None
        assert found["applies_to"] == {"task.template_fields": ["huawei_ecs_conn_id"]}


def below(kind: type) -> Iterator[type]:
    """Return a class and all that derive from it."""
    yield kind
    for derived in kind.__subclasses__():
        yield from below(derived)


def test_each_of_our_tasks_has_what_the_tab_looks_for() -> None:
    class OfAUser(EcsCreateServersOperator):
        template_fields = (*EcsCreateServersOperator.template_fields, "owner_tag")

    ours = [*below(EcsBaseOperator), *below(EcsJobSensor)]
    ((path, (field,)),) = ecs_jobs.OUR_TASKS.items()

    assert {EcsJobOperator, _EcsJobDecoratedOperator, OfAUser} < set(ours)
    assert path == "task.template_fields"
    assert [kind for kind in ours if field not in kind.template_fields] == []  # type: ignore[attr-defined]


@pytest.mark.skipif(
    airflow.__version__.startswith(("2.", "3.0.")), reason="this Airflow has no pages of plugins in its UI"
)
@pytest.mark.parametrize("task_tab", ["True", "False", None])
def test_this_airflow_accepts_all_of_it(apps: Apps, task_tab: str | None) -> None:
    """It would leave the whole plugin out of its UI if one entry failed."""
    from airflow.api_fastapi.core_api.datamodels.plugins import ReactAppResponse

    for app in apps(airflow.__version__, task_tab):
        shown = ReactAppResponse.model_validate(app).model_dump(exclude_none=True)
        assert app.items() <= shown.items()
