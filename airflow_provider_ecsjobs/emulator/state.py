"""The emulated project: its jobs and its servers. No I/O; the clock is passed in."""

from __future__ import annotations

import copy
import heapq
import itertools
import threading
import uuid
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_ecsjobs.emulator.client_tokens import ClientTokens
from airflow_provider_ecsjobs.emulator.failure_plan import FailurePlan
from airflow_provider_ecsjobs.emulator.jobs import Failure, Job, PlantedJob, UnpaidJob, make_job, new_job_id
from airflow_provider_ecsjobs.emulator.json_body import encode_body
from airflow_provider_ecsjobs.emulator.orders import Order, Orders
from airflow_provider_ecsjobs.emulator.servers import NOT_CREATED, Servers
from airflow_provider_ecsjobs.emulator.values import SEGMENT, check_choice, check_seconds, check_text, look_up
from airflow_provider_ecsjobs.emulator.work import Part, Payment, Submitted, Work, nothing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_ecsjobs.emulator.client_tokens import Claim
    from airflow_provider_ecsjobs.emulator.jobs import JobBody
    from airflow_provider_ecsjobs.emulator.list_query import Found

MAX_SUB_JOBS = 1000
"""The most servers that the API accepts in one request."""

_CREATE = "createServer"


class Pace(NamedTuple):
    """How long a job stays in INIT, and how long it is RUNNING after that."""

    init_seconds: float
    run_seconds: float


class JobResponse(NamedTuple):
    """The response to a job query."""

    http_status: int
    body: JobBody


