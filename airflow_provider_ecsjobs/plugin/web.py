"""The routes of the API server under ``/ecsjobs``: two pages, their data and their files. All of them only read.

Airflow checks no permission for the application of a plugin. So each route asks Airflow's auth manager, like the routes
of Airflow's own API.
"""

from __future__ import annotations

import logging
import time
from html import escape
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView, DagAccessEntity, DagDetails
from airflow.api_fastapi.common.db.common import SessionDep  # noqa: TC002 - FastAPI reads it
from airflow.api_fastapi.core_api.security import GetUserDep, get_user, requires_access_dag
from airflow.models.dag import DagModel
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException as StarletteHTTPException

from airflow_provider_ecsjobs import __version__
from airflow_provider_ecsjobs.compat import AIRFLOW_VERSION
from airflow_provider_ecsjobs.plugin import queries
from airflow_provider_ecsjobs.plugin.ecs_jobs import NAME, PAGE, PREFIX

log = logging.getLogger(__name__)

STATIC = Path(__file__).parent / "static"
FILES = {
    "ecs-jobs.js": "text/javascript",
    "ecs-jobs.css": "text/css",
    "icon.svg": "image/svg+xml",
    "icon-dark.svg": "image/svg+xml",
}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
# Airflow 3.0 authenticates by a header only, which a browser does not send when it opens a page. So the empty page and
# its files are open there. The data is not.
_cookie_login = AIRFLOW_VERSION >= (3, 1)
INVALID_TOKEN = (403, "Invalid JWT token")
"""How Airflow refuses a token that was signed with another secret. The user has to log in, as after any 401."""
NEEDED = (DagAccessEntity.TASK_INSTANCE, DagAccessEntity.XCOM)
"""What a user must be able to read of a DAG: of the DAG that a request names, of any DAG if it names none."""
MAY_READ = [Depends(requires_access_dag("GET", entity)) for entity in NEEDED]
MAY_OPEN = MAY_READ if _cookie_login else []
MAY_LOAD = [Depends(get_user)] if _cookie_login else []
MapIndex = Annotated[int, Query(ge=-1, le=2**31 - 1)]
"""What the database's column holds; more would be an error of the database."""
PageUser = Annotated[Any, Depends(get_user if _cookie_login else lambda: None)]
router = APIRouter()

_SHELL = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="icon" href="{root}/static/icon.svg">
<link rel="stylesheet" href="{root}/static/ecs-jobs.css">
<script type="module" src="{root}/static/ecs-jobs.js"></script>
</head>
<body class="ecs-standalone"><main id="ecs-jobs"></main><noscript>This page needs JavaScript.</noscript></body>
</html>
"""


def make_app(base_path: str) -> FastAPI:
    """Return the FastAPI application.

    :param base_path: the path that Airflow is served under, without a slash at its end.
    """
    app = FastAPI(title=NAME, version=__version__, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.base_path = base_path
    app.middleware("http")(_answer)
    app.exception_handler(StarletteHTTPException)(_refuse)
    app.include_router(router)
    return app


async def _answer(request: Request, call_next: Any) -> Response:
    response: Response
    try:
        # PostgreSQL takes no text with such a character, and no id has one.
        if "\0" in request.scope["path"] or b"%00" in request.scope["query_string"]:
            response = JSONResponse({"detail": "The address has a NUL character (%00): remove it."}, 400)
        else:
            response = await call_next(request)
    except Exception:
        # An exception that leaves this application would break the connection.
        log.exception("The request %s failed", request.url.path)
        response = JSONResponse({"detail": "This could not be read: see the API server's log."}, 500)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


async def _refuse(request: Request, error: StarletteHTTPException) -> Response:
    asks_for_page = "text/html" in request.headers.get("accept", "")
    is_logged_out = error.status_code == 401 or (error.status_code, error.detail) == INVALID_TOKEN
    if is_logged_out and _cookie_login and asks_for_page:
        login = f"{request.app.state.base_path}/api/v2/auth/login"
        return RedirectResponse(f"{login}?{urlencode({'next': str(request.url)})}", 302)
    return JSONResponse({"detail": error.detail}, error.status_code, headers=error.headers)


@router.get("/jobs", dependencies=MAY_OPEN)
def jobs_page(request: Request, user: PageUser) -> Response:
    """Return the page that lists the waits."""
    return _page(request, NAME, user, {})


@router.get("/dags/{dag_id}/job", dependencies=MAY_OPEN)
def job_page(
    request: Request, user: PageUser, dag_id: str, run_id: str, task_id: str, map_index: MapIndex = -1
) -> Response:
    """Return the page of a task's job."""
    query = {"dag_id": dag_id, "run_id": run_id, "task_id": task_id, "map_index": map_index}
    return _page(request, f"{task_id} - ECS job", user, query)


