"""Sensor and operator called as Airflow calls them: execute, defer, resume. What holds for both is tested for both."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    TaskDeferred,
)

from airflow_provider_ecsjobs.emulator import Fault
from airflow_provider_ecsjobs.exceptions import (
    EcsApiError,
    EcsConfigError,
    EcsInvalidJobIdNoRetry,
    EcsJobFailed,
    EcsJobNotFound,
    EcsJobPaymentTimeout,
    EcsJobTimeout,
    EcsUnauthorizedError,
    EcsUnreachableError,
)
from airflow_provider_ecsjobs.operators.ecs_jobs import EcsJobOperator
from airflow_provider_ecsjobs.sensors.ecs_jobs import EcsJobSensor

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_ecsjobs.emulator import Emulator

    Make = Callable[..., Any]

pytestmark = pytest.mark.usefixtures("quick_backoff")
RUNNING = {"status": "RUNNING", "job_type": "createServer"}
SUCCESS = {"status": "SUCCESS", "job_type": "createServer", "entities": {"server_id": "s-1"}}
FAIL = {"status": "FAIL", "job_type": "createServer", "error_code": "Ecs.0319", "fail_reason": "sold out"}
CONTEXT: Any = {}


def make_sensor(job_id: Any, **kwargs: Any) -> EcsJobSensor:
    return EcsJobSensor(task_id="wait", job_id=job_id, **{"poke_interval": 0.03, "max_wait": 0.03, **kwargs})


def make_operator(job_id: Any, **kwargs: Any) -> EcsJobOperator:
    return EcsJobOperator(task_id="wait", job_id=job_id, **{"poll_interval": 0.03, "max_poll_interval": 0.03, **kwargs})


@pytest.fixture(params=[make_sensor, make_operator], ids=["sensor", "operator"])
def make(request: pytest.FixtureRequest) -> Make:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(params=[True, False], ids=["deferrable", "in worker"])
def deferrable(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_a_job_that_succeeded_never_defers(make: Make, deferrable: bool, connected: Emulator) -> None:
    job = connected.plant_job(SUCCESS)

    result = make(job, deferrable=deferrable).execute(CONTEXT)

    assert (result["job_id"], result["status"], result["server_ids"]) == (job, "SUCCESS", ["s-1"])
    assert connected.counters["requests"] == 1


def test_a_job_that_failed_never_defers(make: Make, deferrable: bool, connected: Emulator) -> None:
    with pytest.raises(EcsJobFailed, match=r"Ecs\.0319 sold out") as caught:
        make(connected.plant_job(FAIL), deferrable=deferrable).execute(CONTEXT)

    assert isinstance(caught.value, AirflowFailException)  # a retry can't help
    assert caught.value.job is not None
    assert caught.value.job.error_code == "Ecs.0319"
    assert connected.counters["requests"] == 1


def test_a_running_job_defers_with_all_the_trigger_needs(make: Make, connected: Emulator) -> None:
    job = connected.plant_job({**RUNNING, "entities": {"sub_jobs_total": 2, "sub_jobs": [{"status": "SUCCESS"}]}})
    before = time.time()
    task = make(
        job,
        region="cn-north-4",
        service="ecs",
        timeout=600,
        payment_timeout=timedelta(minutes=1),
        not_found_grace=5,
        unreachable_timeout=7,
    )

    with pytest.raises(TaskDeferred) as deferred:
        task.execute(CONTEXT)

    kwargs = deferred.value.trigger.serialize()[1]
    assert before <= kwargs.pop("started") <= time.time()
    assert before + 600 <= kwargs.pop("deadline") <= time.time() + 600
    assert kwargs == {
        "job_id": job,
        "huawei_ecs_conn_id": "huawei_ecs_default",
        "region": "cn-north-4",
        "project_id": None,
        "service": "ecs",
        "poll_interval": 0.03,
        "max_poll_interval": 0.03,
        "payment_timeout": 60.0,
        "pending_since": None,
        "seen_status": "RUNNING",
        "seen_sub_jobs_finished": 1,
        "not_found_grace": 5.0,
        "unreachable_timeout": 7.0,
        "order_id": None,
        "server_ids": None,
        "limit": "timeout=10 min",
        "seen_job_type": "createServer",
        "seen_begin_time": None,
        "seen_sub_jobs_total": 2,
        "publishes": True,
    }
    assert deferred.value.method_name == "execute_complete"
    assert deferred.value.timeout > timedelta(seconds=600)  # our own deadline comes first, with a message
    assert connected.counters["requests"] == 1


def test_failures_at_the_first_poll_are_left_to_the_trigger(make: Make, connected: Emulator) -> None:
    connected.fault(Fault(status=503))
    with pytest.raises(TaskDeferred):
        make(connected.plant_job(SUCCESS)).execute(CONTEXT)


def test_a_limit_beyond_the_calendar_can_be_added_to_the_date(connected: Emulator) -> None:
    beyond = {"timeout": None, "execution_timeout": timedelta.max}
    with pytest.raises(TaskDeferred) as deferred:
        make_operator(connected.plant_job(RUNNING), **beyond).execute(CONTEXT)

    assert deferred.value.timeout is not None
    assert datetime.now(UTC) + deferred.value.timeout > datetime.now(UTC)


def test_an_operator_without_a_timeout_defers_without_one(connected: Emulator) -> None:
    with pytest.raises(TaskDeferred) as deferred:
        make_operator(connected.plant_job(RUNNING), timeout=None).execute(CONTEXT)

    assert deferred.value.timeout is None
    assert deferred.value.trigger.serialize()[1]["deadline"] is None


@pytest.mark.parametrize(
    ("timeout", "execution_timeout", "expected"),
    [
        (600, None, 600),
        (600, timedelta(hours=1), 600),
        (7200, timedelta(hours=1), 3570),
        (600, timedelta(seconds=10), 9),
    ],
)
def test_execution_timeout_shortens_the_deadline(
    make: Make, connected: Emulator, timeout: float, execution_timeout: timedelta | None, expected: float
) -> None:
    task = make(connected.plant_job(RUNNING), timeout=timeout, execution_timeout=execution_timeout)

    with pytest.raises(TaskDeferred) as deferred:
        task.execute(CONTEXT)

    kwargs = deferred.value.trigger.serialize()[1]
    assert kwargs["deadline"] - kwargs["started"] == pytest.approx(expected)


def test_a_bad_job_id_fails_at_once(make: Make, deferrable: bool, connected: Emulator) -> None:
    bad = ["None", "none", "", "  ", "a/b", "../x", "a b", "{{ x }}", {"job_id": "j"}, ["j"], None, 5, True]
    for job_id in bad:
        with pytest.raises(EcsInvalidJobIdNoRetry, match="job_id") as caught:
            make(job_id, deferrable=deferrable).execute(CONTEXT)
        assert isinstance(caught.value, AirflowFailException)
    assert connected.counters["requests"] == 0


def test_a_timeout_tells_job_status_and_time_waited(make: Make, connected: Emulator) -> None:
    job = connected.plant_job(RUNNING)

    with pytest.raises(EcsJobTimeout, match=rf"{job} had not finished after .* s, .*last status RUNNING") as caught:
        make(job, deferrable=False, timeout=0.2).execute(CONTEXT)

    assert isinstance(caught.value, AirflowSensorTimeout)  # no retry
    assert caught.value.job is not None


def test_a_first_poll_beyond_the_deadline_times_out(make: Make, connected: Emulator) -> None:
    with pytest.raises(EcsJobTimeout, match="RUNNING"):
        make(connected.plant_job(RUNNING), timeout=0).execute(CONTEXT)


def test_a_missing_job_is_not_retried(make: Make, deferrable: bool, connected: Emulator) -> None:
    with pytest.raises(EcsJobNotFound, match="job-1") as caught:
        make("job-1", deferrable=deferrable).execute(CONTEXT)

    assert isinstance(caught.value, AirflowFailException)
    assert connected.counters["requests"] == 1


def test_unauthorized_credentials_are_not_retried(
    make: Make, deferrable: bool, connected: Emulator, set_connection: Make
) -> None:
    set_connection(**{**connected.connection(), "password": "another"})

    with pytest.raises(EcsUnauthorizedError, match=r"APIG[W]?\.0301") as caught:
        make("job-1", deferrable=deferrable).execute(CONTEXT)

    # One more request has confirmed it. More than five failures in a row would lock the key.
    assert isinstance(caught.value, AirflowFailException)
    assert connected.counters["requests"] == 2


def test_an_unreachable_api_can_be_retried(
    make: Make, set_connection: Make, ecs_emulator: Emulator, vanish: Make
) -> None:
    fields = ecs_emulator.connection()
    vanish(ecs_emulator)
    set_connection(**fields)

    with pytest.raises(EcsUnreachableError, match=r"no good response .*127\.0\.0\.1") as caught:
        make("job-1", deferrable=False, unreachable_timeout=0.2).execute(CONTEXT)

    assert not isinstance(caught.value, AirflowException)


def test_a_bad_connection_is_explained(make: Make, deferrable: bool, connected: Emulator, set_connection: Make) -> None:
    set_connection(**connected.connection(project_id="a/b"))

    with pytest.raises(EcsConfigError, match="project_id"):
        make("job-1", deferrable=deferrable).execute(CONTEXT)


@pytest.mark.parametrize(
    "kwargs", [{"region": 5}, {"project_id": 123}, {"service": ["ecs"]}, {"huawei_ecs_conn_id": None}], ids=str
)
def test_a_field_rendered_to_something_else(
    make: Make, deferrable: bool, connected: Emulator, kwargs: dict[str, Any]
) -> None:
    with pytest.raises(EcsConfigError, match=next(iter(kwargs))):
        make("job-1", deferrable=deferrable, **kwargs).execute(CONTEXT)


JOB = {"job_id": "job-1", **SUCCESS}


def test_resuming_with_success_gives_the_result(make: Make) -> None:
    event = {"outcome": "finished", "message": "done", "job": JOB}

    assert make("job-1").execute_complete(CONTEXT, event)["server_ids"] == ["s-1"]


@pytest.mark.parametrize(
    ("outcome", "job", "error"),
    [
        ("finished", {"job_id": "job-1", **FAIL}, EcsJobFailed),
        ("timeout", None, EcsJobTimeout),
        ("payment_timeout", None, EcsJobPaymentTimeout),
        ("not_found", None, EcsJobNotFound),
        ("unauthorized", None, EcsUnauthorizedError),
        ("unreachable", None, EcsUnreachableError),
        ("error", None, EcsApiError),
    ],
)
def test_resuming_with_any_other_end_raises_it(make: Make, outcome: str, job: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"because|sold out") as caught:
        make("job-1").execute_complete(CONTEXT, {"outcome": outcome, "message": "because", "job": job})
    assert outcome == "error" or type(caught.value) is not EcsApiError


@pytest.mark.parametrize(
    "event",
    [
        None,
        "finished",
        [],
        {},
        {"status": "success"},
        {"outcome": None},
        {"outcome": "done", "message": "", "job": JOB},
        {"outcome": ["finished"], "job": JOB},
        {"outcome": "finished", "message": "done"},
        {"outcome": "finished", "message": "done", "job": None},
        {"outcome": "finished", "message": "done", "job": "job-1"},
        {"outcome": "finished", "message": "done", "job": {}},
        {"outcome": "finished", "message": "done", "job": {"job_id": "job-1", **RUNNING}},
    ],
    ids=str,
)
def test_a_strange_event_fails_loudly(make: Make, event: Any) -> None:
    with pytest.raises(EcsApiError, match="job-1: the task was resumed with"):
        make("job-1").execute_complete(CONTEXT, event)


def test_an_event_without_a_message_still_says_something(make: Make) -> None:
    with pytest.raises(EcsJobTimeout, match=r"job-1.*no message"):
        make("job-1").execute_complete(CONTEXT, {"outcome": "timeout"})


BAD = (-1, "10", float("nan"), True, [1])


@pytest.mark.parametrize("value", BAD, ids=repr)
@pytest.mark.parametrize("name", ["payment_timeout", "not_found_grace", "unreachable_timeout"])
def test_bad_numbers_are_named(make: Make, name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=name):
        make("job-1", **{name: value})


@pytest.mark.parametrize("value", [*BAD, 0, timedelta(0), None], ids=repr)
@pytest.mark.parametrize("name", ["poll_interval", "max_poll_interval"])
def test_bad_intervals_of_the_operator_are_named(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{name} is .*; expected more than 0 seconds"):
        make_operator("job-1", **{name: value})


@pytest.mark.parametrize("value", BAD, ids=repr)
def test_a_bad_timeout_of_the_operator_is_named(value: Any) -> None:
    with pytest.raises(ValueError, match="timeout is"):
        make_operator("job-1", timeout=value)


@pytest.mark.parametrize("value", [-1, "10", float("nan"), [1]], ids=repr)
@pytest.mark.parametrize("name", ["poke_interval", "max_wait", "timeout"])
def test_bad_intervals_of_the_sensor(name: str, value: Any) -> None:
    with pytest.raises(Exception, match=r"\w+") as caught:  # Airflow's own check, and its own words
        make_sensor("job-1", **{name: value})
    assert isinstance(caught.value, (ValueError, AirflowException))


def test_on_kill_says_that_the_job_goes_on(
    make: Make, connected: Emulator, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    make("job-1").on_kill()

    logged = caplog.text + "".join(capsys.readouterr())
    assert "job-1 continues" in logged
    assert connected.counters["requests"] == 0
