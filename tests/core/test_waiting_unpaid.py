"""The wait for a job whose order is unpaid."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from airflow_provider_ecsjobs.core.job import format_time
from airflow_provider_ecsjobs.core.waiting.end import Outcome
from tests.core.samples import JOB_ID
from tests.core.virtual_wait import BUSY, SLOW_DOWN, START, Waiting, seen


def test_without_a_limit_it_waits_for_the_deadline() -> None:
    waiting = Waiting(deadline=10**6)
    assert waiting.at(0, seen("PENDING_PAYMENT")) is None
    assert waiting.at(999_999, seen("PENDING_PAYMENT")) is None
    assert waiting.ends_at(10**6, seen("PENDING_PAYMENT")).outcome is Outcome.TIMEOUT


def test_zero_does_not_wait_at_all() -> None:
    assert Waiting(payment_timeout=0).ends_at(3, seen("PENDING_PAYMENT")).outcome is Outcome.PAYMENT_TIMEOUT


def test_the_limit_counts_from_the_begin_of_the_wait() -> None:
    waiting = Waiting(payment_timeout=600)
    assert waiting.at(100, seen("PENDING_PAYMENT", entities={"order_id": "CS123"})) is None
    assert waiting.at(599, seen("PENDING_PAYMENT")) is None
    last = seen("PENDING_PAYMENT", entities={"order_id": "CS123"})
    end = waiting.ends_at(600, last)
    assert (end.outcome, end.job) == (Outcome.PAYMENT_TIMEOUT, last)
    assert end.message == (
        f"ECS job {JOB_ID} (createServer): its order CS123 is unpaid or was cancelled (PENDING_PAYMENT for 10 min,"
        " payment_timeout is 10 min). Pay the order, or submit anew; a cancelled order never changes this status."
    )


def test_the_next_poll_is_no_later_than_the_limit() -> None:
    waiting = Waiting(payment_timeout=600)
    waiting.at(100, seen("PENDING_PAYMENT"))
    assert waiting.next_delay(595) == pytest.approx(5)


def test_a_restart_of_the_triggerer_does_not_start_the_limit_anew() -> None:
    resumed = Waiting(payment_timeout=8 * 3600)
    assert resumed.ends_at(8.5 * 3600, seen("PENDING_PAYMENT")).outcome is Outcome.PAYMENT_TIMEOUT


def test_for_a_job_that_began_before_the_wait_it_counts_from_the_begin_of_the_wait() -> None:
    waiting = Waiting(payment_timeout=600)
    began = format_time(datetime.fromtimestamp(START - 5000, UTC))
    assert waiting.at(599, seen("PENDING_PAYMENT", begin_time=began)) is None
    assert waiting.ends_at(600, seen("PENDING_PAYMENT", begin_time=began)).outcome is Outcome.PAYMENT_TIMEOUT


def test_for_a_job_that_began_later_it_counts_from_then() -> None:
    waiting = Waiting(payment_timeout=600)
    began = format_time(datetime.fromtimestamp(START + 300, UTC))
    assert waiting.at(700, seen("PENDING_PAYMENT", begin_time=began)) is None
    assert waiting.ends_at(900, seen("PENDING_PAYMENT", begin_time=began)).outcome is Outcome.PAYMENT_TIMEOUT


def test_for_a_job_that_was_seen_otherwise_before_it_counts_from_the_change() -> None:
    waiting = Waiting(payment_timeout=600)
    waiting.at(1000, seen("INIT"))
    assert waiting.at(1100, seen("PENDING_PAYMENT")) is None
    assert waiting.at(1699, seen("PENDING_PAYMENT")) is None
    assert waiting.ends_at(1700, seen("PENDING_PAYMENT")).outcome is Outcome.PAYMENT_TIMEOUT


@pytest.mark.parametrize("time", [699.99, 700, 5000])
def test_failures_past_the_limit_are_no_reason_to_ask_in_a_hurry(time: float) -> None:
    waiting = Waiting(payment_timeout=600)
    waiting.at(100, seen("PENDING_PAYMENT"))
    waiting.at(time, replace(SLOW_DOWN, retry_after=30))
    assert waiting.next_delay(time, 0) >= 30
    waiting.at(time + 31, BUSY)
    assert waiting.next_delay(time + 31, 0) >= 1


def test_pending_since_is_carried_over_and_not_reported_again() -> None:
    waiting = Waiting(payment_timeout=600, pending_since=-500)
    assert waiting.at(99, seen("PENDING_PAYMENT")) is None
    assert logging.WARNING not in waiting.levels
    assert waiting.ends_at(100, seen("PENDING_PAYMENT")).outcome is Outcome.PAYMENT_TIMEOUT


def test_it_is_warned_of_once() -> None:
    waiting = Waiting()
    for time in (0, 10, 20):
        waiting.at(time, seen("PENDING_PAYMENT", order_id="CS123"))
    waiting.at(30, BUSY)
    waiting.at(40, seen("PENDING_PAYMENT"))
    warnings = [text for text in waiting.logged if "payment" in text]
    assert len(warnings) == 1
    assert JOB_ID in warnings[0]
    assert "its order CS123" in warnings[0]


def test_a_payment_ends_it() -> None:
    waiting = Waiting(payment_timeout=600)
    waiting.at(0, seen("PENDING_PAYMENT"))
    assert waiting.at(500, seen("RUNNING")) is None
    assert waiting.wait.pending_since is None
    assert waiting.at(9999, seen("RUNNING")) is None
    assert waiting.next_delay(9999) == pytest.approx(60)
