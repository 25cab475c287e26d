"""What ``requests`` does not do by itself, and what both drivers do alike: with real sockets."""

from __future__ import annotations

import base64
import os
import socket
import ssl
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import certifi
import pytest

from airflow_provider_ecsjobs.core.auth.signing import AccessKey
from airflow_provider_ecsjobs.core.steps import HttpRequest, Reload, Response, TransportFailure
from airflow_provider_ecsjobs.transport.config import Proxy, Settings
from airflow_provider_ecsjobs.transport.sync_client import SyncClient
from airflow_provider_ecsjobs.transport.sync_session import REQUEST_THREAD
from airflow_provider_ecsjobs.transport.tls import make_ssl_context
from tests.support.patience import A_MINUTE
from tests.transport.test_transport_errors import (
    Mute,
    ask_async,
    ask_sync,
    closed_port,
    one,
    received,
    run_async,
    run_sync,
    self_signed,
    serving,
    settings,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

ASK = pytest.mark.parametrize("ask", [ask_sync, ask_async], ids=["requests", "aiohttp"])
PASSWORD = "pässwörd-пароль"


def client() -> SyncClient:
    return SyncClient(settings(), logger=Mute(), reload=lambda: None, mask=list)


def request(address: str, path: str = "x", scheme: str = "http") -> HttpRequest:
    return HttpRequest("POST", f"{scheme}://{address}/{path}", {}, b"{}")


def echo(connection: socket.socket) -> None:
    """Answer each request of a connection with its own path."""
    while data := received(connection):
        path = data.split()[1]
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(path), path))


def echo_after_early_hints(connection: socket.socket) -> None:
    while data := received(connection):
        path = data.split()[1]
        connection.sendall(b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(path), path))


def test_a_forked_process_has_connections_of_its_own() -> None:
    connections: list[socket.socket] = []

    def respond(connection: socket.socket) -> None:
        connections.append(connection)
        kept = connection.dup()  # the server closes its own at once
        threading.Thread(target=echo, args=(kept,), daemon=True).start()

    with serving(respond) as address, client() as shared:
        assert shared.run(one(request(address, "parent"))).body == b"/parent"  # type: ignore[union-attr]
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.write(writing, shared.run(one(request(address, "child"))).body)  # type: ignore[union-attr]
            finally:
                os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            assert pipe.read() == b"/child"
        os.waitpid(child, 0)
        assert shared.run(one(request(address, "parent again"))).body == b"/parent%20again"  # type: ignore[union-attr]
    assert len(connections) == 2


def test_a_request_that_was_given_up_is_not_sent_later(monkeypatch: pytest.MonkeyPatch) -> None:
    asked_for, got, look_up = threading.Event(), [], socket.getaddrinfo

    def slow_look_up(*args: Any, **kwargs: Any) -> Any:
        assert asked_for.wait(A_MINUTE)
        return look_up(*args, **kwargs)

    def respond(connection: socket.socket) -> None:
        got.append(connection.recv(65536))

    with serving(respond) as address:
        monkeypatch.setattr(socket, "getaddrinfo", slow_look_up)
        found = ask_sync(request(address), settings(connect_timeout=0.1, read_timeout=0.1))
        assert found == TransportFailure(
            f"no response from {address}: it took too long to connect", may_have_arrived=False
        )
        threads = [thread for thread in threading.enumerate() if thread.name == REQUEST_THREAD]
        asked_for.set()
        for thread in threads:
            thread.join(A_MINUTE)
        assert not any(thread.is_alive() for thread in threads)
    assert [data for data in got if data] == []


class TestResponsesBeforeTheFinalOne:
    def test_they_are_skipped_by_requests(self) -> None:
        with serving(echo_after_early_hints) as address, client() as shared:
            bodies = [shared.run(one(request(address, path))).body for path in "ab"]  # type: ignore[union-attr]
        assert bodies == [b"/a", b"/b"]

    @ASK
    def test_they_are_skipped_by_both(self, ask: Callable[..., Any]) -> None:
        with serving(echo_after_early_hints) as address:
            found = ask(request(address), settings())
        assert (found.status, found.body) == (200, b"/x")


