"""What earlier versions left in Airflow's database is understood: triggers, their events, records of submits.

The files of a new version are written with ``python -m tests.upgrade.writing``, once on each Airflow.
"""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from airflow import __version__ as airflow_version
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_ecsjobs.core.submit.idempotency import Record
from airflow_provider_ecsjobs.exceptions import (
    EcsApiError,
    EcsJobFailed,
    EcsJobNotFound,
    EcsJobPaymentTimeout,
    EcsJobTimeout,
    EcsOutcomeUnknownNoRetry,
    EcsUnauthorizedError,
    EcsUnreachableError,
)
from airflow_provider_ecsjobs.operators.ecs_jobs import EcsJobOperator
from airflow_provider_ecsjobs.operators.submit_once import STORE_KEY
from airflow_provider_ecsjobs.sensors.ecs_jobs import EcsJobSensor
from airflow_provider_ecsjobs.triggers.ecs_jobs import EcsJobTrigger
from tests.support.task_runs import Store, TaskRun
from tests.upgrade.writing import JOB_ID, SERVER_ID, TRIGGERS, task

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_ecsjobs.emulator import Emulator

pytestmark = pytest.mark.usefixtures("quick_backoff")
VERSIONS = sorted(path for path in Path(__file__).parent.iterdir() if (path / "records.json").exists())
LATER = {"of_a_later_version": {"x": [1]}, "version": 99}
SUCCESS = {"status": "SUCCESS", "job_type": "createServer", "entities": {"server_id": SERVER_ID}}


@pytest.fixture(params=VERSIONS, ids=lambda path: path.name)
def version(request: pytest.FixtureRequest) -> Path:
    return request.param  # type: ignore[no-any-return]


def kept(version: Path, name: str) -> dict[str, Any]:
    return json.loads((version / f"{name}.json").read_text())  # type: ignore[no-any-return]


class TestTriggers:
    @pytest.fixture(autouse=True)
    def _quick(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from airflow_provider_ecsjobs.core.waiting import schedule

        monkeypatch.setattr(schedule, "_base_delay", lambda *args: 0.03)
        monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "")

    @pytest.fixture(params=["2.11", "3.3"])
    def stored(self, request: pytest.FixtureRequest, version: Path) -> dict[str, dict[str, str]]:
        if airflow_version.startswith("2.") and request.param != "2.11":
            pytest.skip("Airflow is upgraded, not downgraded")
        return kept(version, f"triggers-airflow-{request.param}")

    def test_all_variants_are_kept(self, stored: dict[str, Any]) -> None:
        assert set(stored) >= set(TRIGGERS)

    @pytest.mark.parametrize("later", [{}, LATER], ids=["as it was", "of a later version"])
    @pytest.mark.parametrize(
        ("name", "answers", "expected"),
        [
            ("minimal", ["RUNNING", "SUCCESS"], "finished"),
            ("minimal", ["FAIL"], "finished"),
            ("full", ["RUNNING", "SUCCESS"], "finished"),
            ("unpaid", ["PENDING_PAYMENT", "RUNNING", "SUCCESS"], "finished"),
            ("overdue", ["SUCCESS"], "finished"),
            ("overdue", ["RUNNING"], "timeout"),
        ],
    )
    async def test_a_stored_trigger_runs_to_its_event(
        self,
        connected: Emulator,
        stored: dict[str, dict[str, str]],
        name: str,
        answers: list[str],
        expected: str,
        later: dict[str, Any],
    ) -> None:
        connected.plant_job(*({"status": status} for status in answers), job_id=JOB_ID)

        trigger = rebuilt(stored[name], later)
        (event,) = [event.payload async for event in trigger.run()]

        assert (event["outcome"], event["job"]["status"]) == (expected, answers[-1])
        assert connected.counters["requests"] == len(answers)
        kwargs = trigger.serialize()[1]
        assert {**kwargs, **TRIGGERS[name], **later} == kwargs


def rebuilt(stored: dict[str, str], later: dict[str, Any]) -> Any:
    """Build a trigger from its row, as the triggerer does."""
    from airflow.models.trigger import Trigger

    row = Trigger(classpath=stored["classpath"], kwargs={})
    row.encrypted_kwargs = stored["encrypted_kwargs"]
    kwargs = row.kwargs
    try:
        from airflow.serialization.decoders import smart_decode_trigger_kwargs
    except ImportError:  # Airflow 2.11 decodes as it decrypts
        pass
    else:
        kwargs = {name: smart_decode_trigger_kwargs(value) for name, value in kwargs.items()}
    module, _, name = row.classpath.rpartition(".")
    trigger = getattr(import_module(module), name)(**kwargs, **later)
    assert type(trigger) is EcsJobTrigger
    return trigger


