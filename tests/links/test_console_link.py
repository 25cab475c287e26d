"""The button "ECS console" of a task, in DAGs that Airflow runs itself: what the web server is given to show."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_ecsjobs.emulator import Emulator
from airflow_provider_ecsjobs.links.ecs_console import CONSOLE_XCOM_KEY, EcsConsoleLink
from airflow_provider_ecsjobs.operators.ecs_jobs import EcsJobOperator
from airflow_provider_ecsjobs.operators.servers import EcsCreateServersOperator
from airflow_provider_ecsjobs.sensors.ecs_jobs import EcsJobSensor
from tests.support.dag_runs import AIRFLOW_3, START, run_dag

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("airflow_db")
CONSOLE = "https://console.huaweicloud.com/ecm/?region=cn-north-4#/ecs/manager/vmList"
SERVER = {"name": "web", "flavor": "s6.small.1", "image": "img", "vpc": "vpc", "subnets": ["s"], "root_volume": "SSD"}


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """An emulator that answers for Huawei's own endpoint: it stands in the place of the proxy."""
    with Emulator(init_seconds=0, run_seconds=0.3) as emulator:
        # By a token: a signature would be checked over the path, which comes with a host when it comes to a proxy.
        fields = emulator.connection("token", proxy=emulator.url)
        there = {**fields, "host": "http://ecs.cn-north-4.myhuaweicloud.com"}
        monkeypatch.setenv("AIRFLOW_CONN_HUAWEI_ECS_DEFAULT", json.dumps(there))
        monkeypatch.setenv("AIRFLOW_CONN_OTHER_CLOUD", json.dumps(fields))
        yield emulator


def test_it_leads_to_the_server_or_to_the_list(cloud: Emulator) -> None:
    one, three = (cloud.start_job(sub_jobs=number, init_seconds=0, run_seconds=0) for number in (1, 3))
    with DAG("links", start_date=START, schedule=None) as dag:
        EcsCreateServersOperator(task_id="create_one", poll_interval=0.1, **SERVER)
        EcsCreateServersOperator(task_id="create_two", poll_interval=0.1, count=2, **SERVER)
        EcsJobSensor(task_id="wait_for_one", job_id=one, poke_interval=0.1)
        EcsJobOperator(task_id="wait_for_three", job_id=three, poll_interval=0.1)
        EcsJobOperator(task_id="elsewhere", job_id=three, huawei_ecs_conn_id="other_cloud")

    run = run_dag(dag)

    assert set(run.states.values()) == {"success"}
    (server,) = run.xcoms["create_one"]["server_ids"]
    (waited_for,) = run.xcoms["wait_for_one"]["server_ids"]
    assert {task_id: run.xcom(task_id, CONSOLE_XCOM_KEY) for task_id in dag.task_ids} == {
        "create_one": f"{CONSOLE}/vmDetail/basicinfo?instanceId={server}",
        "create_two": CONSOLE,
        "wait_for_one": f"{CONSOLE}/vmDetail/basicinfo?instanceId={waited_for}",
        "wait_for_three": CONSOLE,
        "elsewhere": None,
    }
    for task in dag.tasks:
        (link,) = (link for link in task.operator_extra_links if isinstance(link, EcsConsoleLink))
        # Airflow 3 asks for the link when the task ends, and keeps it; Airflow 2.11 asks when the button is drawn.
        kept = run.xcom(task.task_id, f"_link_{EcsConsoleLink.__name__}") if AIRFLOW_3 else None
        shown = kept if AIRFLOW_3 else link.get_link(task, ti_key=run.key(task.task_id))
        assert shown == (run.xcom(task.task_id, CONSOLE_XCOM_KEY) or "")


def test_airflow_knows_the_link_of_a_serialized_task() -> None:
    from airflow.providers_manager import ProvidersManager

    link = f"{EcsConsoleLink.__module__}.{EcsConsoleLink.__name__}"
    assert link in ProvidersManager().extra_links_class_names
