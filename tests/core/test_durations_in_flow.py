"""The flow of a wait goes by the durations of earlier jobs: when it polls, and its polls' places in the queue."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs.core import flows
from airflow_provider_ecsjobs.core.auth.credentials import AuthConfig
from airflow_provider_ecsjobs.core.auth.session import AuthSession
from airflow_provider_ecsjobs.core.auth.signing import AccessKey
from airflow_provider_ecsjobs.core.steps import ORDINARY, Parsed, Priority, Response, Send, Turn
from airflow_provider_ecsjobs.core.waiting.durations import KEPT, Durations
from airflow_provider_ecsjobs.core.waiting.end import Outcome
from airflow_provider_ecsjobs.core.waiting.policy import WaitPolicy
from airflow_provider_ecsjobs.core.waiting.wait import Wait
from tests.support.learned_waits import JOB_ID, ended_job
from tests.support.scripted import START, ScriptedDriver

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.core.steps import HttpRequest

TAKES = 600.0


@dataclass
class Noting(ScriptedDriver):
    """Notes the turns of the requests."""

    turns: list[Turn] = field(default_factory=list)

    def _carry_out(self, step: Any) -> Any:
        if isinstance(step, Send):
            self.turns.append(step.turn)
        return super()._carry_out(step)


def wait_with(durations: Durations | None, deadline: float | None = None) -> tuple[list[Turn], Outcome]:
    """Wait for a job that takes ten minutes, and return the turns of its polls, and how the wait ended."""

    def serve(_: HttpRequest) -> Response:
        status = "SUCCESS" if driver.now - START >= TAKES else "RUNNING"
        return Response(200, {}, b"", Parsed({"status": status, "job_id": JOB_ID, "job_type": "createServer"}))

    driver = Noting(serve)
    auth = AuthSession(AuthConfig("conn", "aksk", "http://ecs.example.com", project_id="p", key=AccessKey("AK", "SK")))
    policy = WaitPolicy(started=START, deadline=None if deadline is None else START + deadline)
    wait = Wait(JOB_ID, policy, durations=durations)
    end = driver.run(flows.wait_for_job(auth, wait, driver.clock))
    return driver.turns, end.outcome


@pytest.fixture
def known() -> Durations:
    durations = Durations()
    for _ in range(KEPT):
        durations.add(ended_job(TAKES))
    return durations


def test_it_asks_half_as_often_for_a_job_of_a_known_kind(known: Durations) -> None:
    usual, _ = wait_with(None)
    learned, outcome = wait_with(known)
    assert outcome is Outcome.FINISHED
    assert len(learned) <= len(usual) / 2


def test_a_poll_has_the_less_patience_the_nearer_the_end_is(known: Durations) -> None:
    polls, _ = wait_with(known)
    patience = [turn.patience for turn in polls[1:]]
    assert patience == sorted(patience, reverse=True)
    assert patience[0] > 400
    assert patience[-1] < 60


def test_without_durations_polls_keep_the_order_of_arrival() -> None:
    for durations in (None, Durations()):
        polls, _ = wait_with(durations)
        assert set(polls) == {ORDINARY}


def test_the_poll_at_the_deadline_stays_before_all_others(known: Durations) -> None:
    polls, outcome = wait_with(known, deadline=300)
    assert outcome is Outcome.TIMEOUT
    assert polls[-1] == Turn(Priority.FINAL_POLL)
