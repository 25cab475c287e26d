"""The script of the pages in a real browser, with a stand-in for Airflow's UI around it, and answers of our own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs import __file__ as package_file
from tests.plugin.conftest import STARTED, a_record

if TYPE_CHECKING:
    from tests.live.browser import Browser, Window
STATIC = Path(package_file).parent / "plugin" / "static"
ORIGIN = "http://airflow.test"
HOST = """<!doctype html><html><body><script type="module">
// React and the router, as far as the script needs them. Like Airflow's, the router loads before it goes anywhere.
const hooks = [];
let at = 0, page = null;
const hook = (first) => (hooks[at++] ??= first());
globalThis.React = {
  useRef: (current) => hook(() => ({ current })),
  useEffect: (effect, deps) => Object.assign(hook(() => ({})), { effect, deps }),
  createElement: (tag, props) => {
    page ??= document.body.appendChild(Object.assign(document.createElement(tag), { className: props.className }));
    props.ref.current = page;
  },
};
const draw = () => {
  at = 0;
  globalThis.AirflowPlugin({});
  for (const one of hooks.filter((one) => one.effect)) {
    if (String(one.deps) === one.drawn) continue;
    one.drawn = String(one.deps);
    one.close?.();
    one.close = one.effect();
  }
};
const go = async (to) => {
  await new Promise((done) => requestAnimationFrame(done));
  history.replaceState(null, "", typeof to === "string" ? to : `?${to.search}`);
  draw();
};
globalThis.ReactRouterDOM = { useNavigate: () => go, useLocation: () => location };
await import("/ecsjobs/static/ecs-jobs.js");
draw();
</script></body></html>"""


class Answers:
    """What the stand-in for the API server answers, and which addresses it was asked for."""

    def __init__(self, window: Window) -> None:
        self.asked: list[str] = []
        self.data: dict[str, Any] = {"now": STARTED}
        self.status = 200
        window.page.route("**/*", self._answer)

    def _answer(self, route: Any) -> None:
        path = route.request.url.removeprefix(ORIGIN)
        if path.startswith("/plugin/"):
            route.fulfill(body=HOST, content_type="text/html")
        elif path.startswith("/ecsjobs/static/"):
            route.fulfill(path=STATIC / path.rpartition("/")[2])
        elif path.startswith("/ecsjobs/api/"):
            self.asked.append(path)
            route.fulfill(body=json.dumps(self.data), status=self.status, content_type="application/json")
        else:
            route.fulfill(body="")


def test_the_list_is_read_anew_at_once_where_the_address_changes_later(browser: Browser) -> None:
    with browser.window() as window:
        answers = Answers(window)
        row = {"dag_id": "open", "run_id": "run", "task_id": "wait", "map_index": -1, **a_record()}
        answers.data |= {"rows": [row], "total": 1, "page": 1, "page_size": 50}
        window.open(f"{ORIGIN}/plugin/ecs-jobs", ".list tbody tr")
        window.page.evaluate("globalThis.setTimeout = () => 0")  # from here on it asks for a reason alone
        asked = len(answers.asked)
        with window.page.expect_request("**/api/jobs?*"):
            window.page.click("th:has-text('Task') button")
        window.wait_for("th[aria-sort=ascending]:has-text('Task')")

    assert answers.asked[asked:] == ["/ecsjobs/api/jobs?sort=task&page=1"]


def a_task(**changes: Any) -> dict[str, Any]:
    task = {"state": "deferred", "is_over": False, "try_number": 1, "operator": "EcsJobSensor", "is_resuming": False}
    return {**task, "started": STARTED, "ended": None, **changes}


PAGE = f"{ORIGIN}/plugin/ecs-jobs?dag_id=open&run_id=run&task_id=wait&map_index=-1"


@pytest.mark.parametrize(
    ("state", "record", "note"),
    [
        ("deferred", {"seen_at": None}, "No look at it has been published yet"),
        ("deferred", {}, "The API may not answer"),
        ("running", {}, "The API may not answer"),
        ("up_for_retry", {"outcome": "finished", "status": "FAIL"}, "This is of the last try"),
        (None, {}, "This is of the last try"),
    ],
)
def test_the_page_says_how_old_its_data_is_and_why(
    browser: Browser, state: str | None, record: dict[str, Any], note: str
) -> None:
    with browser.window() as window:
        answers = Answers(window)
        answers.data |= {"now": STARTED + 3000, "task": a_task(state=state), "record": a_record(**record)}
        window.open(PAGE, f".note:has-text('{note}')")

        assert window.page.locator(".note").count() == 1
        assert window.page.locator(".tile:has-text('Deadline in')").count() == (state in ("deferred", "running"))


def test_what_is_read_out_does_not_change_by_the_second(browser: Browser) -> None:
    with browser.window() as window:
        window.page.clock.install()
        answers = Answers(window)
        answers.data |= {"now": STARTED + 3000, "task": a_task(), "record": a_record()}
        window.open(PAGE, ".note.pay")
        answers.status = 500
        window.page.clock.run_for(6_000)
        window.wait_for("[role=alert]")
        live = ":is([role=alert], [role=status])"
        before = window.page.locator(live).all_inner_texts()
        window.page.clock.run_for(4_000)
        after = window.page.locator(live).all_inner_texts()
        window.complaints = [text for text in window.complaints if "500" not in text]

    assert len(before) == 2
    assert after == before
