"""A record may have any shape: the pages show what they can of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.plugin.conftest import STARTED, a_record
from tests.plugin.test_looks_in_browser import FAILED
from tests.plugin.test_script_in_browser import ORIGIN, PAGE, Answers, a_task

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.live.browser import Browser
ODD: list[Any] = [
    None,
    True,
    5,
    -1e300,
    "x",
    "[[1]]",
    "[null,[[],{}]]",
    [],
    [1],
    [None],
    [[]],
    [[{}, "x"]],
    {},
    {"a": 1},
]
DAMAGES: dict[str, Callable[[Any], dict[str, Any]]] = {
    "all of a wait": lambda odd: dict.fromkeys(a_record(), odd) | {"outcome": None},
    "all of an end": lambda odd: dict.fromkeys(FAILED, odd),
    "all of its progress": lambda odd: FAILED | dict.fromkeys(("causes", "total", "done", "failed", "sub_jobs"), odd),
    "all of a failure": lambda odd: FAILED | {"failure": dict.fromkeys([*FAILED["failure"], "possible_servers"], odd)},
    "the servers": lambda odd: FAILED | {"failure": None, "servers": odd, "more_servers": odd},
}


@pytest.mark.parametrize("damaged", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_record_does_not_stop_the_job_page(browser: Browser, damaged: Callable[[Any], Any]) -> None:
    with browser.window() as window:
        answers = Answers(window)
        task = a_task(state="failed", is_over=True)
        answers.data |= {"now": STARTED + 3000, "task": task, "record": FAILED}
        window.open(PAGE, ".tile")
        for number, odd in enumerate(ODD):
            answers.data["record"] = damaged(odd)
            path = PAGE.removeprefix(ORIGIN).replace("task_id=wait", f"task_id=wait_{number}")
            window.page.evaluate("(path) => globalThis.ReactRouterDOM.useNavigate()(path)", path)
            window.wait_for(f".where:has-text('wait_{number}') ~ .tiles .tile")


def test_damaged_records_do_not_stop_the_list(browser: Browser) -> None:
    with browser.window() as window:
        answers = Answers(window)
        rows = [
            {
                **dict.fromkeys(a_record(), odd),
                "dag_id": "open",
                "run_id": "run",
                "task_id": "wait",
                "map_index": number,
            }
            for number, odd in enumerate(ODD)
        ]
        answers.data |= {"rows": rows, "total": len(rows), "page": 1, "page_size": 50}
        window.open(f"{ORIGIN}/plugin/ecs-jobs", ".list tbody tr")

        assert window.page.locator(".list tbody tr").count() == len(ODD)
