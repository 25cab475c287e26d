"""The conversations with the cloud, each as a generator that a driver of either kind carries out.

A flow yields the ``HttpRequest``, ``Sleep`` and ``Log`` of :mod:`airflow_provider_ecsjobs.core.steps` and is sent the
answer to each request. It holds all the logic; a driver only moves bytes, sleeps and logs.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow_provider_ecsjobs.core.auth.credentials import ApiRequest
from airflow_provider_ecsjobs.core.auth.diagnosis import advised
from airflow_provider_ecsjobs.core.auth.session import establish, send
from airflow_provider_ecsjobs.core.errors import ApiError, ErrorKind
from airflow_provider_ecsjobs.core.responses import read_job
from airflow_provider_ecsjobs.core.steps import ORDINARY, Log, Priority, SingleFlight, Sleep, Turn
from airflow_provider_ecsjobs.core.submit.submission import (
    Submission,
    read_submission,
    with_advice,
    without_missing,
)
from airflow_provider_ecsjobs.core.waiting import schedule
from airflow_provider_ecsjobs.core.waiting.schedule import SHORTEST_DELAY, backoff, final_poll_patience

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_ecsjobs.core.auth.session import AuthSession
    from airflow_provider_ecsjobs.core.job import Job
    from airflow_provider_ecsjobs.core.steps import Clock, Flow
    from airflow_provider_ecsjobs.core.submit.submission import SubmitRequest
    from airflow_provider_ecsjobs.core.waiting.wait import Wait, WaitEnd

ATTEMPTS = 3
"""How often a single question is asked before its error is the caller's."""
LONGEST_BACKOFF = 30.0


def poll_once(
    auth: AuthSession,
    job_id: str,
    clock: Clock,
    turn: Turn = ORDINARY,
) -> Flow[Job | ApiError]:
    """Ask for a job once. API page: *Querying the Execution Status of a Job*.

    :param turn: the place in the queue.
    :return: the job, or the classified error.
    """
    call = ApiRequest("GET", f"/v1/{{project_id}}/jobs/{quote(job_id, safe='')}")
    answer = yield from send(auth, call, clock, turn)
    read = answer if isinstance(answer, ApiError) else read_job(answer, job_id=job_id, now=clock.now())
    if isinstance(read, ApiError):
        return advised(auth.config, read)
    return replace(read, project_id=auth.project_id, region=auth.config.region)


def get_job(auth: AuthSession, job_id: str, clock: Clock) -> Flow[Job | ApiError]:
    """Ask for a job, up to three times where the trouble may pass.

    :return: the job, or the last error.
    """
    for attempt in range(1, ATTEMPTS + 1):
        answer = yield from poll_once(auth, job_id, clock)
        if not isinstance(answer, ApiError) or not answer.is_passing or attempt == ATTEMPTS:
            break
        yield Log(logging.WARNING, f"ECS job {job_id}: {answer}; asking again")
        delay = backoff(attempt, LONGEST_BACKOFF, clock.random())
        yield Sleep(min(max(delay, answer.retry_after or 0.0), LONGEST_BACKOFF))
    return answer


def wait_for_job(auth: AuthSession, wait: Wait, clock: Clock, *, poll_first: bool = True) -> Flow[WaitEnd]:
    """Wait for a job to end, as its policy says.

    :param auth: in whose name to ask.
    :param wait: the wait; it may have been shown answers before.
    :param clock: clock and chance.
    :param poll_first: whether to ask at once, or to begin with a pause, as a trigger does.
    :return: how the wait ended. Every wait ends in one way or another; nothing is raised.
    """
    if not poll_first:
        yield Sleep(wait.next_delay(wait.now(clock), clock.random(), schedule.FIRST_POLL_DELAY))
    while True:
        # In a flow of its own, which holds the answer: that may be large, and the next pause long.
        end = yield from _poll(auth, wait, clock)
        yield from wait.take_logs()
        if end is not None:
            return end
        yield Sleep(wait.next_delay(wait.now(clock), clock.random()))


def _poll(auth: AuthSession, wait: Wait, clock: Clock) -> Flow[WaitEnd | None]:
    """Ask once for all who wait for the same job just now; each of them goes on by its own schedule.

    A poll that has had no answer by the deadline makes room for the last look.

    :return: the end of the wait, if that is it.
    """
    answer: Job | ApiError | None = None
    left = wait.seconds_left(clock)
    if left > SHORTEST_DELAY:
        turn = wait.durations.turn_of(wait, wait.now(clock)) if wait.durations else ORDINARY
        ask = partial(poll_once, auth, wait.job_id, clock, turn)
        answer = yield SingleFlight(("job", wait.job_id), ask, detached=False, timeout=left)
        if isinstance(answer, ApiError) and answer.is_passing and wait.seconds_left(clock) <= 0:
            answer = None  # asked in time, but what came in the end tells nothing
    if answer is None:
        answer = yield from _final_poll(auth, wait, clock)
    now = wait.now(clock)
    return wait.give_up(now) if answer is None else wait.receive(answer, now)


