"""The plugin that Airflow loads. Every component imports it, so it loads nothing until a page is requested."""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_ecsjobs.compat import AIRFLOW_VERSION, AirflowPlugin, conf

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

log = logging.getLogger(__name__)

PREFIX = "/ecsjobs"
PAGE = "ecs-jobs"
"""The page's place inside Airflow's UI: ``plugin/ecs-jobs``."""
NAME = "ECS jobs"
TAB_OPTION = ("ecsjobs", "task_tab")
OUR_TASKS = {"task.template_fields": ["huawei_ecs_conn_id"]}
"""What only our operators and sensors have, and what users derive from them. Airflow asks for fields of the task."""


class LazyApp:
    """An ASGI application that is created at the first request: importing FastAPI takes most of a second."""

    def __init__(self) -> None:
        self._app: Any = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if self._app is None:
            self._app = importlib.import_module("airflow_provider_ecsjobs.plugin.web").make_app(base_path())
        await self._app(scope, receive, send)


def base_path() -> str:
    """Return the path that this Airflow is served under, without a slash at its end. It is usually empty."""
    return urlsplit(conf.get("api", "base_url", fallback="") or "").path.rstrip("/")


def _can_restrict_tabs() -> bool:
    """Return whether this Airflow can show a tab on some tasks only."""
    return AIRFLOW_VERSION >= (3, 4)


def _is_tab_on() -> bool:
    try:
        return bool(conf.getboolean(*TAB_OPTION, fallback=_can_restrict_tabs()))
    except Exception:  # noqa: BLE001 - Airflow would leave out all of the plugin, with a traceback in each component
        log.warning("[%s] %s is no boolean: tasks have no tab of their job", *TAB_OPTION)
        return False


def _react_apps() -> list[dict[str, Any]]:
    """Return our pages in the UI of Airflow 3.1 and later. Older versions ignore them."""
    # An absolute path: Airflow 3.1 and 3.2 import it unchanged, and a relative path is no module specifier.
    root = base_path() + PREFIX
    common = {
        # Each page has its own address, since a module runs only once per address.
        "icon": f"{root}/static/icon.svg",
        "icon_dark_mode": f"{root}/static/icon-dark.svg",
    }
    script = f"{root}/static/ecs-jobs.js"
    apps: list[dict[str, Any]] = [
        {"name": NAME, "destination": "nav", "category": "browse", "url_route": PAGE, "bundle_url": script}
    ]
    if _is_tab_on():
        tab = {"name": "ECS job", "destination": "task_instance", "url_route": "ecs-job"}
        # Up to Airflow 3.3, the tab is shown for all tasks of all DAGs. So there it is off by default.
        scope = {"applies_to": OUR_TASKS} if _can_restrict_tabs() else {}
        apps.append({**tab, **scope, "bundle_url": f"{script}?tab"})
    return [{**app, **common} for app in apps]


class EcsJobsPlugin(AirflowPlugin):
    """The pages of ECS jobs. Airflow 2.11 shows none of them, Airflow 3.0 shows them outside its UI."""

    name = "ecs_jobs"
    fastapi_apps = [{"app": LazyApp(), "url_prefix": PREFIX, "name": NAME}]  # noqa: RUF012 - Airflow's own declaration
    react_apps = _react_apps()