class State:
    """Jobs and servers of one project. It is thread-safe.

    :param clock: returns seconds since the epoch.
    :param init_seconds: how long a job stays in INIT.
    :param run_seconds: how long it is RUNNING after that.
    :param recycle_bin: deleted servers go into the recycle bin.
    :raises ValueError: if a duration is negative or infinite.
    """

    def __init__(
        self, *, clock: Callable[[], float], init_seconds: float, run_seconds: float, recycle_bin: bool = False
    ) -> None:
        check_seconds(init_seconds=init_seconds, run_seconds=run_seconds)
        self._clock = clock
        self._pace = Pace(init_seconds, run_seconds)
        self._lock = threading.RLock()
        self._recycle_bin = recycle_bin
        self.reset()

    def reset(self) -> None:
        """Delete all jobs, servers, orders, client tokens and planned failures."""
        with self._lock:
            self._clear()

    def _clear(self) -> None:
        self._jobs: dict[str, Job | UnpaidJob | PlantedJob] = {}
        self._servers = Servers(recycle_bin=self._recycle_bin)
        self._orders = Orders()
        self._tokens = ClientTokens()
        self._failures = FailurePlan()
        # The future changes of servers: (when, order, change). The order breaks ties, as functions can't be compared.
        self._changes: list[tuple[float, int, Callable[[], object]]] = []
        self._order = itertools.count()

    def plant_job(self, *bodies: JobBody, job_id: str | None = None, http_status: int = 200) -> str:
        """Add a job whose queries return these bodies one after the other, then always the last one.

        :raises ValueError: if there is no body or one that can't be sent, no query can name the id, or the status is
            not an HTTP status.
        """
        if not bodies:
            raise ValueError("a planted job needs at least one body")
        if not 200 <= http_status <= 599:
            raise ValueError(f"http_status must be between 200 and 599, not {http_status}")
        if job_id is None:
            given = (body["job_id"] for body in bodies if isinstance(body, dict) and "job_id" in body)
            job_id = str(next(given, new_job_id()))
        check_text(SEGMENT, job_id=job_id)
        for body in bodies:
            encode_body(body)
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
        """Start a job that progresses by the clock. A ``createServer`` job creates its servers.

        :param sub_jobs: the number of sub-jobs; 0 for a job that names its server itself.
        :param failing: how many of them fail, from the first on.
        :raises ValueError: if a number is out of range.
        """
        if not 0 <= sub_jobs <= MAX_SUB_JOBS:
            raise ValueError(f"sub_jobs must be between 0 and {MAX_SUB_JOBS}, not {sub_jobs}")
        if not 0 <= failing <= max(sub_jobs, 1):
            raise ValueError(f"failing must be between 0 and {max(sub_jobs, 1)}, not {failing}")
        failures = [Failure(error_code, fail_reason)] * failing
        pace = Pace(
            self._pace.init_seconds if init_seconds is None else init_seconds,
            self._pace.run_seconds if run_seconds is None else run_seconds,
        )
        check_seconds(**pace._asdict())
        creates = job_type == _CREATE and sub_jobs > 0
        server_ids = [str(uuid.uuid4()) for _ in range(max(sub_jobs, 1))]
        parts = [self._servers.building(server_id) if creates else Part(server_id, nothing) for server_id in server_ids]
        work = Work(job_type=job_type, parts=parts, direct=sub_jobs == 0)
        job_id = new_job_id()
        with self._lock:
            self._run(job_id, work, failures, submitted=self._clock(), pace=pace)
        return job_id

    def purge_job(self, job_id: str) -> None:
        """Delete a job, as the cloud does one day after its end.

        :raises KeyError: if there is no such job.
        """
        with self._lock:
            look_up("job", job_id, self._jobs)
            del self._jobs[job_id]

    def show_job(self, job_id: str) -> JobResponse | None:
        """Return the response to a job query; None if the job is unknown or purged."""
        with self._lock:
            job = self._jobs.get(job_id)
            if isinstance(job, PlantedJob):
                return JobResponse(job.http_status, job.next_body())
            now = self._clock()
            if job is None or job.purged(now):
                return None
            return JobResponse(200, job.body(now))

    def submit(self, plan: Callable[[Servers], Work], claim: Claim | None = None) -> Submitted:
        """Start the work of a request and return its result.

        :param plan: returns the work.
        :param claim: the request's client token, if it has one.
        :raises UnknownServerError: if the request names a server that does not exist.
        :raises ApiError: if the client token has expired or was used with other parameters.
        """
        with self._lock:
            now = self._settle()
            earlier = self._tokens.earlier(claim, now) if claim else None
            if earlier is not None:
                return replace(earlier, replayed=True)
            submitted = self._begin(plan(self._servers), now)
            if claim:
                self._tokens.remember(claim, submitted, now)
            return submitted

    def check_only(self, plan: Callable[[Servers], Work]) -> None:
        """Check that a request could be submitted, without effect.

        :raises UnknownServerError: if the request names a server that does not exist.
        """
        with self._lock:
            self._settle()
            plan(self._servers)

    def fail_next(self, job_type: str = _CREATE, **how: Any) -> None:
        """Make the next submitted jobs of a type fail, see :meth:`FailurePlan.add`.

        :raises ValueError: if a value is not valid.
        """
        with self._lock:
            self._failures.add(job_type, **how)

    def add_server(
        self,
        name: str = "server",
        *,
        charging_mode: str = "postPaid",
        status: str = "ACTIVE",
        volumes: Sequence[str] = (),
        nics: Sequence[str] = (),
        recycled: bool = False,
    ) -> str:
        """Add a server without a job.

        :param volumes: the ids of the volumes attached to it.
        :param nics: the ids of its NICs.
        :param recycled: it is in the recycle bin.
        :return: its id.
        :raises ValueError: if a value is not valid.
        """
        check_choice("charging_mode", charging_mode, ("postPaid", "prePaid"))
        check_choice("status", status, ("ACTIVE", "SHUTOFF"))
        for key, ids in (("volumes", volumes), ("nics", nics)):
            if isinstance(ids, str) or not all(isinstance(one, str) for one in ids):
                raise ValueError(f"{key} must hold ids, not {ids!r}")
        server_id = str(uuid.uuid4())
        attributes = {"name": name, "status": status, "charging_mode": charging_mode, "volumes": list(volumes)}
        with self._lock:
            now = self._clock()
            ports = [self._servers.new_nic({"port_id": nic}) for nic in nics]
            self._servers.add(server_id, now, **attributes, nics=ports)
            if recycled:
                self._servers.recycle(server_id, now)
        return server_id

    def servers(self) -> dict[str, dict[str, Any]]:
        """Return a copy of the existing servers whose creation succeeded, by id."""
        return {key: server for key, server in self.all_servers().items() if server["status"] not in NOT_CREATED}

    def all_servers(self) -> dict[str, dict[str, Any]]:
        """Return a copy of all servers, by id, including those that are being created or failed to be."""
        with self._lock:
            self._settle()
            return self._servers.shown()

    def server(self, server_id: str) -> dict[str, Any]:
        """Return a copy of a server.

        :raises UnknownServerError: if it does not exist.
        """
        with self._lock:
            self._settle()
            return self._servers.show(server_id)

    def find_servers(self, choose: Callable[[list[dict[str, Any]]], Found]) -> Found:
        """Return a copy of what ``choose`` picks of all servers, see :meth:`Servers.listed`.

        Only what it picks is copied, because a copy of thousands of servers keeps other requests waiting.
        """
        with self._lock:
            self._settle()
            return copy.deepcopy(choose(self._servers.listed()))

    def recycle_bin(self) -> dict[str, dict[str, Any]]:
        """Return a copy of the servers in the recycle bin, by id."""
        with self._lock:
            self._settle()
            return self._servers.recycled()

    def orders(self) -> dict[str, dict[str, Any]]:
        """Return the orders, by id."""
        with self._lock:
            return self._orders.listed()

    def pay_order(self, order_id: str) -> None:
        """Pay an order. Its work begins.

        :raises KeyError: if there is no such order.
        :raises ValueError: if it is paid or cancelled already.
        """
        with self._lock:
            self._orders.pay(order_id)

    def cancel_order(self, order_id: str) -> None:
        """Cancel an order. Its job stays as it is until it is purged.

        :raises KeyError: if there is no such order.
        :raises ValueError: if it is paid or cancelled already.
        """
        with self._lock:
            order = self._orders.cancel(order_id)
            job = self._jobs.get(order.job_id or "")
            if isinstance(job, UnpaidJob):
                job.cancelled = self._clock()

    def _begin(self, work: Work, now: float) -> Submitted:
        job_id = None
        begin = partial(self._apply, work)
        if not work.order_only:
            job_id = new_job_id()
            failures = self._failures.take(work.job_type, len(work.parts))
            begin = partial(self._run, job_id, work, failures, submitted=now, pace=self._pace)
            self._jobs[job_id] = UnpaidJob(job_id, work.job_type, now)
        if work.payment is Payment.NONE:
            order_id = None
            begin()
        else:
            order_id = self._orders.open(Order(job_id, begin), now)
        if order_id and work.payment is Payment.AUTOMATIC:
            self._orders.pay(order_id)
        return Submitted(job_id, order_id, tuple(work.server_ids))

    def _apply(self, work: Work) -> None:
        now = self._settle()
        for part in work.parts:
            part.begin(now)
            part.change(now)

    def _run(self, job_id: str, work: Work, failures: Sequence[Failure], *, submitted: float, pace: Pace) -> None:
        planned = itertools.chain(failures, itertools.repeat(None))
        part_failures = [part.failure or failure for part, failure in zip(work.parts, planned, strict=False)]
        job = make_job(
            job_id,
            work.job_type,
            [part.entities for part in work.parts],
            direct=work.direct,
            failures=part_failures,
            submitted=submitted,
            begin=self._clock() + pace.init_seconds,
            run_seconds=pace.run_seconds,
        )
        self._jobs[job_id] = job
        ends = [sub_job.end for sub_job in job.sub_jobs] or [job.end]
        for part, end, failure in zip(work.parts, ends, part_failures, strict=True):
            if part.failure is not None:
                continue
            part.begin(self._clock())
            if work.task is not None:
                self._servers.begin(part.server_id, work.task)
                self._plan(end, partial(self._servers.end, part.server_id, work.task))
            self._plan(end, partial(part.change, end) if failure is None else partial(part.undo, end, failure))

    def _plan(self, when: float, change: Callable[[], object]) -> None:
        heapq.heappush(self._changes, (when, next(self._order), change))

    def _settle(self) -> float:
        now = self._clock()
        while self._changes and self._changes[0][0] <= now:
            heapq.heappop(self._changes)[2]()
        return now
