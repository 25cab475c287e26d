"""The wait as a state machine, with a clock that only the tests move."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest
from core_samples import JOB_ID, job, part
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_ecsjobs.core.errors import ApiError, EcsInvalidJobIdError, ErrorKind
from airflow_provider_ecsjobs.core.job import Job
from airflow_provider_ecsjobs.core.waiting import (
    FIRST_BACKOFF,
    SHORTEST_PAUSE,
    Outcome,
    Wait,
    WaitEnd,
    WaitPolicy,
    backoff,
    check_job_id,
    gap,
)

START = 1_772_366_400.0
BUSY = ApiError(ErrorKind.TRANSIENT, "server busy", code="Common.0001", status=500, request_id="req-7")
SLOW_DOWN = ApiError(ErrorKind.THROTTLED, "too many requests", code="APIGW.0308", status=429)
GONE = ApiError(ErrorKind.NOT_FOUND, "Failed to query system tasks", code="Common.0011", status=400, request_id="req-8")
REFUSED = ApiError(ErrorKind.UNAUTHORIZED, "bad key", code="APIGW.0301", status=401, request_id="req-9")
PARTS = [part(), part("RUNNING"), part("RUNNING")]


def seen(status: str = "RUNNING", parts: list[dict[str, Any]] | None = None, **fields: Any) -> Job:
    return Job(job(status, parts, **fields))


class Waiting:
    """A wait and its clock, in seconds since its start."""

    def __init__(self, **policy: Any) -> None:
        for name in ("deadline", "pending_since"):
            if policy.get(name) is not None:
                policy[name] += START
        self.wait = Wait(JOB_ID, WaitPolicy(started=START, **policy))
        self.logged: list[str] = []
        self.levels: list[int] = []

    def at(self, time: float, answer: Job | ApiError) -> WaitEnd | None:
        end = self.wait.saw(answer, START + time)
        for report in self.wait.take_reports():
            self.logged.append(report.message)
            self.levels.append(report.level)
        return end

    def ends_at(self, time: float, answer: Job | ApiError) -> WaitEnd:
        end = self.at(time, answer)
        assert end is not None
        return end

    def pause(self, time: float, spread: float = 0.5) -> float:
        return self.wait.pause(START + time, spread)


class TestGap:
    @pytest.mark.parametrize(
        ("waited", "pause"),
        [(-50, 10), (0, 10), (99, 10), (100, 10), (200, 20), (300, 30), (600, 60), (601, 60), (86_400, 60)],
    )
    def test_a_tenth_of_the_wait_between_two_bounds(self, waited: float, pause: float) -> None:
        assert gap(waited, 10, 60, 0.5) == pytest.approx(pause)

    @pytest.mark.parametrize(("spread", "factor"), [(0, 0.9), (0.5, 1), (0.999999, 1.1)])
    def test_jitter_is_a_tenth_to_either_side(self, spread: float, factor: float) -> None:
        assert gap(0, 10, 60, spread) == pytest.approx(10 * factor, rel=1e-5)

    @pytest.mark.parametrize("longest", [30, 5, 0, -1])
    def test_equal_or_crossed_bounds_make_it_fixed(self, longest: float) -> None:
        assert {gap(waited, 30, longest, 0.5) for waited in (0, 500, 50_000)} == {30}

    @given(
        waited=st.floats(0, 1e6), shortest=st.floats(0.1, 600), more=st.floats(0, 600), spread=st.floats(0, 0.999999)
    )
    def test_an_end_is_seen_at_most_a_tenth_late(
        self, waited: float, shortest: float, more: float, spread: float
    ) -> None:
        longest = shortest + more
        pause = gap(waited, shortest, longest, spread)
        assert shortest * 0.899 <= pause <= longest * 1.101
        assert pause <= max(0.1 * waited, shortest) * 1.101

    @given(st.floats(0, 0.999999), st.floats(0, 1e5), st.floats(0, 1e5))
    def test_it_never_shrinks_as_the_wait_goes_on(self, spread: float, one: float, other: float) -> None:
        assert gap(min(one, other), 10, 60, spread) <= gap(max(one, other), 10, 60, spread)


def polls(duration: float, shortest: float, longest: float, spread: float = 0.5) -> tuple[int, float]:
    """Count the polls until an end after ``duration`` is seen, and how late it is seen."""
    now, count = 0.0, 1
    while now < duration:
        now += gap(now, shortest, longest, spread)
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


class TestFinish:
    @pytest.mark.parametrize("status", ["SUCCESS", "FAIL"])
    def test_a_finished_job_ends_the_wait(self, status: str) -> None:
        last = seen(status)
        assert Waiting().ends_at(84, last) == WaitEnd(Outcome.FINISHED, f"createServer {JOB_ID}: {status}, 84 s", last)

    @pytest.mark.parametrize("status", ["INIT", "RUNNING", "PENDING_PAYMENT", "PAUSED", ""])
    def test_any_other_status_does_not(self, status: str) -> None:
        assert Waiting().at(84, seen(status)) is None

    def test_a_job_that_finished_is_finished_even_past_the_deadline(self) -> None:
        assert Waiting(deadline=10).ends_at(99, seen("SUCCESS")).outcome is Outcome.FINISHED


class TestDeadline:
    def test_the_last_look_is_at_the_deadline(self) -> None:
        waiting = Waiting(deadline=1000)
        assert waiting.at(995, seen()) is None
        assert waiting.pause(995) == pytest.approx(5)
        assert waiting.ends_at(1000, seen("SUCCESS")).outcome is Outcome.FINISHED

    def test_a_job_still_running_at_the_deadline_times_out(self) -> None:
        last = seen("RUNNING", PARTS)
        end = Waiting(deadline=7200).ends_at(7200, last)
        assert (end.outcome, end.job, end.error) == (Outcome.TIMEOUT, last, None)
        assert end.message == (
            f"ECS job {JOB_ID} had not finished after 2 h 0 min, the limit is 2 h 0 min"
            " (last status RUNNING, 1 of 3 sub-jobs done). The job goes on: there is no API that cancels it."
        )

    def test_a_failure_at_the_deadline_times_out_with_what_was_seen_before(self) -> None:
        waiting = Waiting(deadline=100)
        waiting.at(50, seen())
        end = waiting.ends_at(100, BUSY)
        assert (end.outcome, end.error) == (Outcome.TIMEOUT, BUSY)
        assert "(last status RUNNING)" in end.message
        assert end.message.endswith(f"Last error: {BUSY}")

    def test_a_wait_that_never_saw_the_job_says_so(self) -> None:
        assert "its status was never seen" in Waiting(deadline=100).ends_at(100, BUSY).message

    @pytest.mark.parametrize("deadline", [0, -500])
    def test_a_deadline_already_past_leaves_one_look(self, deadline: float) -> None:
        assert 0 < Waiting(deadline=deadline).pause(0) <= SHORTEST_PAUSE
        assert Waiting(deadline=deadline).ends_at(0, seen()).outcome is Outcome.TIMEOUT
        assert Waiting(deadline=deadline).ends_at(0, seen("FAIL")).outcome is Outcome.FINISHED

    def test_it_is_a_point_in_time_not_a_number_of_polls(self) -> None:
        waiting = Waiting(deadline=3600)
        waiting.at(1, seen())
        assert waiting.ends_at(7200, seen()).outcome is Outcome.TIMEOUT  # the machine slept

    def test_without_one_the_wait_goes_on(self) -> None:
        assert Waiting().at(10**9, seen()) is None

    @pytest.mark.parametrize("kind", [ErrorKind.NOT_FOUND, ErrorKind.UNAUTHORIZED, ErrorKind.FORBIDDEN])
    def test_an_answer_that_ends_the_wait_goes_before_it(self, kind: ErrorKind) -> None:
        end = Waiting(deadline=10).ends_at(20, replace(GONE, kind=kind))
        assert end.outcome is not Outcome.TIMEOUT


class TestUnpaid:
    def test_without_a_limit_it_waits_for_the_deadline(self) -> None:
        waiting = Waiting(deadline=10**6)
        assert waiting.at(0, seen("PENDING_PAYMENT")) is None
        assert waiting.at(999_999, seen("PENDING_PAYMENT")) is None
        assert waiting.ends_at(10**6, seen("PENDING_PAYMENT")).outcome is Outcome.TIMEOUT

    def test_zero_does_not_wait_at_all(self) -> None:
        assert Waiting(payment_timeout=0).ends_at(3, seen("PENDING_PAYMENT")).outcome is Outcome.PAYMENT_TIMEOUT

    def test_the_limit_counts_from_when_it_was_first_seen(self) -> None:
        waiting = Waiting(payment_timeout=600)
        assert waiting.at(100, seen("PENDING_PAYMENT", entities={"order_id": "CS123"})) is None
        assert waiting.at(699, seen("PENDING_PAYMENT")) is None
        last = seen("PENDING_PAYMENT", entities={"order_id": "CS123"})
        end = waiting.ends_at(700, last)
        assert (end.outcome, end.job) == (Outcome.PAYMENT_TIMEOUT, last)
        assert end.message == (
            f"ECS job {JOB_ID} (createServer): its order CS123 is unpaid or was cancelled (PENDING_PAYMENT for 10 min,"
            " payment_timeout is 10 min). Pay the order, or submit anew; a cancelled order never changes this status."
        )

    def test_the_next_look_is_no_later_than_the_limit(self) -> None:
        waiting = Waiting(payment_timeout=600)
        waiting.at(100, seen("PENDING_PAYMENT"))
        assert waiting.pause(695) == pytest.approx(5)

    @pytest.mark.parametrize("time", [699.99, 700, 5000])
    def test_trouble_past_the_limit_is_no_reason_to_ask_in_a_hurry(self, time: float) -> None:
        waiting = Waiting(payment_timeout=600)
        waiting.at(100, seen("PENDING_PAYMENT"))
        waiting.at(time, replace(SLOW_DOWN, retry_after=30))
        assert waiting.pause(time, 0) >= 30
        waiting.at(time + 31, BUSY)
        assert waiting.pause(time + 31, 0) >= 1

    def test_pending_since_is_carried_over_and_not_reported_again(self) -> None:
        waiting = Waiting(payment_timeout=600, pending_since=-500)
        assert waiting.at(99, seen("PENDING_PAYMENT")) is None
        assert logging.WARNING not in waiting.levels
        assert waiting.ends_at(100, seen("PENDING_PAYMENT")).outcome is Outcome.PAYMENT_TIMEOUT

    def test_it_is_warned_of_once(self) -> None:
        waiting = Waiting()
        for time in (0, 10, 20):
            waiting.at(time, seen("PENDING_PAYMENT", order_id="CS123"))
        waiting.at(30, BUSY)
        waiting.at(40, seen("PENDING_PAYMENT"))
        warnings = [text for text in waiting.logged if "payment" in text]
        assert len(warnings) == 1
        assert JOB_ID in warnings[0]
        assert "its order CS123" in warnings[0]

    def test_a_payment_ends_it(self) -> None:
        waiting = Waiting(payment_timeout=600)
        waiting.at(0, seen("PENDING_PAYMENT"))
        assert waiting.at(500, seen("RUNNING")) is None
        assert waiting.wait.pending_since is None
        assert waiting.at(9999, seen("RUNNING")) is None
        assert waiting.pause(9999) == pytest.approx(60)


class TestNotFound:
    def test_a_foreign_job_has_no_grace(self) -> None:
        end = Waiting().ends_at(0, GONE)
        assert (end.outcome, end.job, end.error) == (Outcome.NOT_FOUND, None, GONE)
        assert end.message == (
            f"ECS job {JOB_ID}: the API does not know it. Check the job id, and that the connection's project and"
            " region are those it was submitted to. Finished jobs are purged after a day, unpaid ones after 14 days."
            f" The API said: {GONE}"
        )

    def test_our_own_submit_has_its_grace(self) -> None:
        waiting = Waiting(not_found_grace=60)
        assert waiting.at(0, GONE) is None
        assert waiting.pause(0) <= FIRST_BACKOFF
        assert waiting.at(59.9, GONE) is None
        assert waiting.ends_at(60, GONE).outcome is Outcome.NOT_FOUND

    def test_a_job_found_within_the_grace_goes_on(self) -> None:
        waiting = Waiting(not_found_grace=60)
        waiting.at(0, GONE)
        assert waiting.at(2, seen()) is None
        assert waiting.pause(2) == pytest.approx(10)

    def test_a_job_that_was_seen_and_is_gone_was_purged(self) -> None:
        waiting = Waiting()
        waiting.at(84, seen("RUNNING", PARTS))
        end = waiting.ends_at(7200, GONE)
        assert end.outcome is Outcome.NOT_FOUND
        assert "no longer knows it, 2 h 0 min into the wait (last status RUNNING, 1 of 3 sub-jobs done)" in end.message
        assert "req-8" in end.message


class TestRefused:
    def test_credentials_that_are_not_accepted_end_it_at_once(self) -> None:
        end = Waiting(not_found_grace=60).ends_at(3, REFUSED)
        assert (end.outcome, end.error) == (Outcome.UNAUTHORIZED, REFUSED)
        assert end.message == f"ECS job {JOB_ID} can't be queried, the credentials were not accepted: {REFUSED}"

    @pytest.mark.parametrize(
        ("kind", "why"),
        [(ErrorKind.FORBIDDEN, "permission is missing"), (ErrorKind.REJECTED, "the request was rejected")],
    )
    def test_what_can_not_pass_ends_it_at_once(self, kind: ErrorKind, why: str) -> None:
        error = ApiError(kind, "no", code="Ecs.0003", status=403, details=("Pdp.0001 policy",), request_id="req-1")
        end = Waiting().ends_at(3, error)
        assert (end.outcome, end.error) == (Outcome.ERROR, error)
        assert end.message == (
            f"ECS job {JOB_ID} can't be queried, {why}: Ecs.0003 no [Pdp.0001 policy] (HTTP 403, request id req-1)"
        )


class TestUnreachable:
    def test_it_takes_the_time_and_three_failures(self) -> None:
        waiting = Waiting(unreachable_timeout=900)
        waiting.at(0, seen("RUNNING", PARTS))
        assert waiting.at(60, BUSY) is None
        assert waiting.at(959, BUSY) is None
        end = waiting.ends_at(960, BUSY)
        assert (end.outcome, end.error) == (Outcome.UNREACHABLE, BUSY)
        assert end.message == (
            f"ECS job {JOB_ID}: no good answer from the API for 15 min (last status RUNNING, 1 of 3 sub-jobs done);"
            f" the job itself may well go on. Last error: {BUSY}"
        )
        assert "req-7" in end.message

    def test_many_failures_in_a_short_time_are_no_outage(self) -> None:
        waiting = Waiting(unreachable_timeout=900)
        assert all(waiting.at(time, BUSY) is None for time in range(0, 900, 2))

    def test_failures_after_the_machine_slept_are_no_outage_yet(self) -> None:
        waiting = Waiting(unreachable_timeout=900)
        waiting.at(0, seen())
        assert all(waiting.at(time, BUSY) is None for time in (5000, 5001, 5002))
        assert waiting.ends_at(5900, BUSY).outcome is Outcome.UNREACHABLE

    def test_a_failure_on_either_side_of_a_sleep_is_no_outage(self) -> None:
        waiting = Waiting(unreachable_timeout=900)
        assert waiting.at(0, BUSY) is None
        assert waiting.at(5000, BUSY) is None
        assert waiting.ends_at(5002, BUSY).outcome is Outcome.UNREACHABLE

    def test_an_api_that_does_not_know_the_job_yet_is_reachable(self) -> None:
        waiting = Waiting(unreachable_timeout=100, not_found_grace=1000)
        for time, answer in ((0, BUSY), (50, BUSY), (90, GONE), (120, BUSY), (180, BUSY)):
            assert waiting.at(time, answer) is None
        assert waiting.ends_at(220, BUSY).outcome is Outcome.UNREACHABLE

    def test_the_time_counts_from_the_first_look_when_there_was_no_answer_at_all(self) -> None:
        waiting = Waiting(unreachable_timeout=900)
        for time in (3000, 3001, 3899):  # a wait that was taken up again late
            assert waiting.at(time, BUSY) is None
        assert "its status was never seen" in waiting.ends_at(3900, BUSY).message

    def test_a_good_answer_begins_it_anew(self) -> None:
        waiting = Waiting(unreachable_timeout=900)
        for time in (0, 400, 800):
            waiting.at(time, BUSY)
        assert waiting.at(850, seen()) is None
        assert waiting.wait.failures == 0
        for time in (900, 1000, 1799):
            assert waiting.at(time, BUSY) is None
        assert waiting.ends_at(1800, BUSY).outcome is Outcome.UNREACHABLE


class TestPauseAfterTrouble:
    def test_it_doubles_up_to_the_longest_interval(self) -> None:
        waiting = Waiting(max_poll_interval=30)
        pauses = []
        for _ in range(6):
            waiting.at(0, BUSY)
            pauses.append(waiting.pause(0, 0))
        assert pauses == [1, 2, 4, 8, 15, 15]

    @pytest.mark.parametrize(("spread", "pause"), [(0, 120), (0.5, 126), (0.99, 131.88)])
    def test_retry_after_is_honoured_and_spread_behind(self, spread: float, pause: float) -> None:
        waiting = Waiting()
        waiting.at(0, replace(SLOW_DOWN, retry_after=120))
        assert waiting.pause(0, spread) == pytest.approx(pause)

    def test_a_short_retry_after_does_not_shorten_the_backoff(self) -> None:
        waiting = Waiting()
        for _ in range(4):
            waiting.at(0, replace(SLOW_DOWN, retry_after=0))
        assert waiting.pause(0, 0) == 8

    def test_retry_after_ends_at_the_deadline(self) -> None:
        waiting = Waiting(deadline=100)
        waiting.at(70, replace(SLOW_DOWN, retry_after=900))
        assert waiting.pause(70) == pytest.approx(30)

    def test_retry_after_holds_once(self) -> None:
        waiting = Waiting()
        waiting.at(0, replace(SLOW_DOWN, retry_after=500))
        waiting.at(500, BUSY)
        assert waiting.pause(500, 0) == 2
        waiting.at(502, seen())
        assert waiting.pause(502) == pytest.approx(50.2)


class TestReports:
    def test_each_change_is_one_line_and_nothing_else_is(self) -> None:
        waiting = Waiting()
        answers = [
            *[seen("INIT")] * 3,
            *[seen("RUNNING", [part("RUNNING")] * 2)] * 3,
            *[seen("RUNNING", [part(), part("RUNNING")])] * 3,
            *[seen("RUNNING", [part(), part("INIT")])] * 3,
            seen("SUCCESS", [part(), part()]),
        ]
        for number, answer in enumerate(answers):
            waiting.at(number * 10, answer)
        assert waiting.logged == [
            f"createServer {JOB_ID}: INIT, 0 s",
            f"createServer {JOB_ID}: RUNNING, 0 of 2 sub-jobs done, 30 s",
            f"createServer {JOB_ID}: RUNNING, 1 of 2 sub-jobs done, 60 s",
            f"createServer {JOB_ID}: SUCCESS, 2 of 2 sub-jobs done, 120 s",
        ]
        assert set(waiting.levels) == {logging.INFO}

    def test_what_was_reported_before_a_restart_is_not_reported_again(self) -> None:
        waiting = Waiting(seen=("RUNNING", 1))
        waiting.at(10, seen("RUNNING", PARTS))
        assert waiting.logged == []

    def test_an_unknown_status_is_warned_of_once(self) -> None:
        waiting = Waiting()
        for time, status in enumerate(["PAUSED", "PAUSED", "RUNNING", "PAUSED", "BUSY"]):
            waiting.at(time, seen(status))
        warned = [text for text, level in zip(waiting.logged, waiting.levels, strict=True) if level == logging.WARNING]
        assert [JOB_ID in text for text in warned] == [True, True]
        assert ["'PAUSED'" in warned[0], "'BUSY'" in warned[1]] == [True, True]

    def test_an_unknown_status_reported_before_a_restart_is_not_warned_of_again(self) -> None:
        waiting = Waiting(seen=("PAUSED", 0))
        waiting.at(10, seen("PAUSED", PARTS))
        assert waiting.levels == [logging.INFO]

    def test_trouble_is_reported_when_it_begins_changes_and_ends(self) -> None:
        waiting = Waiting()
        for time, answer in enumerate([seen(), BUSY, BUSY, SLOW_DOWN, SLOW_DOWN, seen(), seen(), BUSY]):
            waiting.at(time, answer)
        assert waiting.logged[1:] == [
            f"ECS job {JOB_ID}: {BUSY}; asking again",
            f"ECS job {JOB_ID}: {SLOW_DOWN}; asking again",
            f"ECS job {JOB_ID}: the API answers again",
            f"ECS job {JOB_ID}: {BUSY}; asking again",
        ]
        assert waiting.levels[1:] == [logging.WARNING, logging.WARNING, logging.INFO, logging.WARNING]

    def test_a_report_is_given_once(self) -> None:
        waiting = Waiting()
        waiting.wait.saw(seen(), START)
        assert len(waiting.wait.take_reports()) == 1
        assert waiting.wait.take_reports() == []


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
        (None, "it is None (NoneType)"),
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


def errors(*kinds: ErrorKind) -> st.SearchStrategy[ApiError]:
    return st.builds(ApiError, st.sampled_from(kinds), st.just("trouble"), retry_after=st.none() | st.floats(0, 900))


answers = st.one_of(
    st.sampled_from(["INIT", "RUNNING", "RUNNING", "PENDING_PAYMENT", "PAUSED", "SUCCESS", "FAIL"]).map(seen),
    errors(ErrorKind.TRANSIENT, ErrorKind.THROTTLED, ErrorKind.NOT_FOUND, *ErrorKind),
)
trouble = errors(ErrorKind.TRANSIENT, ErrorKind.THROTTLED)
passing = st.one_of(st.sampled_from(["INIT", "RUNNING", "PENDING_PAYMENT", "PAUSED"]).map(seen), trouble)
policies = st.fixed_dictionaries(
    {"deadline": st.floats(-100, 20_000)},
    optional={
        "payment_timeout": st.floats(0, 5000),
        "not_found_grace": st.floats(0, 600),
        "unreachable_timeout": st.floats(0, 5000),
        "poll_interval": st.floats(1, 120),
        "max_poll_interval": st.floats(1, 300),
    },
)


def ends(policy: dict[str, Any], given_answers: list[Job | ApiError], spread: float, delay: float) -> tuple[Any, ...]:
    """Wait in virtual time; the answers come round again and again, each ``delay`` seconds after its question.

    :return: the end, when it came, the number of looks, the least pause that was not the last one's.
    """
    waiting, now, looks, pauses = Waiting(**policy), 0.0, 0, []
    while True:
        now += delay
        end = waiting.at(now, given_answers[looks % len(given_answers)])
        looks += 1
        if end is not None:
            return end, now, looks, pauses
        assert looks < 25_000
        pauses.append(waiting.pause(now, spread))
        now += pauses[-1]


@given(policy=policies, given_answers=st.lists(answers, min_size=1, max_size=12), spread=st.floats(0, 0.999))
def test_every_wait_ends_by_its_deadline(
    policy: dict[str, Any], given_answers: list[Job | ApiError], spread: float
) -> None:
    end, now, _, _ = ends(policy, given_answers, spread, delay=0.0)
    assert now <= max(policy["deadline"], 0) + SHORTEST_PAUSE * 1.01
    assert (JOB_ID in end.message) is True
    assert "\n" not in end.message
    assert (end.outcome is Outcome.FINISHED) is (end.job is not None and end.job.status.is_finished)


@given(
    policy=policies,
    given_answers=st.lists(passing, min_size=1, max_size=12),
    spread=st.floats(0, 0.999),
    delay=st.floats(0, 40),
)
def test_no_wait_asks_in_a_hurry(
    policy: dict[str, Any], given_answers: list[Job | ApiError], spread: float, delay: float
) -> None:
    _, now, looks, pauses = ends(policy, given_answers, spread, delay)
    # The least gap is 0.9 s here. Only the looks at a deadline and at payment deadlines may come sooner.
    hurried = [pause for pause in pauses if pause < 0.9]
    unpaid = sum(isinstance(answer, Job) and answer.status == "PENDING_PAYMENT" for answer in given_answers)
    cycles = looks // len(given_answers) + 1
    assert len(hurried) <= 2 + 2 * unpaid * cycles
    assert looks <= (now + 2) / 0.9 + 2 + len(hurried)


@given(st.lists(trouble, min_size=1, max_size=8), st.floats(0, 5000))
def test_trouble_alone_never_makes_an_unpaid_wait_hurry(troubles: list[ApiError], payment_timeout: float) -> None:
    waiting, now = Waiting(payment_timeout=payment_timeout + 1), 0.0
    waiting.at(now, seen("PENDING_PAYMENT"))
    now += waiting.pause(now)
    for number in range(40):
        if waiting.at(now, troubles[number % len(troubles)]) is not None:
            return
        pause = waiting.pause(now, 0)
        assert pause >= 1
        now += pause
