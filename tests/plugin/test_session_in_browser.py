"""What a page that is open says when the API server refuses the user."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.plugin.test_script_in_browser import PAGE, Answers

if TYPE_CHECKING:
    from tests.live.browser import Browser


@pytest.mark.parametrize(
    ("status", "detail", "said"),
    [
        (401, "Not authenticated", "You are not logged in any more."),
        (403, "Invalid JWT token", "You are not logged in any more."),
        (403, "Forbidden", "You may not read this DAG's tasks and XComs."),
    ],
)
def test_the_page_tells_a_login_that_is_over_from_a_permission_that_is_missing(
    browser: Browser, status: int, detail: str, said: str
) -> None:
    with browser.window() as window:
        answers = Answers(window)
        answers.status, answers.data = status, {"detail": detail}
        window.open(PAGE, "[role=alert]")
        window.complaints = [text for text in window.complaints if str(status) not in text]

        assert window.text("[role=alert]") == said
