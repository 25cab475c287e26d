"""Which trouble proves that a request never arrived: with real sockets, for both drivers."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import requests
import urllib3.exceptions as urllib3_errors
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from airflow_provider_ecsjobs.core.auth.credentials import AuthConfig
from airflow_provider_ecsjobs.core.auth.signing import AccessKey
from airflow_provider_ecsjobs.core.redaction import Redactor
from airflow_provider_ecsjobs.core.steps import HttpRequest, Response, TransportFailure
from airflow_provider_ecsjobs.transport.async_client import AsyncClient
from airflow_provider_ecsjobs.transport.config import Proxy, Settings
from airflow_provider_ecsjobs.transport.errors import transport_failure
from airflow_provider_ecsjobs.transport.sync_client import SyncClient
from airflow_provider_ecsjobs.transport.tls import make_ssl_context
from tests.support.patience import A_MINUTE, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from pathlib import Path

    Respond = Callable[[socket.socket], None]

SECRET = "canary-secret-key"
RESET = ConnectionResetError(104, "reset")
NEW_CONNECTION = urllib3_errors.NewConnectionError(None, "no route")
REQUEST = HttpRequest("POST", "http://ecs.example.com:81/v1/p/cloudservers?flag=canary", body=b"{}")


def settings(**changes: Any) -> Settings:
    login = AuthConfig("conn", "aksk", "http://ecs.example.com", key=AccessKey("AK", SECRET))
    return Settings(login, **{"connect_timeout": A_MINUTE, "read_timeout": A_MINUTE, **changes})


def one(request: HttpRequest) -> Generator[HttpRequest, Any, Response | TransportFailure]:
    return (yield request)


def run_sync(flow: Any, given: Settings, reloaded: Settings | None = None) -> Any:
    with SyncClient(given, logger=Mute(), reload=lambda: reloaded, mask=list) as client:
        return client.run(flow)


def run_async(flow: Any, given: Settings, reloaded: Settings | None = None) -> Any:
    async def run() -> Any:
        async def reload() -> Settings | None:
            return reloaded

        async def mask(secrets: Iterable[str]) -> None:
            raise AssertionError(secrets)

        client = AsyncClient(given, context, reload, mask)
        try:
            return await client.run(flow, Mute())
        finally:
            await client.close()

    context = make_ssl_context(given)
    return asyncio.run(run())


def ask_sync(request: HttpRequest, given: Settings) -> Response | TransportFailure:
    found: Response | TransportFailure = run_sync(one(request), given)
    return found


def ask_async(request: HttpRequest, given: Settings) -> Response | TransportFailure:
    found: Response | TransportFailure = run_async(one(request), given)
    return found


class Mute:
    def log(self, level: int, event: str, /, *args: Any) -> None:
        raise AssertionError(event)


@pytest.fixture(params=[ask_sync, ask_async], ids=["requests", "aiohttp"])
def ask(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[..., TransportFailure]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)

    def asked(url: str, **changes: Any) -> TransportFailure:
        found = request.param(
            HttpRequest("POST", f"{url}/v1/p/cloudservers?flag=canary", {}, b"{}"), settings(**changes)
        )
        assert isinstance(found, TransportFailure)
        assert SECRET not in found.reason
        return found

    return asked


@contextmanager
def serving(respond: Respond) -> Iterator[str]:
    """Let each connection be answered by a function; give the address."""

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(A_MINUTE)
                respond(connection)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
    thread.join(A_MINUTE)
    assert not thread.is_alive()


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def received(connection: socket.socket) -> bytes:
    """Return the next request; empty if there is none."""
    data = b""
    while not data.endswith(b"{}"):
        part = connection.recv(65536)
        if not part:
            break
        data += part
    return data


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "both.pem"
    path.write_bytes(pem + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


class TestNeverArrived:
    def test_a_port_where_nobody_listens(self, ask: Callable[..., TransportFailure]) -> None:
        port = closed_port()
        reason = f"no response from 127.0.0.1:{port}: the connection was refused"
        assert ask(f"http://127.0.0.1:{port}") == TransportFailure(reason, may_have_arrived=False)

    def test_a_name_that_is_none(self, ask: Callable[..., TransportFailure]) -> None:
        found = ask("http://no-such-host.invalid")
        assert not found.may_have_arrived
        assert found.reason.startswith("no response from no-such-host.invalid: the host's name can't be resolved")

    def test_a_proxy_that_is_none(self, ask: Callable[..., TransportFailure]) -> None:
        found = ask("http://ecs.example.com", proxy=Proxy(f"http://127.0.0.1:{closed_port()}", "user", "canary"))
        assert not found.may_have_arrived
        assert "the connection was refused" in found.reason

    def test_a_certificate_that_is_not_trusted(self, ask: Callable[..., TransportFailure], tmp_path: Path) -> None:
        context, got = self_signed(tmp_path), []

        def respond(connection: socket.socket) -> None:
            try:
                with context.wrap_socket(connection, server_side=True) as secured:
                    got.append(secured.recv(65536))
            except OSError:  # the client has gone
                pass

        with serving(respond) as address:
            found = ask(f"https://{address}")
        assert not found.may_have_arrived
        assert "its certificate is not trusted (self-signed certificate)" in found.reason
        assert [data for data in got if data] == []

    def test_a_host_that_does_not_take_the_connection(self) -> None:
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            server.listen(0)
            address = server.getsockname()
            waiting = [socket.socket() for _ in range(3)]  # they fill the queue, so that no further one is answered
            for client in waiting:
                client.setblocking(False)
                client.connect_ex(address)
            found = ask_sync(
                HttpRequest("POST", f"http://127.0.0.1:{address[1]}/x", {}, b"{}"),
                settings(connect_timeout=0.3),
            )
            for client in waiting:
                client.close()
        assert found == TransportFailure(
            f"no response from 127.0.0.1:{address[1]}: it took too long", may_have_arrived=False
        )


class TestMayHaveArrived:
    """The server has read the request, to its end; what it did about it the client can't know."""

    @pytest.mark.parametrize(
        ("respond", "said"),
        [
            (reset, "the connection was reset"),
            (lambda connection: None, ": "),
            (lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"), ": "),
            (lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz"), ": "),
            (lambda connection: connection.sendall(b"nonsense\r\n\r\n"), ": "),
            (lambda connection: connection.recv(1), "it took too long"),
        ],
        ids=["reset", "closed", "half an answer", "wrong chunks", "no http", "read timeout"],
    )
    def test_once_it_was_sent(self, ask: Callable[..., TransportFailure], respond: Respond, said: str) -> None:
        got: list[bytes] = []
        limits = {"read_timeout": 0.4} if said == "it took too long" else {}

        def read_and_respond(connection: socket.socket) -> None:
            got.append(received(connection))
            respond(connection)

        with serving(read_and_respond) as address:
            found = ask(f"http://{address}", **limits)
            wait_until(lambda: got)
        assert found.may_have_arrived
        assert said in found.reason.removeprefix(f"no response from {address}")
        assert len(got) == 1

    def test_the_query_is_not_shown(self, ask: Callable[..., TransportFailure]) -> None:
        def respond(connection: socket.socket) -> None:
            received(connection)
            connection.sendall(b"nonsense\r\n\r\n")

        with serving(respond) as address:
            assert "canary" not in ask(f"http://{address}").reason


def caused(outer: BaseException, inner: BaseException) -> BaseException:
    outer.__cause__ = inner
    return outer


def retried(reason: Exception) -> Exception:
    return urllib3_errors.MaxRetryError(None, "/", reason)


KEY: Any = type("Key", (), {"host": "h", "port": 1, "is_ssl": False, "ssl": None})()


class TestErrors:
    """The errors themselves, as the clients wrap them."""

    @pytest.mark.parametrize(
        ("error", "arrived"),
        [
            (ConnectionRefusedError(111, "refused"), False),
            (socket.gaierror(-2, "unknown"), False),
            (ssl.SSLCertVerificationError(1, "not trusted"), False),
            (NEW_CONNECTION, False),
            (urllib3_errors.NameResolutionError("h", None, socket.gaierror(-2, "unknown")), False),
            (urllib3_errors.ConnectTimeoutError(None, "slow"), False),
            (requests.ConnectTimeout(retried(urllib3_errors.ConnectTimeoutError())), False),
            (requests.ConnectionError(retried(NEW_CONNECTION)), False),
            (requests.exceptions.ProxyError(retried(urllib3_errors.ProxyError("no", NEW_CONNECTION))), False),
            (requests.exceptions.SSLError(urllib3_errors.SSLError(ssl.SSLCertVerificationError(1, "x"))), False),
            (aiohttp.ClientConnectorError(KEY, ConnectionRefusedError(111, "refused")), False),
            (aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(-2, "unknown")), False),
            (caused(RuntimeError("outer"), ConnectionRefusedError(111, "refused")), False),
            (RESET, True),
            (BrokenPipeError(32, "pipe"), True),
            (TimeoutError(), True),
            (ssl.SSLEOFError(8, "eof"), True),
            (urllib3_errors.ReadTimeoutError(None, "/", "slow"), True),
            (urllib3_errors.ProtocolError("aborted", RESET), True),
            (requests.ReadTimeout(urllib3_errors.ReadTimeoutError(None, "/", "slow")), True),
            (requests.ConnectionError(urllib3_errors.ProtocolError("aborted", RESET)), True),
            (requests.exceptions.ChunkedEncodingError(urllib3_errors.IncompleteRead(1, 2)), True),
            (requests.exceptions.ContentDecodingError(), True),
            (aiohttp.ServerDisconnectedError(), True),
            (aiohttp.ClientPayloadError("half"), True),
            (aiohttp.SocketTimeoutError(), True),
            (aiohttp.ClientOSError(104, "reset"), True),
            (ValueError("whatever"), True),
        ],
        ids=lambda value: type(value).__name__,
    )  # fmt: skip
    def test_tell_whether_there_was_a_connection(self, error: BaseException, arrived: bool) -> None:
        assert transport_failure(REQUEST, error, Redactor(settings().secrets)).may_have_arrived is arrived

    def test_a_mere_word_proves_nothing(self) -> None:
        found = transport_failure(REQUEST, "the response was too large", Redactor(settings().secrets))
        assert found == TransportFailure(
            "no response from ecs.example.com:81: the response was too large", may_have_arrived=True
        )

    def test_a_circle_of_causes_ends(self) -> None:
        first, second = RuntimeError("first"), RuntimeError("second")
        first.__cause__, second.__cause__ = second, first
        assert transport_failure(REQUEST, first, Redactor(settings().secrets)).may_have_arrived

    @pytest.mark.parametrize("what", [f"said {SECRET}", RuntimeError(f"said {SECRET}\n")])
    def test_no_secret_and_no_query_is_shown(self, what: Any) -> None:
        reason = transport_failure(REQUEST, what, Redactor(settings().secrets)).reason
        assert "canary" not in reason
        assert reason.endswith("said ***")
