"""What a user's clear changes, and what there is to go by without marks, without a job and without a store."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest

from airflow_provider_ecsjobs.core.errors import EcsRejectedError
from airflow_provider_ecsjobs.core.job import Job
from airflow_provider_ecsjobs.core.submit.decision_table import Repeat
from airflow_provider_ecsjobs.core.submit.idempotency import SentBefore
from airflow_provider_ecsjobs.core.submit.submission import Submission
from airflow_provider_ecsjobs.exceptions import EcsOutcomeUnknownNoRetry
from airflow_provider_ecsjobs.operators.submit_once import SubmitRecordStore
from tests.support.submit_world import BUSY, SENT, UNANSWERED, WRONG, World, error


class TestClearing:
    @pytest.mark.parametrize("status", ["SUCCESS", "FAIL", "not_found"])
    def test_what_has_ended_is_history(self, status: str) -> None:
        w = World()
        w.job()
        w.end(status)
        w.now += 90_000
        w.clear()
        assert w.job() == "job-2"
        assert w.sends[1] == (w.task_try.token, SentBefore.TAKEN)
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
    @pytest.mark.parametrize("status", ["RUNNING", "SUCCESS"])
    def test_a_create_without_an_answer_is_asked_about_and_its_job_is_the_result(self, where: str, status: str) -> None:
        w = World()
        old = w.task_try.token
        w.dies(where)
        if w.jobs:
            w.end(status)
        w.clear()
        sends = len(w.sends)
        assert w.job() == "job-1"
        assert w.sends[sends:] == [(old, SentBefore.UNKNOWN)]

    @pytest.mark.parametrize("where", SENT)
    def test_a_create_without_an_answer_whose_job_failed_is_followed_by_another(self, where: str) -> None:
        w = World()
        w.dies(where)
        w.end("FAIL")
        w.clear()
        assert w.job() == "job-2"

    @pytest.mark.parametrize("where", ["after mark", "before send", "after send", "before record", "after record"])
    def test_the_job_stays_the_result_if_the_worker_dies_while_it_asks(self, where: str) -> None:
        w = World()
        w.dies("after send")
        w.end("SUCCESS")
        w.clear()
        w.dies(where)
        w.retry()
        assert (w.job(), len(w.jobs)) == ("job-1", 1)
        w.clear()  # now that the job is known, it is history
        assert w.job() == "job-2"

    def test_what_has_no_token_is_sent_only_by_a_clear_after_the_user_was_told(self) -> None:
        w = World(repeat=Repeat.HARMFUL)
        w.dies("after mark")
        for again in (w.clear, w.retry):
            again()
            with pytest.raises(EcsOutcomeUnknownNoRetry, match="clear the task to send it again"):
                w.run()
        assert w.sends == []
        w.clear()
        assert w.job() == "job-1"
        assert len(w.sends) == 1

    @pytest.mark.parametrize("code", ["Ecs.0122", "Ecs.0124"])
    def test_a_token_that_can_not_be_asked_with_is_left_behind_by_a_clear(self, code: str) -> None:
        w = World()
        w.dies("after send")
        w.retry()
        for _ in range(2):
            w.fault = EcsRejectedError("used before.", error("rejected", code))
            with pytest.raises(EcsRejectedError, match=r"^used before\..* To submit it all the same, clear") as caught:
                w.run()
            assert caught.value.error == error("rejected", code)
            w.retry()
        w.clear()
        assert w.job() == "job-2"
        assert w.sends[-1] == (w.task_try.token, SentBefore.TAKEN)

    def test_a_clear_counts_once_also_where_the_store_is_away(self) -> None:
        w = World(repeat=Repeat.HARMFUL)
        w.job()
        w.clear()
        with mock.patch.object(w, "set", side_effect=RuntimeError("no database")), pytest.raises(RuntimeError):
            w.run()
        w.retry()
        assert w.job() == "job-1"
        w.end("SUCCESS")  # then the worker dies while the task resumes
        w.retry()
        assert (w.job(), len(w.sends)) == ("job-1", 1)


class TestWithoutAJob:
    def test_an_order_alone_is_placed_once_until_the_task_is_cleared(self) -> None:
        w = World()
        placed: list[str | None] = []

        def send(token: str | None, *_: SentBefore) -> Submission:
            placed.append(token)
            return Submission(None, f"order-{len(placed)}")

        w.send = send  # type: ignore[method-assign]
        assert w.run() == (Submission(None, "order-1"), None)
        w.retry()
        assert w.run() == (Submission(None, "order-1"), None)
        w.clear()
        assert w.run() == (Submission(None, "order-2"), None)
        assert len(set(placed)) == 2

    def test_where_nothing_is_left_to_do_a_retry_finds_that_again(self) -> None:
        w = World(repeat=Repeat.HARMLESS)
        sent: list[SentBefore] = []

        def send(token: str | None, sent_before: SentBefore) -> Submission:
            sent.append(sent_before)
            return Submission(None)

        w.send = send  # type: ignore[method-assign]
        assert w.run() == (Submission(None), None)
        w.retry()
        assert w.run() == (Submission(None), None)
        assert sent == [SentBefore.NO, SentBefore.UNKNOWN]


class TestAUsersFunction:
    """``@task.ecs_job`` without a ``client_token``: only the function knows whether it has sent something."""

    @pytest.mark.parametrize("again", ["retry", "clear"])
    def test_is_called_again_after_a_crash_and_its_answer_is_found(self, again: str) -> None:
        w = World(repeat=Repeat.BY_FUNCTION)
        w.dies("before send")
        getattr(w, again)()
        assert w.job() == "job-1"
        w.retry()
        assert w.job() == "job-1"
        assert len(w.sends) == 2

    @pytest.mark.parametrize("again", ["retry", "clear"])
    @pytest.mark.parametrize("fault", [WRONG, BUSY, KeyError("a bug")])
    def test_may_have_sent_its_request_before_it_failed(self, again: str, fault: Exception) -> None:
        w = World(shows_rejection=False)
        w.job()
        w.end("FAIL")
        w.retry()
        send = w.send

        def failing(*arguments: Any) -> Submission:
            send(*arguments)
            raise fault

        with mock.patch.object(w, "send", failing), pytest.raises(type(fault)):
            w.run()
        getattr(w, again)()
        assert w.job() == "job-2"  # which runs


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
        w = World(kept=False, repeat=Repeat.HARMFUL)
        w.job()
        w.retry()
        assert w.job() == "job-2"
