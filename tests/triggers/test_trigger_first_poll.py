"""No trigger polls or fires right after the deferral, whatever its gap: the scheduler may be seconds behind."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs.core.waiting import schedule
from airflow_provider_ecsjobs.core.waiting.policy import WaitPolicy
from airflow_provider_ecsjobs.core.waiting.schedule import first_poll_delay
from airflow_provider_ecsjobs.core.waiting.wait import Wait
from airflow_provider_ecsjobs.triggers.ecs_jobs import EcsJobTrigger

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.emulator import Emulator

AT_ONCE = {"init_seconds": 0, "run_seconds": 0}
LEAST = 5.0
SHORT = 0.4
"""In place of the 5 s, so that nobody has to wait for them."""


@pytest.fixture
def short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "FIRST_POLL_DELAY", SHORT)


async def event_of(trigger: EcsJobTrigger) -> dict[str, Any]:
    (event,) = [event async for event in trigger.run()]
    return dict(event.payload)


def test_the_pause_is_5_s() -> None:
    # The fixture of all tests has it at 0: what the module says counts.
    import ast
    import inspect

    (value,) = (
        node.value
        for node in ast.parse(inspect.getsource(schedule)).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "FIRST_POLL_DELAY"
    )
    assert ast.literal_eval(value) == LEAST


@pytest.mark.parametrize("interval", [0.05, 1.0, 2.0, 5.0, 10.0, 60.0])
@pytest.mark.parametrize("random", [0.0, 0.5, 0.999])
def test_the_first_poll_comes_no_earlier_than_the_pause_and_later_ones_follow_the_gap(
    interval: float, random: float
) -> None:
    wait = Wait("j", WaitPolicy(started=0.0, poll_interval=interval, max_poll_interval=interval))

    first = wait.next_delay(0.0, random, LEAST)

    assert LEAST <= first <= max(interval, 1.1 * LEAST)
    assert wait.next_delay(0.0, random) <= interval


@pytest.mark.parametrize("interval", [2.0, 10.0, 60.0])
def test_waits_that_begin_together_do_not_poll_together(interval: float) -> None:
    delays = [first_poll_delay(0.0, interval, interval, number / 100, LEAST) for number in range(100)]
    assert len(set(delays)) == 100
    assert max(delays) - min(delays) > 0.09 * LEAST


def test_a_deadline_goes_before_the_pause() -> None:
    wait = Wait("j", WaitPolicy(started=0.0, deadline=3.0))
    assert wait.next_delay(0.0, 0.5, LEAST) == 3.0


@pytest.mark.usefixtures("short_pause")
async def test_a_trigger_with_a_short_gap_does_not_poll_before_the_pause(connected: Emulator) -> None:
    began = time.monotonic()

    event = await event_of(EcsJobTrigger(connected.start_job(**AT_ONCE), poll_interval=0.05, max_poll_interval=0.05))

    assert event["outcome"] == "finished"
    assert time.monotonic() - began >= SHORT
    assert connected.counters["requests"] == 1


@pytest.mark.usefixtures("short_pause")
@pytest.mark.parametrize(("deadline", "outcome"), [(None, "error"), (0.0, "timeout")])
async def test_no_other_end_fires_before_the_pause_either(
    connected: Emulator, deadline: float | None, outcome: str
) -> None:
    job_id = "a/b" if deadline is None else connected.start_job(run_seconds=600)
    began = time.monotonic()

    event = await event_of(EcsJobTrigger(job_id, deadline=deadline))

    assert event["outcome"] == outcome
    assert time.monotonic() - began >= SHORT
