"""The link to the console is there while a rescheduled sensor waits; none is asked for where there is none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_ecsjobs.emulator import Emulator
from airflow_provider_ecsjobs.links.ecs_console import CONSOLE_XCOM_KEY
from airflow_provider_ecsjobs.operators.ecs_jobs import EcsJobOperator
from airflow_provider_ecsjobs.operators.servers import EcsCreateServersOperator, EcsStopServersOperator
from airflow_provider_ecsjobs.sensors.ecs_jobs import EcsJobSensor
from tests.support.dag_runs import START, run_dag

if TYPE_CHECKING:
    from collections.abc import Callable

CONSOLE = "https://console.huaweicloud.com/ecm/?region=cn-north-4#/ecs/manager/vmList"
AT_ONCE = {"init_seconds": 0, "run_seconds": 0}


def test_a_rescheduled_sensor_leaves_the_link_before_it_pokes(monkeypatch: pytest.MonkeyPatch) -> None:
    with Emulator() as emulator:
        fields = {**emulator.connection("token", proxy=emulator.url), "host": "http://ecs.cn-north-4.myhuaweicloud.com"}
        monkeypatch.setenv("AIRFLOW_CONN_HUAWEI_ECS_DEFAULT", json.dumps(fields))
        sensor = EcsJobSensor(task_id="wait", job_id="unknown", mode="reschedule", deferrable=False)
        pushed: dict[str, Any] = {}

        def poke(context: Any) -> bool:
            assert pushed == {CONSOLE_XCOM_KEY: CONSOLE, "job_id": "unknown"}
            raise RuntimeError("poked")

        monkeypatch.setattr(sensor, "poke", poke)
        monkeypatch.setattr(sensor, "_validate_input_values", lambda: None, raising=False)
        context = {"ti": Instance(pushed), "run_id": "r", "task_reschedule_count": 0}

        with pytest.raises(RuntimeError, match="poked"):
            sensor.execute(context)


class Instance:
    """A task instance that has not been rescheduled yet."""

    dag_id, task_id, run_id, map_index, try_number, max_tries = "d", "wait", "r", -1, 1, 0

    def __init__(self, pushed: dict[str, Any]) -> None:
        self.pushed = pushed

    def xcom_push(self, key: str, value: Any) -> None:
        """Keep an XCom."""
        self.pushed[key] = value

    def get_first_reschedule_date(self, context: Any) -> None:
        """Tell that there is none."""


@pytest.mark.usefixtures("airflow_db")
def test_no_log_names_a_link_that_is_not_there(connected: Emulator, log_text: Callable[[], str]) -> None:
    good = connected.start_job(**AT_ONCE)
    bad = connected.start_job(sub_jobs=1, failing=1, **AT_ONCE)
    slow = connected.start_job(init_seconds=0, run_seconds=0.5)
    server = {"name": "w", "flavor": "f", "image": "i", "vpc": "v", "subnets": ["s"], "root_volume": "SSD"}
    with DAG("no_links", start_date=START, schedule=None) as dag:
        EcsJobOperator(task_id="good", job_id=good)
        EcsJobOperator(task_id="bad", job_id=bad)
        EcsJobOperator(task_id="slow", job_id=slow, poll_interval=0.1)
        EcsJobOperator(task_id="no_job_id", job_id="{{ none }}")
        EcsJobOperator(task_id="no_connection", job_id=good, huawei_ecs_conn_id="missing")
        EcsJobSensor(task_id="rescheduled", job_id=slow, mode="reschedule", deferrable=False, poke_interval=10)
        EcsCreateServersOperator(task_id="create", poll_interval=0.1, **server)
        EcsStopServersOperator(task_id="rejected", server_ids="no-such-server")

    run = run_dag(dag)

    failed = {"bad", "no_job_id", "no_connection", "rejected"}
    assert run.states == {name: "failed" if name in failed else "success" for name in dag.task_ids}
    assert "XCom not found" not in log_text()
    assert not any(run.xcom(name, CONSOLE_XCOM_KEY) for name in dag.task_ids)
