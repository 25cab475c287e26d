"""The pictures of the documentation that show Airflow's own pages: the form, a deferred task, a failed task's log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_ecsjobs.provider_info import CONNECTION_FIELDS, NAME

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_ecsjobs.emulator import Emulator
    from tests.live.browser import Browser
    from tests.live.job_clock import JobClock
    from tests.live.standalone import LiveAirflow

pytestmark = [pytest.mark.live, pytest.mark.timeout(1500)]

STEP_SECONDS = 240.0
FIRST_WORDS = "EcsJobFailed: createServer failed: Ecs.0219 No valid host was found"
FORM = "[role=dialog]"
DAGS = """
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_ecsjobs.operators.servers import EcsCreateServersOperator

with DAG("three_servers", schedule=None, catchup=False):
    EcsCreateServersOperator(
        task_id="create", count=3, name="worker", flavor="s6.small.1", image="image", vpc="vpc",
        subnets=["subnet"], root_volume="SSD", poll_interval=1, max_poll_interval=2, timeout=3600,
    )
"""


@pytest.fixture(scope="module", autouse=True)
def dags(browser: Browser, dags_folder: Path) -> None:
    (dags_folder / "pictures.py").write_text(DAGS)


def test_the_connection_form_asks_for_each_field(airflow: LiveAirflow, browser: Browser) -> None:
    with browser.window(height=2200) as window:
        window.open(f"{airflow.url}/connections", "button:has-text('Add Connection')")
        window.page.click("button:has-text('Add Connection')")
        window.page.fill(f"{FORM} input[name=connection_id]", "huawei_ecs_default")
        window.page.click(f"{FORM} [role=combobox]")
        window.page.keyboard.type(NAME)
        window.page.keyboard.press("Enter")
        window.wait_for(f"{FORM} :text('Access key (AK) or IAM user')")
        window.shoot("connection-form", FORM)

        window.page.click(f"{FORM} button:has-text('Extra Fields') >> nth=0")
        for field in CONNECTION_FIELDS.values():
            window.wait_for(f"{FORM} :text('{field['label']}')")
        window.shoot("connection-form-extra", FORM)


def test_a_deferred_and_a_failed_task_show_their_job(
    airflow: LiveAirflow, emulator: Emulator, clock: JobClock, browser: Browser
) -> None:
    emulator.fail_next(failing=1)
    run_id = airflow.trigger("three_servers")
    task = f"{airflow.url}/dags/three_servers/runs/{run_id}/tasks/create"
    airflow.wait_until(
        lambda: [one["state"] for one in airflow.task_instances("three_servers", run_id)] == ["deferred"],
        STEP_SECONDS,
        "the task to be deferred",
    )
    with browser.window(width=1500, height=720) as window:
        window.open(f"{task}/details", "a:has-text('ECS job')")
        window.page.locator("a:has-text('ECS job')").scroll_into_view_if_needed()
        window.shoot("deferred-task")

        clock.leap(600)
        assert airflow.wait("three_servers", run_id, STEP_SECONDS) == "failed"
        window.open(task, f"text={FIRST_WORDS}")
        window.page.locator(f"text={FIRST_WORDS}").dispatch_event("click")  # folds the traceback
        window.page.locator("text=task_runner.py").first.wait_for(state="hidden")
        assert "What can be done" in window.text("body")
        window.shoot("failed-task-log")
