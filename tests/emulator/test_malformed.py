"""What is no good HTTP, or no usual one: it is answered, and nothing is printed about it."""

from __future__ import annotations

import gzip
import http.client
import socket
from typing import TYPE_CHECKING

import pytest

from airflow_provider_ecsjobs.core.auth.signing import sign
from tests.emulator.create_body import CREATE
from tests.support.patience import wait_until

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.emulator import Emulator
    from tests.emulator.emulator_client import SignedClient

POST = b"POST /v3/auth/tokens HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
USER = b'{"name": "u", "password": "\\ud800", "domain": {"name": "d"}}'
LOGIN = b'{"auth": {"identity": {"methods": ["password"], "password": {"user": %s}}}}' % USER
TTL = b"PUT /meta-data/latest/api/token HTTP/1.1\r\nHost: x\r\nX-Metadata-Token-Ttl-Seconds: "


def from_host(host: bytes) -> bytes:
    return b"GET /v3 HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01garbage\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\x00bad\r\n\r\n", 400),
        (b"GET http://[::1/v3 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (POST + b"Content-Length: -4\r\n\r\n", 400),
        (POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (POST + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd", 400),
        (POST + b"Content-Length: 100000\r\n\r\n" + b"[" * 100_000, 400),
        (b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404),
        (b"GET http://elsewhere:1/v3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200),
        (POST + b"Content-Length: %d\r\n\r\n" % len(LOGIN) + LOGIN, 400),
        (TTL + b"9" * 5000 + b"\r\nConnection: close\r\n\r\n", 400),
        *((from_host(host), 400) for host in (b"[", b"a:99999", b"a:b", b"", b"\xff")),
        *((from_host(host), 200) for host in (b"a", b"a:80", b"[::1]:80")),
    ],
)
def test_malformed_http_is_answered_and_not_printed(
    ecs_emulator: Emulator, capfd: pytest.CaptureFixture[str], sent: bytes, status: int
) -> None:
    address = ("127.0.0.1", int(ecs_emulator.url.rpartition(":")[2]))
    with socket.create_connection(address, timeout=60) as connection:
        connection.sendall(sent)
        answer = connection.recv(4096)

    assert answer.split()[1] == str(status).encode()
    ecs_emulator.stop()
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("names", "sent"),
    [
        ("host;x-sdk-date", {"Signature": b"\xff"}),
        ("host;x-name;x-sdk-date", {"X-Name": b"\xff", "Signature": b"0"}),
        ("host;x-sdk-date", {"X-Security-Token": b"\xff", "Signature": b"0"}),
    ],
)
def test_a_byte_that_is_not_utf_8_is_signed_by_nobody(
    client: SignedClient, ecs_emulator: Emulator, names: str, sent: dict[str, bytes]
) -> None:
    host = client.url.partition("://")[2]
    signature = sent.pop("Signature")
    access_key = client.credentials.access_key
    authorization = f"SDK-HMAC-SHA256 Access={access_key}, SignedHeaders={names}, Signature=".encode()
    headers = {"X-Sdk-Date": f"{client.now():%Y%m%dT%H%M%SZ}", **sent, "Authorization": authorization + signature}
    connection = http.client.HTTPConnection(host, timeout=60)
    connection.request("GET", f"/v1/{client.project_id}/jobs/x", headers=headers)

    assert connection.getresponse().status == 401
    assert ecs_emulator.counters["unauthorized"] == 1
    connection.close()


def test_a_client_that_goes_away_within_its_body_is_no_bug(
    ecs_emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    address = ("127.0.0.1", int(ecs_emulator.url.rpartition(":")[2]))
    with socket.create_connection(address, timeout=60) as connection:
        connection.sendall(POST + b"Content-Length: 999\r\n\r\n{")

    wait_until(lambda: ecs_emulator.requests)

    assert [request["status"] for request in ecs_emulator.requests] == [None]
    assert "bug" not in caplog.text


def test_the_size_in_a_flavor_may_have_any_number_of_digits(client: SignedClient, ecs_emulator: Emulator) -> None:
    digits = "9" * 5000
    server = {**CREATE["server"], "flavorRef": f"s6.{digits}large.{digits}"}
    assert client.request("POST", "/cloudservers", body={"server": server}).status_code == 200

    assert client.request("GET", "/cloudservers/detail").status_code == 200


def test_a_signature_over_an_absolute_target_is_verified(client: SignedClient, ecs_emulator: Emulator) -> None:
    host, path = client.url.partition("://")[2], f"/v1/{client.project_id}/jobs/x"
    headers = sign(client.credentials, method="GET", host=host, path=path, when=client.now())
    connection = http.client.HTTPConnection(host, timeout=60)
    connection.request("GET", f"{client.url}{path}", headers=headers)

    assert connection.getresponse().status == 400
    assert ecs_emulator.counters["unauthorized"] == 0
    connection.close()


@pytest.mark.parametrize("body", [b"", gzip.compress(b"{}", mtime=0)], ids=["empty", "packed"])
def test_a_body_announced_as_unsigned_is_not_verified(client: SignedClient, body: bytes) -> None:
    headers = {"X-Sdk-Content-Sha256": "UNSIGNED-PAYLOAD"}

    assert client.request("POST", "/cloudservers", body=body, headers=headers).status_code == 400


def test_a_body_that_is_not_the_announced_one_is_refused(client: SignedClient) -> None:
    answer = client.request("POST", "/cloudservers", body=b"{}", headers={"X-Sdk-Content-Sha256": "0" * 64})

    assert (answer.status_code, answer.json()["error_code"]) == (401, "APIGW.0301")
