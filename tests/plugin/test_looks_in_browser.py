"""How the pages look in a real browser: contrast, widths, keyboard, and that a refresh moves nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.plugin.conftest import STARTED, a_record
from tests.plugin.test_script_in_browser import ORIGIN, Answers, a_task

if TYPE_CHECKING:
    from tests.live.browser import Browser, Window
SERVERS = [f"bae51750-0089-41a1-9b18-5c77797{number:05x}" for number in range(5)]
LONG = "x" * 200
CAUSE = "Ecs.0219 No valid host was found"


def rows(*statuses: str) -> str:
    """Return the sub-jobs of a record, one of each status."""
    return json.dumps(
        [
            ["createSingleServer", "server", SERVERS[n % 5], status, STARTED + n, None, 0 if status == "FAIL" else None]
            for n, status in enumerate(statuses)
        ]
    )


WAITING = a_record(total=5, done=2, failed=1, causes=[CAUSE], order_id="CS2611281200ABCDE")
WAITING["sub_jobs"] = rows("FAIL", "SUCCESS", "RUNNING", "INIT", "PAUSED")
FAILED = a_record(
    outcome="finished",
    status="FAIL",
    ended=STARTED + 90,
    message="createServer failed",
    **{name: WAITING[name] for name in ("total", "done", "failed", "causes", "sub_jobs")},
    failure={
        "causes": [[CAUSE, 2], ["Ecs.0005 Quota exceeded", 1]],
        "more_causes": 3,
        "own": "Common.0021 CollectInfoTask-fail",
        "hints": ["What can be done: choose another availability zone or flavor, or try later."],
        "servers": SERVERS,
        "more_servers": 2,
    },
)
JOBS: dict[str, dict[str, Any]] = {
    "waiting": {"task": a_task(), "record": WAITING},
    "old": {"task": a_task(), "record": WAITING | {"seen_at": STARTED - 9000}},
    "unpaid": {"task": a_task(), "record": WAITING | {"status": "PENDING_PAYMENT"}},
    "failed": {"task": a_task(state="failed", is_over=True), "record": FAILED},
    "long texts": {
        "task": a_task(operator=LONG),
        "record": WAITING | {"job_type": LONG, "job_id": LONG, "status": LONG, "causes": [LONG]},
    },
    "no job": {"task": a_task(state="running"), "record": None},
}
LIST = {
    "rows": [
        {"dag_id": "open", "run_id": "manual__2026-11-28T00:00:00+00:00", "task_id": f"wait_{n}", "map_index": n - 1}
        | a_record(status=status, seen_at=STARTED + seen, failed=n % 2)
        for n, (status, seen) in enumerate({"RUNNING": 60, "INIT": 60, "FAIL": 60, "PENDING_PAYMENT": -9000}.items())
    ],
    "total": 120,
    "page": 2,
    "page_size": 50,
}
LIST["rows"][0] |= {"task_id": LONG, "job_id": LONG, "job_type": LONG, "status": LONG}  # type: ignore[index]
PAGES = {**JOBS, "the list": LIST}
STANDALONE = """<!doctype html><html lang="en"><head><title>ECS jobs</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<link rel="stylesheet" href="/ecsjobs/static/ecs-jobs.css">
<script type="module" src="/ecsjobs/static/ecs-jobs.js"></script></head>
<body class="ecs-standalone"><main id="ecs-jobs"></main></body></html>"""

# Each text, the contrast with its background as both are drawn, and whether it is large.
CONTRASTS = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].map((part, at) => (at < 3 ? part : part / 255));
  };
  const over = ([r, g, b, a], below) => [r, g, b].map((part, at) => part * a + below[at] * (1 - a));
  const behind = (node) => {
    if (!node) return [255, 255, 255];
    return over(rgba(getComputedStyle(node).backgroundColor), behind(node.parentElement));
  };
  const linear = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  const light = (color) => {
    const [r, g, b] = color.map((part) => linear(part / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = [];
  const walker = document.createTreeWalker(document.querySelector(".ecs-jobs"), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    const text = walker.currentNode.data.trim();
    if (!text || !node.checkVisibility() || node.localName === "option" || node.disabled) continue;
    const style = getComputedStyle(node);
    const ground = behind(node);
    const [more, less] = [light(over(rgba(style.color), ground)), light(ground)].sort((x, y) => y - x);
    const size = parseFloat(style.fontSize);
    found.push([text, (more + 0.05) / (less + 0.05), size >= 24 || (size >= 18.66 && style.fontWeight >= 700)]);
  }
  return found;
}"""
# What has the focus: its place among all that can be used, its name, and how it is outlined.
FOCUS = """(usable) => {
  const node = document.activeElement;
  const name = node.getAttribute("aria-label") || node.innerText;
  return [[...document.querySelectorAll(usable)].indexOf(node), name, getComputedStyle(node).outlineStyle];
}"""


