"""Both pages call a record old by the same rule: when it is older than its polls and publishes explain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.plugin.conftest import STARTED, a_record
from tests.plugin.test_script_in_browser import ORIGIN, PAGE, Answers, a_task

if TYPE_CHECKING:
    from tests.live.browser import Browser


@pytest.mark.parametrize(
    ("record", "age", "is_old"),
    [
        ({"poll_interval": None}, 170, False),
        ({"poll_interval": None}, 190, True),
        ({"poll_interval": 600.0}, 1370, False),
        ({"poll_interval": 600.0}, 1390, True),
        ({"poll_interval": 60.0, "refresh": 1000.0}, 2170, False),
        ({"poll_interval": 60.0, "refresh": 1000.0}, 2190, True),
        ({"poll_interval": 60.0, "refresh": "long"}, 310, True),
        ({"seen_at": None}, 9000, False),
    ],
)
def test_a_record_is_old_when_its_polls_and_publishes_do_not_explain_its_age(
    browser: Browser, record: dict[str, Any], age: int, is_old: bool
) -> None:
    with browser.window() as window:
        answers = Answers(window)
        # The browser's clock goes on: the page is drawn anew by itself.
        window.page.clock.set_fixed_time(STARTED + age)
        shown = a_record(**{"seen_at": STARTED, **record})
        row = {"dag_id": "open", "run_id": "run", "task_id": "wait", "map_index": -1, **shown}
        answers.data = {"now": STARTED + age, "task": a_task(), "record": shown, "rows": [row], "total": 1}
        window.open(f"{ORIGIN}/plugin/ecs-jobs", ".list tbody tr")
        in_the_list = window.page.locator(".old").count()
        window.open(PAGE, ".tile")

        assert (in_the_list, window.page.locator(".note.pay").count()) == (is_old, is_old)
