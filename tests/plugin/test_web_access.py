"""Who may see what: each route asks Airflow's auth manager, and shows a user the jobs of the DAGs they may read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.plugin.conftest import USERS, Pages, Tasks, a_record, pages_at

if TYPE_CHECKING:
    from fastapi import FastAPI

JOB = "?run_id=run&task_id=wait"
ROUTES = {
    "the list's page": "/jobs",
    "the job's page": f"/dags/open/job{JOB}",
    "the list": "/api/jobs",
    "the job": f"/api/dags/open/job{JOB}",
    "a file": "/static/ecs-jobs.js",
}


@pytest.fixture(params=["", "/team/airflow"], ids=["at the root", "with a base path"])
def pages_anywhere(tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Pages:
    return pages_at(request.param, tokens, monkeypatch)


def app() -> FastAPI:
    from airflow_provider_ecsjobs.plugin.web import make_app

    return make_app("")


def checks_of(route: Any) -> set[str]:
    """Return the names of what a route depends on, at any depth."""
    found: set[str] = set()
    stack = list(route.dependant.dependencies)
    while stack:
        dependency = stack.pop()
        found.add(getattr(dependency.call, "__qualname__", ""))
        stack += dependency.dependencies
    return found


def unchecked(application: FastAPI) -> list[str]:
    """Return the routes that do not ask who the user is, or answer anything but a read."""
    found = []
    for route in application.routes:
        checks = checks_of(route) if hasattr(route, "dependant") and route.methods == {"GET"} else set()
        needed = (
            {"get_user"} if route.path.startswith("/static/") else {"get_user", "requires_access_dag.<locals>.inner"}
        )
        if not needed <= checks:
            found.append(str(route))
    return found


def test_each_route_has_a_check_and_only_reads() -> None:
    application = app()

    assert len(application.routes) == len(ROUTES)
    assert unchecked(application) == []


def test_a_route_without_a_check_would_be_found() -> None:
    application = app()
    application.get("/api/open")(app)
    application.post("/jobs")(app)
    application.mount("/more", application)

    assert len(unchecked(application)) == 3


@pytest.mark.parametrize("path", ROUTES.values(), ids=ROUTES)
def test_nobody_gets_anything_without_logging_in(pages_anywhere: Pages, tasks: Tasks, path: str) -> None:
    tasks.add(record=a_record())

    assert pages_anywhere.get(path, None).status_code == 401
    assert pages_anywhere.get(path, "garbage").status_code == 403
    assert pages_anywhere.get(path, None, headers={"Authorization": "Bearer garbage"}).status_code == 403
    bearer = {"Authorization": f"Bearer {pages_anywhere.tokens['all']}"}
    assert pages_anywhere.get(path, None, headers=bearer).status_code < 400


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("path", ROUTES.values(), ids=ROUTES)
def test_a_user_gets_what_their_dags_allow(pages_anywhere: Pages, tasks: Tasks, path: str, user: str) -> None:
    tasks.add(record=a_record())

    allowed = pages_anywhere.get(path, user).status_code < 400
    of_the_secret_one = pages_anywhere.get(path.replace("open", "secret"), user).status_code

    assert allowed == (user != "none" or path.startswith("/static/"))
    if "open" in path:
        assert of_the_secret_one == (403 if user != "all" else 404 if "/api/" in path else 302)


def test_the_list_holds_the_tasks_of_the_users_dags_alone(pages: Pages, tasks: Tasks) -> None:
    tasks.add("open", record=a_record())
    tasks.add("secret", record=a_record())

    def seen(user: str, query: str = "") -> set[str]:
        return {row["dag_id"] for row in pages.get(f"/api/jobs{query}", user).json()["rows"]}

    assert seen("all") == {"open", "secret"}
    assert seen("half") == {"open"}
    assert seen("one") == seen("one", "?q=secret&status=") | seen("one", "?q=open") == {"open"}
    assert {user: pages.get("/api/jobs", user).json().get("total") for user in USERS} == {
        "all": 2,
        "half": 1,
        "one": 1,
        "none": None,
    }
    assert pages.get("/api/jobs?dag_id=secret", "one").status_code == 403


def test_the_job_is_that_of_the_tasks_record_whatever_the_request_names(pages: Pages, tasks: Tasks) -> None:
    tasks.add(record=a_record(job_id="recorded"))

    answer = pages.get(f"/api/dags/open/job{JOB}&job_id=asked&huawei_ecs_conn_id=other").json()

    assert answer["record"]["job_id"] == "recorded"
    assert "asked" not in str(answer)


@pytest.mark.parametrize("token", [None, "garbage"])
def test_a_page_opened_without_a_valid_login_leads_to_the_login_and_back(pages: Pages, token: str | None) -> None:
    answer = pages.get("/jobs", token, headers={"Accept": "text/html"})

    assert answer.status_code == 302
    assert answer.headers["location"] == "/api/v2/auth/login?next=http%3A%2F%2Ftestserver%2Fecsjobs%2Fjobs"


def test_a_user_who_may_not_open_a_page_is_told_so_and_not_sent_to_the_login(pages: Pages) -> None:
    assert pages.get("/jobs", "none", headers={"Accept": "text/html"}).status_code == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ROUTES.values(), ids=ROUTES)
def test_nothing_but_reads_is_answered(pages: Pages, path: str, method: str) -> None:
    headers = {"Cookie": f"_token={pages.tokens['all']}"}

    assert pages.client.request(method, f"/ecsjobs{path}", headers=headers).status_code == 405


@pytest.mark.parametrize("base_path", ["", "/team/airflow"])
def test_pages_lead_into_airflows_ui_where_it_shows_them_and_stay_outside_elsewhere(
    auth_manager: Any, tokens: dict[str, str], tasks: Tasks, monkeypatch: pytest.MonkeyPatch, base_path: str
) -> None:
    pages = pages_at(base_path, tokens, monkeypatch)
    tasks.add(record=a_record())

    inside = pages.get(f"/dags/open/job{JOB}&map_index=-1")
    monkeypatch.setattr(type(auth_manager), "shows_plugins", False)
    outside = pages.get(f"/dags/open/job{JOB}")

    assert inside.status_code == 302
    query = "dag_id=open&run_id=run&task_id=wait&map_index=-1"
    assert inside.headers["location"] == f"{base_path}/plugin/ecs-jobs?{query}"
    assert outside.status_code == 200
    assert f'src="{base_path}/ecsjobs/static/ecs-jobs.js"' in outside.text
    assert pages.get("/static/ecs-jobs.css").headers["content-type"].startswith("text/css")


@pytest.mark.parametrize("path", [*ROUTES.values(), "/nothing", "/static/web.py", "/static/..%2fweb.py"])
def test_each_answer_forbids_foreign_scripts(pages: Pages, path: str) -> None:
    headers = pages.get(path).headers

    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] in ("no-store", "no-cache")


@pytest.mark.parametrize("name", ["web.py", "..%2fweb.py", "%2e%2e/web.py", ""])
def test_no_other_file_is_served(pages: Pages, name: str) -> None:
    assert pages.get(f"/static/{name}").status_code == 404


def test_an_error_is_answered_and_not_told(
    pages: Pages, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from airflow_provider_ecsjobs.plugin import queries

    def broken(*_: Any) -> None:
        raise RuntimeError("the database's password is hunter2")

    monkeypatch.setattr(queries, "waits", broken)
    answer = pages.get("/api/jobs")

    assert answer.status_code == 500
    assert "hunter2" not in answer.text
