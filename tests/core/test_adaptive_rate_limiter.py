"""The rate of a client, by a clock that only the tests move."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_ecsjobs.transport.rate_limit import (
    LIMIT_KEPT,
    LONGEST_INTERVAL,
    LONGEST_PAUSE,
    RECOVERY_SECONDS,
    SLACK,
    AdaptiveRateLimiter,
    Limit,
    Permit,
    stated_limit,
)

SAID = "policy user over ratelimit,limit:200,time:5 minute"


class Client:
    """Asks as fast as its budget lets it, in virtual time."""

    def __init__(self, rate: float, latency: float = 0.0) -> None:
        self.limiter = AdaptiveRateLimiter(rate)
        self.now = 0.0
        self.latency = latency
        self.sent: list[float] = []

    def send(self) -> Permit:
        self.now = max(self.now, self.limiter.opens_at())
        self.sent.append(self.now)
        permit = self.limiter.take(self.now)
        self.now += self.latency
        return permit

    def good(self, times: int = 1) -> None:
        for _ in range(times):
            self.limiter.on_success(self.send(), self.now)

    def on_throttle(self, **how: Any) -> bool:
        return self.limiter.on_throttle(self.send(), self.now, **how)


def most_in_a_window(times: list[float], seconds: float) -> int:
    return max((sum(start <= time < start + seconds for time in times) for start in times), default=0)


class TestPace:
    def test_the_first_goes_at_once(self) -> None:
        client = Client(20)
        client.good()
        assert client.sent == [0]

    def test_an_idle_client_saves_nothing_up(self) -> None:
        client = Client(20)
        client.good(30)
        client.now += 3600
        client.good(30)
        assert most_in_a_window(client.sent, 1.0) <= 20 * (1 + SLACK) + 1

    def test_what_the_loop_was_late_is_caught_up_with(self) -> None:
        client = Client(20, latency=0.06)  # each takes a little longer than its gap, as when a timer fires late
        client.latency = 0.0
        for number in range(200):
            client.good()
            client.now = max(client.now, client.limiter.opens_at()) + (0.04 if number % 2 else 0.0)
        assert client.now == pytest.approx(200 / 20, rel=0.02)

    @given(
        rate=st.floats(0.05, 1000),
        steps=st.lists(st.tuples(st.sampled_from(["good", "unused", "idle"]), st.floats(0, 3)), max_size=80),
    )
    def test_never_over_the_rate_in_any_window(self, rate: float, steps: list[tuple[str, float]]) -> None:
        client = Client(rate)
        for step, seconds in steps:
            if step == "idle":
                client.now += seconds
            elif step == "good":
                client.good()
            else:
                client.limiter.give_back(client.send())
                client.sent.pop()
        for index, first in enumerate(client.sent):
            for count, last in enumerate(client.sent[index:], 1):
                assert count <= rate * (last - first + SLACK) + 1 + 1e-6


class TestThrottled:
    def test_it_halves(self) -> None:
        client = Client(20)
        client.good(5)
        assert client.on_throttle()
        assert client.limiter.rate == 10

    def test_a_burst_that_was_under_way_counts_once(self) -> None:
        client = Client(20)
        burst = [client.send() for _ in range(8)]
        assert [client.limiter.on_throttle(permit, client.now) for permit in burst] == [True] + [False] * 7
        assert client.limiter.rate == 10
        assert client.on_throttle()
        assert client.limiter.rate == 5

    def test_good_responses_to_what_was_under_way_are_no_recovery(self) -> None:
        client = Client(20)
        first, *burst = [client.send() for _ in range(8)]
        client.limiter.on_throttle(first, client.now)
        for permit in burst:
            client.limiter.on_success(permit, client.now + 30)
        assert client.limiter.rate == 10

    def test_the_next_waits_for_the_interval_of_the_new_rate(self) -> None:
        client = Client(20)
        client.on_throttle()
        assert client.limiter.opens_at() >= client.now + 0.1

    @pytest.mark.parametrize("rate", [1000, 20, 0.01])
    def test_it_never_stops_asking(self, rate: float) -> None:
        client = Client(rate)
        for _ in range(100):
            client.on_throttle()
        assert client.limiter.rate >= min(1 / LONGEST_INTERVAL, rate)
        assert client.limiter.opens_at() - client.now <= max(LONGEST_INTERVAL, 1 / rate)

    def test_it_recovers_slowly_and_by_the_same_amount_a_second(self) -> None:
        client = Client(20)
        client.good(100)
        client.on_throttle()
        began, seen = client.now, []
        while client.limiter.rate < 20:
            client.good()
            seen.append((client.now - began, client.limiter.rate))
        assert seen[-1][0] == pytest.approx(RECOVERY_SECONDS / 2, rel=0.02)
        half_way = next(rate for passed, rate in seen if passed >= RECOVERY_SECONDS / 4)
        assert half_way == pytest.approx(15, rel=0.02)

    def test_it_recovers_from_a_standstill(self) -> None:
        client = Client(20)
        for _ in range(50):
            client.on_throttle()
        began = client.now
        while client.limiter.rate < 20:
            client.good()
        assert client.now - began <= RECOVERY_SECONDS * 3

    def test_an_idle_hour_is_no_recovery(self) -> None:
        client = Client(20)
        client.on_throttle()
        client.now += 3600
        client.good()
        assert client.limiter.rate < 10.2

    def test_nothing_is_sent_before_the_time_that_was_asked_for(self) -> None:
        client = Client(20)
        client.good(3)
        client.limiter.pause_until(500.0)
        client.limiter.pause_until(20.0)  # a shorter one does not shorten it
        client.good()
        assert client.sent[-1] == 500

    def test_what_is_given_back_after_a_throttle_hurries_nobody(self) -> None:
        client = Client(1)
        first, second = client.send(), client.send()
        client.limiter.on_throttle(first, client.now)
        opens_at = client.limiter.opens_at()
        client.limiter.give_back(second)
        assert client.limiter.opens_at() == opens_at

    @given(
        steps=st.lists(
            st.one_of(
                st.just(("good",)),
                st.just(("throttled",)),
                st.tuples(st.just("limit"), st.integers(1, 500), st.floats(1, 5000)),
                st.tuples(st.just("hold"), st.floats(0, 100)),
                st.tuples(st.just("idle"), st.floats(0, 5000)),
                st.just(("unused",)),
            ),
            max_size=60,
        ),
        rate=st.floats(0.01, 1000),
    )
    def test_whatever_comes_the_rate_stays_within_its_bounds(self, steps: list[tuple[Any, ...]], rate: float) -> None:
        client = Client(rate)
        least = rate
        for step, *values in steps:
            before = client.limiter.rate
            if step == "good":
                client.good()
                assert before <= client.limiter.rate <= before + rate / RECOVERY_SECONDS * LONGEST_INTERVAL
            elif step in ("throttled", "limit"):
                limit = Limit(*values) if values else None
                least = min(least, limit.rate) if limit else least
                lowered = client.on_throttle(limit=limit)
                assert lowered
                assert client.limiter.rate <= max(before, min(1 / LONGEST_INTERVAL, rate))
            elif step == "hold":
                client.limiter.pause_until(client.now + values[0])
            elif step == "idle":
                client.now += values[0]
            else:
                client.limiter.give_back(client.send())
            assert min(least, 1 / LONGEST_INTERVAL) <= client.limiter.rate <= rate
            assert client.limiter.opens_at() - client.now <= max(LONGEST_PAUSE, 1 / client.limiter.rate, 1 / rate) + 1


class Gateway:
    """Takes so many requests in each window of time, which begins with its first request."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self.ends, self.left = -math.inf, 0

    def takes(self, now: float) -> bool:
        if now >= self.ends:
            self.ends, self.left = now + self.limit.seconds, self.limit.requests
        self.left -= 1
        return self.left >= 0


