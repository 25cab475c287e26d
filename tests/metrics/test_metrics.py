"""What is counted of polls, waits and submits, and that nothing comes of it when the counting fails."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_ecsjobs import metrics
from airflow_provider_ecsjobs.core.job import format_time
from airflow_provider_ecsjobs.core.operations import OPERATIONS
from airflow_provider_ecsjobs.emulator import Fault
from airflow_provider_ecsjobs.emulator.operations import JOB_TYPES
from airflow_provider_ecsjobs.exceptions import EcsJobFailed, EcsOutcomeUnknownError, EcsRejectedError
from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook
from airflow_provider_ecsjobs.sensors.ecs_jobs import EcsJobSensor
from airflow_provider_ecsjobs.triggers.ecs_jobs import EcsJobTrigger

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_ecsjobs.emulator import Emulator
    from tests.metrics.counted import Counted

pytestmark = pytest.mark.usefixtures("quick_backoff")
QUICK = {"poll_interval": 0.03, "max_poll_interval": 0.03}
RUNNING = {"status": "RUNNING", "job_type": "createServer"}
DONE = RUNNING | {"status": "SUCCESS"}
FAILED = RUNNING | {"status": "FAIL", "error_code": "Ecs.0319"}
HOSTILE = ["2c9eb2c5544cbf6101544f0602af2b4f", "x" * 5000, "a,b=c", "createserver", "söme thing\n", "job|c|#a:b"]


async def events_of(trigger: EcsJobTrigger) -> list[dict[str, Any]]:
    return [event.payload async for event in trigger.run()]


def ended(seconds_ago: float) -> dict[str, Any]:
    """Give a job that succeeded that long ago, by the cloud's clock."""
    return DONE | {"end_time": format_time(datetime.now(UTC) - timedelta(seconds=seconds_ago))}


async def test_a_trigger_that_polls_three_times_and_finishes(connected: Emulator, stats: Counted) -> None:
    job = connected.plant_job(RUNNING, RUNNING, ended(0))

    await events_of(EcsJobTrigger(job, **QUICK, started=time.time() - 100))

    assert stats.counts == {("polls", "createServer job"): 3, ("waits", "createServer success"): 1}
    assert set(stats.times) == {("wait_time", "createServer success"), ("detection_delay", "createServer")}
    assert stats.times["wait_time", "createServer success"] == [pytest.approx(130, abs=30.1)]


@pytest.mark.parametrize(
    ("answers", "fault", "kwargs", "counts"),
    [
        ([FAILED], None, {}, {("polls", "createServer job"): 1, ("waits", "createServer fail"): 1}),
        ([RUNNING], None, {"deadline": 0}, {("polls", "createServer job"): 1, ("waits", "createServer timeout"): 1}),
        (
            [{"status": "PENDING_PAYMENT"}],
            None,
            {"payment_timeout": 0},
            {("polls", "unknown job"): 1, ("waits", "unknown payment_timeout"): 1},
        ),
        ([], None, {}, {("polls", "unknown not_found"): 1, ("waits", "unknown not_found"): 1}),
        (
            [DONE],
            Fault(times=2, status=429),
            {},
            {
                ("polls", "unknown throttled"): 2,
                ("throttles", "poll"): 2,
                ("polls", "createServer job"): 1,
                ("waits", "createServer success"): 1,
            },
        ),
        (
            [],
            Fault(status=403, body={"error": {"code": "Pdp.0001", "message": "no permission"}}),
            {},
            {("polls", "unknown forbidden"): 1, ("waits", "unknown error"): 1},
        ),
        ([], None, {"service": "s3"}, {("waits", "unknown error"): 1}),
        ([], None, {"job_id": None}, {("waits", "unknown error"): 1}),
    ],
    ids=["failed", "timeout", "unpaid", "not found", "throttled", "forbidden", "bad service", "no id"],
)
async def test_each_end_of_a_trigger(
    connected: Emulator, stats: Counted, answers: Any, fault: Any, kwargs: dict[str, Any], counts: Any
) -> None:
    job = connected.plant_job(*answers) if answers else "job-1"
    if fault is not None:
        connected.fault(fault)

    await events_of(EcsJobTrigger(**{"job_id": job, **QUICK, **kwargs}))

    assert stats.counts == counts
    (waited,) = (name for name in stats.times if name[0] == "wait_time")
    assert ("waits", waited[1]) in stats.counts