@ASK
def test_of_a_header_that_comes_twice_the_last_one_counts(ask: Callable[..., Any]) -> None:
    def respond(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 429 Slow\r\nRetry-After: 5\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\n{}")

    with serving(respond) as address:
        found = ask(request(address), settings())
    assert isinstance(found, Response)
    assert found.headers["retry-after"] == "7"


class TestProxies:
    @ASK
    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_the_password_is_sent_in_utf_8(self, ask: Callable[..., Any], scheme: str) -> None:
        got: list[bytes] = []

        def respond(connection: socket.socket) -> None:
            got.append(connection.recv(65536))

        with serving(respond) as address:
            ask(request("ecs.example.com", scheme=scheme), settings(proxy=Proxy(f"http://{address}", "üser", PASSWORD)))
        login = base64.b64encode(f"üser:{PASSWORD}".encode())
        assert b"Proxy-Authorization: Basic " + login in got[0]

    @ASK
    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_a_wrong_login_is_told_and_nothing_was_passed_on(self, ask: Callable[..., Any], scheme: str) -> None:
        def respond(connection: socket.socket) -> None:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

        with serving(respond) as address:
            found = ask(request("ecs.example.com", scheme=scheme), settings(proxy=Proxy(f"http://{address}", "u", "p")))
        assert found == TransportFailure(
            f"no response from ecs.example.com through the proxy http://{address}: the proxy does not accept the login,"
            " or asks for one (HTTP 407)",
            may_have_arrived=False,
        )

    @ASK
    def test_one_that_is_not_there_is_named(self, ask: Callable[..., Any]) -> None:
        proxy = f"http://127.0.0.1:{closed_port()}"
        found = ask(request("ecs.example.com", scheme="https"), settings(proxy=Proxy(proxy, "u", "p")))
        reason = f"no response from ecs.example.com through the proxy {proxy}: the connection was refused"
        assert found == TransportFailure(reason, may_have_arrived=False)


def test_both_trust_the_same_certificates(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "both.pem"))  # OpenSSL reads it, requests does not
    trusted = make_ssl_context(settings()).get_ca_certs()
    assert trusted == ssl.create_default_context(cafile=certifi.where()).get_ca_certs()


@pytest.mark.parametrize("run", [run_sync, run_async], ids=["requests", "aiohttp"])
@pytest.mark.parametrize(
    ("changes", "is_taken"),
    [
        ({}, True),
        ({"key": "another"}, True),
        ({"requests_per_second": 1.0}, True),
        ({"endpoint": "https://elsewhere.example.com"}, False),
        ({"iam_endpoint": "https://iam.elsewhere.example.com"}, False),
        ({"verify": False}, False),
        ({"proxy": Proxy("http://proxy.example.com:3128")}, False),
    ],
)
def test_a_changed_connection_gives_a_client_its_login_but_no_other_servers(
    run: Callable[..., Any], changes: dict[str, Any], is_taken: bool
) -> None:
    """TLS and proxy are those of the client: another server would get the new login over the old way."""

    def reload() -> Generator[Reload, Any, Any]:
        return (yield Reload())

    present = settings()
    changed = _changed(present, **changes)
    assert run(reload(), present, changed) == (changed.auth_config if is_taken else None)


def _changed(given: Settings, **changes: Any) -> Settings:
    if "key" in changes:
        changes = {"key": AccessKey(changes["key"], "secret")}
    of_login = {name: value for name, value in changes.items() if hasattr(given.auth_config, name)}
    others = {name: value for name, value in changes.items() if name not in of_login}
    return replace(given, auth_config=replace(given.auth_config, **of_login), **others)
