"""Each end of a task leaves a record of it, deferred or not, with what was known before: the page shows both."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs import publishing
from airflow_provider_ecsjobs.emulator import Emulator, Fault
from airflow_provider_ecsjobs.operators.ecs_jobs import EcsJobOperator
from airflow_provider_ecsjobs.operators.servers import EcsAttachVolumeOperator, EcsCreateServersOperator
from airflow_provider_ecsjobs.sensors.ecs_jobs import EcsJobSensor
from tests.publishing.published_run import PublishedRun, published_run

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [
    pytest.mark.usefixtures("quick_backoff"),
    pytest.mark.skipif(not publishing._has_pages, reason="Airflow 2 has no page to show a job"),
]
WAYS = pytest.mark.parametrize("deferrable", [True, False], ids=["deferred", "in the worker"])
CREATE = {"name": "web", "flavor": "f", "image": "i", "vpc": "v", "subnets": ["s"], "root_volume": "SSD"}
ENDLESS = 3600.0
BRIEF = 1.0
WEB_PAGE = Fault(path="/jobs/", body="<html>maintenance</html>", times=10_000)


def sensor(**options: Any) -> Callable[[Emulator, bool], PublishedRun]:
    def make(cloud: Emulator, deferrable: bool) -> PublishedRun:
        given = {key: value(cloud) if callable(value) else value for key, value in options.items()}

        def new(poll_interval: float, max_poll_interval: float, **more: Any) -> EcsJobSensor:
            return EcsJobSensor(poke_interval=poll_interval, max_wait=max_poll_interval, **more)

        return published_run(new, deferrable=deferrable, **given)

    return make


def operator(kind: Callable[..., Any], **options: Any) -> Callable[[Emulator, bool], PublishedRun]:
    def make(cloud: Emulator, deferrable: bool) -> PublishedRun:
        given = {key: value(cloud) if callable(value) else value for key, value in options.items()}
        return published_run(kind, deferrable=deferrable, **given)

    return make


def create(**options: Any) -> Callable[[Emulator, bool], PublishedRun]:
    return operator(EcsCreateServersOperator, count=3, **CREATE, **options)


def a_job(**options: Any) -> Callable[[Emulator], str]:
    return lambda cloud: cloud.start_job(**options)


def an_unpaid_job(cloud: Emulator) -> str:
    return cloud.plant_job({"status": "PENDING_PAYMENT", "job_type": "createServer", "entities": {"order_id": "CS1"}})


@dataclass(frozen=True)
class End:
    """One end of a task.

    :param make: makes its run.
    :param outcome: the outcome in the record.
    :param before: what happens in the cloud before the task starts.
    :param servers: how many servers the page names as existing.
    :param possible: how many servers may exist.
    :param more: further fields of the record.
    :param has_job: whether there is a job.
    :param run_seconds: how long the jobs run.
    """

    make: Callable[[Emulator, bool], PublishedRun]
    outcome: str
    before: Callable[[Emulator], Any] = lambda _: None
    servers: int = 0
    possible: int = 0
    more: dict[str, Any] = field(default_factory=dict)
    has_job: bool = True
    run_seconds: float = 0.2


ENDS = {
    "success": End(sensor(job_id=a_job(sub_jobs=2)), "finished", more={"status": "SUCCESS", "done": 2}),
    "failed job": End(sensor(job_id=a_job(sub_jobs=3, failing=1)), "finished", servers=2, more={"failed": 1}),
    "skipped": End(sensor(job_id=a_job(failing=1), soft_fail=True), "finished", more={"failed": 1}),
    "timeout": End(sensor(job_id=a_job(run_seconds=ENDLESS, job_type="stopVMs"), timeout=BRIEF), "timeout"),
    "unpaid": End(operator(EcsJobOperator, job_id=an_unpaid_job, payment_timeout=0), "payment_timeout"),
    "unknown job": End(operator(EcsJobOperator, job_id="nobody-knows"), "not_found"),
    "lost permission": End(
        operator(EcsJobOperator, job_id=a_job(run_seconds=ENDLESS)), "error", lambda cloud: cloud.forbid(["/jobs/"])
    ),
    "unreadable response": End(
        operator(EcsJobOperator, job_id=a_job(run_seconds=ENDLESS), unreachable_timeout=0.1),
        "unreachable",
        lambda cloud: cloud.fault(WEB_PAGE),
    ),
    "wrong credentials": End(
        operator(EcsJobOperator, job_id=a_job(run_seconds=ENDLESS)),
        "unauthorized",
        lambda cloud: cloud.rotate_key(),
    ),
    "wrong connection": End(operator(EcsJobOperator, job_id=a_job(), huawei_ecs_conn_id="wrong"), "error"),
    "create": End(create(), "finished", more={"status": "SUCCESS", "done": 3}),
    "create in part": End(create(), "finished", lambda cloud: cloud.fail_next(failing=2), servers=1),
    "create kept": End(
        create(on_partial_failure="keep"), "finished", lambda cloud: cloud.fail_next(failing=2), servers=1
    ),
    "create timeout": End(create(timeout=BRIEF), "timeout", possible=3, run_seconds=ENDLESS),
    "create not seen": End(
        create(unreachable_timeout=0.1), "unreachable", lambda cloud: cloud.fault(WEB_PAGE), possible=3
    ),
    "rejected submit": End(create(), "error", lambda cloud: cloud.forbid(["/cloudservers"]), has_job=False),
    "unconfirmed submit": End(
        operator(
            EcsAttachVolumeOperator, server_id=lambda cloud: cloud.add_server(), volume_id="5c4bf3a0-0000-4000-8000-0"
        ),
        "error",
        lambda cloud: cloud.fault(Fault(path="/attachvolume", reset="after")),
        has_job=False,
    ),
}


@WAYS
@pytest.mark.parametrize("name", ENDS)
def test_the_end_is_published_with_what_was_known_before(
    monkeypatch: pytest.MonkeyPatch, name: str, deferrable: bool
) -> None:
    end = ENDS[name]
    monkeypatch.setenv("AIRFLOW_CONN_WRONG", '{"conn_type": "huawei_ecs", "extra": {"auth": "magic"}}')
    with Emulator(init_seconds=0.1, run_seconds=end.run_seconds) as cloud:
        monkeypatch.setenv(*cloud.connection_env())
        run = end.make(cloud, deferrable)
        end.before(cloud)
        with suppress(Exception):  # the tests of the outcomes are about the exceptions
            run.run()

    record = run.record
    assert record["outcome"] == end.outcome, record
    assert record | end.more == record
    assert bool(record["job_id"]) == end.has_job
    shown = record.get("failure", record)
    if record.get("status") != "SUCCESS":
        assert len(shown.get("servers", [])) == end.servers
        assert len(shown.get("possible_servers", [])) == end.possible
        assert record["outcome"] == "finished" or record["message"]
    assert run.published[-1][0] == publishing.END_XCOM_KEY
    assert [key for key, _ in run.published].count(publishing.END_XCOM_KEY) == 1
    assert record["try"] == 1
    if end.has_job and name != "wrong connection":  # it is read before the wait begins
        assert record["deadline"]
        assert record["started"]


@WAYS
def test_the_order_is_known_after_the_end_too(deferrable: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    with Emulator(init_seconds=0.1, run_seconds=0.2) as cloud:
        monkeypatch.setenv(*cloud.connection_env())
        run = create(period_type="month", auto_pay=True)(cloud, deferrable)
        run.run()

        assert run.record["order_id"] == run.xcoms["order_id"] in cloud.orders


def test_a_task_killed_while_it_waits_has_left_the_servers_of_its_create(connected: Emulator) -> None:
    """Airflow runs none of its code then, if it was deferred: what it and its trigger published must be enough."""
    run = create()(connected, True)

    run.start()

    assert run.record["outcome"] is None
    assert (run.record["servers"], len(run.record["possible_servers"])) == ([], 3)


def test_a_timeout_does_not_hide_the_progress_that_was_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The event of a timeout has only an outline of the job."""
    with Emulator(init_seconds=0.0, run_seconds=3.0) as cloud:
        monkeypatch.setenv(*cloud.connection_env())
        cloud.fault(Fault(path="/jobs/", status=500, times=10_000))
        job_id = cloud.start_job(sub_jobs=3)
        run = sensor(job_id=job_id, timeout=BRIEF)(cloud, True)
        cloud.clear_faults()
        deferral = run.start()
        cloud.fault(WEB_PAGE)
        with suppress(Exception):
            run.resume(deferral)

    assert (run.record["outcome"], run.record["total"]) == ("timeout", 3)
    assert run.record["seen_at"] < run.record["deadline"]


