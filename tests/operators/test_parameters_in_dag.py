"""Templated parameters, job ids and results in DAGs that Airflow runs itself, on 2.11 and 3 alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_ecsjobs.exceptions import EcsInvalidJobIdNoRetry, EcsInvalidRequestNoRetry
from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook
from airflow_provider_ecsjobs.operators.ecs_jobs import EcsJobOperator, EcsSubmitJobOperator
from airflow_provider_ecsjobs.operators.servers import (
    EcsCreateServersOperator,
    EcsDeleteServersOperator,
    EcsStopServersOperator,
)
from airflow_provider_ecsjobs.sensors.ecs_jobs import EcsJobSensor
from tests.support.dag_runs import START, run_dag

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_ecsjobs.core.submit.submission import Submission, SubmitRequest
    from airflow_provider_ecsjobs.emulator import Emulator

pytestmark = pytest.mark.usefixtures("airflow_db")
AT_ONCE = {"init_seconds": 0, "run_seconds": 0}
SERVER = {"name": "web", "flavor": "s6.small.1", "image": "img", "vpc": "vpc", "subnets": ["s"], "root_volume": "SSD"}


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """Return a list that fills with the operation and the body of each request that is sent."""
    requests: list[tuple[str, Any]] = []
    send = EcsJobsHook.send

    def noting(self: EcsJobsHook, request: SubmitRequest, **options: Any) -> Submission:
        requests.append((request.operation.name, request.body))
        return send(self, request, **options)

    monkeypatch.setattr(EcsJobsHook, "send", noting)
    return requests


def keep_in(failures: dict[str, Any]) -> Callable[[Any], None]:
    """Return a callback that keeps what each task failed with."""
    return lambda context: failures.__setitem__(context["ti"].task_id, context["exception"])


def test_templates_in_flags_and_numbers_are_what_they_say(connected: Emulator, sent: list[tuple[str, Any]]) -> None:
    first, second = connected.add_server(), connected.add_server()
    failures: dict[str, Any] = {}
    params = {"no": False, "yes": True, "text": "no", "odd": "perhaps", "two": 2, "gb": 40}
    with DAG("templated_flags", start_date=START, schedule=None, params=params) as dag:
        EcsCreateServersOperator(
            task_id="create",
            dry_run="{{ params.no }}",
            wait_for_completion="{{ params.text }}",
            count="{{ params.two }}",
            auto_pay="{{ params.no }}",
            **{**SERVER, "root_volume": {"volumetype": "SSD", "size": "{{ params.gb }}"}},
        )
        EcsCreateServersOperator(task_id="check", dry_run="{{ params.yes }}", **SERVER)
        EcsDeleteServersOperator(
            task_id="delete",
            server_ids=first,
            delete_volumes="{{ params.no }}",
            delete_public_ip="{{ params.yes }}",
            missing_ok="{{ params.yes }}",
            poll_interval=0.1,
        )
        EcsSubmitJobOperator(
            task_id="delete_by_body",
            operation="delete_servers",
            body={"servers": [{"id": second}], "delete_volume": "{{ params.no }}"},
            poll_interval=0.1,
        )
        EcsStopServersOperator.partial(task_id="stop", poll_interval=0.1, mode="HARD").expand(
            server_ids=[connected.add_server()], wait_for_completion=["{{ params.no }}"]
        )
        EcsDeleteServersOperator(
            task_id="odd",
            server_ids=first,
            delete_volumes="{{ params.odd }}",
            retries=3,
            on_failure_callback=keep_in(failures),
        )

    run = run_dag(dag)

    assert run.states == {
        "create": "success",
        "check": "success",
        "delete": "success",
        "delete_by_body": "success",
        "stop": "success",
        "odd": "failed",
    }
    assert {body["servers"][0]["id"]: body for name, body in sent if name == "delete_servers"} == {
        first: {"servers": [{"id": first}], "delete_publicip": True, "delete_volume": False},
        second: {"servers": [{"id": second}], "delete_volume": False},
    }
    created, checked = sorted((body for name, body in sent if name == "create_servers"), key=len)
    assert (created["server"]["count"], created["server"]["root_volume"]["size"]) == (2, 40)
    assert "dry_run" not in created
    assert checked["dry_run"] is True
    assert set(run.xcoms["create"]) == {"job_id", "order_id", "server_ids"}  # it did not wait
    assert run.xcoms["check"]["job_id"] is None
    assert isinstance(failures["odd"], EcsInvalidRequestNoRetry)
    assert "delete_volumes is 'perhaps'; expected true or false" in str(failures["odd"])


def test_a_job_id_that_rendered_to_a_dict_or_a_list_says_what_to_do(connected: Emulator) -> None:
    jobs = [connected.start_job(**AT_ONCE) for _ in range(2)]
    failures: dict[str, Any] = {}
    with DAG("job_ids", start_date=START, schedule=None) as dag:

        @task
        def submit(job_id: str) -> dict[str, str]:
            return {"job_id": job_id}

        one, mapped = submit.override(task_id="one")(jobs[0]), submit.override(task_id="mapped").expand(job_id=jobs)
        fails = {"retries": 3, "on_failure_callback": keep_in(failures)}
        waits = [
            EcsJobOperator(task_id="dict", job_id="{{ ti.xcom_pull('one') }}", **fails),
            EcsJobSensor(task_id="output", job_id=one, **fails),
            EcsJobSensor(task_id="list", job_id="{{ ti.xcom_pull('mapped') }}", **fails),
            EcsJobOperator(task_id="outputs", job_id=mapped, **fails),
            EcsJobOperator(task_id="right", job_id="{{ ti.xcom_pull('one')['job_id'] }}"),
        ]
        [one, mapped] >> waits[0]
        [one, mapped] >> waits[2]
        one >> waits[4]
        EcsJobSensor.partial(task_id="each").expand(job_id=mapped.map(lambda result: result["job_id"]))
        # Airflow 2.11 makes each index to find its callbacks, so a wrong value must not fail before it runs.
        EcsJobSensor.partial(task_id="wrong_index", **fails).expand(job_id=[" a "])

    run = run_dag(dag)

    assert run.states["right"] == run.states["each"] == "success"
    assert all(isinstance(failure, EcsInvalidJobIdNoRetry) for failure in failures.values())
    assert "pass the 'job_id' in it: \"{{ ti.xcom_pull(...)['job_id'] }}\"" in str(failures["dict"])
    assert "pass the 'job_id' in it" in str(failures["output"])
    assert ".partial(...).expand(job_id=...)" in str(failures["list"])
    assert ".partial(...).expand(job_id=...)" in str(failures["outputs"])
    assert "job_id is ' a '" in str(failures["wrong_index"])


def test_each_task_has_the_same_outputs(connected: Emulator) -> None:
    job_id = connected.start_job(sub_jobs=2, **AT_ONCE)
    seen: dict[str, Any] = {}
    with DAG("outputs", start_date=START, schedule=None) as dag:

        @task.ecs_job
        def decorated() -> str:
            return job_id

        @task
        def use(name: str, ids: list[str], job: str) -> None:
            seen[name] = (ids, job)

        waits = {
            "sensor": EcsJobSensor(task_id="sensor", job_id=job_id),
            "rescheduled": EcsJobSensor(task_id="rescheduled", job_id=job_id, deferrable=False, mode="reschedule"),
            "operator": EcsJobOperator(task_id="operator", job_id=job_id),
            "create": EcsCreateServersOperator(task_id="create", count=2, poll_interval=0.1, **SERVER),
        }
        outputs = {name: wait.output for name, wait in waits.items()} | {"decorated": decorated()}
        for name, output in outputs.items():
            use.override(task_id=f"use_{name}")(name, output["server_ids"], output["job_id"])

    run = run_dag(dag)

    assert set(run.states.values()) == {"success"}
    assert {len(ids) for ids, _ in seen.values()} == {2}
    created = seen.pop("create")
    assert created == (run.xcoms["create"]["server_ids"], run.xcoms["create"]["job_id"])
    assert all(outputs == (run.xcoms["sensor"]["server_ids"], job_id) for outputs in seen.values())
    assert len(seen) == 4


@pytest.mark.parametrize("what", ["Job", "Submission"])
def test_a_task_that_returns_what_no_other_task_could_read_fails_at_once(connected: Emulator, what: str) -> None:
    job_id = connected.start_job(**AT_ONCE)
    failures: dict[str, Any] = {}
    reboot = {"reboot": {"type": "SOFT", "servers": [{"id": connected.add_server()}]}}
    with DAG(f"returns_a_{what.lower()}", start_date=START, schedule=None) as dag:

        @task(on_failure_callback=keep_in(failures))
        def ask() -> Any:
            hook = EcsJobsHook()
            return hook.get_job(job_id) if what == "Job" else hook.submit("batch_reboot_servers", body=reboot)

        @task
        def ask_for_the_result() -> Any:
            return EcsJobsHook().get_job(job_id).result()

        ask()
        ask_for_the_result()

    run = run_dag(dag)

    assert run.states == {"ask": "failed", "ask_for_the_result": "success"}
    assert f"Return {what.lower()}.result()" in str(failures["ask"])
    assert run.xcoms["ask_for_the_result"]["job_id"] == job_id


@pytest.mark.parametrize("allowed", [True, False])
def test_no_task_is_taken_for_one_within_another(connected: Emulator, allowed: bool, log_text: Any) -> None:
    job_id = connected.start_job(**AT_ONCE)
    options = {"allow_nested_operators": allowed, "poll_interval": 0.1}
    with DAG(f"nested_{allowed}", start_date=START, schedule=None) as dag:

        @task.ecs_job(**options)
        def decorated() -> str:
            return job_id

        decorated()
        sensor = {"allow_nested_operators": allowed, "job_id": job_id}
        EcsJobSensor(task_id="rescheduled", mode="reschedule", deferrable=False, **sensor)
        EcsJobSensor(task_id="sensor", **sensor)
        EcsJobOperator(task_id="operator", job_id=job_id, **options)
        EcsDeleteServersOperator(task_id="delete", server_ids=[connected.add_server()], **options)
        EcsStopServersOperator(task_id="stop", server_ids=[connected.add_server()], **options)

    run = run_dag(dag)

    assert set(run.states.values()) == {"success"}
    assert "cannot be called outside" not in log_text()
