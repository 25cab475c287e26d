"""Submitting in DAGs that Airflow runs itself: XComs, mapping, the decorator, setup and teardown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_ecsjobs.emulator import Emulator, Fault
from airflow_provider_ecsjobs.exceptions import EcsInvalidRequestNoRetry, EcsJobFailed, EcsOutcomeUnknownNoRetry
from airflow_provider_ecsjobs.operators.ecs_jobs import EcsSubmitJobOperator
from airflow_provider_ecsjobs.operators.servers import (
    EcsChangeOsOperator,
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
CANARY = "can-{{ '{{' }}-Password-1"


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


def rendered_fields(run: Any) -> str:
    """All that Airflow shows under "Rendered Template"."""
    from airflow.models.renderedtifields import RenderedTaskInstanceFields
    from airflow.utils.session import create_session

    with create_session() as session:
        rows = session.query(RenderedTaskInstanceFields).filter_by(run_id=run.dag_run.run_id).all()
        return str([row.rendered_fields for row in rows])


def test_a_function_that_submits_gives_its_servers_to_the_teardown(connected: Emulator) -> None:
    with DAG("own_teardown", start_date=START, schedule=None) as dag:

        @task.ecs_job(**QUICK)
        def create(client_token: str = "") -> Any:
            from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook

            server = {"name": "web", "imageRef": "img", "flavorRef": "f", "vpcid": "vpc"}
            server |= {"nics": [{"subnet_id": "subnet"}], "root_volume": {"volumetype": "SSD"}}
            body = {"server": server}
            return EcsJobsHook().submit("create_servers", body=body, client_token=client_token).job_id

        created = create()
        pushed = "{{ ti.xcom_pull('create', key='server_ids') }}"
        delete = EcsDeleteServersOperator(task_id="delete", server_ids=pushed, **QUICK)
        created >> delete.as_teardown(setups=created)

    assert run_dag(dag).states == {"create": "success", "delete": "success"}
    assert connected.servers == {}


def test_a_functions_lost_request_is_not_sent_twice(connected: Emulator) -> None:
    seen: list[Any] = []
    connected.fault(Fault(path="/attachvolume", reset="after"))
    server = connected.add_server()
    with DAG("own_attach", start_date=START, schedule=None) as dag:

        def remember(context: Any) -> None:
            seen.append(context["exception"])

        @task.ecs_job(retries=2, retry_delay=0.1, on_failure_callback=remember, **QUICK)
        def attach() -> Any:
            from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook

            body = {"volumeAttachment": {"volumeId": "a-volume"}}
            return EcsJobsHook().submit("attach_server_volume", server_id=server, body=body)

        attach()

    assert run_dag(dag).states == {"attach": "failed"}
    assert [type(error) for error in seen] == [EcsOutcomeUnknownNoRetry]
    assert connected.counters["submits"] == 1


def test_the_servers_of_mapped_creates_are_deleted_together(connected: Emulator) -> None:
    with DAG("mapped_teardown", start_date=START, schedule=None) as dag:
        create = EcsCreateServersOperator.partial(task_id="create", count=2, **SERVER, **QUICK).expand(name=["a", "b"])
        EcsDeleteServersOperator(task_id="delete", server_ids=create.output["server_ids"], **QUICK)

    assert run_dag(dag).states == {"create": "success", "delete": "success"}
    assert connected.servers == {}
    assert connected.counters["submits"] == 3


def test_passwords_are_masked_wherever_they_are_rendered(connected: Emulator) -> None:
    server, mode = connected.add_server(), "withStopServer"
    with DAG("masked", start_date=START, schedule=None, params={"secret": CANARY, "server": server}) as dag:
        secret = "{{ params.secret }}"
        body = {"os-change": {"imageid": "img", "adminpass": secret, "mode": mode}}
        change = {"operation": "change_server_os_with_cloud_init", "server_id": server, **QUICK}
        EcsChangeOsOperator(task_id="typed", server_id=server, image="img", admin_password=secret, mode=mode, **QUICK)
        EcsCreateServersOperator(task_id="user_data", name="web", user_data=secret, **SERVER, **QUICK)
        EcsCreateServersOperator.partial(task_id="mapped", user_data=secret, **SERVER, **QUICK).expand(name=["a"])
        EcsSubmitJobOperator(task_id="generic", body=body, **change)
        EcsSubmitJobOperator.partial(task_id="mapped_body", **change).expand(body=[body])
        text = '{"os-change": {"imageid": "img", "adminpass": "{{ params.secret }}", "mode": "withStopServer"}}'
        EcsSubmitJobOperator(task_id="text", body=text, **change)

    run = run_dag(dag)

    assert set(run.states.values()) == {"success"}
    shown = rendered_fields(run)
    assert "imageid" in shown
    assert "Password-1" not in shown


def test_an_async_function_is_an_error_when_the_dag_is_parsed() -> None:
    async def submit() -> str:
        return "x"

    with DAG("async", start_date=START, schedule=None), pytest.raises(TypeError, match="submit is async"):
        task.ecs_job(submit)()
