"""Thousands of waits on one client, for hours of virtual time: what the cloud sees of them, and that none is lost."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_ecsjobs.core.steps import Response
from airflow_provider_ecsjobs.core.waiting.end import Outcome
from airflow_provider_ecsjobs.transport.async_client import MAX_CONNECTIONS
from tests.transport.virtual_cloud import BUSY, LIMITED, Client, Gateway
from tests.transport.virtual_loop import run

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("silent")


@pytest.fixture
def silent(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL")


def refusal(status: int, body: dict[str, Any], *, says_when: bool = False) -> Callable[[float], Response]:
    def refuse(left: float) -> Response:
        headers = {"retry-after": str(int(left) + 1)} if says_when else {}
        return Response(status, headers, json.dumps(body).encode())

    return refuse


def second_by_second(gateway: Gateway, since: float, until: float) -> list[int]:
    counted = Counter(int(time) for time, _, _ in gateway.seen)
    return [counted[second] for second in range(int(since), int(until))]


REFUSALS = {
    "the limit": refusal(429, LIMITED),
    "the limit, as 503": refusal(503, LIMITED),
    "when to come back": refusal(429, BUSY, says_when=True),
    "both": refusal(429, LIMITED, says_when=True),
}


@pytest.mark.parametrize("full", [0, 250], ids=["a new window", "a window that is used up"])
@pytest.mark.parametrize("says", REFUSALS)
def test_2000_waits_where_200_requests_in_5_minutes_are_allowed(says: str, full: float) -> None:
    async def main() -> None:
        gateway = Gateway(200, 300, REFUSALS[says])
        gateway.ends = full  # as after a restart of the triggerer
        client, chance = Client(gateway), random.Random(5)
        gateway.jobs = {f"job-{number}": chance.uniform(60, 3600) for number in range(2000)}
        ends = await asyncio.gather(*(client.wait(job_id) for job_id in gateway.jobs))
        await client.close()
        assert {end.outcome for end in ends} == {Outcome.FINISHED}
        assert [end.job.job_id for end in ends if end.job] == list(gateway.jobs)
        assert gateway.on_throttle(since=60) < 0.02
        # What the limit leaves room for is used.
        assert len(gateway.seen) > 0.8 * 200 / 300 * (asyncio.get_running_loop().time() - full)

    run(main())


def test_a_throttle_that_says_nothing_is_felt_for() -> None:
    async def main() -> None:
        gateway = Gateway(200, 300, refusal(503, BUSY))
        client, chance = Client(gateway), random.Random(5)
        gateway.jobs = {f"job-{number}": chance.uniform(60, 3600) for number in range(2000)}
        ends = await asyncio.gather(*(client.wait(job_id) for job_id in gateway.jobs))
        await client.close()
        assert {end.outcome for end in ends} == {Outcome.FINISHED}
        assert gateway.on_throttle(since=60) < 0.06

    run(main())


@pytest.mark.parametrize(
    ("status", "body"), [(429, BUSY), (200, BUSY["error"]), (400, BUSY), (202, {"error": {"code": "Common.0024"}})]
)
def test_flow_control_is_known_by_its_code_at_any_status(status: int, body: dict[str, Any]) -> None:
    async def main() -> None:
        gateway = Gateway(1, 1e9, refusal(status, body))
        gateway.jobs = {"job": 1e9}
        client = Client(gateway)
        end = await client.wait("job", deadline=client.clock.now() + 60)
        assert end.outcome is Outcome.TIMEOUT
        assert client._queue.limiter.rate < 20
        await client.close()

    run(main())


def test_the_log_line_of_a_lower_rate_repeats_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def main() -> None:
        body = {"error_code": "APIGW.0308", "error_msg": "too many requests with canary-of-a-token"}
        gateway = Gateway(1, 1e9, refusal(429, body))
        gateway.jobs = {"job": 1e9}
        client = Client(gateway)
        client.auth.redactor.add(["canary-of-a-token"])
        await client.wait("job", deadline=client.clock.now() + 60)
        await client.close()

    run(main())
    assert "the API throttles (APIGW.0308 too many requests with ***" in caplog.text
    assert "canary" not in caplog.text


@pytest.mark.parametrize("status", [429, 503, 502])
def test_nobody_asks_before_the_time_that_one_was_told(status: int) -> None:
    async def main() -> None:
        gateway = Gateway(100, 200, refusal(status, {}, says_when=True))
        gateway.jobs = {f"job-{number}": 3000.0 for number in range(300)}
        client = Client(gateway)
        ends = await asyncio.gather(*(client.wait(job_id) for job_id in gateway.jobs))
        await client.close()
        assert {end.outcome for end in ends} == {Outcome.FINISHED}
        refused = [time for time, _, seen in gateway.seen if seen != 200]
        assert refused
        for time in refused:
            # Those that were under way already, and nobody else until the window ends.
            later = [other for other, _, _ in gateway.seen if time < other <= time + 1]
            assert len(later) <= MAX_CONNECTIONS

    run(main())


def test_waits_that_start_together_come_apart() -> None:
    async def main() -> None:
        gateway = Gateway()
        gateway.jobs = {f"job-{number}": 101.0 for number in range(1000)}
        client = Client(gateway, rate=1000)
        await asyncio.gather(*(client.wait(job_id) for job_id in gateway.jobs))
        await client.close()
        first_gaps = second_by_second(gateway, 1, 10)
        assert min(first_gaps) > 1000 / 9 * 0.7
        assert max(first_gaps) < 1000 / 9 * 1.3
        assert second_by_second(gateway, 0, 1) == [0]
        # And stay so.
        assert max(second_by_second(gateway, 20, 100)) < 1000 / 10 * 1.5

    run(main())


@pytest.mark.parametrize("latency", [0.05, 40.0], ids=["refused", "hangs"])
def test_after_an_outage_they_do_not_come_back_together(latency: float) -> None:
    async def main() -> None:
        gateway = Gateway()
        gateway.jobs = {f"job-{number}": 1400.0 for number in range(600)}
        client = Client(gateway, rate=1000)
        # As after a restart of the triggerer: from 10 minutes on the intervals are the longest.
        started = client.clock.now() - 600
        waits = [asyncio.ensure_future(client.wait(job_id, started=started)) for job_id in gateway.jobs]
        await asyncio.sleep(120)
        gateway.is_down, client.latency = True, latency
        await asyncio.sleep(600)
        gateway.is_down, client.latency = False, 0.05
        ends = await asyncio.gather(*waits)
        await client.close()
        assert {end.outcome for end in ends} == {Outcome.FINISHED}
        # 600 waits that ask once a minute are 10 a second; those that hung in the queue first leave it.
        assert max(second_by_second(gateway, 720 + 5, 1320)) < 35

    run(main())


def test_a_wait_is_seen_to_end_by_the_documented_schedule() -> None:
    async def main() -> None:
        gateway, chance = Gateway(), random.Random(3)
        # From 10 minutes on the intervals are the longest.
        gateway.jobs = {f"job-{number}": chance.uniform(1, 1800) for number in range(500)}
        client = Client(gateway, rate=1000)

        async def delay_of(job_id: str) -> tuple[float, float]:
            await client.wait(job_id)
            took = gateway.jobs[job_id]
            return took, asyncio.get_running_loop().time() - took

        for took, late in await asyncio.gather(*map(delay_of, gateway.jobs)):
            assert late <= min(max(0.1 * took * 1.1, 10), 60) * 1.1 + 1
        await client.close()

    run(main())


class TestEqualJobs:
    def test_they_are_asked_for_once_at_a_time_and_by_each_on_its_own_schedule(self) -> None:
        async def main() -> None:
            gateway = Gateway()
            gateway.jobs = {"same": 500.0}
            client = Client(gateway, rate=1000, latency=3.0)
            ends = await asyncio.gather(*(client.wait("same") for _ in range(50)))
            await client.close()
            assert {end.outcome for end in ends} == {Outcome.FINISHED}
            times = [time for time, _, _ in gateway.seen]
            assert all(later - earlier >= 3.0 for earlier, later in itertools.pairwise(times))
            assert len(times) <= 510 / 3

        run(main())

    @pytest.mark.parametrize("moment", ["queued", "under way"])
    def test_when_the_one_that_asks_is_cancelled_the_next_asks(self, moment: str) -> None:
        async def main() -> None:
            gateway = Gateway()
            gateway.jobs = {"first": 0.0, "same": 0.0}
            client = Client(gateway)
            await client.wait("first")
            client.latency = 30.0
            if moment == "queued":
                client._queue.limiter.pause_until(100.0)
            waits = [asyncio.ensure_future(client.wait("same")) for _ in range(10)]
            await asyncio.sleep(12)  # all queue, or have joined by now
            for left, wait in zip(range(9, 0, -1), waits[:-1], strict=True):
                wait.cancel()
                await asyncio.sleep(0.1)
                assert len(client._joined) == (0 if moment == "queued" else 1)
                assert len(client._queue) == (left if moment == "queued" else 0)
                assert client._queue._free == MAX_CONNECTIONS - (0 if moment == "queued" else 1)
            assert (await waits[-1]).outcome is Outcome.FINISHED
            asked = [time for time, path, _ in gateway.seen if path.endswith("/same")]
            assert len(asked) == 1 if moment == "queued" else len(asked) >= 2
            await client.close()

        run(main())

    def test_one_that_nobody_waits_for_any_more_is_not_asked_for(self) -> None:
        async def main() -> None:
            gateway = Gateway()
            gateway.jobs = {"first": 0.0, "same": 0.0}
            client = Client(gateway)
            await client.wait("first")
            client._queue.limiter.pause_until(100.0)
            waits = [asyncio.ensure_future(client.wait("same")) for _ in range(10)]
            await asyncio.sleep(12)
            for wait in waits:
                wait.cancel()
            await asyncio.wait(waits)
            assert (client._joined, len(client._queue), client._queue._timer) == ({}, 0, None)
            assert len(gateway.seen) == 1
            await client.close()

        run(main())

    @settings(max_examples=50)
    @given(seed=st.integers(0, 2**32), rate=st.floats(0.5, 100), latency=st.floats(0.01, 10))
    def test_whoever_is_cancelled_each_is_given_the_response_about_its_own(
        self, seed: int, rate: float, latency: float
    ) -> None:
        chance = random.Random(seed)

        async def main() -> None:
            gateway = Gateway()
            gateway.jobs = {f"job-{number}": chance.uniform(0, 200) for number in range(4)}
            client = Client(gateway, rate=rate, latency=latency)
            waits = {}
            for _ in range(30):
                job_id = chance.choice(list(gateway.jobs))
                waits[asyncio.ensure_future(client.wait(job_id))] = job_id
                await asyncio.sleep(chance.random() * 3)
                if chance.random() < 0.4:
                    chance.choice(list(waits)).cancel()
            await asyncio.wait(waits)
            for wait, job_id in waits.items():
                if not wait.cancelled():
                    end = wait.result()
                    assert end.job is not None
                    assert (end.outcome, end.job.job_id) == (Outcome.FINISHED, job_id)
            assert client._joined == {}
            assert client._queue._free == MAX_CONNECTIONS
            assert (len(client._queue), client._queue._timer) == (0, None)
            await client.close()

        run(main())
