"""``soft_fail``: what it skips, and what it never hides; first look, resume and poke alike."""

from __future__ import annotations

import importlib
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowSkipException, BaseSensorOperator, TaskDeferred

from airflow_provider_ecsjobs.emulator import Fault
from airflow_provider_ecsjobs.exceptions import (
    EcsApiError,
    EcsConfigError,
    EcsInvalidJobIdNoRetry,
    EcsJobFailed,
    EcsJobNotFound,
    EcsJobTimeout,
    EcsUnauthorizedError,
    EcsUnreachableError,
)
from airflow_provider_ecsjobs.sensors.ecs_jobs import EcsJobSensor

try:
    from airflow.sdk.exceptions import AirflowRescheduleException
except ImportError:  # Airflow 2.11
    from airflow.exceptions import AirflowRescheduleException

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_ecsjobs.emulator import Emulator

pytestmark = pytest.mark.usefixtures("quick_backoff")
FAIL = {"status": "FAIL", "error_code": "Ecs.0319", "fail_reason": "sold out"}
RUNNING = {"status": "RUNNING"}
SUCCESS = {"status": "SUCCESS"}
MODES: dict[str, dict[str, Any]] = {
    "deferrable": {},
    "poke": {"deferrable": False},
    "reschedule": {"deferrable": False, "mode": "reschedule"},
}


