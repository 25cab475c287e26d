"""The pages of ECS jobs in a real browser, as the demo opens them in the Airflow that it runs in."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from tests.live.browser import missing, start_browser

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.live.account import Checks
    from tests.live.browser import Browser
    from tests.live.standalone import LiveAirflow

AIRFLOW = version("apache-airflow")
AIRFLOWS_OWN = "HydrateFallback"
"""A warning that each page of Airflow 3.1 has."""
HAS_PAGES_IN_ITS_UI = not AIRFLOW.startswith("3.0.")


@dataclass
class PagesInBrowser:
    """Opens the pages in light and in dark, and notes what is not as expected."""

    airflow: LiveAirflow
    checks: Checks
    browser: Browser | None

    def see_list(self, tasks: Iterable[str], *texts: str) -> None:
        """Open the list of waits, which has these tasks and shows these texts."""
        rows = self.airflow.get("/ecsjobs/api/jobs")["rows"]
        self.checks.equal("tasks in the list of waits", sorted(row["task_id"] for row in rows), sorted(tasks))
        self._see("jobs", "/ecsjobs/jobs", (*texts, *tasks))

    def see_job(self, dag_id: str, run_id: str, task_id: str, *texts: str) -> None:
        """Open the page of a task's job, which shows these texts."""
        query = urlencode({"run_id": run_id, "task_id": task_id})
        self._see("job", f"/ecsjobs/dags/{dag_id}/job?{query}", texts)

    def _see(self, name: str, path: str, texts: tuple[str, ...]) -> None:
        if self.browser is None:
            return
        from playwright.sync_api import Error

        for theme in ("light", "dark"):
            try:
                with self.browser.window(theme=theme) as window:
                    # This logs in, as no login is needed here. Before it, Airflow complains of its own.
                    window.open(self.airflow.url, "#root a")
                    window.complaints.clear()
                    window.open(self.airflow.url + path, f".ecs-jobs:has-text({texts[0]!r})")
                    shown = window.text()
                    window.shoot(f"airflow-{AIRFLOW}-ecs-{name}-{theme}")
                    self.checks.contains(f"the page {name}, {theme}", shown, *texts)
                    is_inside = "/plugin/ecs-jobs" in window.page.url
                    self.checks.equal(f"the page {name} is in Airflow's UI", is_inside, HAS_PAGES_IN_ITS_UI)
                    window.complaints = [text for text in window.complaints if AIRFLOWS_OWN not in text]
            except (AssertionError, Error) as error:
                self.checks.true(False, f"the page {name}, {theme}: {error}")


@contextmanager
def pages_in_browser(airflow: LiveAirflow, checks: Checks) -> Iterator[PagesInBrowser]:
    """Start a browser, where one can be had."""
    if why := missing():
        print(f"The pages are not opened in a browser: {why}.", flush=True)
        yield PagesInBrowser(airflow, checks, None)
        return
    with start_browser() as browser:
        yield PagesInBrowser(airflow, checks, browser)
