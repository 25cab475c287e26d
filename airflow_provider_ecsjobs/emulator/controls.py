"""The controls of the emulated cloud, for tests and users: from Python, and over HTTP with the same names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_ecsjobs.emulator.failure_plan import NO_HOST

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_ecsjobs.emulator.app import Cloud
    from airflow_provider_ecsjobs.emulator.faults import Fault
    from airflow_provider_ecsjobs.emulator.jobs import JobBody


class Controls:
    """The controls of a cloud. All methods are thread-safe. ``control_table`` lists them for HTTP."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def healthy(self) -> str:
        """Return ``ok`` if the emulator serves."""
        return "ok"

    @property
    def counters(self) -> dict[str, int]:
        """The counters; :class:`~airflow_provider_ecsjobs.emulator.journal.Journal` explains them."""
        return self._cloud.journal.counters()

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The last 10,000 requests, oldest first, without secrets."""
        return self._cloud.journal.requests()

    @property
    def servers(self) -> dict[str, dict[str, Any]]:
        """The existing servers whose creation succeeded, by id. The reads also show those being created."""
        return self._cloud.state.servers()

    @property
    def recycle_bin(self) -> dict[str, dict[str, Any]]:
        """The deleted servers that can be restored, by id."""
        return self._cloud.state.recycle_bin()

    @property
    def orders(self) -> dict[str, dict[str, Any]]:
        """The orders by id: ``status`` (unpaid, paid or cancelled) and ``job_id`` of each."""
        return self._cloud.state.orders()

    @property
    def submissions(self) -> list[dict[str, Any]]:
        """The last 10,000 accepted submits, oldest first, including replays because of a client token.

        Each has ``operation`` (named as the official SDK's method), ``job_id``, ``order_id``, ``server_ids``,
        ``client_token`` and ``replayed``.
        """
        return self._cloud.journal.submissions()

    @property
    def projects(self) -> list[dict[str, str]]:
        """The projects of the account: ``id`` and ``name`` of each."""
        return [{"id": project.id, "name": project.name} for project in self._cloud.account.projects()]

    def add_key(self, access_key: str, secret_key: str) -> None:
        """Add a permanent key, or change the secret of an existing one.

        :raises ValueError: if no request could be signed with the key.
        """
        self._cloud.account.add_key(access_key, secret_key)

    def remove_key(self, access_key: str) -> None:
        """Remove a key. It is rejected from now on.

        :raises KeyError: if there is no such key.
        """
        self._cloud.account.remove_key(access_key)

    def rotate_key(self) -> tuple[str, str]:
        """Replace the key in :meth:`connection` by a new one. The old key is rejected from now on.

        :return: the new access key and secret key.
        """
        key = self._cloud.account.rotate_key()
        return key.access_key, key.secret_key

    def temporary_key(self) -> tuple[str, str, str]:
        """Return a new temporary key, valid for ``agency_seconds``: access key, secret key, security token."""
        key = self._cloud.account.new_temporary_key()
        return key.access_key, key.secret_key, key.security_token

    def revoke_tokens(self) -> None:
        """Revoke all tokens, as a password change does."""
        self._cloud.account.revoke_tokens()

    def set_agency(self, assigned: bool) -> None:
        """Assign an agency to the server of this metadata service, or remove it."""
        self._cloud.account.has_agency = assigned

    def require_metadata_tokens(self, required: bool) -> None:
        """Set whether the metadata service rejects requests without an IMDSv2 token."""
        self._cloud.account.metadata_tokens_required = required

    def add_project(self, name: str, project_id: str) -> None:
        """Add a project. ECS serves the projects named like the region. They share jobs and servers.

        :raises ValueError: if no connection could use the name or the id.
        """
        self._cloud.account.add_project(name, project_id)

    def remove_project(self, project_id: str) -> None:
        """Remove a project.

        :raises KeyError: if there is no such project.
        """
        self._cloud.account.remove_project(project_id)

    def forbid(self, what: bool | Iterable[str] = True, *, code: str = "Pdp.0001") -> None:
        """Remove the permission for requests to ECS. The response to them is a 403.

        :param what: True for job queries, False to restore all permissions, or regular expressions to search in
            the path.
        :param code: ``Pdp.0001``, ``Ecs.0003`` or ``Ecs.0110``.
        :raises ValueError: if it is another code, or a text is not a regular expression.
        """
        self._cloud.account.forbid(what, code)

    def plant_job(self, *bodies: JobBody, job_id: str | None = None, http_status: int = 200) -> str:
        """Add a job whose queries return these bodies one after the other, then always the last one.

        :param bodies: a dict is sent as JSON, with its ``job_id`` filled in if it has a ``status`` and no id.
            A string is sent as it is.
        :param job_id: the id; by default that of the first body that has one, else a new one.
        :param http_status: the HTTP status of the responses.
        :return: the job id.
        :raises ValueError: if there is no body or one that can't be sent, no query can name the id, or the status is
            not an HTTP status.
        """
        return self._cloud.state.plant_job(*bodies, job_id=job_id, http_status=http_status)

    def start_job(
        self,
        job_type: str = "createServer",
        *,
        sub_jobs: int = 1,
        failing: int = 0,
        error_code: str = "Ecs.0219",
        fail_reason: str = "No valid host was found",
        init_seconds: float | None = None,
        run_seconds: float | None = None,
    ) -> str:
        """Start a job that goes from INIT to RUNNING to SUCCESS or FAIL. Its sub-jobs finish one after the other.

        A ``createServer`` job creates the servers of its successful sub-jobs.

        :param sub_jobs: the number of sub-jobs; 0 for a job that names its server itself.
        :param failing: how many of them fail, from the first on. The job then fails with a wrapper code.
        :param error_code: the error code of the failing sub-jobs.
        :param fail_reason: the reason of the failing sub-jobs.
        :param init_seconds: how long it stays in INIT; the emulator's default if None.
        :param run_seconds: how long it is RUNNING; the emulator's default if None.
        :return: the job id.
        :raises ValueError: if a number is out of range.
        """
        return self._cloud.state.start_job(
            job_type,
            sub_jobs=sub_jobs,
            failing=failing,
            error_code=error_code,
            fail_reason=fail_reason,
            init_seconds=init_seconds,
            run_seconds=run_seconds,
        )

    def purge_job(self, job_id: str) -> None:
        """Delete a job, as the cloud does one day after its end.

        :raises KeyError: if there is no such job.
        """
        self._cloud.state.purge_job(job_id)

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

        :param charging_mode: ``postPaid`` (pay-per-use) or ``prePaid`` (yearly/monthly).
        :param status: ``ACTIVE`` or ``SHUTOFF``.
        :param volumes: the ids of the volumes attached to it.
        :param nics: the ids of its NICs.
        :param recycled: it is in the recycle bin.
        :return: its id.
        :raises ValueError: if the charging mode or status is another one, or an id is not a string.
        """
        return self._cloud.state.add_server(
            name, charging_mode=charging_mode, status=status, volumes=volumes, nics=nics, recycled=recycled
        )

    def fail_next(
        self,
        job_type: str = "createServer",
        *,
        failing: int | None = None,
        reasons: Sequence[tuple[str, str]] = (NO_HOST,),
        times: int = 1,
    ) -> None:
        """Make the next submitted jobs of a type fail. A failed job or sub-job changes nothing.

        :param failing: how many sub-jobs of each job fail, from the first on; None for all.
        :param reasons: pairs of code and text, used in turn. A job without sub-jobs fails with the first.
        :param times: the number of jobs.
        :raises ValueError: if a number is not positive, there is no reason, or no request starts such a job.
        """
        self._cloud.state.fail_next(job_type, failing=failing, reasons=reasons, times=times)

    def pay_order(self, order_id: str) -> None:
        """Pay an order. Its job begins; an order without a job takes effect at once.

        :raises KeyError: if there is no such order.
        :raises ValueError: if it is paid or cancelled already.
        """
        self._cloud.state.pay_order(order_id)

    def cancel_order(self, order_id: str) -> None:
        """Cancel an order. The status of its job no longer changes, and the job is deleted after 14 days.

        :raises KeyError: if there is no such order.
        :raises ValueError: if it is paid or cancelled already.
        """
        self._cloud.state.cancel_order(order_id)

    def limit_rate(self, requests: int | None, seconds: float = 1.0) -> None:
        """Limit the requests to ECS in a period. The response to further requests is a 429.

        :param requests: the number of requests; None for no limit.
        :param seconds: the period, counted from the first request.
        :raises ValueError: if a number is not positive.
        """
        self._cloud.limit.set(requests, seconds)

    def fault(self, fault: Fault) -> None:
        """Apply a fault to the next requests that match it."""
        self._cloud.faults.add(fault)

    def clear_faults(self) -> None:
        """Remove the faults that have not happened yet."""
        self._cloud.faults.clear()

    def reset_counters(self) -> None:
        """Set the counters to zero, and delete the recorded requests and submits."""
        self._cloud.journal.reset()

    def reset(self) -> None:
        """Restore the state of the start, and delete all that was recorded."""
        for part in (self._cloud.state, self._cloud.account, self._cloud.journal):
            part.reset()
        self._cloud.faults.clear()
        self._cloud.limit.set(None)