async def test_the_delay_of_an_end_that_was_waited_for(connected: Emulator, stats: Counted) -> None:
    job = connected.plant_job(RUNNING, ended(30))

    await events_of(EcsJobTrigger(job, **QUICK))

    assert stats.times["detection_delay", "createServer"] == [pytest.approx(60, abs=31)]


async def test_a_clock_behind_the_clouds_makes_no_negative_delay(connected: Emulator, stats: Counted) -> None:
    job = connected.plant_job(RUNNING, ended(-300))

    await events_of(EcsJobTrigger(job, **QUICK))

    assert stats.times["detection_delay", "createServer"] == [0]


async def test_an_end_long_before_the_wait_was_not_detected_late(connected: Emulator, stats: Counted) -> None:
    await events_of(EcsJobTrigger(connected.plant_job(ended(3600)), **QUICK))

    assert [name for name, _ in stats.times] == ["wait_time"]


async def test_what_the_worker_saw_running_was_waited_for(connected: Emulator, stats: Counted) -> None:
    job = connected.plant_job(RUNNING, ended(0))
    with pytest.raises(TaskDeferred) as deferred:
        EcsJobSensor(task_id="wait", job_id=job, poke_interval=0.03, max_wait=0.03).execute({})  # type: ignore[arg-type]
    assert stats.counts == {("polls", "createServer job"): 1}

    await events_of(deferred.value.trigger)  # type: ignore[arg-type]

    assert stats.counts == {("polls", "createServer job"): 2, ("waits", "createServer success"): 1}
    assert ("detection_delay", "createServer") in stats.times


@pytest.mark.parametrize("kwargs", [{}, {"deferrable": False}, {"deferrable": False, "mode": "poke"}], ids=str)
def test_a_wait_in_the_worker_is_counted_once(connected: Emulator, stats: Counted, kwargs: dict[str, Any]) -> None:
    job = connected.plant_job(FAILED)

    with pytest.raises(EcsJobFailed):
        EcsJobSensor(task_id="wait", job_id=job, **kwargs).execute({})  # type: ignore[arg-type]

    assert stats.counts == {("polls", "createServer job"): 1, ("waits", "createServer fail"): 1}


def test_resuming_counts_nothing_again(stats: Counted) -> None:
    event = {"outcome": "finished", "message": "", "job": {"job_id": "job-1", **DONE}}

    EcsJobSensor(task_id="wait", job_id="job-1").execute_complete({}, event)  # type: ignore[arg-type]

    assert stats.counts == {}


@pytest.mark.parametrize("job_type", HOSTILE)
async def test_no_text_from_outside_becomes_a_tag(connected: Emulator, stats: Counted, job_type: str) -> None:
    job = connected.plant_job(RUNNING, {"status": "FAIL", "job_type": job_type}, {"status": job_type})

    await events_of(EcsJobTrigger(job, **QUICK))

    assert stats.counts["waits", "other fail"] == 1


def test_all_that_is_told_is_declared(connected: Emulator, stats: Counted) -> None:
    job = connected.plant_job(RUNNING, ended(0))
    connected.fault(Fault(path="/jobs/", status=429))
    EcsJobsHook().wait_for_job(job, poll_interval=0.03, max_poll_interval=0.03)
    EcsJobsHook().submit("delete_servers", body={"servers": [{"id": connected.add_server()}]})
    connected.fault(Fault(path="/cloudservers", status=429))
    EcsJobsHook().submit("batch_start_servers", body={"os-start": {"servers": [{"id": connected.add_server()}]}})

    declared = {metric.name: metric.tags for metric in metrics.METRICS}
    assert {name for name, _ in stats.tags} == set(declared)
    for name, tags in stats.tags:
        assert tags.keys() == declared[name].keys()
        assert all(value in declared[name][tag] for tag, value in tags.items()), (name, tags)


