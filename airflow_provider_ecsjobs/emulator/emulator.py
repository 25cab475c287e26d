"""The emulator for its users: start, stop, connect to it, change its cloud, see what it saw."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from airflow_provider_ecsjobs.emulator.account import Account, Key
from airflow_provider_ecsjobs.emulator.app import Cloud, make_app
from airflow_provider_ecsjobs.emulator.connections import connection_fields, environment_fields
from airflow_provider_ecsjobs.emulator.controls import Controls
from airflow_provider_ecsjobs.emulator.http_server import HttpServer
from airflow_provider_ecsjobs.emulator.rate_limit import RateLimit
from airflow_provider_ecsjobs.emulator.state import State
from airflow_provider_ecsjobs.emulator.tls import Certificate

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator


class Emulator(Controls):
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
        cloud = Cloud(
            account=self._account,
            state=State(clock=clock, init_seconds=init_seconds, run_seconds=run_seconds, recycle_bin=recycle_bin),
            limit=RateLimit(clock),
        )
        super().__init__(cloud)
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
