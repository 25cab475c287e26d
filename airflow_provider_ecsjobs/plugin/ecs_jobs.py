"""The plugin that Airflow loads. Every component imports it, so it loads nothing until a page is requested."""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_ecsjobs.compat import AirflowPlugin, conf

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
    apps = [{"name": NAME, "destination": "nav", "category": "browse", "url_route": PAGE, "bundle_url": script}]
    if conf.getboolean(*TAB_OPTION, fallback=False):
        # Up to Airflow 3.3, the tab is shown for all tasks of all DAGs. So it is off by default.
        tab = {"name": "ECS job", "destination": "task_instance", "url_route": "ecs-job"}
        apps.append({**tab, "bundle_url": f"{script}?tab"})
    return [{**app, **common} for app in apps]


class EcsJobsPlugin(AirflowPlugin):
    """The pages of ECS jobs. Airflow 2.11 shows none of them, Airflow 3.0 shows them outside its UI."""

    name = "ecs_jobs"
    fastapi_apps = [{"app": LazyApp(), "url_prefix": PREFIX, "name": NAME}]  # noqa: RUF012 - Airflow's own declaration
    react_apps = _react_apps()