def _page(request: Request, title: str, user: Any, query: dict[str, Any]) -> Response:
    base_path = request.app.state.base_path
    if user is not None and _has_shell(user):
        return RedirectResponse(f"{base_path}/plugin/{PAGE}?{urlencode(query)}".rstrip("?"), 302)
    return HTMLResponse(_SHELL.format(title=escape(title), root=base_path + PREFIX))


def _has_shell(user: Any) -> bool:
    """Return whether the user may open our page inside Airflow's UI, which needs the permission to read plugins."""
    return get_auth_manager().is_authorized_view(access_view=AccessView.PLUGINS, user=user)


@router.get("/api/jobs", dependencies=MAY_READ)
def jobs(
    user: GetUserDep,
    session: SessionDep,
    q: Annotated[str, Query(max_length=250)] = "",
    status: Annotated[str, Query(max_length=64)] = "",
    sort: Annotated[str, Query(max_length=20)] = "-waited",
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
) -> dict[str, Any]:
    """Return one page of the tasks that wait for a job, of the DAGs whose tasks and XComs the user may read."""
    dag_ids = _readable(queries.waiting_dags(session), user)
    found = queries.waits(session, dag_ids, queries.ListQuery(q.strip(), status, sort, page))
    return {**found, "now": time.time()}


def _readable(dag_ids: set[str], user: Any) -> set[str]:
    """Return those of the DAGs that the user may read, with their tasks and XComs."""
    manager = get_auth_manager()
    candidates = dag_ids & manager.get_authorized_dag_ids(user=user, method="GET")
    teams = _teams(candidates)

    def may_read(dag_id: str) -> bool:
        details = DagDetails(dag_id, *teams.get(dag_id, ()))
        return all(
            manager.is_authorized_dag(method="GET", access_entity=entity, details=details, user=user)
            for entity in NEEDED
        )

    return {dag_id for dag_id in candidates if may_read(dag_id)}


def _teams(dag_ids: set[str]) -> dict[str, tuple[str | None]]:
    """Return the teams that the DAGs belong to. Teams came with Airflow 3.2."""
    read = getattr(DagModel, "get_dag_id_to_team_name_mapping", None)
    return {} if read is None else {dag_id: (team,) for dag_id, team in read(list(dag_ids)).items()}


@router.get("/api/dags/{dag_id}/job", dependencies=MAY_READ)
def job(session: SessionDep, dag_id: str, run_id: str, task_id: str, map_index: MapIndex = -1) -> dict[str, Any]:
    """Return a task instance, and the job that it waits for or has waited for."""
    task, record, console_url = queries.task_and_record(session, dag_id, run_id, task_id, map_index)
    if task is None:
        raise HTTPException(404, "There is no such task instance.")
    return {
        "task": queries.task_of(task),
        "record": record if isinstance(record, dict) else None,
        "is_elsewhere": record is not None and not isinstance(record, dict),
        "console_url": console_url,
        "now": time.time(),
    }


@router.get("/static/{name}", dependencies=MAY_LOAD)
def static(name: str) -> Response:
    """Return a file of the pages."""
    if name not in FILES:
        raise HTTPException(404, "There is no such file.")
    # The browser checks each time whether the file has changed. So an upgrade shows at once.
    return FileResponse(STATIC / name, media_type=FILES[name], headers={"Cache-Control": "no-cache"})
