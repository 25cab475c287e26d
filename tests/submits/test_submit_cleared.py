"""What a user's clear changes, and what there is to go by without marks, without a job and without a store."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_ecsjobs.core.errors import EcsRejectedError
from airflow_provider_ecsjobs.core.job import Job
from airflow_provider_ecsjobs.core.submit.submission import Submission
from airflow_provider_ecsjobs.operators.submit_once import SubmitRecordStore
from tests.support.submit_world import UNANSWERED, WRONG, World, error


class TestClearing:
    @pytest.mark.parametrize("status", ["SUCCESS", "FAIL", "not_found"])
    def test_what_has_ended_is_history(self, status: str) -> None:
        w = World()
        w.job()
        w.end(status)
        w.now += 90_000
        w.clear()
        assert w.job() == "job-2"
        assert w.sends[1] == (w.task_try.token, False)
        assert w.sends[0] != w.sends[1]

    def test_what_runs_is_waited_for(self) -> None:
        w = World()
        w.job()
        w.clear()
        assert (w.job(), len(w.sends)) == ("job-1", 1)

    def test_what_ran_is_no_history_to_the_retries_that_follow(self) -> None:
        w = World()
        w.job()
        w.clear()
        assert w.job() == "job-1"
        w.end("SUCCESS")  # while the cleared task waits for it; then its worker dies
        w.retry()
        assert (w.job(), list(w.jobs)) == ("job-1", ["job-1"])

    def test_an_order_that_was_given_up_unpaid_is_ordered_anew(self) -> None:
        w = World()
        w.job()
        w.end("PENDING_PAYMENT")
        assert w.record is not None
        SubmitRecordStore(w).write(w.record.given_up())
        w.retry()
        assert w.job() == "job-1"
        w.clear()
        assert w.job() == "job-2"

    @pytest.mark.parametrize("where", UNANSWERED)
    @pytest.mark.parametrize("status", ["RUNNING", "SUCCESS", "FAIL"])
    def test_an_unknown_outcome_is_asked_about_with_the_old_token_first(self, where: str, status: str) -> None:
        w = World()
        old = w.task_try.token
        w.dies(where)
        made = bool(w.jobs)
        if made:
            w.end(status)
        w.clear()
        sends = len(w.sends)
        is_history = made and status != "RUNNING"
        assert w.job() == ("job-2" if is_history else "job-1")
        assert w.sends[sends:] == [(old, True)] + [(w.task_try.token, False)] * is_history

    @pytest.mark.parametrize("where", ["after mark", "before send", "after send", "before record", "after record"])
    def test_history_stays_history_if_the_worker_dies_while_it_asks(self, where: str) -> None:
        w = World()
        w.dies("after send")
        w.end("SUCCESS")
        w.clear()
        w.dies(where)
        w.retry()
        assert w.job() == "job-2"
        assert len(w.jobs) == 2

    def test_a_silence_about_what_has_no_token_is_broken_by_sending_it(self) -> None:
        w = World(takes_token=False)
        w.dies("after mark")
        w.clear()
        assert w.job() == "job-1"
        assert w.sends == [(None, False)]

    @pytest.mark.parametrize("code", ["Ecs.0122", "Ecs.0124"])
    def test_a_token_that_can_not_be_asked_with_is_left_behind_by_another_clear(self, code: str) -> None:
        w = World()
        w.dies("after send")
        w.retry()
        for more in ("$", ".* clear the task once more"):
            w.fault = EcsRejectedError("used before.", error("rejected", code))
            with pytest.raises(EcsRejectedError, match=rf"^used before\.{more}") as caught:
                w.run()
            assert caught.value.error == error("rejected", code)
            w.clear()
        assert w.job() == "job-2"
        assert w.sends[-1] == (w.task_try.token, False)


class TestAClearAfterACreateThatNeverArrived:
    """The old token, asked with again, makes a job; and that may have ended before it is looked at."""

    @staticmethod
    def ends_at_once(w: World, status: str) -> None:
        send = w.send

        def ending(*arguments: Any) -> Submission:
            submission = send(*arguments)
            w.end(status, submission.job_id or "")
            return submission

        w.send = ending  # type: ignore[method-assign]

    @pytest.mark.parametrize("where", ["after mark", "before send"])
    @pytest.mark.parametrize("status", ["SUCCESS", "FAIL"])
    @pytest.mark.parametrize("ahead", [0.0, 900.0, -900.0])
    def test_a_job_that_it_has_begun_itself_is_no_history(self, where: str, status: str, ahead: float) -> None:
        w = World()
        w.ahead = ahead
        w.dies(where)
        w.now += 3600
        w.clear()
        self.ends_at_once(w, status)
        assert w.job() == "job-1"
        assert len(w.sends) == 1 + (where == "before send")
        w.retry()
        # A failure is this attempt's own, and so is what its retry does about it.
        assert w.job() == ("job-1" if status == "SUCCESS" else "job-2")

    @pytest.mark.parametrize("ahead", [0.0, 900.0, -900.0])
    def test_a_job_that_was_begun_then_is_history(self, ahead: float) -> None:
        w = World()
        w.ahead = ahead
        w.dies("after send")
        w.end("SUCCESS")
        w.now += 3600
        w.clear()
        assert w.job() == "job-2"

    def test_a_job_that_does_not_say_when_it_began_is_history(self) -> None:
        w = World()
        w.dies("after send")
        w.end("SUCCESS")
        w.began["job-1"] = None
        w.now += 3600
        w.clear()
        assert w.job() == "job-2"


class TestWithoutAJob:
    def test_an_order_alone_is_placed_once_until_the_task_is_cleared(self) -> None:
        w = World()
        placed: list[str | None] = []

        def send(token: str | None, *_: bool) -> Submission:
            placed.append(token)
            return Submission(None, f"order-{len(placed)}")

        w.send = send  # type: ignore[method-assign]
        assert w.run() == (Submission(None, "order-1"), None)
        w.retry()
        assert w.run() == (Submission(None, "order-1"), None)
        w.clear()
        assert w.run() == (Submission(None, "order-2"), None)
        assert len(set(placed)) == 2

    def test_a_dry_run_leaves_no_record(self) -> None:
        w = World(takes_token=False, allow_resend=True)
        w.send = lambda *_: Submission(None)  # type: ignore[method-assign]
        assert w.run() == (Submission(None), None)
        assert w.values == {}


class TestWithoutMarks:
    """A user's function sends the request itself: only its answer is recorded."""

    def test_a_crash_leaves_nothing_and_a_response_is_found(self) -> None:
        w = World(marks=False, takes_token=False, allow_resend=True)
        w.dies("before send")
        assert w.values == {}
        w.retry()
        assert w.job() == "job-1"
        w.retry()
        assert w.job() == "job-1"
        assert len(w.sends) == 2

    def test_a_failure_leaves_the_record_as_it_was(self) -> None:
        w = World(marks=False)
        w.job()
        w.end("FAIL")
        before = w.record
        w.retry()
        w.fault = WRONG
        with pytest.raises(EcsRejectedError):
            w.run()
        assert w.record == before


