"""Answers over real sockets: large ones are parsed beside the event loop, small ones in it, and each of them once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs.core import responses
from airflow_provider_ecsjobs.transport import async_client
from airflow_provider_ecsjobs.triggers.ecs_jobs import EcsJobTrigger

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.emulator import Emulator

QUICK = {"poll_interval": 0.05, "max_poll_interval": 0.05}


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[threading.Thread, int]]:
    """Give a list that fills with the bodies that are parsed: in which thread, and how many bytes."""
    seen: list[tuple[threading.Thread, int]] = []
    parse = responses.parse_object

    def noting(body: bytes) -> Any:
        seen.append((threading.current_thread(), len(body)))
        return parse(body)

    for module in (responses, async_client):
        monkeypatch.setattr(module, "parse_object", noting)
    return seen


async def event_of(job_id: str) -> dict[str, Any]:
    (event,) = [event.payload async for event in EcsJobTrigger(job_id, **QUICK).run()]
    return event


async def test_a_job_of_1000_sub_jobs_is_parsed_in_another_thread(
    connected: Emulator, parsed: list[tuple[threading.Thread, int]]
) -> None:
    event = await event_of(connected.start_job(sub_jobs=1000, init_seconds=0, run_seconds=0.2))

    assert event["outcome"] == "finished"
    assert len(event["job"]["entities"]["sub_jobs"]) == 1000
    assert {size > async_client.MAX_BODY_IN_LOOP for _, size in parsed} == {True}
    assert threading.current_thread() not in {thread for thread, _ in parsed}
    assert len(parsed) == connected.counters["requests"]


async def test_a_small_job_is_parsed_in_the_loop(
    connected: Emulator, parsed: list[tuple[threading.Thread, int]]
) -> None:
    event = await event_of(connected.plant_job({"status": "RUNNING"}, {"status": "SUCCESS"}))

    assert event["outcome"] == "finished"
    assert {thread for thread, _ in parsed} == {threading.current_thread()}
    assert len(parsed) == connected.counters["requests"] > 1


async def test_an_error_is_parsed_once_too(connected: Emulator, parsed: list[tuple[threading.Thread, int]]) -> None:
    event = await event_of("unknown-job")

    assert event["outcome"] == "not_found"
    assert len(parsed) == connected.counters["requests"] == 1


@pytest.mark.parametrize("body", [b"[" * 100_000, b"<html>" * 20_000, b'{"status": "RUNNING", "x": "' + b"x" * 100_000])
async def test_a_large_body_that_is_no_json_is_a_failure_like_any_other(connected: Emulator, body: bytes) -> None:
    job_id = connected.plant_job(body, {"status": "SUCCESS"})

    event = await event_of(job_id)

    assert event["outcome"] == "finished"
