"""The pages of ECS jobs in a real Airflow and a real browser, from a task that waits to one that failed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from airflow_provider_ecsjobs.emulator import Emulator
    from tests.live.browser import Browser, Window
    from tests.live.standalone import LiveAirflow

pytestmark = [pytest.mark.live, pytest.mark.timeout(1500)]

STEP_SECONDS = 240.0
DAGS = """
from airflow.providers.common.compat.sdk import DAG, Param, task
from airflow_provider_ecsjobs.operators.servers import EcsCreateServersOperator
from airflow_provider_ecsjobs.sensors.ecs_jobs import EcsJobSensor

QUICK = {"poke_interval": 1, "max_wait": 2}

with DAG("web_fleet", schedule=None, catchup=False):
    EcsCreateServersOperator(
        task_id="create_servers", count=5, name="web", flavor="s6.small.1", image="image", vpc="vpc",
        subnets=["subnet"], root_volume="SSD", poll_interval=1, max_poll_interval=2, timeout=3600,
    )

with DAG("one_sensor", schedule=None, catchup=False, params={"job_id": Param(type="string")}):
    EcsJobSensor(task_id="wait", job_id="{{ params.job_id }}", timeout=1800, **QUICK)

with DAG("mapped_sensor", schedule=None, catchup=False, params={"job_ids": Param(type="array")}):

    @task
    def job_ids(params=None):
        return params["job_ids"]

    EcsJobSensor.partial(task_id="wait", **QUICK).expand(job_id=job_ids())
