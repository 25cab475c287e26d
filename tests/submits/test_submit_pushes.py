"""XComs that Airflow does not take: the request was accepted, so the task goes on, and nothing is sent twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from airflow.providers.common.compat.sdk import DAG, DecoratedOperator, task

from airflow_provider_ecsjobs.emulator import Emulator, Fault
from airflow_provider_ecsjobs.exceptions import EcsJobNotFoundNoRetry, EcsJobPaymentTimeout, EcsRejectedNoRetry
from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook
from airflow_provider_ecsjobs.operators.ecs_jobs import EcsJobOperator
from airflow_provider_ecsjobs.operators.servers import EcsCreateServersOperator, EcsRebootServersOperator
from airflow_provider_ecsjobs.sensors.ecs_jobs import EcsJobSensor
from airflow_provider_ecsjobs.triggers.ecs_jobs import EcsJobTrigger
from tests.support.task_runs import Store, TaskRun

if TYPE_CHECKING:
    from collections.abc import Callable

WAITS = pytest.mark.parametrize("options", [{}, {"deferrable": False}, {"wait_for_completion": False}], ids=str)


@pytest.fixture(params=[False, True], ids=["no store", "store"])
def store(request: pytest.FixtureRequest) -> Store | None:
    return Store() if request.param else None


def rejecting_none(key: str, value: Any) -> None:
    """Take XComs as Airflow 3.0 does, whose API has no null for a value."""
    if value is None:
        raise RuntimeError("422 Unprocessable Entity")


def rejecting_all(key: str, value: Any) -> None:
    raise RuntimeError("503 Service Unavailable")


def reboot(server_id: str, store: Store | None, **options: Any) -> TaskRun:
    options = {"poll_interval": 0.05, "retries": 1, **options}
    return TaskRun(
        lambda: EcsRebootServersOperator(task_id="task", server_ids=[server_id], **options), store=store, retries=1
    )


def create(store: Store | None, **options: Any) -> TaskRun:
    fields = {"name": "web", "flavor": "s6.small.1", "image": "img", "vpc": "vpc", "subnets": ["subnet"]}
    fields |= {"root_volume": "SSD", "poll_interval": 0.05, "retries": 1, **options}
    return TaskRun(lambda: EcsCreateServersOperator(task_id="task", **fields), store=store, retries=1)


@WAITS
def test_none_is_never_pushed(store: Store | None, options: dict[str, Any], connected: Emulator) -> None:
    task = reboot(connected.add_server(), store, **options)
    task.ti.xcom_push = rejecting_none

    assert task.run()["job_id"] == connected.submissions[0]["job_id"]
    assert connected.counters["submits"] == 1


@WAITS
def test_a_push_that_fails_after_an_accepted_submit_fails_no_task(
    store: Store | None, options: dict[str, Any], connected: Emulator, log_text: Callable[[], str]
) -> None:
    task = reboot(connected.add_server(), store, **options)
    task.ti.xcom_push = rejecting_all

    result = task.run()

    assert result["job_id"] == connected.submissions[0]["job_id"]
    assert connected.counters["submits"] == 1
    logged = log_text()
    submitted = f"batch_reboot_servers: submitted: ECS job {result['job_id']}"
    assert "503 Service Unavailable" in logged
    assert 0 <= logged.find(submitted) < logged.find("The XCom 'job_id' could not be pushed")


@pytest.mark.parametrize("options", [{}, {"deferrable": False}], ids=str)
@pytest.mark.parametrize("count", [2, 3])
def test_the_servers_are_known_without_their_xcom(options: dict[str, Any], count: int, connected: Emulator) -> None:
    connected.fail_next(failing=1)
    task = create(None, count=count, on_partial_failure="keep", **options)
    task.ti.xcom_push = rejecting_all

    result = task.run()

    (made,) = connected.submissions
    assert result["server_ids"] == made["server_ids"][1:]
    assert len(result["server_ids"]) == count - 1


def test_a_job_that_is_lost_names_its_servers_without_their_xcom(connected: Emulator) -> None:
    task = create(None, count=2, not_found_grace=0)
    task.ti.xcom_push = rejecting_all
    deferral = task.start()
    (made,) = connected.submissions
    connected.purge_job(made["job_id"])

    with pytest.raises(EcsJobNotFoundNoRetry, match=", ".join(made["server_ids"])):
        task.resume(deferral)


def test_what_a_trigger_of_an_earlier_version_does_not_hand_on_is_read_from_the_xcoms(connected: Emulator) -> None:
    task = create(None, count=2, not_found_grace=0)
    deferral = task.start()
    deferral.trigger = EcsJobTrigger(job_id=task.xcoms["job_id"])
    connected.purge_job(task.xcoms["job_id"])

    with pytest.raises(EcsJobNotFoundNoRetry, match=", ".join(task.xcoms["server_ids"])):
        task.resume(deferral)


@pytest.mark.parametrize("options", [{}, {"deferrable": False}, {"wait_for_completion": False}], ids=str)
def test_multiple_outputs_have_no_none(options: dict[str, Any], connected: Emulator) -> None:
    outputs = create(None, multiple_outputs=True, **options).run()

    assert None not in outputs.values()
    assert {"job_id", "server_ids"} <= set(outputs)


@pytest.mark.parametrize("deferrable", [True, False])
def test_multiple_outputs_of_a_job_without_times_have_no_none(deferrable: bool, connected: Emulator) -> None:
    job_id = connected.plant_job({"status": "SUCCESS"})
    for waits in (EcsJobSensor, EcsJobOperator):
        task = TaskRun(lambda of=waits: of(task_id="t", job_id=job_id, deferrable=deferrable, multiple_outputs=True))
        outputs = task.run()

        assert None not in outputs.values()
        assert (outputs["job_id"], outputs["status"]) == (job_id, "SUCCESS")


def test_a_decorated_task_ends_on_an_airflow_that_reads_xcom_push(
    connected: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends_with = DecoratedOperator.execute

    def as_airflow_3_0_does(self: Any, context: Any) -> Any:
        _ = self.xcom_push
        return ends_with(self, context)

    monkeypatch.setattr(DecoratedOperator, "execute", as_airflow_3_0_does)
    with DAG("decorated", schedule=None) as dag:

        @task.ecs_job(wait_for_completion=False)
        def submit() -> dict[str, Any]:
            body = {"reboot": {"type": "SOFT", "servers": [{"id": connected.add_server()}]}}
            return {"job_id": EcsJobsHook().submit("batch_reboot_servers", body=body).job_id}

        submit()

    run = TaskRun(lambda: dag.get_task("submit"))

    assert run.run() == {"job_id": connected.submissions[0]["job_id"], "server_ids": []}
    assert connected.counters["submits"] == 1


def test_an_xcom_that_cannot_be_read_on_resume_fails_no_task(connected: Emulator) -> None:
    task = reboot(connected.add_server(), None)
    deferral = task.start()

    def failing(**_: Any) -> Any:
        raise RuntimeError("503 Service Unavailable")

    task.ti.xcom_pull = failing
    assert task.resume(deferral)["status"] == "SUCCESS"


class FullStore(Store):
    """A store that fails once the answer is there."""

    def set(self, key: str, value: Any) -> None:
        if value["job_id"] is not None:
            raise RuntimeError("no room")
        super().set(key, value)


class StuckStore(Store):
    """A store that takes marks, and never gives them up."""

    def delete(self, key: str) -> None:
        raise RuntimeError("no room")


def test_what_was_accepted_is_logged_before_it_is_stored(connected: Emulator, log_text: Callable[[], str]) -> None:
    made = create(FullStore(), wait_for_completion=False).run()

    logged = log_text()
    submitted = f"create_servers: submitted: ECS job {made['job_id']}, servers {', '.join(made['server_ids'])}"
    assert 0 <= logged.find(submitted) < logged.find("could not be recorded")


def test_a_store_that_fails_hides_no_rejection(connected: Emulator, log_text: Callable[[], str]) -> None:
    connected.fault(Fault(path="/cloudservers$", status=400, body={"error": {"code": "Ecs.0005", "message": "no"}}))

    with pytest.raises(EcsRejectedNoRetry, match=r"Ecs\.0005"):
        create(StuckStore()).run()

    assert "the response could not be recorded (RuntimeError: no room)" in log_text()


def test_a_store_that_fails_hides_no_unpaid_order(connected: Emulator, log_text: Callable[[], str]) -> None:
    task = create(FullStore(), period_type="month", payment_timeout=0)
    deferral = task.start()
    task.store = mock.Mock(get=mock.Mock(side_effect=RuntimeError("no database")))

    with pytest.raises(EcsJobPaymentTimeout):
        task.resume(deferral)

    assert "It could not be recorded that the order stayed unpaid (RuntimeError: no database)" in log_text()


def test_a_clear_whose_note_is_refused_fails_the_try_and_submits_nothing(connected: Emulator) -> None:
    store = Store()
    task = create(store)
    task.start()
    job = task.xcoms["job_id"]
    connected.fault(Fault(path=f"/jobs/{job}", status=500, times=2))  # its end is not seen: it is waited for
    task.clear()

    # Else the next try would count the same clear once more, and submit anew.
    with mock.patch.object(store, "set", side_effect=RuntimeError("no room")), pytest.raises(RuntimeError):
        task.start()
    task.retry()

    assert task.run()["job_id"] == job
    assert connected.counters["submits"] == 1
