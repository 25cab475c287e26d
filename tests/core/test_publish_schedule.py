"""The rule of when a job is published, for workers and triggers alike."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_ecsjobs.core.job import Job
from airflow_provider_ecsjobs.core.job_snapshot import outline
from airflow_provider_ecsjobs.core.publish_schedule import REFRESH_AFTER, SHORTEST_GAP, LastPublish
from tests.core.samples import job, part

RUNNING = job("RUNNING", [part("RUNNING"), part("RUNNING")])
HALF_DONE = job("RUNNING", [part("SUCCESS"), part("RUNNING")])
LAST = LastPublish(outline(Job(RUNNING)), 1000.0)


@pytest.mark.parametrize(
    ("last", "now_seen", "age", "options", "is_due"),
    [
        (LastPublish(), RUNNING, 0.0, (), True),
        (LastPublish(), RUNNING, 0.0, (math.inf, math.inf), True),
        (LAST, HALF_DONE, SHORTEST_GAP - 0.1, (), False),
        (LAST, HALF_DONE, SHORTEST_GAP, (), True),
        (LAST, RUNNING, SHORTEST_GAP, (), False),
        (LAST, RUNNING, REFRESH_AFTER - 0.1, (), False),
        (LAST, RUNNING, REFRESH_AFTER, (), True),
        (LAST, HALF_DONE, 99.0, (100.0,), False),
        (LAST, HALF_DONE, 100.0, (100.0,), True),
        (LAST, RUNNING, 1e6, (100.0, math.inf), False),
        (LAST, HALF_DONE, 1e6, (100.0, math.inf), True),
    ],
)
def test_a_job_is_due(
    last: LastPublish, now_seen: dict[str, Any], age: float, options: tuple[float, ...], is_due: bool
) -> None:
    due = last.due(Job(now_seen), last.at + age, *options)

    assert due == (outline(Job(now_seen)) if is_due else None)


@given(st.lists(st.tuples(st.floats(0.1, 120.0), st.booleans()), max_size=60))
def test_no_two_publishes_come_within_the_gap_and_no_change_is_lost(polls: list[tuple[float, bool]]) -> None:
    last, now, times = LastPublish(), 0.0, []
    for delay, is_half_done in polls:
        now += delay
        seen = Job(HALF_DONE if is_half_done else RUNNING)
        due = last.due(seen, now)
        if due is not None:
            last = LastPublish(due, now)
            times.append(now)
        # What is shown is what was seen, or is less than a gap old.
        assert last.shown == outline(seen) or now - last.at < SHORTEST_GAP
        assert now - last.at < REFRESH_AFTER

    assert all(later - earlier >= SHORTEST_GAP for earlier, later in pairwise(times))
