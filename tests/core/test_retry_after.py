"""Retry-After, in seconds or as a date: a bounded time, or none."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import example as at
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_ecsjobs.core.responses import MAX_RETRY_AFTER, parse_retry_after
from tests.core.job_responses import NOW, ecs, error


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("30", 30),
        (" 30 ", 30),
        ("1.5", 1.5),
        ("0", 0),
        ("-5", 0),
        ("1e999", MAX_RETRY_AFTER),
        ("999999999", MAX_RETRY_AFTER),
        ("9" * 5000, MAX_RETRY_AFTER),
        ("inf", MAX_RETRY_AFTER),
        ("-inf", 0),
        ("nan", None),
        ("Sun, 01 Mar 2026 12:00:30 GMT", 30),
        ("Sun, 01 Mar 2026 13:00:30 +0100", 30),
        ("Sun, 01 Mar 2026 12:00:30 -0000", 30),
        ("Sun Mar  1 12:00:30 2026", 30),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", MAX_RETRY_AFTER),
        ("Fri, 31 Dec 9999 23:59:59 -2359", MAX_RETRY_AFTER),
        ("Mon, 01 Jan 0001 00:00:00 +2359", 0),
        ("Sun, 99 Mar 2026 12:00:30 GMT", None),
        ("soon", None),
        (",", None),
        ("30, 60", None),
        ("\x00", None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, now=NOW) == seconds


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Shanghai"])
def test_retry_after_does_not_depend_on_the_local_time_zone(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        try:
            assert parse_retry_after("Sun Mar  1 12:00:30 2026", now=NOW) == 30
        finally:
            patch.undo()
            time.tzset()


@given(st.datetimes(timezones=st.just(UTC)))
def test_any_date_gives_a_bounded_pause(date: datetime) -> None:
    pause = parse_retry_after(format_datetime(date, usegmt=True), now=NOW)
    assert pause is not None
    assert 0 <= pause <= MAX_RETRY_AFTER


def test_a_busy_server_asks_for_its_minute_unless_it_says_otherwise() -> None:
    assert error(501, ecs("Ecs.0603")).retry_after == 60
    assert error(501, ecs("Ecs.0603"), retry_after="5").retry_after == 5
    assert error(501, ecs("Odd.1", details=[{"code": "Ecs.0603"}])).retry_after == 60
    assert error(501, ecs("Odd.1")).retry_after is None


@given(st.text(max_size=40))
@at("Sun, 01 Mar 2026 12:00:30 GMT junk")
def test_any_retry_after_is_a_bounded_pause_or_none(value: str) -> None:
    pause = parse_retry_after(value, now=NOW)
    assert pause is None or 0 <= pause <= MAX_RETRY_AFTER


@given(
    st.one_of(
        st.text("0123456789:+-, JanFebGMTSu", max_size=30),
        st.from_regex(r"\A[A-Z][a-z]{2}, \d{1,3} [A-Z][a-z]{2} \d{1,5} \d{1,4}:\d{1,4}(:\d{1,4})? [+-]?\w{0,6}\Z"),
    )
)
def test_nothing_like_a_date_breaks_retry_after(value: str) -> None:
    pause = parse_retry_after(value, now=NOW)
    assert pause is None or 0 <= pause <= MAX_RETRY_AFTER
