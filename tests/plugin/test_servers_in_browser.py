"""Servers that exist and cost money are shown when their create did not end well, and only then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.plugin.conftest import STARTED, a_record
from tests.plugin.test_looks_in_browser import FAILED, SERVERS
from tests.plugin.test_script_in_browser import PAGE, Answers, a_task

if TYPE_CHECKING:
    from tests.live.browser import Browser
CREATED = {"servers": SERVERS[:2], "more_servers": 0}
"""What the record of a create names, also while it waits."""
LATE = {"outcome": "timeout", "message": "createServer did not end within 3600 s"}
SHOWN = {
    "the job failed": ({"state": "failed", "is_over": True}, FAILED, "7 servers exist and cost money"),
    "the deadline came": ({"state": "failed", "is_over": True}, a_record(**CREATED, **LATE), "2 servers exist"),
    "the deadline came, no create": ({"state": "failed", "is_over": True}, a_record(**LATE), ""),
    "the task was stopped": ({"state": "failed", "is_over": True}, a_record(**CREATED), "2 servers exist"),
    "it waits": ({}, a_record(**CREATED), ""),
    "the job succeeded": (
        {"state": "success", "is_over": True},
        a_record(**CREATED, outcome="finished", status="SUCCESS"),
        "",
    ),
}


@pytest.mark.parametrize(("task", "record", "servers"), SHOWN.values(), ids=SHOWN)
def test_servers_that_cost_money_are_shown_when_the_create_did_not_end_well(
    browser: Browser, task: dict[str, Any], record: dict[str, Any], servers: str
) -> None:
    with browser.window() as window:
        answers = Answers(window)
        answers.data |= {"now": STARTED + 4000, "task": a_task(**task), "record": record}
        window.open(PAGE, ".tile")

        assert window.page.locator(".servers").count() == bool(servers)
        assert servers in window.text()