class TestEvents:
    ENDS: ClassVar[dict[str, type[Exception] | None]] = {
        "success": None,
        "failure": EcsJobFailed,
        "timeout": EcsJobTimeout,
        "payment_timeout": EcsJobPaymentTimeout,
        "not_found": EcsJobNotFound,
        "unauthorized": EcsUnauthorizedError,
        "unreachable": EcsUnreachableError,
        "error": EcsApiError,
    }
    WAITING: ClassVar[dict[str, Callable[[], Any]]] = {
        "sensor": lambda: EcsJobSensor(task_id="wait", job_id=JOB_ID),
        "operator": lambda: EcsJobOperator(task_id="wait", job_id=JOB_ID),
        "submit": lambda: task("create"),
    }

    @pytest.mark.parametrize("later", [{}, LATER], ids=["as it was", "of a later version"])
    @pytest.mark.parametrize("end", ENDS)
    @pytest.mark.parametrize("make", WAITING.values(), ids=WAITING)
    def test_it_resumes_the_task(
        self, version: Path, make: Callable[[], Any], end: str, later: dict[str, Any], connected: Emulator
    ) -> None:
        event = {**kept(version, "events")[end], **later}
        context = TaskRun(make, store=Store()).context
        expected = self.ENDS[end]
        if expected is None:
            assert make().execute_complete(context, event)["server_ids"] == [SERVER_ID]
            return
        with pytest.raises(expected, match=JOB_ID) as caught:
            make().execute_complete(context, event)
        assert end != "failure" or "Ecs.0219 No valid host was found" in str(caught.value)
        assert connected.counters["requests"] == 0


class TestRecords:
    @pytest.fixture(params=[{}, LATER], ids=["as it was", "of a later version"])
    def record(self, request: pytest.FixtureRequest, version: Path) -> Callable[[str], dict[str, Any]]:
        return lambda name: {**kept(version, "records")[name], **request.param}

    def run_of(self, name: str, record: dict[str, Any]) -> TaskRun:
        store = Store()
        store.set(STORE_KEY, record)
        run = TaskRun(lambda: task(name), store=store)
        run.retry()
        return run

    def test_each_is_understood_whole(self, version: Path) -> None:
        for stored in kept(version, "records").values():
            record = Record.from_dict({**stored, **LATER})
            assert record is not None
            assert {**record.to_dict(), **stored} == record.to_dict()

    @pytest.mark.parametrize("name", ["create", "resize", "delete"])
    def test_a_job_in_flight_is_waited_for(
        self, connected: Emulator, record: Callable[[str], dict[str, Any]], name: str
    ) -> None:
        connected.plant_job({"status": "RUNNING"}, {"status": "RUNNING"}, SUCCESS, job_id=JOB_ID)

        run = self.run_of(name, record(f"{name}, answered"))
        deferral = run.start()

        assert isinstance(deferral, TaskDeferred)
        assert run.resume(deferral)["job_id"] == JOB_ID
        assert connected.counters["submits"] == 0
        assert {request["method"] for request in connected.requests} == {"GET"}

    @pytest.mark.parametrize("name", ["create", "resize"])
    def test_an_order_alone_is_not_placed_again(
        self, connected: Emulator, record: Callable[[str], dict[str, Any]], name: str
    ) -> None:
        result = self.run_of(name, record(f"{name}, order only")).run()

        assert (result["job_id"], result["order_id"]) == (None, "CS2601010000ABCDE")
        assert connected.counters["requests"] == 0

    def test_a_mark_of_a_create_is_asked_about_with_its_token(
        self, connected: Emulator, record: Callable[[str], dict[str, Any]]
    ) -> None:
        stored = record("create, mark")

        run = self.run_of("create", stored)
        run.start()

        assert [submission["client_token"] for submission in connected.submissions] == [stored["token"]]
        assert stored["token"] is not None

    def test_a_mark_of_what_must_not_be_done_twice_is_not_sent_again(
        self, connected: Emulator, record: Callable[[str], dict[str, Any]]
    ) -> None:
        with pytest.raises(EcsOutcomeUnknownNoRetry, match="an earlier try may have sent the request"):
            self.run_of("resize", record("resize, mark")).run()
        assert connected.counters["requests"] == 0

    def test_a_mark_of_what_may_be_done_twice_is_sent_again(
        self, connected: Emulator, record: Callable[[str], dict[str, Any]]
    ) -> None:
        result = self.run_of("delete", record("delete, mark")).run()

        assert result["job_id"] is None  # the server is gone, which is what was asked for
        assert [request["method"] for request in connected.requests] == ["POST"]

    @pytest.mark.parametrize(("cleared", "submits"), [(False, 0), (True, 1)])
    def test_an_order_that_was_given_up_is_placed_again_after_a_clear(
        self, connected: Emulator, record: Callable[[str], dict[str, Any]], cleared: bool, submits: int
    ) -> None:
        connected.plant_job({"status": "PENDING_PAYMENT"}, job_id=JOB_ID)
        run = self.run_of("create", record("create, given up"))
        if cleared:
            run.clear()

        assert isinstance(run.start(), TaskDeferred)
        assert connected.counters["submits"] == submits


def test_this_version_is_kept() -> None:
    """For a new version: ``python -m tests.upgrade.writing`` on each Airflow writes its files."""
    from airflow_provider_ecsjobs import __version__

    assert __version__ in {path.name for path in VERSIONS}
