"""What tests and people do to the emulated cloud, and see of it: from Python, and over HTTP by the same names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_ecsjobs.emulator.failure_plan import NO_HOST

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_ecsjobs.emulator.app import Cloud
    from airflow_provider_ecsjobs.emulator.faults import Fault
    from airflow_provider_ecsjobs.emulator.jobs import JobBody


class Controls:
    """Control over a cloud. All methods may be called from any thread; ``control_table`` has them for HTTP."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def healthy(self) -> str:
        """Say that it serves."""
        return "ok"

    @property
    def counters(self) -> dict[str, int]:
        """What was seen so far; :class:`~airflow_provider_ecsjobs.emulator.journal.Journal` says what counts."""
        return self._cloud.journal.counters()

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The last 10,000 requests, oldest first, without secrets."""
        return self._cloud.journal.requests()

    @property
    def servers(self) -> dict[str, dict[str, Any]]:
        """The servers that were created well and exist now, by id; the reads show those being created, too."""
        return self._cloud.state.servers()

    @property
    def recycle_bin(self) -> dict[str, dict[str, Any]]:
        """The deleted servers that can be brought back, by id."""
        return self._cloud.state.recycle_bin()

    @property
    def orders(self) -> dict[str, dict[str, Any]]:
        """The orders by id: ``status`` (unpaid, paid or cancelled) and ``job_id`` of each."""
        return self._cloud.state.orders()

    @property
    def submissions(self) -> list[dict[str, Any]]:
        """The last 10,000 accepted submits, oldest first, also those answered as before because of their token.

        Each has ``operation`` (named as the official SDK's method), ``job_id``, ``order_id``, ``server_ids``,
        ``client_token`` and ``replayed``.
        """
        return self._cloud.journal.submissions()

    @property
    def projects(self) -> list[dict[str, str]]:
        """The projects of the account: ``id`` and ``name`` of each."""
        return [{"id": project.id, "name": project.name} for project in self._cloud.account.projects()]

    def add_key(self, access_key: str, secret_key: str) -> None:
        """Add a permanent key, or give an existing one another secret."""
        self._cloud.account.add_key(access_key, secret_key)

    def remove_key(self, access_key: str) -> None:
        """Remove a key: it is refused from now on.

        :raises KeyError: if there is no such key.
        """
        self._cloud.account.remove_key(access_key)

    def rotate_key(self) -> tuple[str, str]:
        """Replace the key that :meth:`connection` shows by a new one; the old one is refused from now on.

        :return: the new access key and secret key.
        """
        key = self._cloud.account.rotate_key()
        return key.access_key, key.secret_key

    def temporary_key(self) -> tuple[str, str, str]:
        """Make a temporary key, valid for ``agency_seconds``: access key, secret key, security token."""
        key = self._cloud.account.new_temporary_key()
        return key.access_key, key.secret_key, key.security_token

    def revoke_tokens(self) -> None:
        """Revoke all tokens, as a change of the password does."""
        self._cloud.account.revoke_tokens()

    def set_agency(self, assigned: bool) -> None:
        """Assign an agency to the server whose metadata service this is, or take it away."""
        self._cloud.account.has_agency = assigned

    def require_metadata_tokens(self, required: bool) -> None:
        """Let the metadata service refuse requests without a token of IMDSv2, or take them again."""
        self._cloud.account.metadata_tokens_required = required

    def add_project(self, name: str, project_id: str) -> None:
        """Add a project. ECS serves those that are named as the region; they share their jobs and servers."""
        self._cloud.account.add_project(name, project_id)

    def remove_project(self, project_id: str) -> None:
        """Remove a project.

        :raises KeyError: if there is no such project.
        """
        self._cloud.account.remove_project(project_id)

    def forbid(self, what: bool | Iterable[str] = True, *, code: str = "Pdp.0001") -> None:
        """Take the permission for requests to ECS: they are answered with 403.

        :param what: True for job queries, False to give all permissions back, or regular expressions that are
            searched in the path.
        :param code: ``Pdp.0001`` or ``Ecs.0003``.
        :raises ValueError: if it is another code.
        """
        self._cloud.account.forbid(what, code)

    def plant_job(self, *bodies: JobBody, job_id: str | None = None, http_status: int = 200) -> str:
        """Add a job that answers these bodies one after the other, the last one for ever.

        :param bodies: a dict is sent as JSON, with its ``job_id`` filled in if it has a ``status`` and no id;
            text is sent as it is.
        :param job_id: the id; else that of the first body that has one, else a new one.
        :param http_status: the HTTP status of the answers.
        :return: the job id.
        :raises ValueError: if there is no body or the status is none.
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
        """Start a job that goes INIT, RUNNING, SUCCESS or FAIL; its sub-jobs finish one by one.

        A ``createServer`` job creates the servers of its successful sub-jobs.

        :param sub_jobs: how many sub-jobs; 0 for a job that names its server itself.
        :param failing: how many of them fail, the first ones; the job then fails with a wrapper code.
        :param error_code: why they fail.
        :param fail_reason: why they fail.
        :param init_seconds: seconds in INIT, if not the emulator's.
        :param run_seconds: seconds RUNNING, if not the emulator's.
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
        """Forget a job, as the cloud does a day after its end.

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
        """Let a server exist, without a job.

        :param charging_mode: ``postPaid`` (pay-per-use) or ``prePaid`` (yearly/monthly).
        :param status: ``ACTIVE`` or ``SHUTOFF``.
        :param volumes: the ids of the volumes attached to it.
        :param nics: the ids of its NICs.
        :param recycled: it lies in the recycle bin.
        :return: its id.
        :raises ValueError: if the charging mode is neither, or an id is no text.
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
        """Let the next submitted jobs of a type fail; what fails changes nothing.

        :param failing: how many sub-jobs of each, the first ones; None for all.
        :param reasons: codes and texts, taken in turn; a job without sub-jobs fails with the first.
        :param times: how many jobs.
        :raises ValueError: if a number is not positive, there is no reason, or no request makes such a job.
        """
        self._cloud.state.fail_next(job_type, failing=failing, reasons=reasons, times=times)

    def pay_order(self, order_id: str) -> None:
        """Pay an order: its job begins, or what it is for happens at once if it has no job.

        :raises KeyError: if there is no such order.
        :raises ValueError: if it is paid or cancelled already.
        """
        self._cloud.state.pay_order(order_id)

    def cancel_order(self, order_id: str) -> None:
        """Cancel an order: the status of its job never changes any more, and the job is gone after 14 days.

        :raises KeyError: if there is no such order.
        :raises ValueError: if it is paid or cancelled already.
        """
        self._cloud.state.cancel_order(order_id)

    def limit_rate(self, requests: int | None, seconds: float = 1.0) -> None:
        """Let the gateway take so many requests to ECS in so many seconds, and answer the others with 429.

        :param requests: how many; None for no limit.
        :param seconds: in which time, counted from the first request.
        :raises ValueError: if a number is not positive.
        """
        self._cloud.limit.set(requests, seconds)

    def fault(self, fault: Fault) -> None:
        """Apply a fault to the next requests that match it."""
        self._cloud.faults.add(fault)

    def clear_faults(self) -> None:
        """Forget the faults that no request has met yet."""
        self._cloud.faults.clear()

    def reset_counters(self) -> None:
        """Set the counters to zero and forget the requests and submits seen."""
        self._cloud.journal.reset()

    def reset(self) -> None:
        """Forget all that happened: what there is is again what there was at the start, and nothing was seen."""
        for part in (self._cloud.state, self._cloud.account, self._cloud.journal):
            part.reset()
        self._cloud.faults.clear()
        self._cloud.limit.set(None)
