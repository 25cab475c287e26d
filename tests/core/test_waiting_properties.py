"""Whatever is answered, and whenever: a wait ends by its deadline, and never hurries."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_ecsjobs.core.errors import ApiError, ErrorKind
from airflow_provider_ecsjobs.core.job import Job
from airflow_provider_ecsjobs.core.waiting.end import Outcome
from airflow_provider_ecsjobs.core.waiting.schedule import SHORTEST_DELAY
from tests.core.samples import JOB_ID
from tests.core.virtual_wait import Waiting, seen


def errors(*kinds: ErrorKind) -> st.SearchStrategy[ApiError]:
    return st.builds(ApiError, st.sampled_from(kinds), st.just("trouble"), retry_after=st.none() | st.floats(0, 900))


answers = st.one_of(
    st.sampled_from(["INIT", "RUNNING", "RUNNING", "PENDING_PAYMENT", "PAUSED", "SUCCESS", "FAIL"]).map(seen),
    errors(ErrorKind.TRANSIENT, ErrorKind.THROTTLED, ErrorKind.NOT_FOUND, *ErrorKind),
)
transport_failure = errors(ErrorKind.TRANSIENT, ErrorKind.THROTTLED)
passing = st.one_of(st.sampled_from(["INIT", "RUNNING", "PENDING_PAYMENT", "PAUSED"]).map(seen), transport_failure)
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
        pauses.append(waiting.next_delay(now, spread))
        now += pauses[-1]


@given(policy=policies, given_answers=st.lists(answers, min_size=1, max_size=12), spread=st.floats(0, 0.999))
def test_every_wait_ends_by_its_deadline(
    policy: dict[str, Any], given_answers: list[Job | ApiError], spread: float
) -> None:
    end, now, _, _ = ends(policy, given_answers, spread, delay=0.0)
    assert now <= max(policy["deadline"], 0) + SHORTEST_DELAY * 1.01
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


@given(st.lists(transport_failure, min_size=1, max_size=8), st.floats(0, 5000))
def test_failures_alone_never_make_an_unpaid_wait_hurry(troubles: list[ApiError], payment_timeout: float) -> None:
    waiting, now = Waiting(payment_timeout=payment_timeout + 1), 0.0
    waiting.at(now, seen("PENDING_PAYMENT"))
    now += waiting.next_delay(now)
    for number in range(40):
        if waiting.at(now, troubles[number % len(troubles)]) is not None:
            return
        pause = waiting.next_delay(now, 0)
        assert pause >= 1
        now += pause
