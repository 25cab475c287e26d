"""The job page of a task that waits for a worker: to end its wait, to poll again, or to begin its next try."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.plugin.conftest import STARTED, a_record
from tests.plugin.test_script_in_browser import PAGE, Answers, a_task

if TYPE_CHECKING:
    from tests.live.browser import Browser


@pytest.mark.parametrize("state", ["scheduled", "queued"])
@pytest.mark.parametrize(
    ("task", "record", "note", "waits"),
    [
        ({"is_resuming": True}, {"try": 1}, "The wait is over. The task waits for a worker slot", False),
        ({"is_resuming": False}, {"try": 1}, "The task waits for a worker slot, for its next poll", True),
        ({"is_resuming": False, "try_number": 2}, {"try": 1}, "This is of the last try", False),
        ({"is_resuming": False}, {}, "This is of the last try", False),
    ],
    ids=["it resumes", "it polls again", "its next try begins", "a record of an earlier version"],
)
def test_a_task_that_waits_for_a_worker_says_what_for(
    browser: Browser, state: str, task: dict[str, Any], record: dict[str, Any], note: str, waits: bool
) -> None:
    with browser.window() as window:
        answers = Answers(window)
        answers.data |= {"now": STARTED + 3000, "task": a_task(state=state, **task), "record": a_record(**record)}
        window.open(PAGE, ".note")

        assert [text[: len(note)] for text in window.page.locator(".note").all_inner_texts()] == [note]
        assert window.page.locator(".tile:has-text('Deadline in')").count() == waits
