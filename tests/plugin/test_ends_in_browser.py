"""The job page of a task that is over, in a real browser: its tiles stay, and what costs money is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.plugin.conftest import STARTED, a_record
from tests.plugin.test_script_in_browser import PAGE, Answers, a_task

if TYPE_CHECKING:
    from tests.live.browser import Browser
OVER = {"is_over": True, "ended": STARTED + 120}
SERVERS = {"servers": ["s-1", "s-2"], "more_servers": 0}


@pytest.mark.parametrize(
    ("task", "record", "title", "servers"),
    [
        (a_task(state="success", **OVER), {"outcome": "finished", "status": "SUCCESS", **SERVERS}, "", 0),
        (a_task(state="failed", **OVER), {"outcome": "timeout", "message": "too late", **SERVERS}, "The wait ended", 2),
        (a_task(state="failed", **OVER), SERVERS, "The wait ended", 2),
        (a_task(state="success", **OVER), SERVERS, "", 0),
        (
            a_task(state="failed", **OVER),
            {"outcome": "error", "job_id": "", "message": "not known whether"},
            "There is no job to wait for",
            0,
        ),
        (
            a_task(state="failed", **OVER),
            {"outcome": "finished", "status": "FAIL", "failure": {"causes": [["no host", 1]], "servers": ["s-1"]}},
            "0 of 4 sub-jobs failed",
            1,
        ),
    ],
)
def test_what_is_over_keeps_its_tiles_and_names_the_servers(
    browser: Browser, task: dict[str, Any], record: dict[str, Any], title: str, servers: int
) -> None:
    with browser.window() as window:
        answers = Answers(window)
        answers.data |= {"now": STARTED + 3000, "task": task, "record": a_record(order_id="CS1", **record)}
        window.open(PAGE, ".tile")

        tiles = window.page.locator(".tile dt").all_inner_texts()
        assert {"Waited", "Deadline", "Order"} <= {name.capitalize() for name in tiles}
        assert window.page.locator(f".failure h2:has-text('{title}')").count() == bool(title)
        assert window.page.locator(".failure .ids li").count() == servers
        assert window.page.locator(".failure").count() == bool(title)


def test_a_record_of_an_earlier_try_says_so(browser: Browser) -> None:
    with browser.window() as window:
        answers = Answers(window)
        task = a_task(state="running", try_number=2)
        answers.data |= {"now": STARTED + 3000, "task": task, "record": a_record(**{"try": 1})}
        window.open(PAGE, ".note:has-text('This is of try 1')")

        assert window.page.locator(".note").count() == 1
