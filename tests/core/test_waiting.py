"""The wait as a state machine, with a clock that only the tests move."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from airflow_provider_ecsjobs.core.errors import ApiError, ErrorKind
from airflow_provider_ecsjobs.core.waiting.end import Outcome, WaitEnd
from airflow_provider_ecsjobs.core.waiting.schedule import FIRST_BACKOFF, SHORTEST_DELAY
from tests.core.samples import JOB_ID, part
from tests.core.virtual_wait import BUSY, GONE, PARTS, REFUSED, SLOW_DOWN, START, Waiting, seen


class TestFinish:
    @pytest.mark.parametrize("status", ["SUCCESS", "FAIL"])
    def test_a_finished_job_ends_the_wait(self, status: str) -> None:
        last = seen(status)
        assert Waiting().ends_at(84, last) == WaitEnd(
            Outcome.FINISHED, f"createServer {JOB_ID}: {status}, waited 84 s", last
        )

    @pytest.mark.parametrize("status", ["INIT", "RUNNING", "PENDING_PAYMENT", "PAUSED", ""])
    def test_any_other_status_does_not(self, status: str) -> None:
        assert Waiting().at(84, seen(status)) is None

    def test_a_job_that_finished_is_finished_even_past_the_deadline(self) -> None:
        assert Waiting(deadline=10).ends_at(99, seen("SUCCESS")).outcome is Outcome.FINISHED


class TestDeadline:
    def test_the_final_poll_is_at_the_deadline(self) -> None:
        waiting = Waiting(deadline=1000)
        assert waiting.at(995, seen()) is None
        assert waiting.next_delay(995) == pytest.approx(5)
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
        assert end.message == (
            f"ECS job {JOB_ID} had not been seen to finish after 100 s, the limit is 100 s"
            " (last status RUNNING, 50 s ago)."
            " The final poll failed. The job may have ended since; if not, it goes on: there is no API that cancels it."
            f" Last error: {BUSY}"
        )

    def test_without_a_poll_at_the_deadline_it_is_not_said_that_the_job_had_not_finished(self) -> None:
        waiting = Waiting(deadline=7200)
        waiting.at(6600, BUSY)
        waiting.at(6700, seen("RUNNING", PARTS))
        end = waiting.wait.give_up(START + 7260)
        assert (end.outcome, end.error) == (Outcome.TIMEOUT, None)
        assert end.message == (
            f"ECS job {JOB_ID} had not been seen to finish after 2 h 1 min, the limit is 2 h 0 min"
            " (last status RUNNING, 1 of 3 sub-jobs done, 560 s ago)."
            " A final poll was not possible: too many waits were due at the same time, or the API had asked for a pause"
            " or gave no response. The job may have ended since; if not, it goes on: there is no API that cancels it."
        )

    def test_a_wait_that_never_saw_the_job_says_so(self) -> None:
        assert "its status was never seen" in Waiting(deadline=100).ends_at(100, BUSY).message

    @pytest.mark.parametrize("deadline", [0, -500])
    def test_a_deadline_already_past_leaves_one_poll(self, deadline: float) -> None:
        assert 0 < Waiting(deadline=deadline).next_delay(0) <= SHORTEST_DELAY
        assert Waiting(deadline=deadline).ends_at(0, seen()).outcome is Outcome.TIMEOUT
        assert Waiting(deadline=deadline).ends_at(0, seen("FAIL")).outcome is Outcome.FINISHED

    def test_it_is_a_point_in_time_not_a_number_of_polls(self) -> None:
        waiting = Waiting(deadline=3600)
        waiting.at(1, seen())
        assert waiting.ends_at(7200, seen()).outcome is Outcome.TIMEOUT  # the machine slept

    def test_without_one_the_wait_goes_on(self) -> None:
        assert Waiting().at(10**9, seen()) is None

    @pytest.mark.parametrize("kind", [ErrorKind.NOT_FOUND, ErrorKind.UNAUTHORIZED, ErrorKind.FORBIDDEN])
    def test_a_response_that_ends_the_wait_goes_before_it(self, kind: ErrorKind) -> None:
        end = Waiting(deadline=10).ends_at(20, replace(GONE, kind=kind))
        assert end.outcome is not Outcome.TIMEOUT


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
        assert waiting.next_delay(0) <= FIRST_BACKOFF
        assert waiting.at(59.9, GONE) is None
        assert waiting.ends_at(60, GONE).outcome is Outcome.NOT_FOUND

    def test_a_job_found_within_the_grace_goes_on(self) -> None:
        waiting = Waiting(not_found_grace=60)
        waiting.at(0, GONE)
        assert waiting.at(2, seen()) is None
        assert waiting.next_delay(2) == pytest.approx(10)

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
            f"ECS job {JOB_ID}: no good response from the API for 15 min (last status RUNNING, 1 of 3 sub-jobs done);"
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

    def test_a_failure_on_either_side_of_a_long_pause_is_no_outage(self) -> None:
        waiting = Waiting(unreachable_timeout=900)
        assert waiting.at(0, BUSY) is None
        assert waiting.at(5000, BUSY) is None
        assert waiting.ends_at(5002, BUSY).outcome is Outcome.UNREACHABLE

    def test_an_api_that_does_not_know_the_job_yet_is_reachable(self) -> None:
        waiting = Waiting(unreachable_timeout=100, not_found_grace=1000)
        for time, answer in ((0, BUSY), (50, BUSY), (90, GONE), (120, BUSY), (180, BUSY)):
            assert waiting.at(time, answer) is None
        assert waiting.ends_at(220, BUSY).outcome is Outcome.UNREACHABLE

    def test_the_time_counts_from_the_first_poll_when_there_was_no_response_at_all(self) -> None:
        waiting = Waiting(unreachable_timeout=900)
        for time in (3000, 3001, 3899):  # a wait that was taken up again late
            assert waiting.at(time, BUSY) is None
        assert "its status was never seen" in waiting.ends_at(3900, BUSY).message

    def test_a_good_response_begins_it_anew(self) -> None:
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
            pauses.append(waiting.next_delay(0, 0))
        assert pauses == [1, 2, 4, 8, 15, 15]

    @pytest.mark.parametrize(("spread", "pause"), [(0, 120), (0.5, 126), (0.99, 131.88)])
    def test_retry_after_is_honoured_and_spread_behind(self, spread: float, pause: float) -> None:
        waiting = Waiting()
        waiting.at(0, replace(SLOW_DOWN, retry_after=120))
        assert waiting.next_delay(0, spread) == pytest.approx(pause)

    def test_a_short_retry_after_does_not_shorten_the_backoff(self) -> None:
        waiting = Waiting()
        for _ in range(4):
            waiting.at(0, replace(SLOW_DOWN, retry_after=0))
        assert waiting.next_delay(0, 0) == 8

    def test_retry_after_ends_at_the_deadline(self) -> None:
        waiting = Waiting(deadline=100)
        waiting.at(70, replace(SLOW_DOWN, retry_after=900))
        assert waiting.next_delay(70) == pytest.approx(30)

    def test_retry_after_holds_once(self) -> None:
        waiting = Waiting()
        waiting.at(0, replace(SLOW_DOWN, retry_after=500))
        waiting.at(500, BUSY)
        assert waiting.next_delay(500, 0) == 2
        waiting.at(502, seen())
        waiting.at(502, seen())
        assert waiting.next_delay(502) == pytest.approx(50.2)

    @pytest.mark.parametrize(("asked", "least", "most"), [(1, 2, 11), (20, 20, 30), (500, 500, 550)])
    def test_retry_after_is_spread_over_a_poll_interval_at_least(self, asked: float, least: float, most: float) -> None:
        waiting = Waiting()
        waiting.at(0, replace(SLOW_DOWN, retry_after=asked))
        assert waiting.next_delay(0, 0) == pytest.approx(max(least / 2, asked))
        assert waiting.next_delay(0, 0.999999) == pytest.approx(most, rel=1e-5)


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
            f"createServer {JOB_ID}: INIT, waited 0 s",
            f"createServer {JOB_ID}: RUNNING, 0 of 2 sub-jobs done, waited 30 s",
            f"createServer {JOB_ID}: RUNNING, 1 of 2 sub-jobs done, waited 60 s",
            f"createServer {JOB_ID}: SUCCESS, 2 of 2 sub-jobs done, waited 120 s",
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

    def test_failures_are_reported_when_they_begin_change_and_end(self) -> None:
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
        waiting.wait.receive(seen(), START)
        assert len(waiting.wait.take_logs()) == 1
        assert waiting.wait.take_logs() == ()


HOURS = ("60 min", "2 h 0 min", "3 h 0 min")


def test_a_wait_says_once_an_hour_that_it_goes_on() -> None:
    waiting = Waiting()
    for minutes in range(0, 200, 10):
        waiting.at(minutes * 60, seen("RUNNING"))
    assert waiting.logged == [
        f"createServer {JOB_ID}: RUNNING, waited 0 s",
        *(f"createServer {JOB_ID}: RUNNING, waited {time}; the wait goes on" for time in HOURS),
    ]


def test_a_wait_that_another_triggerer_takes_over_does_not_count_the_hour_anew() -> None:
    waiting = Waiting(seen=("RUNNING", 0))
    for minutes in (179, 181, 239, 241):
        waiting.at(minutes * 60, seen("RUNNING"))
    assert waiting.logged == [
        f"createServer {JOB_ID}: RUNNING, waited 3 h 1 min; the wait goes on",
        f"createServer {JOB_ID}: RUNNING, waited 4 h 1 min; the wait goes on",
    ]


def test_the_limit_is_said_to_come_from_its_parameter() -> None:
    waiting = Waiting(deadline=100.0, limit="timeout=100 s")
    assert "after 100 s, the limit is timeout=100 s (" in waiting.ends_at(100, seen("RUNNING")).message


def test_an_unpaid_order_names_the_parameter_that_pays() -> None:
    waiting = Waiting()
    waiting.at(0, seen("PENDING_PAYMENT"))
    assert "auto_pay=True" in waiting.logged[-1]
