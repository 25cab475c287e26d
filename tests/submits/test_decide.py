"""The table of what a try does: each of its rows, all situations there are, and the page that shows it to people."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_ecsjobs.core.errors import ApiError, ErrorKind
from airflow_provider_ecsjobs.core.job import Job
from airflow_provider_ecsjobs.core.submit.decision_table import (
    TABLE,
    Action,
    Cleared,
    Recorded,
    Repeat,
    Request,
    Row,
    Seen,
    Situation,
    look_up,
)
from airflow_provider_ecsjobs.core.submit.idempotency import (
    Done,
    Fail,
    Failure,
    Poll,
    SentBefore,
    Submit,
    SubmitPolicy,
    decide,
    situation_of,
)
from airflow_provider_ecsjobs.core.submit.record import Record, TaskTry, next_token
from tests.submits.decision_page import PAGE, rows_as_text

NOW = 1_800_000_000.0
TOKEN = "0b0f5c2e-8f2a-5d0c-9f64-0a1b2c3d4e5f"
TRY = TaskTry("dag", "run", "task", max_tries=2, earlier_tries=1, retries=2)
JOB_ID = "2c9eb2c5544cbf6101544f0602af2b4f"
SEEN: dict[Seen, Job | ApiError | None] = {
    Seen.NOT_YET: None,
    Seen.RUNNING: Job.from_dict({"status": "RUNNING"}, job_id=JOB_ID),
    Seen.UNPAID: Job.from_dict({"status": "PENDING_PAYMENT"}, job_id=JOB_ID),
    Seen.SUCCEEDED: Job.from_dict({"status": "SUCCESS"}, job_id=JOB_ID),
    Seen.FAILED: Job.from_dict({"status": "FAIL"}, job_id=JOB_ID),
    Seen.PURGED: ApiError(ErrorKind.NOT_FOUND, "unknown"),
    Seen.UNSEEN: ApiError(ErrorKind.TRANSIENT, "busy"),
}
ALL = [Situation(*values) for values in itertools.product(Recorded, Cleared, Repeat, Seen, Request)]


def possible(situation: Situation) -> bool:
    """Whether a record can lead to this situation."""
    recorded, cleared, _, seen, request = situation
    if recorded in (Recorded.NOTHING, Recorded.NOT_KEPT):
        return (cleared, seen, request) == (Cleared.NO, Seen.NOT_YET, Request.SAME)
    if recorded is not Recorded.JOB and seen is not Seen.NOT_YET:
        return False  # there is no job to ask for
    return cleared is not Cleared.AFTER_TOLD or recorded is Recorded.UNANSWERED


def case_of(situation: Situation) -> tuple[Record | None, TaskTry, SubmitPolicy, Job | ApiError | None]:
    """Return a record, a try, a policy and a job that are in this situation."""
    recorded, cleared, repeat, seen, request = situation
    policy = SubmitPolicy("create_servers", repeat, "whether they exist", digest="now", grace=60.0)
    if recorded in (Recorded.NOTHING, Recorded.NOT_KEPT):
        return None, TRY, replace(policy, keeps_record=recorded is Recorded.NOTHING), None
    record = Record(
        policy.operation,
        max_tries=2 if cleared is Cleared.NO else 1,
        submitted_at=NOW - 90,
        token=TOKEN if repeat is Repeat.BY_TOKEN else None,
        job_id=JOB_ID if recorded is Recorded.JOB else None,
        order_id="CS1" if recorded is Recorded.ORDER else None,
        is_given_up=seen is Seen.UNPAID,
        retries=2,
        request="now" if request is Request.SAME else "before",
        told_at=1 if cleared is Cleared.AFTER_TOLD else None,
        highest_max_tries=2 if cleared is Cleared.NO else 1,
    )
    return record, TRY, policy, SEEN[seen]


def token_of(step: Any) -> str | None:
    assert isinstance(step, Submit)
    return step.record.token


POSSIBLE = [situation for situation in ALL if possible(situation)]


def situations_of(row: Row) -> list[Situation]:
    return [one for one in POSSIBLE if next(other for other in TABLE if other.covers(one)) is row]


class TestTable:
    def test_knows_what_to_do_in_each_situation(self) -> None:
        for situation in POSSIBLE:
            assert look_up(situation) in Action

    @pytest.mark.parametrize("row", TABLE)
    def test_has_no_row_that_is_never_used(self, row: Row) -> None:
        assert situations_of(row)

    @pytest.mark.parametrize("row", TABLE)
    def test_each_row_leads_to_its_step(self, row: Row) -> None:
        for situation in situations_of(row):
            record, task_try, policy, seen = case_of(situation)
            assert situation_of(record, task_try, policy, seen, NOW) == situation
            step = decide(record, task_try, policy, seen, NOW)
            STEPS[row.action](situation, record, step)

    def test_sends_the_harmful_again_only_if_its_outcome_is_known_or_the_user_was_told(self) -> None:
        sending = [one for one in POSSIBLE if one.repeat is Repeat.HARMFUL and is_sending(look_up(one))]
        for one in sending:
            assert (
                one.recorded in (Recorded.NOTHING, Recorded.NOT_KEPT)
                or one.cleared is Cleared.AFTER_TOLD
                or (one.recorded is Recorded.ORDER and one.cleared is Cleared.YES)
                or one.seen in (Seen.FAILED, Seen.SUCCEEDED, Seen.PURGED, Seen.UNPAID)
            ), one

    def test_sends_nothing_beside_a_job_that_may_run(self) -> None:
        live = [one for one in POSSIBLE if one.recorded is Recorded.JOB and one.seen in (Seen.RUNNING, Seen.UNSEEN)]
        assert not [one for one in live if is_sending(look_up(one))]

    def test_repeats_a_success_only_after_a_clear(self) -> None:
        done = [one for one in POSSIBLE if one.seen is Seen.SUCCEEDED and one.cleared is Cleared.NO]
        assert {look_up(one) for one in done} == {Action.DONE}

    def test_the_page_shows_it(self) -> None:
        """To write the page anew: ``python -m tests.submits.decision_page``."""
        assert rows_as_text() in Path(PAGE).read_text()


def is_sending(action: Action) -> bool:
    return action.name.startswith(("SEND", "ASK"))


# What each action comes to


def sends_with_own_token(situation: Situation, record: Record | None, step: Any) -> None:
    has_token = situation.repeat is Repeat.BY_TOKEN
    expected = SentBefore.NO if situation.recorded is Recorded.NOTHING else SentBefore.TAKEN
    assert step == Submit(
        Record(
            "create_servers", 2, NOW, TRY.token if has_token else None, retries=2, request="now", highest_max_tries=2
        ),
        expected,
        may_find_job=situation.recorded is Recorded.NOT_KEPT and has_token,
    )


def asks_with_the_recorded_token(situation: Situation, record: Record | None, step: Any) -> None:
    assert token_of(step) == TOKEN
    assert (step.sent_before, step.may_find_job) == (SentBefore.UNKNOWN, True)
    assert (step.record.max_tries, step.record.told_at) == (2, None)


def sends_again(situation: Situation, record: Record | None, step: Any) -> None:
    assert token_of(step) is None
    assert not step.may_find_job
    assert (step.sent_before is SentBefore.UNKNOWN) is (situation.cleared is Cleared.NO)


def sends_with_the_next_token(situation: Situation, record: Record | None, step: Any) -> None:
    assert token_of(step) == (next_token(TOKEN, JOB_ID) if situation.repeat is Repeat.BY_TOKEN else None)
    assert not step.may_find_job
    assert "and failed; submitting again" in step.logs[0].message


def sends_anew(situation: Situation, record: Record | None, step: Any) -> None:
    assert token_of(step) == (TRY.token if situation.repeat is Repeat.BY_TOKEN else None)
    same = situation.request is Request.SAME
    assert step.sent_before is (SentBefore.TAKEN if same else SentBefore.NO)
    assert (step.record.max_tries, step.record.told_at, step.record.is_answered) == (2, None, False)


def polls(situation: Situation, record: Record | None, step: Any) -> None:
    assert step == Poll(JOB_ID)


def is_done(situation: Situation, record: Record | None, step: Any) -> None:
    assert isinstance(step, Done)
    assert record is not None
    assert step.record.submission == record.submission
    assert step.record.max_tries == 2  # of this attempt, from now on
    warned = any("the request is another one now" in log.message for log in step.logs)
    assert warned is (situation.request is Request.CHANGED)


def fails_because(failure: Failure, *said: str) -> Any:
    def check(situation: Situation, record: Record | None, step: Any) -> None:
        assert isinstance(step, Fail)
        assert (step.failure, step.record) == (failure, record)
        for part in said:
            assert part in step.message

    return check


STEPS = {
    Action.SEND: sends_with_own_token,
    Action.SEND_THEN_POLL: sends_with_own_token,
    Action.SEND_RECORDED: asks_with_the_recorded_token,
    Action.SEND_AGAIN: sends_again,
    Action.SEND_NEXT: sends_with_the_next_token,
    Action.SEND_ANEW: sends_anew,
    Action.POLL: polls,
    Action.DONE: is_done,
    Action.FAIL_UNKNOWN: fails_because(
        Failure.OUTCOME_UNKNOWN, "90 s ago", "Check whether they exist", "clear the task to send it again"
    ),
    Action.FAIL_PURGED: fails_because(Failure.PURGED, JOB_ID, "finished jobs are purged after a day", "unknown"),
    Action.FAIL_BUSY: fails_because(Failure.BUSY, JOB_ID, "the task's parameters have changed since"),
}


class TestWhatASituationIs:
    """From a record, a try, a policy and a job to the values that the table asks about."""

    RECORD = Record("create_servers", 2, NOW - 90, TOKEN, JOB_ID, retries=2, request="now", highest_max_tries=2)
    POLICY = SubmitPolicy("create_servers", Repeat.BY_TOKEN, "whether they exist", digest="now")

    def situation(self, record: Record | None = RECORD, seen: Job | ApiError | None = None, **policy: Any) -> Situation:
        return situation_of(record, TRY, replace(self.POLICY, **policy), seen, NOW)

    @pytest.mark.parametrize(
        ("change", "cleared"),
        [
            ({}, Cleared.NO),
            ({"max_tries": 1}, Cleared.YES),
            ({"max_tries": 5}, Cleared.YES),
            ({"retries": 7}, Cleared.NO),
            ({"told_at": 1}, Cleared.NO),  # an answer came after that
            ({"job_id": None, "told_at": 2}, Cleared.NO),
            ({"job_id": None, "told_at": 1}, Cleared.AFTER_TOLD),
            ({"job_id": None, "told_at": None, "max_tries": 1}, Cleared.YES),
        ],
    )
    def test_a_clear_is_another_limit_of_tries_and_nothing_else(self, change: dict[str, Any], cleared: Cleared) -> None:
        assert self.situation(replace(self.RECORD, **change)).cleared is cleared

    @pytest.mark.parametrize(
        ("record", "policy", "request_"),
        [
            ({}, {}, Request.SAME),
            ({"request": "other"}, {}, Request.CHANGED),
            ({"request": ""}, {}, Request.SAME),
            ({}, {"digest": ""}, Request.SAME),
            ({"operation": "batch_reboot_servers"}, {}, Request.CHANGED),
        ],
    )
    def test_another_request_is_one_that_is_known_to_differ(
        self, record: dict[str, Any], policy: dict[str, Any], request_: Request
    ) -> None:
        assert self.situation(replace(self.RECORD, **record), **policy).request is request_

    @pytest.mark.parametrize("recorded", [{"operation": "batch_reboot_servers"}, {"token": None}])
    def test_an_open_request_of_another_kind_counts_as_one_that_must_not_be_repeated(
        self, recorded: dict[str, Any]
    ) -> None:
        record = replace(self.RECORD, job_id=None, **recorded)
        assert self.situation(record).repeat is Repeat.HARMFUL
        assert self.situation(replace(record, job_id=JOB_ID)).repeat is Repeat.BY_TOKEN

    @pytest.mark.parametrize(("age", "seen"), [(59.0, Seen.UNSEEN), (60.0, Seen.PURGED)])
    def test_an_unknown_job_is_purged_beyond_the_grace(self, age: float, seen: Seen) -> None:
        record = replace(self.RECORD, submitted_at=NOW - age)
        assert self.situation(record, SEEN[Seen.PURGED]).seen is seen

    @pytest.mark.parametrize("kind", [kind for kind in ErrorKind if kind is not ErrorKind.NOT_FOUND])
    def test_whatever_else_keeps_a_job_from_being_seen_says_nothing_about_it(self, kind: ErrorKind) -> None:
        assert self.situation(seen=ApiError(kind, "said so")).seen is Seen.UNSEEN

    @pytest.mark.parametrize("status", ["INIT", "RUNNING", "PAUSED", "PENDING_PAYMENT"])
    @pytest.mark.parametrize("given_up", [True, False])
    def test_only_an_order_that_was_given_up_and_is_still_unpaid_is_dead(self, status: str, given_up: bool) -> None:
        job = Job.from_dict({"status": status}, job_id=JOB_ID)
        is_dead = given_up and status == "PENDING_PAYMENT"
        found = self.situation(replace(self.RECORD, is_given_up=given_up), job).seen
        assert found is (Seen.UNPAID if is_dead else Seen.RUNNING)

    def test_a_failed_job_that_is_good_enough_has_succeeded(self) -> None:
        assert self.situation(seen=SEEN[Seen.FAILED], is_good=lambda job: True).seen is Seen.SUCCEEDED


class TestTokens:
    def test_a_token_of_an_earlier_attempt_is_never_sent_for_a_new_request(self) -> None:
        """An edit of ``retries`` can bring a limit of tries back, and with it the token that goes by it."""
        policy = SubmitPolicy("create_servers", Repeat.BY_TOKEN, "whether they exist")
        record, sent = None, []
        for max_tries in (3, 4, 5, 3, 4, 5, 6):
            step = decide(record, replace(TRY, max_tries=max_tries), policy, SEEN[Seen.SUCCEEDED], NOW)
            sent.append(token_of(step))
            assert isinstance(step, Submit)
            record = replace(step.record, job_id=JOB_ID)
        assert len(set(sent)) == len(sent)
        assert sent[-1] == replace(TRY, max_tries=6).token

    def test_asking_with_a_token_again_is_recorded_as_sent_now(self) -> None:
        """The grace of an unknown job, and what a message says of the submit, count from then."""
        policy = SubmitPolicy("create_servers", Repeat.BY_TOKEN, "whether they exist", digest="new")
        record = Record("create_servers", 2, NOW - 5000, TOKEN, request="old", highest_max_tries=4)
        step = decide(record, TRY, policy, None, NOW)
        assert isinstance(step, Submit)
        assert (step.record.token, step.record.submitted_at, step.record.request) == (TOKEN, NOW, "new")
        assert step.record.highest_max_tries == 4

    def test_without_a_record_each_earlier_try_may_have_left_a_job(self) -> None:
        policy = SubmitPolicy("create_servers", Repeat.BY_TOKEN, "whether they exist", keeps_record=False)
        record = Record("create_servers", 2, NOW, TOKEN, JOB_ID)
        found = [
            decide(record, replace(TRY, earlier_tries=left), policy, SEEN[Seen.FAILED], NOW).may_find_job  # type: ignore[union-attr]
            for left in (2, 1, 0)
        ]
        assert found == [True, True, False]


class TestEditedRetries:
    """A clear may leave the limit of tries as it was, if the DAG has other retries now: then it looks like a retry."""

    @pytest.mark.parametrize("recorded", [{"job_id": JOB_ID}, {"order_id": "CS1"}])
    def test_the_job_goes_on_and_the_log_says_how_to_submit_anew(self, recorded: dict[str, Any]) -> None:
        record = Record("create_servers", 2, NOW, TOKEN, retries=1, **recorded)
        policy = SubmitPolicy("create_servers", Repeat.BY_TOKEN, "whether they exist")
        step = decide(record, TRY, policy, SEEN[Seen.RUNNING], NOW)
        assert isinstance(step, Done)
        assert step.record == record
        assert "2 retries now, and had 1 when it submitted" in step.logs[-1].message
        assert "clear it once more" in step.logs[-1].message

    def test_a_failure_says_so_too(self) -> None:
        record = Record("batch_reboot_servers", 2, NOW, retries=1)
        step = decide(record, TRY, SubmitPolicy("batch_reboot_servers", Repeat.HARMFUL, "them"), None, NOW)
        assert isinstance(step, Fail)
        assert "clear it once more" in step.message
