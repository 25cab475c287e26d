"""Who may see what where FAB is the auth manager, with the roles that it ships and one of a user's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.plugin.conftest import Pages, Tasks, a_record, pages_at
from tests.plugin.test_web_access import JOB, ROUTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MANAGER = "airflow.providers.fab.auth_manager.fab_auth_manager"
pytest.importorskip(MANAGER, reason="apache-airflow-providers-fab is not installed: make test-fab")

NEEDED = ("DAG Runs", "Task Instances", "XComs")
OWN_ROLES: Mapping[str, tuple[str, ...]] = {
    "one": (*NEEDED, "DAG:open"),
    "no dags": NEEDED,
    "no runs": ("DAGs", "Task Instances", "XComs"),
    "no tasks": ("DAGs", "DAG Runs", "XComs"),
    "no xcoms": ("DAGs", "DAG Runs", "Task Instances"),
    "none": (),
}
"""What a role of a user's own can read."""
SHIPPED_ROLES = {"admin": "Admin", "op": "Op", "user": "User", "viewer": "Viewer", "public": "Public"}
IN_THE_UI = {"admin", "op"}
"""Those who may read plugins."""
SEEN: Mapping[str, set[str]] = {
    **{name: {"open", "secret"} for name in SHIPPED_ROLES if name != "public"},
    **{name: set() for name in ("public", *OWN_ROLES)},
    "one": {"open"},
}
"""The DAGs whose jobs each may see."""


@pytest.fixture(scope="module")
def fab_tokens(airflow_db: None) -> Iterator[dict[str, str]]:
    """Make FAB the auth manager, and return a token of a user of each role."""
    from airflow.api_fastapi import app
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder
    from airflow.providers.fab.auth_manager.fab_auth_manager import FabAuthManager
    from airflow.providers.fab.auth_manager.models.db import FABDBManager
    from airflow.utils.session import create_session

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "of the tests, " * 8)
        patch.setenv("AIRFLOW__CORE__AUTH_MANAGER", f"{MANAGER}.FabAuthManager")
        manager = FabAuthManager()
        patch.setattr(app._AuthManagerState, "instance", manager)
        with create_session() as session:
            FABDBManager(session).initdb()
        with get_application_builder() as builder:
            users = _add_users(builder.sm)
            yield {name: manager.generate_jwt(user, expiration_time_in_seconds=600) for name, user in users.items()}


def _add_users(security: Any) -> dict[str, Any]:
    security.sync_roles()
    roles = {name: security.find_role(role) for name, role in SHIPPED_ROLES.items()}
    for name, resources in OWN_ROLES.items():
        roles[name] = security.add_role(f"of {name}")
        for resource in resources:
            security.add_permission_to_role(roles[name], security.create_permission("can_read", resource))
    return {
        name: security.add_user(name, "A", "User", f"{name.replace(' ', '-')}@example.com", role, password="p")
        for name, role in roles.items()
    }


@pytest.fixture(params=["", "/team/airflow"], ids=["at the root", "with a base path"])
def fab_pages(fab_tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Pages:
    return pages_at(request.param, fab_tokens, monkeypatch)


@pytest.mark.parametrize("path", ROUTES.values(), ids=ROUTES)
def test_nobody_gets_anything_without_logging_in(fab_pages: Pages, tasks: Tasks, path: str) -> None:
    tasks.add(record=a_record())

    assert fab_pages.get(path, None).status_code == 401
    assert fab_pages.get(path, "garbage").status_code == 403
    assert fab_pages.get(path, None, headers={"Authorization": "Bearer garbage"}).status_code == 403


@pytest.mark.parametrize("user", SEEN)
@pytest.mark.parametrize("path", ROUTES.values(), ids=ROUTES)
def test_a_user_gets_what_their_role_allows(fab_pages: Pages, tasks: Tasks, path: str, user: str) -> None:
    tasks.add("open", record=a_record())
    tasks.add("secret", record=a_record())

    def is_shown(dag_id: str) -> bool:
        answer = fab_pages.get(path.replace("open", dag_id), user)
        assert answer.status_code in (200, 302, 403)
        return bool(answer.status_code != 403)

    if path.startswith("/static/"):
        assert is_shown("open")
    elif "open" in path:
        assert {dag_id for dag_id in ("open", "secret") if is_shown(dag_id)} == SEEN[user]
    else:
        assert is_shown("open") == bool(SEEN[user])


@pytest.mark.parametrize("user", SEEN)
def test_the_list_holds_the_tasks_of_the_users_dags_alone(fab_pages: Pages, tasks: Tasks, user: str) -> None:
    tasks.add("open", record=a_record())
    tasks.add("secret", record=a_record())

    answer = fab_pages.get("/api/jobs", user).json()

    assert {row["dag_id"] for row in answer.get("rows", ())} == SEEN[user]
    assert answer.get("total", 0) == len(SEEN[user])


@pytest.mark.parametrize("user", [user for user, seen in SEEN.items() if seen])
def test_who_may_not_read_plugins_gets_a_page_outside_the_ui(fab_pages: Pages, tasks: Tasks, user: str) -> None:
    tasks.add(record=a_record())

    for path in ("/jobs", f"/dags/open/job{JOB}"):
        answer = fab_pages.get(path, user)
        if user in IN_THE_UI:
            assert answer.headers["location"].startswith(f"{fab_pages.base_path}/plugin/ecs-jobs")
        else:
            assert answer.status_code == 200
            assert f'src="{fab_pages.base_path}/ecsjobs/static/ecs-jobs.js"' in answer.text