@pytest.mark.parametrize("event", [None, {}, {"outcome": "finished"}, {"outcome": "eaten"}, "text"], ids=str)
@pytest.mark.parametrize("kind", ["sensor", "operator", "submit"])
def test_an_event_that_can_not_be_read_is_an_end(connected: Emulator, kind: str, event: Any) -> None:
    makers = {
        "sensor": sensor(job_id=a_job(run_seconds=ENDLESS)),
        "operator": operator(EcsJobOperator, job_id=a_job(run_seconds=ENDLESS)),
        "submit": create(),
    }
    run = makers[kind](connected, True)
    run.start()

    with suppress(Exception):
        run.resume_with(event)

    assert run.record["outcome"] == "error"
    assert "resumed with" in run.record["message"]


def test_a_rescheduled_sensor_publishes_at_each_poke(connected: Emulator) -> None:
    """Airflow removes the XComs of a task before it runs: without a record the page would say that there is no job."""
    job_id = connected.start_job(run_seconds=ENDLESS)
    run = published_run(
        lambda poll_interval, max_poll_interval, **more: EcsJobSensor(
            job_id=job_id, deferrable=False, mode="reschedule", poke_interval=10, **more
        )
    )
    run.ti.get_first_reschedule_date = lambda context: None

    for _ in range(2):
        run.xcoms.clear()
        with run._as_airflow():
            run.make().poke(run.context)
        assert run.record["job_id"] == job_id


@WAYS
def test_a_task_that_pushes_no_xcoms_publishes_none(connected: Emulator, deferrable: bool) -> None:
    """``do_xcom_push=False`` says so, to the worker and to its trigger."""
    run = create(do_xcom_push=False)(connected, deferrable)

    assert run.run()["status"] == "SUCCESS"
    assert run.pushed == []
