"""Exactly one creation, however often a task is tried and wherever its worker dies."""

from __future__ import annotations

import itertools
from contextlib import suppress
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_ecsjobs.core.errors import EcsApiError, EcsInvalidRequestError, EcsOutcomeUnknownError
from airflow_provider_ecsjobs.core.job import Job
from airflow_provider_ecsjobs.core.submit.decision_table import Repeat
from airflow_provider_ecsjobs.core.submit.idempotency import SentBefore
from airflow_provider_ecsjobs.core.submit.record import Record, next_token
from airflow_provider_ecsjobs.core.submit.submission import Submission
from airflow_provider_ecsjobs.exceptions import EcsJobNotFoundNoRetry, EcsOutcomeUnknownNoRetry
from tests.support.submit_world import BUSY, CRASHES, RETRIES, SENT, UNANSWERED, WRONG, Crash, World, error

UNKNOWN = EcsOutcomeUnknownError("lost", error("outcome_unknown"))


class TestFirstTry:
    @pytest.mark.parametrize("kept", [True, False])
    def test_sends_once_and_looks_at_nothing(self, kept: bool) -> None:
        w = World(kept=kept)
        assert w.run() == (Submission("job-1", None, ("server-of-job-1",)), None)
        assert (w.sends, w.looks) == ([(w.task_try.token, SentBefore.NO)], [])
        expected = Record(
            "create_servers",
            RETRIES,
            w.now,
            w.task_try.token,
            "job-1",
            None,
            ("server-of-job-1",),
            retries=RETRIES,
            highest_max_tries=RETRIES,
        )
        assert w.record == (expected if kept else None)

    def test_without_token_support_sends_none(self) -> None:
        w = World(repeat=Repeat.HARMFUL)
        assert w.job() == "job-1"
        assert w.sends == [(None, SentBefore.NO)]

    def test_says_so_in_the_store_before_it_sends(self) -> None:
        w = World()
        w.dies("before send")
        assert w.record == Record(
            "create_servers", RETRIES, w.now, w.task_try.token, retries=RETRIES, highest_max_tries=RETRIES
        )

    def test_a_store_that_takes_no_mark_keeps_it_from_being_sent(self) -> None:
        w = World()
        w.dies("before mark")
        assert w.sends == []


class TestAfterACrash:
    @pytest.mark.parametrize("where", CRASHES)
    def test_a_create_is_made_once(self, where: str) -> None:
        w = World()
        w.dies(where)
        w.retry()
        assert w.job() == "job-1"
        assert list(w.jobs) == ["job-1"]
        assert w.record is not None
        assert w.record.job_id == "job-1"

    @pytest.mark.parametrize(("first", "second"), list(itertools.product(CRASHES, CRASHES)))
    def test_and_another_crash_a_create_is_made_once(self, first: str, second: str) -> None:
        w = World()
        for where in (first, second):
            w.crash = where
            with suppress(Crash):
                w.run()
            w.retry()
        w.crash = ""
        assert w.job() == "job-1"
        assert list(w.jobs) == ["job-1"]

    @pytest.mark.parametrize("where", SENT)
    @pytest.mark.parametrize("status", ["RUNNING", "SUCCESS"])
    def test_its_job_is_found_whatever_became_of_it(self, where: str, status: str) -> None:
        w = World()
        w.dies(where)
        w.end(status)
        w.retry()
        submission, seen = w.run()
        assert submission == Submission("job-1", None, ("server-of-job-1",))
        assert isinstance(seen, Job)
        assert seen.status == status

    @pytest.mark.parametrize("where", SENT)
    def test_its_job_that_failed_meanwhile_is_followed_by_one_more(self, where: str) -> None:
        w = World()
        w.dies(where)
        w.end("FAIL")
        w.retry()
        assert w.job() == "job-2"
        assert w.sends[-1] == (next_token(w.task_try.token, "job-1"), SentBefore.TAKEN)

    @pytest.mark.parametrize("where", UNANSWERED)
    def test_what_harms_nothing_is_sent_again(self, where: str) -> None:
        w = World(repeat=Repeat.HARMLESS)
        w.dies(where)
        w.retry()
        w.run()
        assert w.sends[-1] == (None, SentBefore.UNKNOWN)

    @pytest.mark.parametrize("where", UNANSWERED)
    def test_what_may_harm_is_never_sent_again(self, where: str) -> None:
        w = World(repeat=Repeat.HARMFUL)
        w.dies(where)
        sends = list(w.sends)
        for _ in range(2):
            w.retry()
            w.now += 300
            with pytest.raises(EcsOutcomeUnknownNoRetry) as caught:
                w.run()
        assert w.sends == sends
        assert isinstance(caught.value, AirflowFailException)
        for part in ("10 min ago", "Check whether servers of this name exist", "clear the task", "resubmit_unknown"):
            assert part in str(caught.value)

    @pytest.mark.parametrize("where", ["before mark", "after record"])
    def test_what_may_harm_goes_on_where_nothing_is_open(self, where: str) -> None:
        w = World(repeat=Repeat.HARMFUL)
        w.dies(where)
        w.retry()
        assert w.job() == "job-1"
        assert len(w.sends) == 1