def _final_poll(auth: AuthSession, wait: Wait, clock: Clock) -> Flow[Job | ApiError | None]:
    """Ask for the job at its deadline; a second time, if trouble that may pass comes just then.

    :return: the answer; ``None`` if there was no turn for it in time, or none came.
    """
    until = clock.monotonic() + final_poll_patience(clock.final_poll_delay())
    # Not with those of an earlier deadline: their answer may be from before this one.
    key = ("last look", wait.job_id, wait.policy.deadline)
    together = SingleFlight(
        key, partial(poll_once, auth, wait.job_id, clock, Turn(Priority.FINAL_POLL)), detached=False
    )
    answer: Job | ApiError | None = yield replace(together, timeout=until - clock.monotonic())
    if not isinstance(answer, ApiError) or not answer.is_passing or wait.failures:
        return answer
    delay = max(backoff(1, LONGEST_BACKOFF, clock.random()), answer.retry_after or 0.0)
    if clock.monotonic() + delay >= until:
        return answer
    yield Sleep(delay)
    second: Job | ApiError | None = yield replace(together, timeout=until - clock.monotonic())
    return answer if second is None else second


def submit(
    auth: AuthSession,
    request: SubmitRequest,
    clock: Clock,
    *,
    give_up_at: float,
    allow_resend: bool = False,
    missing_ok: bool = False,
    outcome_unknown: bool = False,
    on_throttled: Callable[[], None] = lambda: None,
) -> Flow[Submission | ApiError]:
    """Send a request that starts a job, and again where that is safe and may help.

    :param auth: in whose name.
    :param request: the request. It is sent again with the same client token.
    :param clock: clock and chance.
    :param give_up_at: until when to try, in seconds since the epoch.
    :param allow_resend: whether to send it again even if doing it twice may do harm.
    :param missing_ok: whether what is to be deleted or detached may be gone already.
    :param outcome_unknown: whether it was sent before, and it is not known what became of that.
    :param on_throttled: is called each time that the request is throttled, and sent again; for metrics.
    :return: what the API took; or the error, of the kind ``OUTCOME_UNKNOWN`` if the request may have been carried out.
    """
    failures, call = 0, request.call()
    anchor = clock.anchor()
    while True:
        answer = yield from send(auth, call, clock)
        result = answer if isinstance(answer, ApiError) else read_submission(answer, request, now=clock.now())
        if isinstance(result, Submission):
            return result
        if result.code in request.operation.done_codes and (missing_ok or outcome_unknown):
            sent = f"{request.operation.name}: {result}; it was sent before, so it is taken for carried out then"
            yield Log(logging.WARNING, sent)
            return Submission(None)
        if result.kind is ErrorKind.NOT_FOUND and request.operation.name == "delete_servers":
            others = without_missing(request, result) if missing_ok or outcome_unknown else None
            if others is not None and others.body is not None:
                yield Log(logging.WARNING, f"{request.operation.name}: {result}; gone already, so left out")
                if not others.body["servers"]:
                    return Submission(None)
                request, call = others, others.call()
                continue
        if result.kind is ErrorKind.OUTCOME_UNKNOWN:
            outcome_unknown = True
            if not (allow_resend or request.allow_resend):
                return result
        elif not result.is_passing:
            return advised(auth.config, with_advice(result, request, outcome_unknown=outcome_unknown))
        failures += 1
        delay = max(backoff(failures, LONGEST_BACKOFF, clock.random()), result.retry_after or 0.0)
        if anchor + clock.monotonic() + delay >= give_up_at:
            return replace(result, kind=ErrorKind.OUTCOME_UNKNOWN) if outcome_unknown else result
        log = f"{request.operation.name}: {result}; sending it again in {delay:.0f} s"
        yield Log(logging.WARNING, log)
        if result.kind is ErrorKind.THROTTLED:
            on_throttled()
        yield Sleep(delay)


def check_auth(auth: AuthSession, clock: Clock) -> Flow[ApiError | None]:
    """Find out whether the connection works: log in, find the project, and ask for a job that does not exist.

    :return: what is wrong, ``None`` if all is well.
    """
    failure = yield from establish(auth, clock)
    if failure is not None:
        return failure
    answer = yield from poll_once(auth, "0" * 32, clock)
    # Only ECS says that there is no such job; a gateway or a proxy that answers here is no proof.
    if not isinstance(answer, ApiError) or answer.kind is ErrorKind.NOT_FOUND:
        return None
    return answer
