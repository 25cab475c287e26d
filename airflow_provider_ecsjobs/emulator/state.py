"""The emulated project: its jobs and its servers. No I/O; time comes from the clock it is given."""

from __future__ import annotations

import heapq
import itertools
import math
import threading
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_ecsjobs.emulator.jobs import (
    SUB_JOB_TYPES,
    WRAPPER_FAILURE,
    Failure,
    Job,
    PlantedJob,
    SubJob,
    timestamp,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from airflow_provider_ecsjobs.emulator.jobs import JobBody

MAX_SUB_JOBS = 1000
"""The API takes at most this many servers in one request."""

_CREATE = "createServer"
_DELETE = "deleteVMs"


class UnknownServerError(Exception):
    """A request names a server that does not exist (yet, or any more)."""

    def __init__(self, server_id: str) -> None:
        super().__init__(server_id)
        self.server_id = server_id


class JobAnswer(NamedTuple):
    """What a job query answers."""

    http_status: int
    body: JobBody


class State:
    """Jobs and servers of one project. Safe to use from several threads.

    :param clock: returns seconds since the epoch.
    :param init_seconds: how long a job stays in INIT.
    :param run_seconds: how long it is RUNNING after that.
    :raises ValueError: if a duration is negative or endless.
    """

    def __init__(self, *, clock: Callable[[], float], init_seconds: float, run_seconds: float) -> None:
        _check_seconds(init_seconds=init_seconds, run_seconds=run_seconds)
        self._clock = clock
        self._init_seconds = init_seconds
        self._run_seconds = run_seconds
        self._lock = threading.RLock()
        self._jobs: dict[str, Job | PlantedJob] = {}
        self._servers: dict[str, dict[str, Any]] = {}
        # What will happen to servers: (when, order, what). The order breaks ties, for functions do not compare.
        self._changes: list[tuple[float, int, Callable[[], object]]] = []
        self._order = itertools.count()

    def plant_job(self, *bodies: JobBody, job_id: str | None = None, http_status: int = 200) -> str:
        """Add a job that answers these bodies one after the other, the last one for ever.

        :raises ValueError: if there is no body or the status is none.
        """
        if not bodies:
            raise ValueError("a planted job needs at least one body")
        if not 200 <= http_status <= 599:
            raise ValueError(f"http_status must be between 200 and 599, not {http_status}")
        if job_id is None:
            given = (body["job_id"] for body in bodies if isinstance(body, dict) and "job_id" in body)
            job_id = str(next(given, new_job_id()))
        with self._lock:
            self._jobs[job_id] = PlantedJob(job_id, bodies, http_status)
        return job_id

    def start_job(
        self,
        job_type: str = _CREATE,
        *,
        sub_jobs: int = 1,
        failing: int = 0,
        error_code: str = "Ecs.0219",
        fail_reason: str = "No valid host was found",
        init_seconds: float | None = None,
        run_seconds: float | None = None,
    ) -> str:
        """Start a job that progresses by the clock; a ``createServer`` job creates its servers.

        :param sub_jobs: how many sub-jobs; 0 for a job that names its server itself.
        :param failing: how many of them fail, the first ones.
        :raises ValueError: if a number is out of range.
        """
        if not 0 <= sub_jobs <= MAX_SUB_JOBS:
            raise ValueError(f"sub_jobs must be between 0 and {MAX_SUB_JOBS}, not {sub_jobs}")
        if not 0 <= failing <= max(sub_jobs, 1):
            raise ValueError(f"failing must be between 0 and {max(sub_jobs, 1)}, not {failing}")
        _check_seconds(init_seconds=init_seconds, run_seconds=run_seconds)
        failure = Failure(error_code, fail_reason)
        server_ids = [str(uuid.uuid4()) for _ in range(max(sub_jobs, 1))]
        with self._lock:
            job = self._new_job(
                job_type,
                server_ids,
                failures=[failure] * failing,
                direct=sub_jobs == 0,
                init_seconds=init_seconds,
                run_seconds=run_seconds,
            )
            if job_type == _CREATE:
                self._plan_creation(job, [{"name": f"ecs-{server_id[:8]}"} for server_id in server_ids])
        return job.job_id

    def purge_job(self, job_id: str) -> None:
        """Forget a job, as the cloud does a day after its end.

        :raises KeyError: if there is no such job.
        """
        with self._lock:
            del self._jobs[job_id]

    def show_job(self, job_id: str) -> JobAnswer | None:
        """Answer a job query, or None if the job is unknown or purged."""
        with self._lock:
            job = self._jobs.get(job_id)
            if isinstance(job, PlantedJob):
                return JobAnswer(job.http_status, job.next_body())
            now = self._clock()
            if job is None or job.purged(now):
                return None
            return JobAnswer(200, job.body(now))

    def create_servers(self, servers: Sequence[Mapping[str, Any]]) -> tuple[str, list[str]]:
        """Submit the creation of servers: their ids are known at once, each exists when its sub-job ends.

        :param servers: the attributes of each, ``name`` among them.
        :return: the job id and the server ids.
        """
        server_ids = [str(uuid.uuid4()) for _ in servers]
        with self._lock:
            job = self._new_job(_CREATE, server_ids)
            self._plan_creation(job, servers)
        return job.job_id, server_ids

    def act_on_servers(self, job_type: str, server_ids: Iterable[str], *, then: str) -> str:
        """Submit a batch action on existing servers.

        :param then: the status of each server when its sub-job has ended.
        :return: the job id.
        :raises UnknownServerError: if a server does not exist.
        """
        with self._lock:
            job = self._new_job(job_type, self._existing(server_ids))
            for sub_job in job.sub_jobs:
                self._plan(sub_job.end, partial(self._set_status, sub_job.server_id, then))
        return job.job_id

    def delete_servers(self, server_ids: Iterable[str]) -> str:
        """Submit the deletion of existing servers; each is gone when its sub-job has ended.

        :return: the job id.
        :raises UnknownServerError: if a server does not exist.
        """
        with self._lock:
            job = self._new_job(_DELETE, self._existing(server_ids))
            for sub_job in job.sub_jobs:
                self._plan(sub_job.end, partial(self._servers.pop, sub_job.server_id, None))
        return job.job_id

    def servers(self) -> dict[str, dict[str, Any]]:
        """Return a copy of the servers that exist now, by id."""
        with self._lock:
            self._settle()
            return {server_id: dict(server) for server_id, server in self._servers.items()}

    def _new_job(
        self,
        job_type: str,
        server_ids: Sequence[str],
        *,
        failures: Sequence[Failure] = (),
        direct: bool = False,
        init_seconds: float | None = None,
        run_seconds: float | None = None,
    ) -> Job:
        submitted = self._clock()
        begin = submitted + (self._init_seconds if init_seconds is None else init_seconds)
        duration = self._run_seconds if run_seconds is None else run_seconds
        outcomes = [*failures, *itertools.repeat(None, len(server_ids) - len(failures))]
        # Sub-jobs finish one by one, evenly; the fraction of the last is exactly 1.
        sub_jobs = tuple(
            SubJob(
                job_id=new_job_id(),
                job_type=SUB_JOB_TYPES.get(job_type, job_type),
                server_id=server_id,
                begin=begin,
                end=begin + duration * (number / len(server_ids)),
                failure=failure,
            )
            for number, (server_id, failure) in enumerate(zip(server_ids, outcomes, strict=True), start=1)
        )
        failure = failures[0] if direct and failures else WRAPPER_FAILURE if failures else None
        job = Job(
            job_id=new_job_id(),
            job_type=job_type,
            submitted=submitted,
            begin=begin,
            end=begin + duration,
            sub_jobs=() if direct else sub_jobs,
            server_id=server_ids[0] if direct else None,
            failure=failure,
        )
        self._jobs[job.job_id] = job
        return job

    def _plan_creation(self, job: Job, servers: Iterable[Mapping[str, Any]]) -> None:
        for sub_job, attributes in zip(job.sub_jobs, servers, strict=False):
            if sub_job.failure is None:
                server = {
                    "id": sub_job.server_id,
                    **attributes,
                    "status": "ACTIVE",
                    "created": timestamp(sub_job.end),
                }
                self._plan(sub_job.end, partial(self._servers.__setitem__, sub_job.server_id, server))

    def _plan(self, when: float, change: Callable[[], object]) -> None:
        heapq.heappush(self._changes, (when, next(self._order), change))

    def _settle(self) -> None:
        now = self._clock()
        while self._changes and self._changes[0][0] <= now:
            heapq.heappop(self._changes)[2]()

    def _existing(self, server_ids: Iterable[str]) -> list[str]:
        self._settle()
        existing = list(server_ids)
        for server_id in existing:
            if server_id not in self._servers:
                raise UnknownServerError(server_id)
        return existing

    def _set_status(self, server_id: str, status: str) -> None:
        if server_id in self._servers:
            self._servers[server_id]["status"] = status


def new_job_id() -> str:
    """Return an id as the cloud gives to jobs and requests: 32 hexadecimal digits."""
    return uuid.uuid4().hex


def _check_seconds(**durations: float | None) -> None:
    for name, seconds in durations.items():
        if seconds is not None and not 0 <= seconds < math.inf:
            raise ValueError(f"{name} must be seconds, zero or more, not {seconds}")
