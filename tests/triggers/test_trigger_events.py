"""The one event of a trigger, whatever happens and whatever it was built with."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs.emulator import Fault
from airflow_provider_ecsjobs.triggers.ecs_jobs import EcsJobTrigger

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_ecsjobs.emulator import Emulator

pytestmark = pytest.mark.usefixtures("quick_backoff")
QUICK = {"poll_interval": 0.03, "max_poll_interval": 0.03}


async def events_of(trigger: EcsJobTrigger) -> list[dict[str, Any]]:
    return [event.payload async for event in trigger.run()]


OUTCOMES: dict[str, tuple[list[dict[str, Any]], Fault | None, dict[str, Any], str]] = {
    # name: (the job's answers, a fault, further arguments, the outcome)
    "success": ([{"status": "RUNNING"}, {"status": "SUCCESS"}], None, {}, "finished"),
    "failure": ([{"status": "FAIL", "error_code": "Ecs.0319"}], None, {}, "finished"),
    "timeout": ([{"status": "RUNNING"}], None, {"deadline": 0}, "timeout"),
    "unpaid": ([{"status": "PENDING_PAYMENT"}], None, {"payment_timeout": 0}, "payment_timeout"),
    "unknown job": ([], None, {}, "not_found"),
    "401": ([], Fault(times=9, status=401, body={"error_code": "APIGW.0301"}), {}, "unauthorized"),
    "unreachable": ([], Fault(times=999, status=500), {"unreachable_timeout": 0.1}, "unreachable"),
    "403": ([], Fault(status=403, body={"error": {"code": "Pdp.0001"}}), {}, "error"),
}


@pytest.mark.parametrize(("answers", "fault", "kwargs", "outcome"), OUTCOMES.values(), ids=OUTCOMES)
async def test_one_event_for_each_outcome(
    connected: Emulator, answers: list[dict[str, Any]], fault: Fault | None, kwargs: dict[str, Any], outcome: str
) -> None:
    job = connected.plant_job(*answers) if answers else "job-1"
    if fault is not None:
        connected.fault(fault)

    events = await events_of(EcsJobTrigger(job, **QUICK, **kwargs))

    assert [event["outcome"] for event in events] == [outcome]
    event = events[0]
    assert set(event) == {"outcome", "message", "job", "job_id", "server_ids", "project_id", "region"}
    assert (event["job_id"], event["server_ids"]) == (job, None)
    assert job in event["message"]
    assert (event["job"] or {}).get("status") == (answers[-1]["status"] if answers else None)
    assert json.loads(json.dumps(event, allow_nan=False)) == event
    assert all(type(value) in (str, dict, type(None)) for value in event.values())


async def test_the_job_comes_whole(connected: Emulator) -> None:
    body = {"status": "SUCCESS", "job_id": "job-1", "entities": {"attached_volume_ids": ["v"], "deep": [{"x": None}]}}

    (event,) = await events_of(EcsJobTrigger(connected.plant_job(body), **QUICK))

    assert event["job"] == body


NONSENSE: list[dict[str, Any]] = [
    {"job_id": None},
    {"job_id": 17},
    {"job_id": {"job_id": "job-1"}},
    {"job_id": "None"},
    {"job_id": "../x"},
    {"huawei_ecs_conn_id": None},
    {"huawei_ecs_conn_id": ""},
    {"huawei_ecs_conn_id": 5},
    {"huawei_ecs_conn_id": ["a"]},
    {"region": 5},
    {"region": ["cn-north-4"]},
    {"project_id": {"id": "p"}},
    {"project_id": 7},
    {"service": 5},
    {"service": "s3"},
    {"service": ["ecs"]},
    {"poll_interval": "soon"},
    {"poll_interval": float("nan")},
    {"max_poll_interval": [60]},
    {"deadline": "tomorrow"},
    {"deadline": float("inf")},
    {"deadline": 10**400},
    {"started": True},
    {"payment_timeout": "never"},
    {"pending_since": {}},
    {"seen_sub_jobs_finished": "two", "seen_status": "RUNNING"},
    {"unreachable_timeout": "15 min"},
]


@pytest.mark.parametrize("kwargs", NONSENSE, ids=str)
async def test_nonsense_does_not_raise_but_is_an_error_event(connected: Emulator, kwargs: dict[str, Any]) -> None:
    trigger = EcsJobTrigger(**{"job_id": "job-1", **QUICK, **kwargs})
    trigger.serialize()

    events = await events_of(trigger)

    assert [event["outcome"] for event in events] == ["error"]
    assert next(iter(kwargs)) in events[0]["message"]
    assert connected.counters["requests"] == 0


@pytest.mark.parametrize("kwargs", [{"seen_status": 5}, {"seen_status": {}}, {"poll_interval": -5}, {"of_a_later": 1}])
async def test_what_can_be_lived_with_is(connected: Emulator, kwargs: dict[str, Any]) -> None:
    job = connected.plant_job({"status": "RUNNING"}, {"status": "SUCCESS"})

    (event,) = await events_of(EcsJobTrigger(**{"job_id": job, **QUICK, **kwargs}))

    assert event["outcome"] == "finished"
    assert connected.counters["requests"] == 2


@pytest.mark.usefixtures("airflow_db")
async def test_a_missing_connection_is_named() -> None:
    (event,) = await events_of(EcsJobTrigger("job-1", "no_such_connection", unreachable_timeout=0.1))

    assert event["outcome"] == "unreachable"
    assert "no_such_connection" in event["message"]


async def test_a_bad_connection_is_explained(connected: Emulator, set_connection: Callable[..., None]) -> None:
    set_connection(**connected.connection(read_timeout="soon"))

    (event,) = await events_of(EcsJobTrigger("job-1"))

    assert event["outcome"] == "error"
    assert "read_timeout" in event["message"]
    assert connected.counters["requests"] == 0


@pytest.mark.parametrize("failures", [1, 3])
async def test_a_secrets_backend_that_is_away_comes_back(
    connected: Emulator, monkeypatch: pytest.MonkeyPatch, failures: int
) -> None:
    from airflow.providers.common.compat.sdk import BaseHook

    look_up = BaseHook.get_connection
    left = iter(range(failures))

    def unsteady(conn_id: str) -> object:
        if next(left, None) is not None:
            raise RuntimeError("vault is sealed")
        return look_up(conn_id)

    monkeypatch.setattr(BaseHook, "get_connection", unsteady)
    job = connected.plant_job({"status": "SUCCESS"})

    (event,) = await events_of(EcsJobTrigger(job, **QUICK))

    assert event["outcome"] == "finished"
    assert next(left, None) is None
    assert connected.counters["requests"] == 1


async def test_a_secrets_backend_that_stays_away(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.providers.common.compat.sdk import BaseHook

    def away(conn_id: str) -> object:
        raise RuntimeError("vault is sealed")

    monkeypatch.setattr(BaseHook, "get_connection", away)

    (event,) = await events_of(EcsJobTrigger("job-1", **QUICK, unreachable_timeout=0.1))

    assert event["outcome"] == "unreachable"
    assert "huawei_ecs_default" in event["message"]
    assert "vault is sealed" in event["message"]


async def test_a_bug_of_ours_is_an_event_too(connected: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow_provider_ecsjobs.core import flows

    def broken(*args: object, **kwargs: object) -> object:
        raise KeyError("a bug")

    monkeypatch.setattr(flows, "wait_for_job", broken)

    (event,) = await events_of(EcsJobTrigger("job-1", started=time.time()))

    assert event["outcome"] == "error"
    assert "KeyError" in event["message"]


async def test_on_kill_ends_nothing(connected: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    await EcsJobTrigger("job-1").on_kill()

    assert connected.counters["requests"] == 0