class TestStatedLimit:
    @pytest.mark.parametrize(
        ("text", "limit"),
        [
            (SAID, Limit(200, 300)),
            ("The throttling threshold has been reached: " + SAID, Limit(200, 300)),
            ("policy domain over ratelimit,limit:1000,time:1 minute", Limit(1000, 60)),
            ("over ratelimit, limit: 5, time: 10 seconds", Limit(5, 10)),
            ("limit:100,time:1 HOUR", Limit(100, 3600)),
            ("limit:100,time:2 day", Limit(100, 172_800)),
            ("limit:0,time:5 minute", None),
            ("limit:200,time:0 minute", None),
            ("limit:200", None),
            ("limit:many,time:5 minute", None),
            ("limit:200,time:5 fortnight", None),
            (f"limit:{'9' * 500},time:5 minute", None),
            ("too many requests", None),
            ("", None),
        ],
    )
    def test_it_is_read_from_the_gateways_text(self, text: str, limit: Limit | None) -> None:
        assert stated_limit(text) == limit

    def test_a_client_keeps_to_it(self) -> None:
        limit = Limit(200, 300)
        client, gateway = Client(20), Gateway(limit)
        throttled_at = []
        while client.now < 6 * 3600:
            permit = client.send()
            if gateway.takes(client.sent[-1]):
                client.limiter.on_success(permit, client.now)
            else:
                throttled_at.append(client.sent[-1])
                client.limiter.on_throttle(permit, client.now, limit)
        assert len(throttled_at) / len(client.sent) < 0.005
        assert [time for time in throttled_at if 60 < time < LIMIT_KEPT] == []
        assert len(client.sent) > 0.85 * 6 * 3600 * 200 / 300

    @pytest.mark.parametrize("limit", [Limit(1, 1), Limit(2, 1), Limit(10, 1), Limit(20, 60), Limit(900, 60)])
    def test_it_is_kept_to_in_any_window(self, limit: Limit) -> None:
        client = Client(100)
        client.on_throttle(limit=limit)
        client.sent.clear()
        client.good(300)
        assert most_in_a_window(client.sent, limit.seconds) <= limit.requests

    def test_the_window_is_waited_for_where_it_was_all_ours(self) -> None:
        client = Client(20)
        client.good(200)
        client.on_throttle(limit=Limit(200, 300))
        assert 300 < client.limiter.opens_at() <= 307

    def test_where_others_used_it_up_it_is_tried_now_and_then(self) -> None:
        client = Client(20)
        client.good(3)
        pauses = []
        for _ in range(12):
            client.on_throttle(limit=Limit(200, 300))
            pauses.append(client.limiter.opens_at() - client.now)
        assert all(29.9 < pause < LONGEST_INTERVAL + 0.1 for pause in pauses)

    def test_one_that_others_use_too_makes_it_halve_further(self) -> None:
        client = Client(20)
        client.on_throttle(limit=Limit(200, 300))
        assert client.limiter.rate == pytest.approx(0.6)
        client.on_throttle(limit=Limit(200, 300))
        assert client.limiter.rate == pytest.approx(0.3)

    def test_one_above_the_rate_halves_as_any_throttle_does(self) -> None:
        client = Client(20)
        client.on_throttle(limit=Limit(100_000, 60))
        assert client.limiter.rate == 10

    def test_it_is_believed_for_an_hour(self) -> None:
        client = Client(20)
        client.on_throttle(limit=Limit(200, 300))
        while client.now < LIMIT_KEPT:
            assert client.limiter.rate <= 0.6
            client.good()
        while client.now < LIMIT_KEPT + RECOVERY_SECONDS * 1.5:
            client.good()
        assert client.limiter.rate == 20

    @pytest.mark.parametrize("limit", [Limit(10_000, 86_400), Limit(5, 86_400)])
    def test_a_limit_for_a_day_does_not_silence_it_for_the_day(self, limit: Limit) -> None:
        client = Client(20)
        client.good(10)
        client.on_throttle(limit=limit)
        assert client.limiter.opens_at() - client.now <= max(LONGEST_PAUSE, 1 / limit.rate)
