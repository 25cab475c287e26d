"""The emulator for its users: start, stop, connect to it, change its cloud, see what it saw."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from airflow_provider_ecsjobs.emulator.account import Account, Key
from airflow_provider_ecsjobs.emulator.app import Cloud, make_app
from airflow_provider_ecsjobs.emulator.connections import connection_fields, environment_fields
from airflow_provider_ecsjobs.emulator.failure_plan import NO_HOST
from airflow_provider_ecsjobs.emulator.http_server import HttpServer
from airflow_provider_ecsjobs.emulator.rate_limit import RateLimit
from airflow_provider_ecsjobs.emulator.state import State
from airflow_provider_ecsjobs.emulator.tls import Certificate

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from airflow_provider_ecsjobs.emulator.faults import Fault
    from airflow_provider_ecsjobs.emulator.jobs import JobBody


class Emulator:
    """A local ECS, IAM and metadata service. Use it as a context manager; all methods may be called from any thread.

    :param host: the address to listen on.
    :param port: the port to listen on; 0 for a free one.
    :param access_key: the access key that exists from the beginning.
    :param secret_key: its secret key.
    :param region: the region whose ECS this is.
    :param project_id: the project of the region.
    :param user_name: the IAM user that exists.
    :param password: its password.
    :param domain_name: the name of its account.
    :param token_seconds: how long a token of IAM is valid.
    :param agency_seconds: how long a temporary key is valid.
    :param tls: serve over TLS, with a self-signed certificate: see :attr:`ca_file`.
    :param init_seconds: how long a job stays in INIT.
    :param run_seconds: how long a job is RUNNING after that.
    :param recycle_bin: deleted servers go into the recycle bin, and can be brought back.
    :param clock: returns seconds since the epoch; it moves the jobs, and signatures must be of its time.
    :raises ValueError: if a duration is negative or endless, a validity zero, or the host empty.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        access_key: str = "EMULATORACCESSKEY",
        secret_key: str = "emulator-secret-key",  # noqa: S107 - opens nothing but this emulator
        region: str = "emu-region-1",
        project_id: str = "0123456789abcdef0123456789abcdef",
        user_name: str = "emulator-user",
        password: str = "emulator-password",  # noqa: S107
        domain_name: str = "emulator-domain",
        token_seconds: float = 86_400.0,
        agency_seconds: float = 86_400.0,
        tls: bool = False,
        init_seconds: float = 0.2,
        run_seconds: float = 1.0,
        recycle_bin: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not host:
            raise ValueError("host is empty, which would be every address; say 0.0.0.0 if that is meant")
        self.region = region
        self._address = (host, port)
        self._account = Account(
            clock=clock,
            key=Key(access_key, secret_key),
            user_name=user_name,
            password=password,
            domain_name=domain_name,
            region=region,
            project_id=project_id,
            token_seconds=token_seconds,
            agency_seconds=agency_seconds,
        )
        self._cloud = Cloud(
            account=self._account,
            state=State(clock=clock, init_seconds=init_seconds, run_seconds=run_seconds, recycle_bin=recycle_bin),
            limit=RateLimit(clock),
        )
        self._project_id = project_id
        self._tls = tls
        self._context: ssl.SSLContext | None = None
        self._certificate: Certificate | None = None
        self._http_server: HttpServer | None = None

    @property
    def url(self) -> str:
        """The address, such as ``http://127.0.0.1:40123``; the port is known once started."""
        host, port = self._address
        scheme = "https" if self._tls else "http"
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"

    @property
    def ca_file(self) -> str | None:
        """The PEM file to trust, from start to stop; None without TLS."""
        return None if self._certificate is None else str(self._certificate.ca_file)

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
        return [{"id": project.id, "name": project.name} for project in self._account.projects()]

    def connection(self, auth: str = "aksk", **extra: Any) -> dict[str, Any]:
        """Return the fields of an Airflow connection to this emulator.

        :param auth: how it logs in: ``aksk``, ``password``, ``token`` (a new one), ``agency``, or ``env``, for
            which the task needs :meth:`sdk_environment`.
        :param extra: added to the connection's extra; a value of None leaves the key out, so that
            ``project_id=None`` lets the project be looked up.
        :raises ValueError: if a token is asked for, and there is no project.
        """
        if self.ca_file is not None:
            extra = {"verify": self.ca_file, **extra}
        return connection_fields(self._account, auth, url=self.url, project_id=self._project_id, extra=extra)

    def connection_env(self, conn_id: str = "huawei_ecs_default", auth: str = "aksk", **extra: Any) -> tuple[str, str]:
        """Return the environment variable, name and value, that defines the connection for Airflow."""
        return f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(self.connection(auth, **extra))

    def sdk_environment(self, *, temporary: bool = False) -> dict[str, str]:
        """Return the variables that the official SDK reads its credentials from.

        :param temporary: with a new temporary key and its security token.
        """
        return environment_fields(self._account, project_id=self._project_id, temporary=temporary)

    def add_key(self, access_key: str, secret_key: str) -> None:
        """Add a permanent key, or give an existing one another secret."""
        self._account.add_key(access_key, secret_key)

    def remove_key(self, access_key: str) -> None:
        """Remove a key: it is refused from now on.

        :raises KeyError: if there is no such key.
        """
        self._account.remove_key(access_key)

    def rotate_key(self) -> tuple[str, str]:
        """Replace the key that :meth:`connection` shows by a new one; the old one is refused from now on.

        :return: the new access key and secret key.
        """
        key = self._account.rotate_key()
        return key.access_key, key.secret_key

    def temporary_key(self) -> tuple[str, str, str]:
        """Make a temporary key, valid for ``agency_seconds``: access key, secret key, security token."""
        key = self._account.new_temporary_key()
        return key.access_key, key.secret_key, key.security_token

    def revoke_tokens(self) -> None:
        """Revoke all tokens, as a change of the password does."""
        self._account.revoke_tokens()

    def set_agency(self, assigned: bool) -> None:
        """Assign an agency to the server whose metadata service this is, or take it away."""
        self._account.has_agency = assigned

    def require_metadata_tokens(self, required: bool) -> None:
        """Let the metadata service refuse requests without a token of IMDSv2, or take them again."""
        self._account.metadata_tokens_required = required

    def add_project(self, name: str, project_id: str) -> None:
        """Add a project. ECS serves those that are named as the region; they share their jobs and servers."""
        self._account.add_project(name, project_id)

    def remove_project(self, project_id: str) -> None:
        """Remove a project.

        :raises KeyError: if there is no such project.
        """
        self._account.remove_project(project_id)

    def forbid(self, what: bool | Iterable[str] = True, *, code: str = "Pdp.0001") -> None:
        """Take the permission for requests to ECS: they are answered with 403.

        :param what: True for job queries, False to give all permissions back, or regular expressions that are
            searched in the path.
        :param code: ``Pdp.0001`` or ``Ecs.0003``.
        :raises ValueError: if it is another code.
        """
        self._account.forbid(what, code)

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

    def reset_counters(self) -> None:
        """Set the counters to zero and forget the requests and submits seen."""
        self._cloud.journal.reset()

    def start(self) -> None:
        """Listen and serve, in a thread of its own, until :meth:`stop`.

        :raises OSError: if the address cannot be listened on.
        :raises RuntimeError: if it was started before.
        """
        if self._http_server is not None:
            raise RuntimeError("an emulator can be started once")
        host, _ = self._address
        if self._tls:
            self._certificate = Certificate(host)
            self._context = self._certificate.context(lambda: self._cloud.journal.count("tls_handshakes"))
        try:
            self._http_server = self._serve()
        except BaseException:
            self.stop()
            raise
        self._address = (host, self._http_server.port)

    @contextmanager
    def unreachable(self) -> Iterator[None]:
        """Refuse all connections for as long as a ``with`` block lasts; the cloud behind it, its jobs, goes on.

        :raises RuntimeError: if it is not started.
        :raises OSError: afterwards, if another process has taken the port meanwhile.
        """
        if self._http_server is None:
            raise RuntimeError("an emulator that is not started can't be reached anyway")
        self._http_server.stop()
        try:
            yield
        finally:
            self._http_server = self._serve()

    def _serve(self) -> HttpServer:
        return HttpServer(make_app(self._cloud), *self._address, self._context)

    def stop(self) -> None:
        """Stop serving and close all connections, also those with a request under way."""
        if self._http_server is not None:
            self._http_server.stop()
        if self._certificate is not None:
            self._certificate.remove()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()