class TestARecordedJob:
    @pytest.mark.parametrize("status", ["INIT", "RUNNING", "PENDING_PAYMENT", "PAUSED", "SUCCESS"])
    def test_is_taken_up(self, status: str) -> None:
        w = World()
        w.job()
        w.end(status)
        w.retry()
        submission, seen = w.run()
        assert (submission.job_id, submission.server_ids, len(w.sends)) == ("job-1", ("server-of-job-1",), 1)
        assert isinstance(seen, Job)
        assert "nothing is submitted again" in w.said[-1]

    def test_that_failed_is_followed_by_another_each_with_its_own_token(self) -> None:
        w = World()
        tokens, token = [], w.task_try.token
        for number in range(1, 5):
            assert w.job() == f"job-{number}"
            w.end("FAIL", f"job-{number}")
            w.retry()
            tokens.append(token)
            token = next_token(token, f"job-{number}")
        assert [sent for sent, _ in w.sends] == tokens

    @pytest.mark.parametrize("where", CRASHES)
    def test_that_failed_is_followed_by_one_in_spite_of_a_crash(self, where: str) -> None:
        w = World()
        w.job()
        w.end("FAIL")
        w.retry()
        w.dies(where)
        w.retry()
        assert w.job() == "job-2"
        assert list(w.jobs) == ["job-1", "job-2"]

    def test_that_failed_is_not_given_back_after_a_try_that_could_not_submit(self) -> None:
        w = World()
        w.job()
        w.end("FAIL")
        w.retry()
        w.fault = BUSY
        with pytest.raises(EcsApiError, match="busy"):
            w.run()
        w.retry()
        assert w.job() == "job-2"

    def test_that_failed_but_is_good_enough_is_kept(self) -> None:
        w = World(is_good=lambda job: job.status == "FAIL")
        w.job()
        w.end("FAIL")
        w.retry()
        assert w.job() == "job-1"
        assert len(w.sends) == 1

    @pytest.mark.parametrize("kind", ["transient", "unauthorized", "forbidden"])
    def test_that_can_not_be_seen_is_waited_for(self, kind: str) -> None:
        w = World()
        w.job()
        w.end(kind)
        w.now += 90_000
        w.retry()
        submission, seen = w.run()
        assert (submission.job_id, len(w.sends)) == ("job-1", 1)
        assert seen == error(kind)

    def test_that_is_not_known_yet_is_waited_for_and_then_counts_as_purged(self) -> None:
        w = World()
        w.job()
        w.end("not_found")
        w.now += 59
        w.retry()
        assert w.job() == "job-1"
        w.now += 1
        w.retry()
        with pytest.raises(EcsJobNotFoundNoRetry, match="purged after a day") as caught:
            w.run()
        assert "ECS job job-1 was submitted 60 s ago" in str(caught.value)
        assert "check whether servers of this name exist" in str(caught.value)
        w.clear()
        assert w.job() == "job-2"

    def test_of_another_operation_is_one_of_another_request(self) -> None:
        w = World()
        w.job()
        w.more["operation"] = "create_post_paid_servers"
        w.repeat = Repeat.HARMFUL
        w.retry()
        assert w.job() == "job-1"
        w.clear()
        with pytest.raises(EcsApiError, match="ECS job job-1 of an earlier try still runs"):
            w.run()
        w.end("SUCCESS")
        assert w.job() == "job-2"


class TestRefusedOrLost:
    @pytest.mark.parametrize("fault", [WRONG, BUSY, EcsInvalidRequestError("no such key")])
    def test_what_was_not_taken_leaves_no_record(self, fault: Exception) -> None:
        w = World(repeat=Repeat.HARMFUL)
        w.fault = fault
        with pytest.raises(type(fault)) as caught:
            w.run()
        assert caught.value is fault
        assert w.record is None
        w.retry()
        assert w.job() == "job-1"

    @pytest.mark.parametrize("fault", [UNKNOWN, KeyError("a bug"), MemoryError()])
    def test_what_may_have_been_taken_leaves_its_mark(self, fault: Exception) -> None:
        w = World(repeat=Repeat.HARMFUL)
        w.fault = fault
        with pytest.raises(type(fault)):
            w.run()
        w.retry()
        with pytest.raises(EcsOutcomeUnknownNoRetry):
            w.run()

    @pytest.mark.parametrize("fault", [WRONG, BUSY])
    def test_a_mark_of_an_earlier_try_stays_where_this_one_is_refused(self, fault: Exception) -> None:
        w = World()
        w.dies("after send")
        w.retry()
        w.fault = fault
        with pytest.raises(type(fault)):
            w.run()
        assert w.record is not None
        w.retry()
        assert w.job() == "job-1"

    @pytest.mark.parametrize("repeat", [Repeat.BY_TOKEN, Repeat.HARMLESS, Repeat.HARMFUL])
    def test_an_answer_that_can_not_be_recorded_is_waited_for_all_the_same(
        self, repeat: Repeat, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        w = World(repeat=repeat)
        write = w.set

        def failing(key: str, value: Any) -> None:
            if value["job_id"] is not None:
                raise RuntimeError("no database")
            write(key, value)

        with monkeypatch.context() as patch:
            patch.setattr(w, "set", failing)
            assert w.job() == "job-1"
        assert "the response could not be recorded (RuntimeError: no database)" in w.said[-1]
        w.retry()
        if repeat is Repeat.BY_TOKEN:
            assert w.job() == "job-1"
        elif repeat is Repeat.HARMLESS:
            assert w.job() == "job-2"
        else:
            with pytest.raises(EcsOutcomeUnknownNoRetry):
                w.run()