@pytest.fixture
def context(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Give a function that makes the context of a poke, the first one or one that comes some time after it."""

    def make(since_first_poke: timedelta | None = None) -> Any:
        first = None if since_first_poke is None else datetime.now(UTC) - since_first_poke
        ti: dict[str, Any] = {"dag_id": "d", "task_id": "t", "run_id": "r", "map_index": -1, "try_number": 1}
        try:
            import airflow.sensors.base as of_2_11

            monkeypatch.setattr(of_2_11, "_orig_start_date", lambda *args, **kwargs: first)
        except (ImportError, AttributeError):
            ti["get_first_reschedule_date"] = lambda context: first
        return {"ti": SimpleNamespace(**ti, max_tries=0), "task_instance": SimpleNamespace(**ti, max_tries=0)}

    return make


@pytest.fixture(params=list(MODES))
def mode(request: pytest.FixtureRequest) -> dict[str, Any]:
    return MODES[request.param]


def sensor(job_id: Any, **kwargs: Any) -> EcsJobSensor:
    return EcsJobSensor(task_id="wait", job_id=job_id, **{"poke_interval": 0.03, "max_wait": 0.03, **kwargs})


@pytest.mark.parametrize(("soft_fail", "error"), [(True, AirflowSkipException), (False, EcsJobFailed)])
def test_a_failed_job(
    connected: Emulator, context: Any, mode: dict[str, Any], soft_fail: bool, error: type[Exception]
) -> None:
    with pytest.raises(error, match="sold out"):
        sensor(connected.plant_job(FAIL), soft_fail=soft_fail, **mode).execute(context())


@pytest.mark.parametrize(("soft_fail", "error"), [(True, AirflowSkipException), (False, EcsJobTimeout)])
def test_a_timeout(
    connected: Emulator, context: Any, mode: dict[str, Any], soft_fail: bool, error: type[Exception]
) -> None:
    waited = timedelta(hours=1) if "mode" in mode else None
    timeout = 60 if "mode" in mode else 0

    with pytest.raises(error, match="last status RUNNING"):
        sensor(connected.plant_job(RUNNING), soft_fail=soft_fail, timeout=timeout, **mode).execute(context(waited))


@pytest.mark.parametrize(("soft_fail", "error"), [(True, AirflowSkipException), (False, EcsJobTimeout)])
def test_a_timeout_that_passes_just_after_a_poke(
    connected: Emulator,
    context: Any,
    monkeypatch: pytest.MonkeyPatch,
    soft_fail: bool,
    error: type[Exception],
) -> None:
    module = importlib.import_module(BaseSensorOperator.__module__)
    monkeypatch.setattr(module.timezone, "utcnow", lambda: datetime.now(UTC) + timedelta(hours=1))

    with pytest.raises(error, match="last status RUNNING"):
        sensor(
            connected.plant_job(RUNNING), soft_fail=soft_fail, timeout=0.5, deferrable=False, mode="reschedule"
        ).execute(context(timedelta(0)))


def test_a_missing_job_is_never_skipped(connected: Emulator, context: Any, mode: dict[str, Any]) -> None:
    with pytest.raises(EcsJobNotFound, match="job-1"):
        sensor("job-1", soft_fail=True, **mode).execute(context())


def test_bad_credentials_are_never_skipped(
    connected: Emulator, set_connection: Any, context: Any, mode: dict[str, Any]
) -> None:
    set_connection(**{**connected.connection(), "password": "another"})
    with pytest.raises(EcsUnauthorizedError):
        sensor("job-1", soft_fail=True, **mode).execute(context())


def test_a_bad_connection_is_never_skipped(
    connected: Emulator, set_connection: Any, context: Any, mode: dict[str, Any]
) -> None:
    set_connection(**connected.connection(read_timeout="soon"))
    with pytest.raises(EcsConfigError):
        sensor("job-1", soft_fail=True, **mode).execute(context())


@pytest.mark.usefixtures("airflow_db")
def test_a_missing_connection_is_never_skipped(context: Any, mode: dict[str, Any]) -> None:
    with pytest.raises(Exception, match="no_such_connection") as caught:
        sensor("job-1", huawei_ecs_conn_id="no_such_connection", soft_fail=True, **mode).execute(context())
    assert not isinstance(caught.value, AirflowSkipException)


def test_an_api_that_is_away_until_the_deadline_is_never_skipped(
    connected: Emulator, context: Any, mode: dict[str, Any]
) -> None:
    connected.fault(Fault(status=503, times=1000))
    waited, timeout = (timedelta(hours=1), 60.0) if "mode" in mode else (None, 0.0)
    with pytest.raises(EcsUnreachableError, match="its status was never seen"):
        sensor("job-1", soft_fail=True, timeout=timeout, **mode).execute(context(waited))


def test_a_final_poll_of_the_worker_that_fails_is_repeated(
    connected: Emulator, context: Any, mode: dict[str, Any]
) -> None:
    connected.fault(Fault(status=503, times=1))
    waited, timeout = (timedelta(hours=1), 60.0) if "mode" in mode else (None, 0.0)
    job_id = connected.plant_job(SUCCESS)
    result: Any = sensor(job_id, timeout=timeout, **mode).execute(context(waited))
    assert result["status"] == "SUCCESS"


@pytest.mark.parametrize("job_id", ["None", "a/b", {"job_id": "x"}], ids=str)
def test_a_bad_job_id_is_never_skipped(connected: Emulator, context: Any, mode: dict[str, Any], job_id: Any) -> None:
    with pytest.raises(EcsInvalidJobIdNoRetry):
        sensor(job_id, soft_fail=True, **mode).execute(context())
    assert connected.counters["requests"] == 0


def test_an_unreachable_api_is_never_skipped(ecs_emulator: Emulator, set_connection: Any, vanish: Any) -> None:
    fields = ecs_emulator.connection()
    vanish(ecs_emulator)
    set_connection(**fields)
    with pytest.raises(EcsUnreachableError):
        sensor("job-1", soft_fail=True, deferrable=False, unreachable_timeout=0.1).execute({})  # type: ignore[arg-type]


FAILED_JOB = {"job_id": "job-1", **FAIL}
RUNNING_JOB = {"job_id": "job-1", **RUNNING}


@pytest.mark.parametrize(
    ("outcome", "job", "error"),
    [
        ("finished", FAILED_JOB, AirflowSkipException),
        ("timeout", RUNNING_JOB, AirflowSkipException),
        ("timeout", None, EcsUnreachableError),  # no word of the job until then
        ("payment_timeout", RUNNING_JOB, AirflowSkipException),
        ("not_found", None, EcsJobNotFound),
        ("unauthorized", None, EcsUnauthorizedError),
        ("unreachable", None, EcsUnreachableError),
        ("error", None, EcsApiError),
        ("no such outcome", None, EcsApiError),
    ],
)
@pytest.mark.parametrize("soft", ["soft_fail", "never_fail"])
def test_resuming_as_airflow_does(outcome: str, job: Any, error: type[Exception], soft: str) -> None:
    event = {"outcome": outcome, "message": "because", "job": job}

    with pytest.raises(error) as caught:
        sensor("job-1", **{soft: True}).resume_execution("execute_complete", {"event": event}, {})  # type: ignore[arg-type]

    assert type(caught.value) is error


@pytest.mark.parametrize("soft", [{}, {"soft_fail": True}])
def test_a_rescheduled_sensor_comes_back(connected: Emulator, context: Any, soft: dict[str, bool]) -> None:
    job = connected.plant_job(RUNNING, {"status": "SUCCESS"})
    task = sensor(job, deferrable=False, mode="reschedule", timeout=60, **soft)

    with pytest.raises(AirflowRescheduleException):
        task.execute(context())
    again = sensor(job, deferrable=False, mode="reschedule", timeout=60, **soft)

    assert again.execute(context(timedelta(seconds=30)))["status"] == "SUCCESS"
    assert connected.counters["requests"] == 2


def test_the_delay_of_a_rescheduled_sensor_grows(connected: Emulator, context: Any) -> None:
    job = connected.plant_job(RUNNING)
    task = EcsJobSensor(task_id="wait", job_id=job, deferrable=False, mode="reschedule")
    gaps = []
    for waited in (0, 300, 3600):
        with pytest.raises(AirflowRescheduleException) as caught:
            task.execute(context(timedelta(seconds=waited)))
        gaps.append((caught.value.reschedule_date - datetime.now(UTC)).total_seconds())

    assert gaps == [pytest.approx(seconds, rel=0.15) for seconds in (10, 30, 60)]  # each is spread by a tenth


@pytest.mark.parametrize("backoff", [False, True])
@pytest.mark.parametrize(("asked", "least"), [("1", 10), ("600", 590)])
def test_the_api_can_only_lengthen_the_delay_of_a_rescheduled_sensor(
    connected: Emulator, context: Any, asked: str, least: float, backoff: bool
) -> None:
    connected.fault(Fault(status=429, headers={"Retry-After": asked}))
    task = EcsJobSensor(
        task_id="wait",
        job_id=connected.plant_job(RUNNING),
        deferrable=False,
        mode="reschedule",
        poke_interval=30,
        exponential_backoff=backoff,
    )
    began = datetime.now(UTC)
    with pytest.raises(AirflowRescheduleException) as caught:
        task.execute(context())
    assert caught.value.reschedule_date >= began + timedelta(seconds=least)


def test_a_rescheduled_sensor_comes_back_when_the_api_asks_for_it_and_no_later_than_its_timeout(
    connected: Emulator, context: Any
) -> None:
    connected.fault(Fault(status=503, times=2, headers={"Retry-After": "100"}))
    gaps = []
    for timeout in (9999, 310):
        task = sensor(connected.plant_job(RUNNING), deferrable=False, mode="reschedule", timeout=timeout)
        with pytest.raises(AirflowRescheduleException) as caught:
            task.execute(context(timedelta(seconds=300)))
        gaps.append((caught.value.reschedule_date - datetime.now(UTC)).total_seconds())

    assert gaps[0] == pytest.approx(100, rel=0.15)
    assert gaps[1] <= 10


def test_an_order_unpaid_since_the_first_poke(connected: Emulator, context: Any) -> None:
    job = connected.plant_job({"status": "PENDING_PAYMENT", "entities": {"order_id": "CS1"}})
    task = sensor(job, deferrable=False, mode="reschedule", timeout=9999, payment_timeout=600)

    with pytest.raises(AirflowRescheduleException):
        task.execute(context(timedelta(seconds=300)))
    with pytest.raises(EcsJobTimeout, match=r"order CS1 is unpaid"):
        task.execute(context(timedelta(seconds=700)))


def test_failures_while_rescheduling_pass(connected: Emulator, context: Any) -> None:
    connected.fault(Fault(status=503))
    job = connected.plant_job({"status": "SUCCESS"})
    task = sensor(job, deferrable=False, mode="reschedule", timeout=60)

    with pytest.raises(AirflowRescheduleException):
        task.execute(context())


def test_soft_fail_does_not_skip_a_running_job(connected: Emulator) -> None:
    with pytest.raises(TaskDeferred):
        sensor(connected.plant_job(RUNNING), soft_fail=True).execute({})  # type: ignore[arg-type]
