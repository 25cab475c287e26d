"""A clock that is set, or a machine that is suspended, in the middle of a wait: in the triggerer, and in a worker."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs.core import flows
from airflow_provider_ecsjobs.core.steps import Clock, HttpRequest, Response, TransportFailure
from airflow_provider_ecsjobs.core.waiting.end import Outcome, WaitEnd
from airflow_provider_ecsjobs.core.waiting.policy import WaitPolicy
from airflow_provider_ecsjobs.core.waiting.wait import Wait
from airflow_provider_ecsjobs.transport.clock import monotonic_time, system_clock
from airflow_provider_ecsjobs.transport.config import Settings
from airflow_provider_ecsjobs.transport.sync_client import SyncClient
from tests.transport.virtual_cloud import LOGIN, START, Client, Gateway
from tests.transport.virtual_loop import run

if TYPE_CHECKING:
    from collections.abc import Callable

HOUR = 3600.0
NEVER = 1e9
MOMENT = 610.0
"""When it happens."""
LONGEST_INTERVAL = 60.0


class Machine:
    """The clocks of a machine.

    :param running: how long it has run, in seconds, the time left out for which it was suspended.
    :param jump: how far its clock is set ahead at :data:`MOMENT`.
    :param suspended: for how long it is suspended then. The cloud goes on meanwhile.
    """

    def __init__(self, running: Callable[[], float], jump: float = 0.0, suspended: float = 0.0) -> None:
        self.running, self.jump, self.suspended = running, jump, suspended
        self.clock = Clock(self.clock, lambda: 0.5, self.passed)

    def passed(self) -> float:
        """How long it has been in truth."""
        return self.running() + (self.suspended if self.running() >= MOMENT else 0.0)

    def clock(self) -> float:
        """What its clock shows."""
        return START + self.passed() + (self.jump if self.running() >= MOMENT else 0.0)


class Cloud:
    """A job that ends at some time, and when it was asked for.

    :param machine: the machine that asks.
    :param ends: when the job ends, in truth.
    :param away: from when to when it does not answer.
    """

    def __init__(self, machine: Machine, ends: float, away: tuple[float, float] = (0.0, 0.0)) -> None:
        self.machine, self.ends, self.away = machine, ends, away
        self.asked: list[float] = []
        self.dates: list[str] = []

    def answer(self, request: HttpRequest) -> Response | TransportFailure:
        now = self.machine.passed()
        self.asked.append(now)
        self.dates.append(request.headers["X-Sdk-Date"])
        if self.away[0] <= now < self.away[1]:
            return TransportFailure("the connection was refused")
        status = b"SUCCESS" if now >= self.ends else b"RUNNING"
        return Response(200, {}, b'{"job_id": "job", "status": "%s"}' % status)


class InTriggerer(Client):
    def __init__(self, cloud: Cloud) -> None:
        super().__init__(Gateway())
        self.cloud, self.clock = cloud, cloud.machine.clock

    async def _send(self, request: HttpRequest) -> Response | TransportFailure:
        return self.cloud.answer(request)


class InWorker(SyncClient):
    def __init__(self, cloud: Cloud) -> None:
        super().__init__(Settings(LOGIN), logger=logging.getLogger("virtual"), reload=lambda: None, mask=list)
        self.cloud, self.clock = cloud, cloud.machine.clock

    def _send(self, request: HttpRequest) -> Response | TransportFailure:
        return self.cloud.answer(request)


class Told:
    """How a wait ended, and when: by the time that has passed in truth, and by that for which the machine ran."""

    def __init__(self, end: WaitEnd, cloud: Cloud) -> None:
        self.end, self.cloud = end, cloud
        self.after, self.ran = cloud.machine.passed(), cloud.machine.running()


@pytest.fixture(params=["triggerer", "worker"])
def carried_out(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Told]:
    """Give a function that waits for a job on a machine to which something happens."""

    def wait(ends: float = NEVER, away: tuple[float, float] = (0.0, 0.0), **options: Any) -> Told:
        happens = {name: options.pop(name, 0.0) for name in ("jump", "suspended")}
        wait = Wait("job", WaitPolicy(started=START, **options))
        if request.param == "worker":
            ran = [0.0]
            monkeypatch.setattr(time, "sleep", lambda seconds: ran.__setitem__(0, ran[0] + seconds))
            cloud = Cloud(Machine(lambda: ran[0], **happens), ends, away)
            client = InWorker(cloud)
            return Told(client.run(flows.wait_for_job(client.auth, wait, client.clock)), cloud)

        async def main() -> Told:
            cloud = Cloud(Machine(asyncio.get_running_loop().time, **happens), ends, away)
            client = InTriggerer(cloud)
            flow = flows.wait_for_job(client.auth, wait, client.clock)
            told = Told(await client.run(flow, logging.getLogger("virtual")), cloud)
            await client.close()
            return told

        return run(main())

    return wait


JUMPS = pytest.mark.parametrize("jump", [-24 * HOUR, -HOUR, -60.0, 60.0, HOUR, 24 * HOUR])


@JUMPS
def test_a_deadline_comes_when_its_time_has_passed(carried_out: Callable[..., Told], jump: float) -> None:
    told = carried_out(jump=jump, deadline=START + HOUR)
    assert told.end.outcome is Outcome.TIMEOUT
    assert told.after == pytest.approx(HOUR, abs=0.1)
    assert "had not finished after 60 min, the limit is 60 min" in told.end.message


@JUMPS
def test_a_job_is_waited_for_to_its_end(carried_out: Callable[..., Told], jump: float) -> None:
    told = carried_out(ends=1800.0, jump=jump, deadline=START + HOUR)
    assert told.end.outcome is Outcome.FINISHED
    assert told.after <= 1800 + LONGEST_INTERVAL
    # Nor is it asked for more or less often.
    gaps = [later - earlier for earlier, later in zip(told.cloud.asked[20:], told.cloud.asked[21:], strict=False)]
    assert max(gaps) <= LONGEST_INTERVAL + 0.1
    assert len(told.cloud.asked) < 60


@JUMPS
def test_an_outage_lasts_as_long_as_it_lasts(carried_out: Callable[..., Told], jump: float) -> None:
    short = carried_out(ends=1800.0, jump=jump, away=(MOMENT - 90, MOMENT + 90))
    assert short.end.outcome is Outcome.FINISHED
    long = carried_out(jump=jump, away=(MOMENT - 90, NEVER))
    assert long.end.outcome is Outcome.UNREACHABLE
    assert 900 <= long.after - (MOMENT - 90) <= 900 + 3 * LONGEST_INTERVAL


@JUMPS
def test_signatures_have_the_date_that_the_clock_shows(carried_out: Callable[..., Told], jump: float) -> None:
    told = carried_out(ends=1800.0, jump=jump)
    shown = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(START + told.after + jump))
    assert told.cloud.dates[-1] == shown


@pytest.mark.parametrize("jump", [0.0, HOUR])
def test_a_suspended_machine_is_at_its_deadline_when_it_wakes_up(carried_out: Callable[..., Told], jump: float) -> None:
    running = carried_out(suspended=8 * HOUR, jump=jump, deadline=START + HOUR)
    assert (running.end.outcome, running.ran) == (Outcome.TIMEOUT, pytest.approx(MOMENT, abs=LONGEST_INTERVAL))
    ended = carried_out(ends=4 * HOUR, suspended=8 * HOUR, jump=jump, deadline=START + HOUR)
    assert (ended.end.outcome, ended.ran) == (Outcome.FINISHED, pytest.approx(MOMENT, abs=LONGEST_INTERVAL))


def test_one_failure_after_a_suspension_is_no_outage(carried_out: Callable[..., Told]) -> None:
    woken = MOMENT + 8 * HOUR
    told = carried_out(ends=9 * HOUR, suspended=8 * HOUR, away=(MOMENT - 30, woken + 60))
    assert told.end.outcome is Outcome.FINISHED


def test_what_passes_on_this_machine_is_not_what_its_clock_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    before = monotonic_time()
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - HOUR)
    clock = system_clock()
    assert clock.now() == now - HOUR
    assert 0 <= clock.monotonic() - before < HOUR
