"""One 401 of a proxy or of the gateway, while eight tasks wait deferred on one connection: all of them stay green."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_ecsjobs.emulator import Fault
from tests.live.timeline import most_at_once

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_ecsjobs.emulator import Emulator
    from tests.live.standalone import LiveAirflow

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]

WAITS = 8
STEP_SECONDS = 240.0
FAULTS = {
    "401 of a proxy": Fault(
        path="/jobs/", status=401, headers={"Content-Type": "text/html"}, body="<html>log in</html>"
    ),
    "401 APIGW.0301": Fault(path="/jobs/", status=401, body={"error_code": "APIGW.0301", "error_msg": "wrong"}),
}
DAG = """
from airflow.providers.common.compat.sdk import DAG, Param
from airflow_provider_ecsjobs.operators.ecs_jobs import EcsJobOperator

with DAG("eight_waits", schedule=None, catchup=False, params={"job_ids": Param(type="array")}):
    for number in range(8):
        EcsJobOperator(
            task_id=f"wait_{number}",
            job_id="{{ params.job_ids[%d] }}" % number,
            poll_interval=1,
            max_poll_interval=1,
            retries=0,
        )
"""


@pytest.fixture(scope="module", autouse=True)
def dags(dags_folder: Path) -> None:
    (dags_folder / "eight_waits.py").write_text(DAG)


def test_one_401_fails_none_of_eight_deferred_waits(airflow: LiveAirflow, emulator: Emulator) -> None:
    jobs = [emulator.plant_job({"status": "RUNNING", "job_type": "createServer"}) for _ in range(WAITS)]
    run_id = airflow.trigger("eight_waits", {"job_ids": jobs})

    def all_deferred() -> bool:
        return most_at_once(airflow.timelines("eight_waits", run_id), "deferred") == WAITS

    airflow.wait_until(all_deferred, STEP_SECONDS, "all waits to be deferred at the same time")
    for what, fault in FAULTS.items():
        faults, polls = emulator.counters["faults"], emulator.counters["job_queries"]
        emulator.fault(fault)
        # Two rounds of polls of all waits, after the 401 and its confirmation.
        airflow.wait_until(
            lambda faults=faults, polls=polls: (  # type: ignore[misc]
                emulator.counters["faults"] == faults + 1 and emulator.counters["job_queries"] >= polls + 2 * WAITS
            ),
            STEP_SECONDS,
            f"the waits to go on after the {what}",
        )
        assert all_deferred()
    for job in jobs:
        emulator.plant_job({"status": "SUCCESS", "job_type": "createServer"}, job_id=job)

    assert airflow.wait("eight_waits", run_id, STEP_SECONDS) == "success"
    timelines = airflow.timelines("eight_waits", run_id)
    assert [timeline.final_state for timeline in timelines] == ["success"] * WAITS