def test_the_values_of_tags_are_few_and_plain() -> None:
    for metric in metrics.METRICS:
        combinations = 1
        for values in metric.tags.values():
            combinations *= len(values)
            assert all(value.isascii() and value.replace("_", "").isalnum() for value in values)
        assert combinations <= 250
    assert {*JOB_TYPES, "createSingleServer"} == metrics.JOB_TYPES


SUBMITS: dict[str, tuple[list[Fault], type[Exception] | None, dict[tuple[str, str], int]]] = {
    "accepted": ([], None, {("submits", "delete_servers accepted"): 1}),
    "throttled, then accepted": (
        [Fault(path="/delete", status=429, times=2)],
        None,
        {("throttles", "delete_servers"): 2, ("submits", "delete_servers accepted"): 1},
    ),
    "rejected": (
        [Fault(path="/delete", status=400, body={})],
        EcsRejectedError,
        {("submits", "delete_servers rejected"): 1},
    ),
}


@pytest.mark.parametrize(("faults", "error", "counts"), SUBMITS.values(), ids=SUBMITS)
def test_each_end_of_a_submit(
    connected: Emulator, stats: Counted, faults: list[Fault], error: type[Exception] | None, counts: Any
) -> None:
    body = {"servers": [{"id": connected.add_server()}]}
    for fault in faults:
        connected.fault(fault)

    _try_to_submit(error, "delete_servers", body=body)

    assert stats.counts == counts


def test_a_submit_of_unknown_outcome(connected: Emulator, stats: Counted) -> None:
    server = connected.add_server()
    connected.fault(Fault(path="/resize", reset="after"))

    body = {"resize": {"flavorRef": "s6.large.2"}}
    _try_to_submit(EcsOutcomeUnknownError, "resize_post_paid_server", server_id=server, body=body)

    assert stats.counts == {("submits", "resize_post_paid_server outcome_unknown"): 1}


def _try_to_submit(error: type[Exception] | None, operation: str, **request: Any) -> None:
    if error is None:
        EcsJobsHook().submit(operation, **request)
    else:
        with pytest.raises(error):
            EcsJobsHook().submit(operation, **request)


async def test_a_broken_backend_fails_no_wait(connected: Emulator, broken_stats: list[str]) -> None:
    job = connected.plant_job(RUNNING, ended(0))

    (event,) = await events_of(EcsJobTrigger(job, **QUICK))

    assert event["outcome"] == "finished"
    assert set(broken_stats) == {f"ecsjobs.{name}" for name in ("polls", "waits", "wait_time", "detection_delay")}


def test_a_broken_backend_fails_no_submit(connected: Emulator, broken_stats: list[str]) -> None:
    body = {"servers": [{"id": connected.add_server()}]}

    assert EcsJobsHook().submit("delete_servers", body=body).job_id
    assert broken_stats == ["ecsjobs.submits"]


@pytest.mark.parametrize("started", [1e300, -1e300, float("-1e18")])
async def test_a_senseless_start_fails_no_wait(connected: Emulator, stats: Counted, started: float) -> None:
    (event,) = await events_of(EcsJobTrigger(connected.plant_job(DONE), **QUICK, started=started))

    assert event["outcome"] == "finished"
    assert stats.counts["waits", "createServer success"] == 1


async def test_the_span_of_a_trigger_says_what_came_of_the_wait(
    connected: Emulator, recorded_span: Callable[[], Any]
) -> None:
    job = connected.plant_job(RUNNING, DONE)

    with recorded_span() as span:
        await events_of(EcsJobTrigger(job, **QUICK))

    assert dict(span.attributes) == {
        "ecsjobs.job_id": job,
        "ecsjobs.job_type": "createServer",
        "ecsjobs.outcome": "success",
        "ecsjobs.polls": 2,
    }


async def test_without_a_span_nothing_is_described(connected: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.delitem(sys.modules, "opentelemetry.trace", raising=False)

    (event,) = await events_of(EcsJobTrigger(connected.plant_job(DONE), **QUICK))

    assert event["outcome"] == "finished"


def test_the_requests_are_tags_by_their_names() -> None:
    assert set(OPERATIONS) < metrics.SUBMITS.tags["operation"]
