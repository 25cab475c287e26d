"""Metrics leave the processes that count them: the worker, and the triggerer, whose stats Airflow sets up apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.live.conftest import JOB_SECONDS

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_ecsjobs.emulator import Emulator
    from tests.live.job_clock import JobClock
    from tests.live.standalone import LiveAirflow
    from tests.live.statsd_sink import StatsdSink

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]

STEP_SECONDS = 240.0
DAG = """
from airflow.providers.common.compat.sdk import DAG, Param
from airflow_provider_ecsjobs.operators.ecs_jobs import EcsSubmitJobOperator

params = {"server_id": Param(type="string")}
with DAG("counted", schedule=None, catchup=False, params=params, render_template_as_native_obj=True):
    EcsSubmitJobOperator(
        task_id="redeploy",
        operation="execute_server_redeploy",
        server_id="{{ params.server_id }}",
        poll_interval=1,
        max_poll_interval=1,
    )
"""


def test_worker_and_triggerer_send_their_metrics(
    airflow: LiveAirflow, emulator: Emulator, clock: JobClock, statsd: StatsdSink, dags_folder: Path
) -> None:
    (dags_folder / "counted.py").write_text(DAG)
    run_id = airflow.trigger("counted", {"server_id": emulator.add_server()})
    polled = "airflow.ecsjobs.polls,job_type=redeployServer,outcome=job"

    # The worker does not poll a job that it has only just submitted: it is the triggerer that does.
    airflow.wait_until(lambda: statsd.counts()[polled] >= 3, STEP_SECONDS, "the triggerer to have polled three times")
    clock.leap(JOB_SECONDS + 1)

    assert airflow.wait("counted", run_id, STEP_SECONDS) == "success"
    counts = statsd.counts()
    assert counts["airflow.ecsjobs.submits,operation=execute_server_redeploy,outcome=accepted"] == 1
    for name in ("waits", "wait_time"):
        assert counts[f"airflow.ecsjobs.{name},job_type=redeployServer,outcome=success"] == 1
    assert counts["airflow.ecsjobs.detection_delay,job_type=redeployServer"] == 1