"""


@pytest.fixture(scope="module", autouse=True)
def dags(browser: Browser, dags_folder: Path) -> None:
    (dags_folder / "pages.py").write_text(DAGS)


class PlantedJob:
    """A job whose sub-jobs end when a test says so."""

    def __init__(
        self,
        emulator: Emulator,
        job_id: str | None = None,
        *,
        parts: int = 5,
        servers: Sequence[str] = (),
        **fields: Any,
    ) -> None:
        self._emulator = emulator
        self._began = datetime.now(tz=UTC) - timedelta(seconds=40)
        self._fields = {"job_type": "createServer", "begin_time": self._time(0), **fields}
        self.parts: list[dict[str, Any]] = [
            {
                "job_id": f"{number + 1:032x}",
                "job_type": "deleteSingleServer" if fields.get("job_type") == "deleteVMs" else "createSingleServer",
                "status": "RUNNING",
                "begin_time": self._time(3),
                "entities": {"server_id": server},
            }
            for number, server in enumerate(
                servers or [f"bae51750-0089-41a1-9b18-5c77797{n:05x}" for n in range(parts)]
            )
        ]
        if job_id is not None:
            emulator.purge_job(job_id)
        self.job_id = self._plant("RUNNING", job_id)

    def _time(self, seconds: float) -> str:
        return (self._began + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _plant(self, status: str, job_id: str | None, **fields: Any) -> str:
        entities = {"sub_jobs_total": len(self.parts), "sub_jobs": self.parts}
        return self._emulator.plant_job(
            {"status": status, **self._fields, "entities": entities, **fields}, job_id=job_id
        )

    def _show(self, status: str, **fields: Any) -> None:
        self._emulator.purge_job(self.job_id)
        self._plant(status, self.job_id, **fields)

    def end_part(self, number: int, after: float, **failure: Any) -> None:
        """Let a sub-job succeed, or fail for a reason."""
        self.parts[number] |= {"status": "FAIL" if failure else "SUCCESS", "end_time": self._time(after), **failure}
        self._show("RUNNING")

    def end(self, status: str, after: float, **failure: Any) -> None:
        """Let the job end, and with it the sub-jobs that still run, which succeed one after the other."""
        for number, part in enumerate(part for part in self.parts if part["status"] == "RUNNING"):
            part |= {"status": "SUCCESS", "end_time": self._time(after - 8 / (number + 1))}
        self._show(status, end_time=self._time(after), **failure)


def page_of(airflow: LiveAirflow, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> str:
    query = {"dag_id": dag_id, "run_id": run_id, "task_id": task_id, "map_index": map_index}
    return f"{airflow.url}/plugin/ecs-jobs?{urlencode(query)}"


def wait_for_state(airflow: LiveAirflow, dag_id: str, run_id: str, state: str, count: int = 1) -> None:
    def reached() -> bool:
        return sum(task["state"] == state for task in airflow.task_instances(dag_id, run_id)) == count

    airflow.wait_until(reached, STEP_SECONDS, f"{dag_id} to be {state}")


def start_waiting(airflow: LiveAirflow, job_id: str) -> str:
    run_id = airflow.trigger("one_sensor", {"job_id": job_id})
    wait_for_state(airflow, "one_sensor", run_id, "deferred")
    return run_id


def bars(window: Window) -> list[float]:
    return list(
        window.page.eval_on_selector_all(".track i", "bars => bars.map(bar => bar.getBoundingClientRect().width)")
    )


NO_HOST = {"error_code": "Ecs.0219", "fail_reason": "No valid host was found"}


def test_a_create_that_loses_two_of_five_servers(airflow: LiveAirflow, emulator: Emulator, browser: Browser) -> None:
    run_id = airflow.trigger("web_fleet")
    wait_for_state(airflow, "web_fleet", run_id, "deferred")
    job_id, servers = (airflow.xcom("web_fleet", run_id, "create_servers", key) for key in ("job_id", "server_ids"))
    job = PlantedJob(emulator, job_id, servers=servers)

    with browser.window() as window, browser.window(theme="dark") as dark:
        # The way that a user takes, while the task waits.
        window.open(f"{airflow.url}/dags/web_fleet/runs/{run_id}/tasks/create_servers/details", "text=Extra Links")
        window.page.click("a:has-text('ECS job')")
        window.wait_for(".tile:has-text('0 of 5 done')")
        assert "/plugin/ecs-jobs?" in window.page.url
        before = bars(window)
        window.page.wait_for_function(
            "width => document.querySelector('.track i').getBoundingClientRect().width != width", arg=before[0]
        )

        job.end_part(2, 20)
        window.wait_for(".tile:has-text('1 of 5 done')")  # by itself
        window.shoot("ecs-job-running-light")
        dark.open(window.page.url, ".tile:has-text('1 of 5 done')")
        dark.shoot("ecs-job-running-dark")

        job.parts[3] |= {"status": "SUCCESS", "end_time": job._time(28)}
        job.parts[4] |= {"status": "SUCCESS", "end_time": job._time(36)}
        job.parts[0] |= {"status": "FAIL", "end_time": job._time(12), **NO_HOST}
        job.parts[1] |= {"status": "FAIL", "end_time": job._time(15), **NO_HOST}
        job.end("FAIL", 39, error_code="Common.0021", fail_reason="CollectInfoTask-fail")
        for shown, theme in ((window, "light"), (dark, "dark")):
            shown.wait_for(".failure")
            shown.wait_for(".tile:has-text('Task'):has-text('failed')")
            failure = shown.text(".failure")
            assert failure.index("Ecs.0219 No valid host was found") < failure.index("Common.0021")
            assert "What can be done" in failure
            assert "3 servers exist and cost money" in failure
            assert shown.page.locator(".lane:not(.axis) .badge").all_inner_texts() == ["FAIL"] * 2 + ["SUCCESS"] * 3
            shown.shoot(f"ecs-job-failed-{theme}")

    assert airflow.wait("web_fleet", run_id, STEP_SECONDS) == "failed"


def test_the_list_of_waits_is_searched_sorted_and_led_out_of(
    airflow: LiveAirflow, emulator: Emulator, browser: Browser
) -> None:
    jobs = [PlantedJob(emulator, parts=3 + number, job_type="deleteVMs") for number in range(4)]
    alone = PlantedJob(emulator, parts=8)
    run_id = airflow.trigger("mapped_sensor", {"job_ids": [job.job_id for job in jobs]})
    sensor = start_waiting(airflow, alone.job_id)
    wait_for_state(airflow, "mapped_sensor", run_id, "deferred", count=4)
    for number, job in enumerate(jobs):
        job.end_part(0, 10 + number)
    alone.end_part(0, 11, **NO_HOST)

    with browser.window() as window, browser.window(theme="dark") as dark, browser.window(width=360) as narrow:
        window.open(airflow.url, "text=Browse")
        window.page.click("text=Browse")
        window.page.click("text=ECS jobs")
        window.wait_for(".list tbody tr:has-text('1 failed')")
        assert window.page.locator(".list tbody tr").count() == 5
        window.shoot("ecs-jobs-light")
        dark.open(f"{airflow.url}/plugin/ecs-jobs", ".list tbody tr:has-text('1 failed')")
        dark.shoot("ecs-jobs-dark")
        narrow.open(f"{airflow.url}/plugin/ecs-jobs", ".list tbody tr")
        assert narrow.page.evaluate("document.documentElement.scrollWidth") == 360

        window.page.fill("input[aria-label=Search]", alone.job_id)
        window.wait_for(".head:has-text('1 task waits')")
        assert f"q={alone.job_id}" in window.page.url
        window.page.reload()
        window.wait_for(".head:has-text('1 task waits')")
        window.page.click(".list a")
        window.wait_for(".tile:has-text('1 of 8 done')")
        window.page.go_back()
        window.wait_for(".head:has-text('1 task waits')")

        window.open(page_of(airflow, "mapped_sensor", run_id, "wait", 2), ".tile:has-text('1 of 5 done')")

    for job in jobs:
        job.end("SUCCESS", 39)
    alone.end("FAIL", 39)
    assert airflow.wait("mapped_sensor", run_id, STEP_SECONDS) == "success"
    assert airflow.wait("one_sensor", sensor, STEP_SECONDS) == "failed"
    with browser.window() as window:
        window.open(page_of(airflow, "mapped_sensor", run_id, "wait", 3), ".head .badge.ok:has-text('SUCCESS')")
        window.wait_for(".tile:has-text('Job took')")
        window.shoot("ecs-job-succeeded-light")
        window.open(page_of(airflow, "mapped_sensor", run_id, "job_ids"), ".empty:has-text('no ECS job')")


HOSTILE = "<img src=x onerror=alert(1)></script><script>alert(2)</script>\u202e\"'&{{7*7}}"


def test_texts_of_the_cloud_are_texts(airflow: LiveAirflow, emulator: Emulator, browser: Browser) -> None:
    job = PlantedJob(emulator, parts=2, job_type=f"create{HOSTILE}", order_id=HOSTILE)
    for part in job.parts:
        part |= {"job_type": HOSTILE, "status": "PAUSED<b>", "entities": {"server_id": HOSTILE}}
    job.parts[1] |= {"status": "FAIL", "error_code": HOSTILE, "fail_reason": HOSTILE, "end_time": HOSTILE}
    job._show(HOSTILE)
    run_id = start_waiting(airflow, job.job_id)

    with browser.window() as window:
        window.open(page_of(airflow, "one_sensor", run_id, "wait"), ".lane .cause")
        assert HOSTILE[:20] in window.text("h1")
        assert window.page.locator(".ecs-jobs :is(img, script, b:has(b))").count() == 0
        window.open(f"{airflow.url}/plugin/ecs-jobs?{urlencode({'q': job.job_id})}", ".list tbody tr")
        assert window.page.locator(".ecs-jobs :is(img, script)").count() == 0

    job.end("FAIL", 39, error_code=HOSTILE, fail_reason=HOSTILE)
    with browser.window() as window:
        window.open(page_of(airflow, "one_sensor", run_id, "wait"), ".failure")
        assert HOSTILE[:20] in window.text(".failure")


def test_a_thousand_sub_jobs_are_folded_and_filtered_and_clocks_may_differ(
    airflow: LiveAirflow, emulator: Emulator, browser: Browser
) -> None:
    job = PlantedJob(emulator, parts=1000)
    job.parts[700] |= {"status": "FAIL", "end_time": job._time(30), **NO_HOST}
    job._show("RUNNING")
    run_id = start_waiting(airflow, job.job_id)

    with browser.window() as window:
        window.page.clock.install(time=datetime.now(tz=UTC) + timedelta(hours=5))
        window.open(page_of(airflow, "one_sensor", run_id, "wait"), ".tile:has-text('1 of 1,000 done')")
        lanes = window.page.locator(".lane:not(.axis)")
        assert lanes.count() == 50
        assert "No valid host was found" in lanes.first.inner_text()
        assert "5 h" not in window.text()
        window.page.click("text=Show all 1,000")
        assert lanes.count() == 1000
        window.page.fill("input[aria-label='Filter the sub-jobs']", "no valid host")
        assert lanes.count() == 1
        window.page.fill("input[aria-label='Filter the sub-jobs']", "nothing of the kind")
        window.wait_for("text=No sub-job matches")

    job.end("SUCCESS", 39)
    assert airflow.wait("one_sensor", run_id, STEP_SECONDS) == "success"


@pytest.mark.parametrize("fields", [{"entities": {}}, {"entities": {}, "begin_time": ""}], ids=["none", "no times"])
def test_a_job_without_sub_jobs(
    airflow: LiveAirflow, emulator: Emulator, browser: Browser, fields: dict[str, Any]
) -> None:
    job_id = emulator.plant_job({"status": "RUNNING", "job_type": "attachVolume", "begin_time": "", **fields})
    run_id = start_waiting(airflow, job_id)

    with browser.window() as window:
        window.open(page_of(airflow, "one_sensor", run_id, "wait"), ".tile:has-text('none')")
        window.wait_for("h1:has-text('attachVolume')")
        window.open(page_of(airflow, "one_sensor", "no-such-run", "wait"), "text=There is no such task instance")
        window.complaints = [text for text in window.complaints if "404" not in text]

    emulator.purge_job(job_id)
    emulator.plant_job(json.dumps({"status": "SUCCESS", "job_id": job_id}), job_id=job_id)
    assert airflow.wait("one_sensor", run_id, STEP_SECONDS) == "success"
