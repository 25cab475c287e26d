"""The durations of earlier jobs: what is kept of them, and what they make of the pauses between polls."""

from __future__ import annotations

import random
import statistics
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_ecsjobs.core.job import Job
from airflow_provider_ecsjobs.core.steps import Turn
from airflow_provider_ecsjobs.core.waiting.durations import (
    EXCESS,
    FEWEST_KNOWN,
    FEWEST_LEFT,
    FIRST_STAGE,
    KEPT,
    MOST_KINDS,
    STAGES,
    UNKNOWN_DELAYS,
    Durations,
    Stage,
    likely_delay,
    stage_of,
)
from airflow_provider_ecsjobs.core.waiting.policy import WaitPolicy
from airflow_provider_ecsjobs.core.waiting.wait import Wait
from tests.core.samples import job_objects
from tests.support.learned_waits import JOB_ID, RUNNING, START, Lengths, ended_job, polls_of, running_job

if TYPE_CHECKING:
    from collections.abc import Iterable

TEN_MINUTES = [600.0] * FEWEST_KNOWN


def known(lengths: Iterable[float], **fields: int) -> Durations:
    durations = Durations()
    for length in lengths:
        durations.add(ended_job(length, **fields))
    return durations


def waiting(started: float = START, parts: int = 0) -> Wait:
    policy = WaitPolicy(started=started, seen=("RUNNING", 0), seen_job=RUNNING, seen_sub_jobs_total=parts)
    return Wait(JOB_ID, policy)


class TestLikelyPause:
    def test_it_is_the_longest_while_no_end_is_near(self) -> None:
        assert likely_delay(TEN_MINUTES, 100, 0.5, 60) == 60

    def test_it_ends_a_little_after_the_time_of_the_earlier_jobs(self) -> None:
        assert likely_delay(TEN_MINUTES, 560, 3, 60) == pytest.approx(43)

    def test_a_few_jobs_that_ended_early_hardly_shorten_it(self) -> None:
        assert likely_delay([20.0, *TEN_MINUTES], 0, 0.5, 60) == pytest.approx(20 + 0.5 * 17)

    def test_it_is_the_shorter_the_more_jobs_ended_near_together(self) -> None:
        spread = [100.0 + 10 * number for number in range(FEWEST_KNOWN)]
        dense = [100.0 + 2 * number for number in range(FEWEST_KNOWN)]
        assert likely_delay(dense, 99, 0.5, 60) < likely_delay(spread, 99, 0.5, 60)  # type: ignore[operator]

    def test_few_earlier_jobs_tell_nothing(self) -> None:
        assert likely_delay(TEN_MINUTES[1:], 0, 0.5, 60) is None

    def test_once_nearly_all_would_have_ended_they_tell_nothing(self) -> None:
        longer = [900.0] * (FEWEST_LEFT - 1)
        assert likely_delay([*TEN_MINUTES, *longer], 601, 3, 60) is None
        assert likely_delay([*TEN_MINUTES, *longer, 950], 601, 3, 60) == 60

    @given(
        durations=st.lists(st.floats(0, 1e6), min_size=FEWEST_KNOWN, max_size=KEPT).map(sorted),
        age=st.floats(0, 1e6),
        excess=st.floats(0.01, 10),
    )
    def test_the_earlier_jobs_would_have_ended_so_long_before(
        self, durations: list[float], age: float, excess: float
    ) -> None:
        pause = likely_delay(durations, age, excess, 60)
        if pause is None:
            return
        left = [duration - age for duration in durations if duration > age]
        before = statistics.fmean(max(pause - each, 0) for each in left)
        assert 0 < pause <= 60
        assert before <= excess * (1 + 1e-6) + 1e-6
        assert pause == 60 or before == pytest.approx(excess, rel=1e-6, abs=1e-6)


