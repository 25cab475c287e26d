"""Servers that cost money, or may, are shown when their create did not end well, and only then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.plugin.conftest import STARTED, a_record
from tests.plugin.test_looks_in_browser import FAILED, SERVERS
from tests.plugin.test_script_in_browser import PAGE, Answers, a_task

if TYPE_CHECKING:
    from tests.live.browser import Browser
OVER = {"state": "failed", "is_over": True}
CREATED = {"servers": SERVERS[:2], "more_servers": 0}
"""What the record of a create names, also while it waits. A record of an earlier version has this list alone."""
POSSIBLE = {"servers": [], "more_servers": 0, "possible_servers": SERVERS[:3], "more_possible_servers": 2}
BOTH = CREATED | {"possible_servers": SERVERS[2:3], "more_possible_servers": 0}
LATE = {"outcome": "timeout", "message": "createServer did not end within 3600 s"}
UNPAID = {"status": "PENDING_PAYMENT", "outcome": "payment_timeout"}
MAY_5 = "5 servers may exist and cost money, the job does not say"
MAY_1 = "1 server may exist and cost money, the job does not say"
SHOWN: dict[str, tuple[dict[str, Any], dict[str, Any], list[str]]] = {
    "the job failed": (OVER, FAILED, ["7 servers exist and cost money"]),
    "the job failed and names none": (
        OVER,
        a_record(outcome="finished", status="FAIL", failure={"causes": [], "own": "no host", **POSSIBLE}),
        [MAY_5],
    ),
    "the job was never seen": (OVER, a_record(outcome="not_found", status="", message="", **POSSIBLE), [MAY_5]),
    "the order stayed unpaid": (OVER, a_record(**UNPAID, **BOTH), []),
    "the task was stopped before the payment": (OVER, a_record(status="PENDING_PAYMENT", **CREATED), []),
    "the deadline came": (OVER, a_record(**BOTH, **LATE), ["2 servers exist and cost money", MAY_1]),
    "the deadline came, an earlier version": (OVER, a_record(**CREATED, **LATE), ["2 servers exist and cost money"]),
    "the deadline came, no create": (OVER, a_record(**LATE), []),
    "the task was stopped": (OVER, a_record(**BOTH), ["2 servers exist and cost money", MAY_1]),
    "one server": (OVER, a_record(servers=SERVERS[:1]), ["1 server exists and costs money"]),
    "it waits": ({}, a_record(**BOTH), []),
    "the job succeeded": (
        {"state": "success", "is_over": True},
        a_record(**BOTH, outcome="finished", status="SUCCESS"),
        [],
    ),
}


@pytest.mark.parametrize(("task", "record", "servers"), SHOWN.values(), ids=SHOWN)
def test_servers_are_named_when_the_create_did_not_end_well(
    browser: Browser, task: dict[str, Any], record: dict[str, Any], servers: list[str]
) -> None:
    with browser.window() as window:
        answers = Answers(window)
        answers.data |= {"now": STARTED + 4000, "task": a_task(**task), "record": record}
        window.open(PAGE, ".tile")

        assert window.page.locator(".servers strong").all_inner_texts() == servers
