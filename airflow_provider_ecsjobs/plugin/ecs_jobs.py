"""The plugin that Airflow loads. Every component imports it, so that it loads nothing before a page is asked for."""

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
    """An ASGI application that is made when the first request comes: FastAPI takes most of a second to import."""

    def __init__(self) -> None:
        self._app: Any = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if self._app is None:
            self._app = importlib.import_module("airflow_provider_ecsjobs.plugin.web").make_app(base_path())
        await self._app(scope, receive, send)


def base_path() -> str:
    """Return the path that this Airflow is served under, without a slash at its end: empty for most."""
    return urlsplit(conf.get("api", "base_url", fallback="") or "").path.rstrip("/")


def _react_apps() -> list[dict[str, Any]]:
    """Describe our places in the UI to Airflow 3.1 and later; others ignore it."""
    # An absolute path: Airflow 3.1 and 3.2 import it as it stands, where a relative one is no module specifier.
    root = base_path() + PREFIX
    common = {
        # Each place asks for an address of its own, as a module is run once for each address.
        "icon": f"{root}/static/icon.svg",
        "icon_dark_mode": f"{root}/static/icon-dark.svg",
    }
    script = f"{root}/static/ecs-jobs.js"
    apps = [{"name": NAME, "destination": "nav", "category": "browse", "url_route": PAGE, "bundle_url": script}]
    if conf.getboolean(*TAB_OPTION, fallback=False):
        # Up to Airflow 3.3 it is shown for all tasks of all DAGs, so that it has to be asked for.
        tab = {"name": "ECS job", "destination": "task_instance", "url_route": "ecs-job"}
        apps.append({**tab, "bundle_url": f"{script}?tab"})
    return [{**app, **common} for app in apps]


class EcsJobsPlugin(AirflowPlugin):
    """The pages of ECS jobs. Airflow 2.11 takes none of it, 3.0 the pages outside its UI."""

    name = "ecs_jobs"
    fastapi_apps = [{"app": LazyApp(), "url_prefix": PREFIX, "name": NAME}]  # noqa: RUF012 - Airflow's own declaration
    react_apps = _react_apps()
