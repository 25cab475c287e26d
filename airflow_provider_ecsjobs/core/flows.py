"""The exchanges with the cloud, as generators that the synchronous and the asynchronous driver both run.

A flow yields the steps of :mod:`airflow_provider_ecsjobs.core.steps`, such as ``HttpRequest``, ``Sleep`` and ``Log``.
It is sent the response to each request. A flow holds all the logic. A driver only sends, receives, sleeps and logs.
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
    remainder_of,
    with_hints,
)
from airflow_provider_ecsjobs.core.waiting import schedule
from airflow_provider_ecsjobs.core.waiting.schedule import SHORTEST_DELAY, backoff, final_poll_patience

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_ecsjobs.core.auth.session import AuthSession
    from airflow_provider_ecsjobs.core.job import Job
    from airflow_provider_ecsjobs.core.steps import Clock, Flow
    from airflow_provider_ecsjobs.core.submit.submission import SubmitRequest
    from airflow_provider_ecsjobs.core.waiting.end import WaitEnd
    from airflow_provider_ecsjobs.core.waiting.wait import Wait

ATTEMPTS = 3
"""How many times a query is sent before its error is returned."""
LONGEST_BACKOFF = 30.0


def poll_once(auth: AuthSession, job_id: str, clock: Clock, turn: Turn = ORDINARY) -> Flow[Job | ApiError]:
    """Poll a job once. API page: *Querying the Execution Status of a Job*.

    :param auth: the session that authorizes the request.
    :param job_id: the job's id.
    :param clock: time and random numbers.
    :param turn: the place of the request in the queue.
    :return: the job, or the classified error.
    """
    call = ApiRequest("GET", f"/v1/{{project_id}}/jobs/{quote(job_id, safe='')}")
    response = yield from send(auth, call, clock, turn)
    if isinstance(response, ApiError):
        return advised(auth.config, response)
    read = read_job(response, job_id=job_id, now=clock.now(), project_id=auth.project_id, region=auth.config.region)
    return advised(auth.config, read) if isinstance(read, ApiError) else read


def _delay_after(error: ApiError, failures: int, clock: Clock) -> float:
    """Return the delay in seconds before a request is sent again, after so many failures in a row."""
    return max(backoff(failures, LONGEST_BACKOFF, clock.random()), error.retry_after or 0.0)


def get_job(auth: AuthSession, job_id: str, clock: Clock) -> Flow[Job | ApiError]:
    """Query a job. After a temporary error, retry up to twice, unless the API asks for a delay of over 30 s.

    :return: the job, or the last error.
    """
    for attempt in range(1, ATTEMPTS + 1):
        result = yield from poll_once(auth, job_id, clock)
        if not isinstance(result, ApiError) or not result.is_passing or attempt == ATTEMPTS:
            break
        delay = _delay_after(result, attempt, clock)
        if delay > LONGEST_BACKOFF:
            break  # the API asks for a longer delay than a query may take
        yield Log(logging.WARNING, f"ECS job {job_id}: {result}; asking again")
        yield Sleep(delay)
    return result


def wait_for_job(auth: AuthSession, wait: Wait, clock: Clock, *, poll_first: bool = True) -> Flow[WaitEnd]:
    """Wait for a job to end, under the policy of the wait.

    :param auth: the session that authorizes the requests.
    :param wait: the wait. It may have received polls before.
    :param clock: time and random numbers.
    :param poll_first: whether to poll at once. A trigger waits for one delay first.
    :return: how the wait ended. Errors are returned too; nothing is raised.
    """
    if not poll_first:
        yield _pause(wait, clock, schedule.FIRST_POLL_DELAY)
    while True:
        # A separate flow, so that the response is freed before the sleep: it may be large, and the sleep long.
        end = yield from _poll(auth, wait, clock)
        yield from wait.take_logs()
        if end is not None:
            return end
        yield _pause(wait, clock)


def _pause(wait: Wait, clock: Clock, least: float = 0.0) -> Sleep:
    """Return the sleep until the next poll may be sent, or until the deadline.

    :param least: the shortest delay, in seconds.
    """
    now = wait.now(clock)
    delay = wait.next_delay(now, clock.random(), least)
    return Sleep(delay, _turn_of(wait, now + delay), wait.seconds_left(clock))


def _turn_of(wait: Wait, now: float) -> Turn:
    return wait.durations.turn_of(wait, now) if wait.durations else ORDINARY


def _poll(auth: AuthSession, wait: Wait, clock: Clock) -> Flow[WaitEnd | None]:
    """Poll once for all flows that wait for the same job now. Each of them continues on its own schedule.

    If there is no response by the deadline, the final poll follows.

    :return: the end of the wait; ``None`` if the wait continues.
    """
    result: Job | ApiError | None = None
    left = wait.seconds_left(clock)
    if left > SHORTEST_DELAY:
        poll = partial(poll_once, auth, wait.job_id, clock, _turn_of(wait, wait.now(clock)))
        result = yield SingleFlight(("job", wait.job_id), poll, detached=False, timeout=left)
        if isinstance(result, ApiError) and result.is_passing and wait.seconds_left(clock) <= 0:
            result = None  # sent in time, but it ended after the deadline, with a temporary error
    if result is None:
        result = yield from _final_poll(auth, wait, clock)
    now = wait.now(clock)
    return wait.give_up(now) if result is None else wait.receive(result, now)


def _final_poll(auth: AuthSession, wait: Wait, clock: Clock) -> Flow[Job | ApiError | None]:
    """Make the final poll at the deadline. A temporary error is retried once, unless earlier polls failed too.

    :return: the job or the error; ``None`` if the request was not sent in time, or got no response in time.
    """
    until = clock.monotonic() + final_poll_patience(clock.final_poll_delay())
    # The deadline is in the key: a response to the final poll of an earlier deadline may be older than this one.
    key = ("final poll", wait.job_id, wait.policy.deadline)
    poll = partial(poll_once, auth, wait.job_id, clock, Turn(Priority.FINAL_POLL))
    together = SingleFlight(key, poll, detached=False)
    result: Job | ApiError | None = yield replace(together, timeout=until - clock.monotonic())
    if not isinstance(result, ApiError) or not result.is_passing or wait.failures:
        return result
    delay = _delay_after(result, 1, clock)
    if clock.monotonic() + delay >= until:
        return result
    yield Sleep(delay)
    second: Job | ApiError | None = yield replace(together, timeout=until - clock.monotonic())
    return result if second is None else second


def submit(
    auth: AuthSession,
    request: SubmitRequest,
    clock: Clock,
    *,
    timeout: float,
    allow_resend: bool = False,
    missing_ok: bool = False,
    outcome_unknown: bool = False,
    on_throttled: Callable[[], None] = lambda: None,
) -> Flow[Submission | ApiError]:
    """Send a request that starts a job. Retry it where a retry is safe and may help.

    :param auth: the session that authorizes the request.
    :param request: the request. A retry uses the same client token.
    :param clock: time and random numbers.
    :param timeout: for how many seconds to retry.
    :param allow_resend: whether to retry even if carrying the request out twice may do harm.
    :param missing_ok: whether a resource to be deleted or detached may be gone already.
    :param outcome_unknown: whether the request was sent before, and its outcome is unknown.
    :param on_throttled: called before each retry after a rate limit; for metrics.
    :return: what the API accepted, or the error. Its kind is ``OUTCOME_UNKNOWN`` if the request may have been carried
        out.
    """
    failures, call = 0, request.call()
    until = clock.monotonic() + timeout
    while True:
        response = yield from send(auth, call, clock)
        result = response if isinstance(response, ApiError) else read_submission(response, request, now=clock.now())
        if isinstance(result, Submission):
            return result
        left = remainder_of(request, result) if missing_ok or outcome_unknown else None
        if left is not None:
            yield Log(logging.WARNING, f"{request.operation.name}: {result}; {left.why}")
            if left.request is None:
                return Submission(None)
            request, call = left.request, left.request.call()
            continue
        if result.kind is ErrorKind.OUTCOME_UNKNOWN:
            outcome_unknown = True
            if not (allow_resend or request.is_safe_to_resend):
                return result
        elif not result.is_passing:
            return advised(auth.config, with_hints(result, request, outcome_unknown=outcome_unknown))
        failures += 1
        delay = _delay_after(result, failures, clock)
        if clock.monotonic() + delay >= until:
            return replace(result, kind=ErrorKind.OUTCOME_UNKNOWN) if outcome_unknown else result
        log = f"{request.operation.name}: {result}; sending it again in {delay:.0f} s"
        yield Log(logging.WARNING, log)
        if result.kind is ErrorKind.THROTTLED:
            on_throttled()
        yield Sleep(delay)


def check_auth(auth: AuthSession, clock: Clock) -> Flow[ApiError | None]:
    """Check the connection: log in, find the project, and query a job that does not exist.

    :return: what is wrong; ``None`` if the connection works.
    """
    failure = yield from establish(auth, clock)
    if failure is not None:
        return failure
    result = yield from poll_once(auth, "0" * 32, clock)
    # Only ECS reports that there is no such job. A response of a gateway or a proxy proves nothing.
    if not isinstance(result, ApiError) or result.kind is ErrorKind.NOT_FOUND:
        return None
    return result
