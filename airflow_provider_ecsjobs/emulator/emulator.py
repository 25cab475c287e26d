"""The front of the emulator: start and stop it, connect to it, change its cloud, and read what it recorded."""

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
from airflow_provider_ecsjobs.emulator.values import check_address

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator


class Emulator(Controls):
    """A local ECS, IAM and metadata service. Use it as a context manager; all methods may be called from any thread.

    :param host: the address to listen on.
    :param port: the port to listen on; 0 for a free one.
    :param access_key: the access key that exists from the beginning.
    :param secret_key: its secret key.
    :param region: the region of this ECS.
    :param project_id: the project of the region.
    :param user_name: the IAM user.
    :param password: the user's password.
    :param domain_name: the name of the user's account.
    :param token_seconds: for how many seconds an IAM token is valid.
    :param agency_seconds: for how many seconds a temporary key is valid.
    :param tls: serve over TLS with a self-signed certificate, see :attr:`ca_file`.
    :param init_seconds: for how many seconds a job is INIT.
    :param run_seconds: for how many seconds a job is RUNNING after that.
    :param recycle_bin: deleted servers go into the recycle bin, and can be restored.
    :param clock: returns seconds since the epoch. Jobs progress by it, and signatures are checked against it.
    :raises ValueError: if a value can't work: the name of its parameter is the exception's ``name``.
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
        check_address(host, port)
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
        """The URL, such as ``http://127.0.0.1:40123``. With port 0, the port is known after the start."""
        host, port = self._address
        scheme = "https" if self._tls else "http"
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"

    @property
    def ca_file(self) -> str | None:
        """The PEM file to trust, which exists from start to stop; None without TLS."""
        return None if self._certificate is None else str(self._certificate.ca_file)

    def connection(self, auth: str = "aksk", **extra: Any) -> dict[str, Any]:
        """Return the fields of an Airflow connection to this emulator.

        :param auth: how to log in: ``aksk``, ``password``, ``token`` (a new one), ``agency``, or ``env``, for
            which the task needs :meth:`sdk_environment`.
        :param extra: added to the connection's extra. A value of None omits the key: with ``project_id=None``, the
            client looks the project up.
        :raises ValueError: if ``auth`` is ``token``, and there is no project.
        """
        if self.ca_file is not None:
            extra = {"verify": self.ca_file, **extra}
        return connection_fields(self._account, auth, url=self.url, project_id=self._project_id, extra=extra)

    def connection_env(self, conn_id: str = "huawei_ecs_default", auth: str = "aksk", **extra: Any) -> tuple[str, str]:
        """Return the environment variable that defines the connection for Airflow: name and value."""
        return f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(self.connection(auth, **extra))

    def sdk_environment(self, *, temporary: bool = False) -> dict[str, str]:
        """Return the environment variables with the credentials for the official SDK.

        :param temporary: use a new temporary key with its security token.
        """
        return environment_fields(self._account, project_id=self._project_id, temporary=temporary)

    def start(self) -> None:
        """Listen and serve in a thread until :meth:`stop`.

        :raises OSError: if it can't listen on the address.
        :raises RuntimeError: if it was started before.
        """
        if self._http_server is not None:
            raise RuntimeError("an emulator can be started only once")
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
        """Refuse all connections during a ``with`` block. The jobs continue.

        :raises RuntimeError: if it is not started.
        :raises OSError: at the end of the block, if another process has taken the port.
        """
        if self._http_server is None:
            raise RuntimeError("the emulator is not started")
        self._http_server.stop()
        try:
            yield
        finally:
            self._http_server = self._serve()

    def _serve(self) -> HttpServer:
        return HttpServer(make_app(self._cloud), *self._address, self._context)

    def stop(self) -> None:
        """Stop serving and close all connections, including those with a request in flight."""
        if self._http_server is not None:
            self._http_server.stop()
        if self._certificate is not None:
            self._certificate.remove()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()
