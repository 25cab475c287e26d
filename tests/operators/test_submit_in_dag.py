"""Submitting in DAGs that Airflow runs itself: XComs, mapping, the decorator, setup and teardown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_ecsjobs.emulator import Emulator
from airflow_provider_ecsjobs.exceptions import EcsInvalidRequestNoRetry, EcsJobFailed
from airflow_provider_ecsjobs.operators.ecs_jobs import EcsSubmitJobOperator
from airflow_provider_ecsjobs.operators.servers import (
    EcsCreateServersOperator,
    EcsDeleteServersOperator,
    EcsStopServersOperator,
)
from tests.support.dag_runs import START, run_dag

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("airflow_db")
SERVER = {"flavor": "s6.small.1", "image": "img", "vpc": "vpc", "subnets": ["subnet"], "root_volume": "SSD"}
QUICK = {"poll_interval": 0.1}


@pytest.fixture
def ecs_emulator() -> Iterator[Emulator]:
    with Emulator(init_seconds=0, run_seconds=0.2) as emulator:
        yield emulator


def test_what_a_create_pushes_is_used_by_the_tasks_behind_it(connected: Emulator) -> None:
    with DAG("create_use_delete", start_date=START, schedule=None, params={"name": "web"}) as dag:
        create = EcsCreateServersOperator(
            task_id="create", name="{{ params.name }}", count="{{ 2 }}", **SERVER, **QUICK
        )
        stop = EcsStopServersOperator(task_id="stop", server_ids=create.output["server_ids"], **QUICK)
        pushed = "{{ ti.xcom_pull('create', key='server_ids') }}"
        delete = EcsDeleteServersOperator(task_id="delete", server_ids=pushed, **QUICK)
        create >> stop >> delete

    run = run_dag(dag)

    assert run.states == {"create": "success", "stop": "success", "delete": "success"}
    assert [made["operation"] for made in connected.submissions] == [
        "create_servers",
        "batch_stop_servers",
        "delete_servers",
    ]
    assert run.xcoms["stop"]["server_ids"] == run.xcoms["create"]["server_ids"]
    assert connected.servers == {}


def test_each_mapped_task_submits_for_itself(connected: Emulator) -> None:
    with DAG("mapped_creates", start_date=START, schedule=None) as dag:
        EcsCreateServersOperator.partial(task_id="create", **SERVER, **QUICK).expand(name=["a", "b", "c"])

    assert run_dag(dag).states == {"create": "success"}
    assert sorted(server["name"] for server in connected.servers.values()) == ["a", "b", "c"]
    assert len({made["client_token"] for made in connected.submissions}) == 3


def test_a_function_that_submits_becomes_a_task_that_waits(connected: Emulator) -> None:
    failures: list[Any] = []
    server = connected.add_server()
    body = {"os-stop": {"servers": [{"id": server}]}}
    connected.fail_next("deleteVMs")
    with DAG("decorated", start_date=START, schedule=None) as dag:

        @task.ecs_job(**QUICK)
        def submit(operation: str, body: dict[str, Any]) -> str:
            from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook

            return str(EcsJobsHook().submit(operation, body=body).job_id)

        @task.ecs_job(**QUICK)
        def submit_nothing() -> dict[str, str]:
            return {"id": "x"}

        def remember(context: Any) -> None:
            failures.append(context["exception"])

        submit("batch_stop_servers", body)
        submit.override(task_id="overridden")("batch_start_servers", {"os-start": {"servers": [{"id": server}]}})
        submit.override(task_id="mapped").partial(operation="batch_stop_servers").expand(body=[body, body])
        failing = submit.override(task_id="fails", on_failure_callback=remember)
        failing("delete_servers", {"servers": [{"id": server}]})
        submit_nothing.override(on_failure_callback=remember)()

    run = run_dag(dag)

    assert run.states == {
        "submit": "success",
        "overridden": "success",
        "mapped": "success",
        "fails": "failed",
        "submit_nothing": "failed",
    }
    assert run.xcoms["submit"]["job_type"] == "stopVMs"
    assert {type(error) for error in failures} == {EcsJobFailed, EcsInvalidRequestNoRetry}
    said = "\n".join(map(str, failures))
    assert "Ecs.0219 No valid host was found" in said
    assert "submit_nothing() returned no job: what it returned is a dict with 'id'" in said


def test_a_function_is_given_the_client_token_it_asks_for(connected: Emulator) -> None:
    with DAG("token", start_date=START, schedule=None) as dag:

        @task.ecs_job(**QUICK)
        def create(name: str, client_token: str = "") -> Any:
            from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook

            server = {"name": name, "imageRef": "img", "flavorRef": "s6.small.1", "vpcid": "vpc"}
            server |= {"nics": [{"subnet_id": "subnet"}], "root_volume": {"volumetype": "SSD"}}
            return EcsJobsHook().submit("create_servers", body={"server": server}, client_token=client_token)

        create("web")

    assert run_dag(dag).states == {"create": "success"}
    (made,) = connected.submissions
    assert made["client_token"]


def test_a_templated_request_that_is_wrong_fails_when_the_task_starts(connected: Emulator) -> None:
    with DAG("wrong", start_date=START, schedule=None) as dag:
        EcsSubmitJobOperator(task_id="submit", operation="{{ 'resize_servers' }}", retries=3)

    assert run_dag(dag).states == {"submit": "failed"}
    assert connected.counters["requests"] == 0


@pytest.mark.parametrize("fails", [True, False], ids=["the work fails", "the work succeeds"])
def test_a_teardown_deletes_what_was_created(fails: bool, connected: Emulator) -> None:
    with DAG(f"teardown_{fails}", start_date=START, schedule=None) as dag:
        create = EcsCreateServersOperator(task_id="create", name="web", **SERVER, **QUICK)
        pushed = "{{ ti.xcom_pull('create', key='server_ids') }}"
        delete = EcsDeleteServersOperator(task_id="delete", server_ids=pushed, **QUICK)

        @task
        def work() -> None:
            if fails:
                raise ValueError("the work fails")

        create.as_setup() >> work() >> delete.as_teardown(setups=create)

    assert run_dag(dag).states == {"create": "success", "work": "failed" if fails else "success", "delete": "success"}
    assert connected.servers == {}
