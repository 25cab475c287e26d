"""The conversations with the cloud, each as a generator that a driver of either kind carries out.

A flow yields the ``Request``, ``Sleep`` and ``Report`` of :mod:`airflow_provider_ecsjobs.core.exchange` and is sent the
answer to each request. It holds all the logic; a driver only moves bytes, sleeps and logs.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urlsplit

from airflow_provider_ecsjobs.core.answers import read_job
from airflow_provider_ecsjobs.core.errors import ApiError
from airflow_provider_ecsjobs.core.exchange import Report, Request, Sleep
from airflow_provider_ecsjobs.core.signing import Credentials, sign
from airflow_provider_ecsjobs.core.waiting import backoff

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_ecsjobs.core.exchange import Answer, Flow, Trouble
    from airflow_provider_ecsjobs.core.job import Job
    from airflow_provider_ecsjobs.core.waiting import Wait, WaitEnd

ATTEMPTS = 3
"""How often a single question is asked before its error is the caller's."""
LONGEST_BACKOFF = 30.0


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go, and in whose name.

    :param endpoint: scheme, host, port and path prefix, without a slash at the end.
    :param project_id: the project whose jobs are meant.
    :param credentials: the key to sign with.
    """

    endpoint: str
    project_id: str
    credentials: Credentials


@dataclass(frozen=True, slots=True)
class Ambient:
    """What a flow may not reach for by itself.

    :param clock: gives the time, in seconds since the epoch.
    :param spread: gives a random number in [0, 1).
    """

    clock: Callable[[], float]
    spread: Callable[[], float]


def signed_request(
    target: Target,
    method: str,
    path: str,
    *,
    now: float,
    query: Sequence[tuple[str, str]] = (),
    body: bytes = b"",
) -> Request:
    """Build and sign one request.

    :param target: where it goes.
    :param method: the HTTP method.
    :param path: the path below the endpoint, quoted.
    :param now: the time of signing, in seconds since the epoch.
    :param query: the query parameters.
    :param body: the JSON body.
    """
    base = urlsplit(target.endpoint)
    credentials = target.credentials
    headers = {"Content-Type": "application/json", "X-Project-Id": target.project_id}
    if credentials.security_token:
        headers["X-Security-Token"] = credentials.security_token
    full_path = base.path + path
    headers = sign(
        credentials,
        method=method,
        host=base.netloc,
        path=full_path,
        query=query,
        headers=headers,
        body=body,
        when=datetime.fromtimestamp(now, UTC),
    )
    url = f"{base.scheme}://{base.netloc}{full_path}"
    if query:
        url += "?" + urlencode(query, quote_via=quote, safe="~")
    return Request(method, url, headers, body)


def look(target: Target, job_id: str, ambient: Ambient) -> Flow[Job | ApiError]:
    """Ask for a job once. API page: *Querying the Execution Status of a Job*.

    :return: the job, or the classified error.
    """
    path = f"/v1/{quote(target.project_id, safe='')}/jobs/{quote(job_id, safe='')}"
    answer: Answer | Trouble = yield signed_request(target, "GET", path, now=ambient.clock())
    return read_job(answer, job_id=job_id, now=ambient.clock())


def get_job(target: Target, job_id: str, ambient: Ambient) -> Flow[Job | ApiError]:
    """Ask for a job, up to three times where the trouble may pass.

    :return: the job, or the last error.
    """
    for attempt in range(1, ATTEMPTS + 1):
        answer = yield from look(target, job_id, ambient)
        if not isinstance(answer, ApiError) or not answer.is_passing or attempt == ATTEMPTS:
            break
        yield Report(logging.WARNING, f"ECS job {job_id}: {answer}; asking again")
        pause = backoff(attempt, LONGEST_BACKOFF, ambient.spread())
        yield Sleep(min(max(pause, answer.retry_after or 0.0), LONGEST_BACKOFF))
    return answer


def wait_for_job(target: Target, wait: Wait, ambient: Ambient, *, look_first: bool = True) -> Flow[WaitEnd]:
    """Wait for a job to end, as its policy says.

    :param target: where to ask.
    :param wait: the wait; it may have been shown answers before.
    :param ambient: clock and chance.
    :param look_first: whether to ask at once, or to begin with a pause.
    :return: how the wait ended. Every wait ends in one way or another; nothing is raised.
    """
    if not look_first:
        yield Sleep(wait.pause(ambient.clock(), ambient.spread()))
    while True:
        answer = yield from look(target, wait.job_id, ambient)
        end = wait.saw(answer, ambient.clock())
        yield from wait.take_reports()
        if end is not None:
            return end
        yield Sleep(wait.pause(ambient.clock(), ambient.spread()))
