"""A trigger on its way through the database: serialized, stored, and built anew elsewhere."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs.core.job import Job
from airflow_provider_ecsjobs.core.waiting.policy import WaitPolicy
from airflow_provider_ecsjobs.core.waiting.wait import Wait
from airflow_provider_ecsjobs.triggers.ecs_jobs import EcsJobTrigger, EcsJobTriggerArguments
from tests.core.samples import job, part
from tests.core.virtual_wait import START
from tests.support.machine_clock import MachineClock
from tests.support.patience import A_MINUTE, until

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.emulator import Emulator

STORED = json.loads((Path(__file__).parent / "kwargs_0_1_0.json").read_text())
FULL = {**STORED, "project_id": "p", "payment_timeout": 0, "pending_since": 1767225700.25, "a_later_one": [1, "x"]}


def through_airflow(trigger: EcsJobTrigger) -> EcsJobTrigger:
    """Take a trigger the way it goes when a worker defers: Airflow's encoder, encryption, decoder, class path."""
    from airflow.models.trigger import Trigger

    class_path, kwargs = trigger.serialize()
    try:
        from airflow.sdk.serde import serialize
        from airflow.serialization.decoders import smart_decode_trigger_kwargs
    except ImportError:  # Airflow 2.11 encodes as it encrypts
        sent, decode = kwargs, lambda value: value
    else:
        sent, decode = json.loads(json.dumps(serialize(kwargs))), smart_decode_trigger_kwargs
    row = Trigger(classpath=class_path, kwargs=sent)
    module, name = row.classpath.rsplit(".", 1)
    received = {key: decode(value) for key, value in row.kwargs.items()}
    rebuilt = getattr(import_module(module), name)(**received)
    assert type(rebuilt) is type(trigger)
    return rebuilt  # type: ignore[no-any-return]


@pytest.fixture(autouse=True)
def _fernet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "")


@pytest.mark.parametrize("kwargs", [{}, {"job_id": "job-1"}, STORED, FULL], ids=["none", "one", "stored", "full"])
def test_round_trip_through_airflow(kwargs: dict[str, Any]) -> None:
    trigger = EcsJobTrigger(**kwargs)

    rebuilt = through_airflow(trigger)

    assert rebuilt.serialize() == trigger.serialize()
    assert {**trigger.serialize()[1], **kwargs} == rebuilt.serialize()[1]


@pytest.mark.parametrize("kwargs", [{}, FULL], ids=["none", "full"])
def test_kwargs_are_plain_json(kwargs: dict[str, Any]) -> None:
    sent = EcsJobTrigger(**kwargs).serialize()[1]

    assert json.loads(json.dumps(sent, allow_nan=False)) == sent


def test_what_version_0_1_0_stored_is_read() -> None:
    trigger = EcsJobTrigger(**STORED)

    assert {name: getattr(trigger.arguments, name) for name in STORED} == STORED
    assert set(trigger.serialize()[1]) >= set(STORED)


def test_all_that_a_wait_knows_goes_with_it_to_the_trigger() -> None:
    policy = WaitPolicy(
        started=START, deadline=START + 9000, limit="timeout=2.5 h", poll_interval=1, max_poll_interval=2,
        payment_timeout=600, not_found_grace=3, unreachable_timeout=4, order_id="CS1",
    )  # fmt: skip
    wait = Wait("job-1", policy)
    parts = [part("SUCCESS"), part("RUNNING")]
    assert wait.receive(Job(job("RUNNING", parts, begin_time="2026-03-01T12:00:05.000Z")), START + 10) is None
    assert wait.receive(Job(job("PENDING_PAYMENT", parts, begin_time="2026-03-01T12:00:05.000Z")), START + 20) is None

    arguments = EcsJobTriggerArguments.of_wait(
        wait, server_ids=["s-1"], conn_id="conn", publishes=False, region="r", project_id="p", service="bms"
    )

    given, usual = asdict(arguments), asdict(EcsJobTriggerArguments())
    assert [name for name in given if given[name] == usual[name]] == []
    assert arguments.policy().pending_since == wait.pending_since


def test_the_class_path_is_the_public_one() -> None:
    assert EcsJobTrigger().serialize()[0] == "airflow_provider_ecsjobs.triggers.ecs_jobs.EcsJobTrigger"


async def test_the_deadline_holds_when_a_trigger_is_rebuilt_half_way(
    connected: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, clock = connected.plant_job({"status": "RUNNING"}), MachineClock(monkeypatch)
    now = time.time()
    first = EcsJobTrigger(job, poll_interval=0.05, max_poll_interval=0.05, started=now - 3000, deadline=now + 600)
    running = asyncio.ensure_future(anext(first.run()))  # type: ignore[call-overload]
    await until(lambda: connected.counters["requests"])
    running.cancel()
    await asyncio.wait([running])
    half_way = connected.counters["requests"]

    second = asyncio.ensure_future(events_of(through_airflow(first)))
    await until(lambda: connected.counters["requests"] > half_way)
    assert not second.done()
    clock.passed = 600
    async with asyncio.timeout(A_MINUTE):
        events = await second

    assert [event["outcome"] for event in events] == ["timeout"]
    assert "had not finished after 60 min, the limit is 60 min" in events[0]["message"]
    assert half_way + 1 <= connected.counters["requests"] <= 30


async def events_of(trigger: Any) -> list[dict[str, Any]]:
    return [event.payload async for event in trigger.run()]


async def test_a_deadline_that_passed_while_no_triggerer_ran_gets_a_final_poll(connected: Emulator) -> None:
    job = connected.plant_job({"status": "SUCCESS"})
    trigger = EcsJobTrigger(job, started=time.time() - 7200, deadline=time.time() - 3600)

    events = [event.payload async for event in trigger.run()]

    assert [event["outcome"] for event in events] == ["finished"]
    assert connected.counters["requests"] == 1