class TestWithoutAStore:
    """Before Airflow 3.3: the token alone tells."""

    @pytest.mark.parametrize("where", ["before send", "after send"])
    def test_a_create_is_made_once_in_spite_of_a_crash(self, where: str) -> None:
        w = World(kept=False)
        w.dies(where)
        w.retry()
        submission, seen = w.run()
        assert submission.job_id == "job-1"
        assert isinstance(seen, Job)
        assert {token for token, _ in w.sends} == {w.task_try.token}

    def test_each_try_makes_one_at_most(self) -> None:
        w = World(kept=False)
        for number in range(1, 5):
            assert w.job() == f"job-{number}"
            assert len(w.jobs) == number
            w.end("FAIL", f"job-{number}")
            w.retry()
        assert len(w.sends) == 1 + 2 + 3 + 4

    def test_a_job_that_fails_at_once_is_not_followed_by_another_in_the_same_try(self) -> None:
        w = World(kept=False)
        send = w.send

        def failing(*arguments: Any) -> Submission:
            submission = send(*arguments)
            w.end("FAIL", submission.job_id or "")
            return submission

        w.send = failing  # type: ignore[method-assign]
        for number in range(1, 5):
            w.run()
            assert len(w.jobs) == number
            w.retry()

    @pytest.mark.parametrize("status", ["SUCCESS", "RUNNING", "transient", "not_found"])
    def test_a_job_that_did_not_fail_is_taken_up(self, status: str) -> None:
        w = World(kept=False)
        w.job()
        w.end(status)
        w.retry()
        assert (w.job(), list(w.jobs)) == ("job-1", ["job-1"])

    def test_a_job_that_is_good_enough_is_taken_up(self) -> None:
        w = World(kept=False, is_good=lambda job: True)
        w.job()
        w.end("FAIL")
        w.retry()
        assert w.job() == "job-1"

    def test_a_clear_submits_afresh(self) -> None:
        w = World(kept=False)
        w.job()
        w.end("FAIL")
        w.clear()
        assert w.job() == "job-2"
        assert [token for token, _ in w.sends] == [w.sends[0][0], w.task_try.token]
        w.end("FAIL", "job-2")
        w.retry()
        assert w.job() == "job-3"

    def test_what_has_no_token_is_sent_in_each_try(self) -> None:
        w = World(kept=False, takes_token=False)
        w.job()
        w.retry()
        assert w.job() == "job-2"
