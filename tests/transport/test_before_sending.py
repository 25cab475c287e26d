"""Trouble before a request is sent: no submit is left unknown for it. The same trouble later leaves it unknown."""

from __future__ import annotations

import os
import shutil
import socket
from typing import TYPE_CHECKING, Any

import certifi
import pytest

from airflow_provider_ecsjobs.core import flows
from airflow_provider_ecsjobs.core.errors import ApiError, EcsConfigError, ErrorKind
from airflow_provider_ecsjobs.core.operations import OPERATIONS
from airflow_provider_ecsjobs.core.steps import HttpRequest, TransportFailure
from airflow_provider_ecsjobs.core.submit.submission import SubmitRequest
from airflow_provider_ecsjobs.transport import sync_client
from airflow_provider_ecsjobs.transport.config import ConnectionFields, Proxy, Settings
from airflow_provider_ecsjobs.transport.sync_client import SyncClient
from airflow_provider_ecsjobs.transport.tls import make_ssl_context
from tests.transport.test_transport_errors import ask_async, ask_sync, reset, self_signed, serving, settings

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from pathlib import Path

    Respond = Callable[[socket.socket], None]
    Ask = Callable[..., TransportFailure]


@pytest.fixture(params=[ask_sync, ask_async], ids=["requests", "aiohttp"])
def ask(request: pytest.FixtureRequest) -> Ask:
    def asked(url: str, **changes: Any) -> TransportFailure:
        found = request.param(HttpRequest("POST", f"{url}/v1/p/cloudservers", {}, b"{}"), settings(**changes))
        assert isinstance(found, TransportFailure)
        return found

    return asked


def refuse(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def hang_up(connection: socket.socket) -> None:
    connection.recv(65536)


def reset_after_reading(connection: socket.socket) -> None:
    connection.recv(65536)
    reset(connection)


RESPONSES = pytest.mark.parametrize(
    "respond", [refuse, hang_up, reset_after_reading], ids=["plain http", "closed", "reset"]
)


class TestNeverSent:
    @RESPONSES
    def test_a_proxy_that_opens_no_tunnel(self, ask: Ask, respond: Respond) -> None:
        with serving(respond) as address:
            found = ask("https://ecs.example.com", proxy=Proxy(f"http://{address}"))
        assert not found.may_have_arrived

    @RESPONSES
    def test_a_server_that_breaks_the_tls_handshake(self, ask: Ask, respond: Respond) -> None:
        with serving(respond) as address:
            found = ask(f"https://{address}")
        assert not found.may_have_arrived

    @pytest.mark.parametrize(
        ("url", "headers", "changes"),
        [
            ("http://ecs.example.com", {"X-Security-Token": "canary-1\ncanary-2"}, {}),
            ("http://exa mple.com:port", {}, {}),
            ("ftp://ecs.example.com", {}, {}),
            ("https://ecs.example.com", {}, {"proxy": Proxy("http:///nowhere")}),
        ],
        ids=["header", "url", "scheme", "proxy"],
    )
    def test_a_request_that_requests_does_not_take(self, url: str, headers: Any, changes: dict[str, Any]) -> None:
        found = ask_sync(HttpRequest("POST", f"{url}/v1", headers, b"{}"), settings(**changes))
        assert isinstance(found, TransportFailure)
        assert not found.may_have_arrived
        assert "canary" not in found.reason

    def test_a_ca_bundle_that_has_gone_since(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        bundle = tmp_path / "ca.pem"
        monkeypatch.setattr(sync_client, "make_ssl_context", lambda settings: None)
        found = ask_sync(HttpRequest("POST", "https://127.0.0.1:1/v1", {}, b"{}"), settings(verify=str(bundle)))
        assert isinstance(found, TransportFailure)
        assert not found.may_have_arrived

    def test_a_submit_that_a_proxy_refuses_is_sent_again_and_not_unknown(self) -> None:
        """An attach must not be repeated once it may have arrived."""
        extra = {"region": "cn-north-4", "project_id": "p" * 32}
        request = SubmitRequest.build(
            OPERATIONS["attach_server_volume"], {"server_id": "s1"}, {"volumeAttachment": {"volumeId": "v"}}
        )
        with serving(refuse) as address:
            fields = ConnectionFields("conn", "K" * 20, "s" * 40, extra={**extra, "proxy": f"http://{address}"})
            with SyncClient(Settings.from_connection(fields), logger=_Mute(), reload=lambda: None, mask=list) as client:
                found = client.run(flows.submit(client.auth, request, client.clock, timeout=0.0))
        assert isinstance(found, ApiError)
        assert found.kind is ErrorKind.TRANSIENT


class _Mute:
    def log(self, level: int, event: str, /, *args: Any) -> None:
        return None


def junk(secured: ssl.SSLSocket) -> None:
    with socket.socket(fileno=secured.detach()) as connection:
        connection.sendall(b"no record of TLS " * 10)


def end_without_notice(secured: ssl.SSLSocket) -> None:
    with socket.socket(fileno=secured.detach()) as connection:
        connection.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("trouble", [junk, end_without_notice])
def test_tls_that_breaks_after_the_request_may_have_arrived(
    ask: Ask, tmp_path: Path, trouble: Callable[[ssl.SSLSocket], None]
) -> None:
    context, got = self_signed(tmp_path), []

    def respond(connection: socket.socket) -> None:
        secured = context.wrap_socket(connection, server_side=True)
        data = b""
        while not data.endswith(b"{}"):
            data += secured.recv(65536)
        got.append(data)
        trouble(secured)

    with serving(respond) as address:
        found = ask(f"https://{address}", verify=False)
    assert len(got) == 1
    assert found.may_have_arrived


class TestCaBundleOfTheEnvironment:
    @pytest.mark.parametrize(
        "make", [make_ssl_context, lambda given: ask_sync(None, given)], ids=["aiohttp", "requests"]
    )
    def test_one_that_cannot_be_used_is_named_at_once(
        self, make: Callable[[Settings], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        no_pem = tmp_path / "no.pem"
        no_pem.write_text("nothing")
        for path in (tmp_path / "none.pem", no_pem):
            monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(path))
            with pytest.raises(EcsConfigError, match=f"Connection 'conn': the CA bundle {path} .* can't be used"):
                make(settings())

    def test_clients_share_one_context_until_it_is_replaced(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bundle = tmp_path / "bundle.pem"
        shutil.copy(certifi.where(), bundle)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
        first = make_ssl_context(settings())
        assert make_ssl_context(settings()) is first
        assert make_ssl_context(settings(verify=False)) is not first
        os.utime(bundle, (1, 1))
        assert make_ssl_context(settings()) is not first

    def test_it_may_be_a_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
        make_ssl_context(settings())
        SyncClient(settings(), logger=_Mute(), reload=lambda: None, mask=list).close()

    def test_it_does_not_matter_if_certificates_are_not_checked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/bundle.pem")
        make_ssl_context(settings(verify=False))
        SyncClient(settings(verify=False), logger=_Mute(), reload=lambda: None, mask=list).close()
