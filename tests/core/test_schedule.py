"""The gaps between polls, the pauses after trouble, and what may be a job id."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_ecsjobs.core.errors import EcsInvalidJobIdError
from airflow_provider_ecsjobs.core.job import check_job_id
from airflow_provider_ecsjobs.core.waiting.schedule import FIRST_BACKOFF, backoff, first_poll_delay, poll_delay
from tests.core.samples import JOB_ID


class TestGap:
    @pytest.mark.parametrize(
        ("waited", "pause"),
        [(-50, 10), (0, 10), (99, 10), (100, 10), (200, 20), (300, 30), (600, 60), (601, 60), (86_400, 60)],
    )
    def test_a_tenth_of_the_wait_between_two_bounds(self, waited: float, pause: float) -> None:
        assert poll_delay(waited, 10, 60, 0.5) == pytest.approx(pause)

    @pytest.mark.parametrize(("spread", "factor"), [(0, 0.9), (0.5, 1), (0.999999, 1.1)])
    def test_jitter_is_a_tenth_to_either_side(self, spread: float, factor: float) -> None:
        assert poll_delay(0, 10, 60, spread) == pytest.approx(10 * factor, rel=1e-5)

    @pytest.mark.parametrize("longest", [30, 5, 0, -1])
    def test_equal_or_crossed_bounds_make_it_fixed(self, longest: float) -> None:
        assert {poll_delay(waited, 30, longest, 0.5) for waited in (0, 500, 50_000)} == {30}

    @given(
        waited=st.floats(0, 1e6), shortest=st.floats(0.1, 600), more=st.floats(0, 600), spread=st.floats(0, 0.999999)
    )
    def test_an_end_is_seen_at_most_a_tenth_late(
        self, waited: float, shortest: float, more: float, spread: float
    ) -> None:
        longest = shortest + more
        pause = poll_delay(waited, shortest, longest, spread)
        assert shortest * 0.899 <= pause <= longest * 1.101
        assert pause <= max(0.1 * waited, shortest) * 1.101

    @given(st.floats(0, 0.999999), st.floats(0, 1e5), st.floats(0, 1e5))
    def test_it_never_shrinks_as_the_wait_goes_on(self, spread: float, one: float, other: float) -> None:
        assert poll_delay(min(one, other), 10, 60, spread) <= poll_delay(max(one, other), 10, 60, spread)


class TestFirstGap:
    @pytest.mark.parametrize(
        ("waited", "least", "most"), [(0, 1, 10), (99, 1, 10), (300, 3, 30), (7200, 6, 60), (1e6, 6, 60)]
    )
    def test_it_lies_anywhere_in_the_delay_but_for_its_very_beginning(
        self, waited: float, least: float, most: float
    ) -> None:
        assert first_poll_delay(waited, 10, 60, 0) == pytest.approx(least)
        assert first_poll_delay(waited, 10, 60, 0.5) == pytest.approx((least + most) / 2)
        assert first_poll_delay(waited, 10, 60, 0.999999) == pytest.approx(most, rel=1e-5)

    @pytest.mark.parametrize(("shortest", "least"), [(5, 1), (1.5, 1), (1, 0.9), (0.05, 0.045)])
    def test_a_short_delay_leaves_less_room(self, shortest: float, least: float) -> None:
        assert first_poll_delay(0, shortest, 60, 0) == pytest.approx(least)

    @given(
        waited=st.floats(-100, 1e6), shortest=st.floats(0.1, 600), more=st.floats(0, 600), spread=st.floats(0, 0.999999)
    )
    def test_an_end_is_seen_no_later_than_with_the_base_delay(
        self, waited: float, shortest: float, more: float, spread: float
    ) -> None:
        pause = first_poll_delay(waited, shortest, shortest + more, spread)
        assert 0 < pause <= poll_delay(waited, shortest, shortest + more, 0.5) * 1.000001


def polls(duration: float, shortest: float, longest: float, spread: float = 0.5) -> tuple[int, float]:
    """Count the polls until an end after ``duration`` is seen, and how late it is seen."""
    now, count = 0.0, 1
    while now < duration:
        now += poll_delay(now, shortest, longest, spread)
        count += 1
    return count, now - duration


@pytest.mark.parametrize("spread", [0, 0.3, 0.999])
def test_two_hours_take_a_quarter_of_the_polls_of_a_fixed_interval(spread: float) -> None:
    grown, late = polls(7200, 10, 60, spread)
    fixed, _ = polls(7200, 10, 10, spread)
    assert grown / fixed <= 0.25
    assert late <= 60 * 1.1


def test_without_a_ceiling_the_polls_grow_with_the_logarithm() -> None:
    hour, ten, hundred = (polls(hours * 3600, 10, 1e9)[0] for hours in (1, 10, 100))
    assert hundred - ten == pytest.approx(ten - hour, abs=1)


@pytest.mark.parametrize(
    ("failures", "longest", "plain"),
    [
        (1, 60, 2),
        (2, 60, 4),
        (5, 60, 32),
        (6, 60, 60),
        (10_000, 60, 60),
        (1, 0.1, FIRST_BACKOFF),
        (9, 0.1, FIRST_BACKOFF),
    ],
)
def test_backoff_doubles_and_is_spread_over_its_upper_half(failures: int, longest: float, plain: float) -> None:
    assert backoff(failures, longest, 0) == plain / 2
    assert plain * 0.99 < backoff(failures, longest, 0.999) < plain


@pytest.mark.parametrize("good", [JOB_ID, "a", "A-b_9", "x" * 128, "ff8080828dbd4ccf018e0d2ee7a13a5e"])
def test_a_job_id_is_given_back_as_it_came(good: str) -> None:
    assert check_job_id(good) == good


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("", "is empty"),
        (" \t\n", "is empty"),
        ("None", "had no value"),
        (" none ", "had no value"),
        ("null", "had no value"),
        ("nan", "had no value"),
        ("{{ ti.xcom_pull('x') }}", "a template that was not rendered"),
        ("a/b", "a job id has only"),
        ("../" + JOB_ID, "a job id has only"),
        (JOB_ID + "\n", "a job id has only"),
        (" " + JOB_ID, "a job id has only"),
        ("a b", "a job id has only"),
        ("a?b=c", "a job id has only"),
        ("a%2Fb", "a job id has only"),
        ("ñ", "a job id has only"),
        ("٣", "a job id has only"),
        ("a\x00", "a job id has only"),
        ("\ud800", "a job id has only"),
        (".", "a job id has only"),
        ("..", "a job id has only"),
        ("x" * 129, "a job id has only"),
        ("x" * 100_000, "a job id has only"),
        (None, "job_id is None: the template or XCom it comes from had no value"),
        (0, "it is 0 (int)"),
        (True, "it is True (bool)"),
        (1.5, "it is 1.5 (float)"),
        (b"abc", "(bytes)"),
        (["abc"], "it is ['abc'] (list)"),
        ({"job_id": "abc"}, "pass the 'job_id' in it"),
    ],
)
def test_what_can_not_be_a_job_id_is_named(bad: Any, says: str) -> None:
    with pytest.raises(EcsInvalidJobIdError) as caught:
        check_job_id(bad)
    message = str(caught.value)
    assert message.startswith("job_id ")
    assert says in message
    assert "\n" not in message
    assert len(message) < 600
    message.encode()


@given(
    st.one_of(
        st.text(), st.none(), st.integers(), st.binary(), st.lists(st.text()), st.dictionaries(st.text(), st.none())
    )
)
def test_a_job_id_that_passes_is_safe_in_a_path(value: Any) -> None:
    try:
        checked = check_job_id(value)
    except EcsInvalidJobIdError:
        return
    assert checked.replace("-", "a").replace("_", "a").isalnum()
    assert checked.isascii()