class TestWhatIsKept:
    def test_the_latest_durations_of_each_kind(self) -> None:
        durations = known([*[10.0] * KEPT, *[600.0] * KEPT])
        assert durations.likely_delay(waiting(), START + 100) == 60

    def test_jobs_of_another_type_or_size_tell_nothing(self) -> None:
        durations = known(TEN_MINUTES, parts=3)
        assert durations.likely_delay(waiting(parts=3), START + 100) == 60
        assert durations.likely_delay(waiting(parts=4), START + 100) is None
        other = Wait(JOB_ID, WaitPolicy(started=START, seen_job=Job({**RUNNING.raw, "job_type": "stopServer"})))
        assert durations.likely_delay(other, START + 100) is None

    def test_all_sizes_count_while_the_size_is_not_known(self) -> None:
        assert known(TEN_MINUTES, parts=3).likely_delay(waiting(), START + 100) == 60

    def test_a_job_that_was_never_seen_has_no_kind(self) -> None:
        assert known(TEN_MINUTES).likely_delay(Wait(JOB_ID, WaitPolicy(started=START)), START + 100) is None

    @pytest.mark.parametrize(
        "lacking",
        [{"status": "RUNNING"}, {"job_type": None}, {"end_time": None}, {"begin_time": ""}],
        ids=lambda fields: next(iter(fields)),
    )
    def test_an_answer_without_a_duration_is_not_kept(self, lacking: dict[str, object]) -> None:
        durations = Durations()
        for _ in range(KEPT):
            durations.add(Job({**ended_job(600).raw, **lacking}))
        assert not durations._kinds

    @given(job_objects, job_objects)
    def test_any_answer_can_be_kept_and_waited_with(self, one: dict[str, Any], other: dict[str, Any]) -> None:
        durations = Durations()
        for _ in range(FEWEST_KNOWN):
            durations.add(Job({**one, "status": "SUCCESS"}))
        wait = Wait(JOB_ID, WaitPolicy(started=START), durations=durations)
        wait.receive(Job({**other, "status": "RUNNING"}), START + 10)
        assert 0 < wait.next_delay(START + 10, 0.5) <= 60
        assert durations.turn_of(wait, START + 20).longest in (0, 60)

    def test_the_kinds_are_bounded_in_number(self) -> None:
        durations = Durations()
        for number in range(3 * MOST_KINDS):
            durations.add(ended_job(600, job_type=f"type{number}"))
        assert len(durations._kinds) == MOST_KINDS