def open_page(window: Window, name: str) -> Answers:
    """Open one of the pages outside of Airflow's UI, and wait until it has its data."""
    answers = Answers(window)
    answers.data |= {"now": STARTED + 3000, **PAGES[name]}
    address = "jobs" if name == "the list" else "dags/open/job?run_id=run&task_id=wait"
    window.page.route(
        f"{ORIGIN}/ecsjobs/{address}", lambda route: route.fulfill(body=STANDALONE, content_type="text/html")
    )
    window.open(
        f"{ORIGIN}/ecsjobs/{address}", ".list tbody tr" if name == "the list" else ".head, .empty:has-text('The task')"
    )
    return answers


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_texts_stand_out_from_their_background(browser: Browser, name: str, theme: str) -> None:
    with browser.window(theme=theme) as window:
        open_page(window, name)
        found = window.page.evaluate(CONTRASTS)

    assert found
    assert [(text, ratio) for text, ratio, is_large in found if ratio < (3 if is_large else 4.5)] == []


@pytest.mark.parametrize("width", [320, 360, 768, 1024, 2560])
@pytest.mark.parametrize("name", PAGES)
def test_no_width_makes_the_page_scroll_sideways(browser: Browser, name: str, width: int) -> None:
    with browser.window(width=width) as window:
        open_page(window, name)
        widths = window.page.evaluate(
            "[document.documentElement, ...document.querySelectorAll('.ecs-jobs, .ecs-jobs .scroll')]"
            ".map((node) => [node.scrollWidth, node.clientWidth])"
        )

    assert [scrolled for scrolled, shown in widths if scrolled > shown] == []


@pytest.mark.parametrize("name", ["waiting", "old", "the list"])
def test_a_refresh_moves_nothing_and_keeps_the_focus(browser: Browser, name: str) -> None:
    with browser.window() as window:
        window.page.clock.install(time=STARTED + 3000)
        answers = open_page(window, name)
        window.page.focus(".ecs-jobs input")
        window.page.keyboard.type("wait")
        window.page.evaluate(
            "() => { globalThis.moved = 0; new PerformanceObserver((list) => list.getEntries().forEach((shift) =>"
            " { globalThis.moved += shift.value; })).observe({ type: 'layout-shift' }); }"
        )
        places = "[...document.querySelectorAll('.ecs-jobs *')].map((node) => [node.localName, node.offsetTop])"
        before = window.page.evaluate(places)
        asked = len(answers.asked)
        with window.page.expect_response("**/ecsjobs/api/**"):
            window.page.clock.run_for(6_000)
        window.page.clock.run_for(1_000)

        assert len(answers.asked) > asked
        assert window.page.evaluate(places) == before
        assert window.page.evaluate("globalThis.moved") == 0
        assert window.page.evaluate("document.activeElement.value") == "wait"


@pytest.mark.parametrize("name", ["waiting", "failed", "the list"])
def test_the_keyboard_reaches_all_that_can_be_used_and_shows_where_it_is(browser: Browser, name: str) -> None:
    with browser.window() as window:
        open_page(window, name)
        usable = ".ecs-jobs :is(a[href], button:not([disabled]), input, select)"
        expected = window.page.locator(usable).count()
        reached = set()
        for _ in range(expected):
            window.page.keyboard.press("Tab")
            at, label, outline = window.page.evaluate(FOCUS, usable)
            reached.add(at)
            assert label
            assert outline == "solid"

    assert reached == set(range(expected))
