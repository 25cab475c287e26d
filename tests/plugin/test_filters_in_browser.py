"""The filters of both pages show what they filter by, whatever is read or opened meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.plugin.conftest import STARTED, a_record
from tests.plugin.test_looks_in_browser import WAITING, open_page, rows
from tests.plugin.test_script_in_browser import ORIGIN, Answers, a_task

if TYPE_CHECKING:
    from tests.live.browser import Browser, Window
SELECTED = "(selector) => document.querySelector(selector).selectedOptions[0].textContent"


def open_list(window: Window) -> Answers:
    """Open the list inside of Airflow's UI. The same answers are those of its tasks' job pages."""
    answers = Answers(window)
    row = {"dag_id": "open", "run_id": "run", "task_id": "wait", "map_index": -1, **a_record()}
    answers.data |= {"rows": [row], "total": 1, "page": 1, "page_size": 50, "task": a_task(), "record": a_record()}
    window.open(f"{ORIGIN}/plugin/ecs-jobs", ".list tbody tr")
    return answers


def go(window: Window, to: Any) -> None:
    window.page.evaluate("(to) => globalThis.ReactRouterDOM.useNavigate()(to)", to)


def test_a_status_that_no_sub_job_has_any_more_can_be_left(browser: Browser) -> None:
    with browser.window() as window:
        window.page.clock.install(time=STARTED + 3000)
        answers = open_page(window, "waiting")
        status = "[aria-label='Only sub-jobs with this status']"
        window.page.select_option(status, "INIT")
        for statuses in (["SUCCESS"] * 5, ["SUCCESS"]):
            answers.data["record"] = WAITING | {"sub_jobs": rows(*statuses)}
            with window.page.expect_response("**/ecsjobs/api/**"):
                window.page.clock.run_for(6_000)
            window.wait_for(".empty:has-text('No sub-job matches.')")
            assert window.page.evaluate(SELECTED, status) == "INIT (0)"
        window.page.select_option(status, "")
        window.wait_for(".lane:has-text('SUCCESS')")


def test_the_list_shows_the_status_that_its_address_has(browser: Browser) -> None:
    with browser.window() as window:
        open_list(window)
        for picked in ("FAIL", "INIT"):
            with window.page.expect_request(f"**/api/jobs?*status={picked}*"):
                window.page.select_option("[aria-label=Status]", picked)
        with window.page.expect_request("**/api/jobs?*status=FAIL*"):
            go(window, {"search": "status=FAIL"})

        assert window.page.evaluate(SELECTED, "[aria-label=Status]") == "FAIL"


def test_a_search_ends_with_its_list(browser: Browser) -> None:
    with browser.window() as window:
        window.page.clock.install()
        open_list(window)
        window.page.evaluate(
            """() => {
              const search = document.querySelector("[aria-label=Search]");
              search.value = "abc";
              search.dispatchEvent(new Event("input"));
              document.querySelector(".list tbody a").click();
            }"""
        )
        window.page.clock.run_for(1_000)
        window.wait_for(".tile")
        window.page.clock.run_for(1_000)

        assert "task_id=wait" in window.page.url