class TestStages:
    def test_the_stage_is_the_number_of_ended_sub_jobs(self) -> None:
        assert stage_of(running_job(50, [10, 60, 40])) == Stage(2, 40)
        assert stage_of(running_job(5, [10, 60, 40])) == FIRST_STAGE

    def test_many_sub_jobs_are_counted_in_groups(self) -> None:
        ends = [float(number) for number in range(1, 10 * STAGES + 1)]
        assert stage_of(running_job(9, ends)) == FIRST_STAGE
        assert stage_of(running_job(29, ends)) == Stage(2, 20)
        assert stage_of(running_job(1e4, ends)) == Stage(STAGES, 10 * STAGES)

    @pytest.mark.parametrize("fields", [{"begin_time": None}, {"entities": {"sub_jobs_total": -3}}, {"entities": {}}])
    def test_without_the_times_it_is_the_first(self, fields: dict[str, object]) -> None:
        assert stage_of(Job({**running_job(50, [10, 60]).raw, **fields})) == FIRST_STAGE

    def test_the_time_from_a_stage_to_the_end_counts(self) -> None:
        durations, wait = Durations(), waiting(parts=2)
        for late in range(FEWEST_KNOWN):  # they begin late, but then take the same time
            durations.add(ended_job(130 + 20 * late, part_ends=[30 + 20 * late, 130 + 20 * late]))
        wait.durations = durations
        assert wait.receive(running_job(200, [170, 999]), START + 200) is None
        pause = durations.likely_delay(wait, START + 230)
        assert pause == pytest.approx(40 + EXCESS * 23)

    def test_ends_are_seen_earlier_with_no_more_requests(self) -> None:
        rng = random.Random(3)
        durations, totals = Durations(), Durations()
        without, staged = [], []
        for number in range(3 * KEPT):
            slowness = Lengths(60, 0.3, rng, failing=0.0).next()
            ends = [slowness * (part // 4 + 1) * rng.uniform(0.9, 1.1) for part in range(20)]
            length = max(ends) + 3
            if number >= KEPT:
                without.append((polls_of(length, totals, rng), length))
                staged.append((polls_of(length, durations, rng, ends), length))
            durations.add(ended_job(length, part_ends=ends))
            totals.add(ended_job(length))
        assert sum(len(polls) for polls, _ in staged) <= 1.05 * sum(len(polls) for polls, _ in without)
        late = [sum(polls[-1] - length for polls, length in each) for each in (staged, without)]
        assert late[0] <= 0.8 * late[1]


class TestAge:
    def test_a_job_may_be_older_than_its_wait(self) -> None:
        durations = known(TEN_MINUTES)
        assert durations.likely_delay(waiting(started=START + 550), START + 560) == pytest.approx(40 + EXCESS * 10)

    def test_with_a_fast_clock_the_usual_schedule_comes_early(self) -> None:
        assert known(TEN_MINUTES).likely_delay(waiting(started=START + 3600), START + 3700) is None

    def test_with_a_slow_clock_the_time_waited_counts(self) -> None:
        durations = known(TEN_MINUTES)
        assert durations.likely_delay(waiting(started=START - 3600), START - 3040) == pytest.approx(40 + EXCESS * 56)


class TestTurn:
    def test_the_likelier_the_job_has_ended_the_sooner(self) -> None:
        durations = known(TEN_MINUTES)
        early, due = (durations.turn_of(waiting(), START + age).patience for age in (60, 590))
        assert early == pytest.approx(550)
        assert due == pytest.approx(20)

    def test_it_counts_from_the_last_look(self) -> None:
        durations, wait = known([*TEN_MINUTES, *[1200.0] * FEWEST_KNOWN]), waiting()
        unlooked = durations.turn_of(wait, START + 700)
        wait.seen_at = START + 690
        assert durations.turn_of(wait, START + 700).patience > unlooked.patience + 500

    def test_without_a_history_it_is_the_order_of_arrival(self) -> None:
        assert Durations().turn_of(waiting(), START + 60) == Turn()

    def test_a_job_of_another_kind_counts_from_its_last_look(self) -> None:
        durations, wait = known(TEN_MINUTES, parts=3), waiting(parts=4)
        wait.seen_at = START + 40
        assert durations.turn_of(wait, START + 100).patience == pytest.approx(UNKNOWN_DELAYS * 60 - 60)

    def test_its_most_is_the_longest_gap(self) -> None:
        assert known(TEN_MINUTES).turn_of(waiting(), START).longest == waiting().policy.max_poll_interval


class TestSchedule:
    @pytest.mark.parametrize("median", [30, 600, 7200])
    def test_the_bounds_hold(self, median: float) -> None:
        rng = random.Random(median)
        lengths = Lengths(median, 0.4, rng)
        durations = lengths.history()
        for _ in range(20):
            gaps = [after - before for before, after in pairwise(polls_of(lengths.next(), durations, rng))]
            assert min(gaps) >= 9 - 1e-6
            assert max(gaps) <= 60 + 1e-6

    def test_equal_bounds_are_a_fixed_gap(self) -> None:
        lengths = Lengths(600, 0.15, random.Random(1))
        even = random.Random(2)
        bounds = {"poll_interval": 20, "max_poll_interval": 20}
        polls = polls_of(600, lengths.history(), random.Random(2), **bounds)
        assert polls == polls_of(600, None, even, **bounds)

    def test_waits_that_come_out_of_one_outage_are_spread(self) -> None:
        wait = waiting()
        wait.durations = known(TEN_MINUTES)
        wait._is_in_step, wait.polls = True, 1
        assert wait.next_delay(START + 100, 0.0) == pytest.approx(6)
        assert wait.next_delay(START + 100, 1.0) == pytest.approx(60)

    @pytest.mark.parametrize(("median", "most"), [(30, 0.9), (120, 0.65), (600, 0.5)])
    def test_it_saves_requests(self, median: float, most: float) -> None:
        rng = random.Random(7)
        lengths = Lengths(median, 0.15, rng)
        jobs = [lengths.next() for _ in range(100)]
        durations = lengths.history()
        usual = [polls_of(length, None, rng) for length in jobs]
        learned = [polls_of(length, durations, rng) for length in jobs]
        assert sum(map(len, learned)) <= most * sum(map(len, usual))

    @pytest.mark.parametrize("length", [30, 300, 1500, 7200])
    @pytest.mark.parametrize("sigma", [0.02, 0.4, 1.0])
    @pytest.mark.parametrize("median", [20, 200, 2000])
    def test_a_history_that_misleads_costs_a_tenth_at_most(self, median: float, sigma: float, length: float) -> None:
        rng = random.Random(11)
        durations = Lengths(median, sigma, rng).history()
        jobs = [length * rng.uniform(0.8, 1.2) for _ in range(20)]
        usual = sum(len(polls_of(each, None, rng)) for each in jobs)
        learned = [polls_of(each, durations, rng) for each in jobs]
        assert sum(map(len, learned)) <= 1.1 * usual
        assert all(polls[-1] - each <= 60 + 1e-6 for polls, each in zip(learned, jobs, strict=True))
