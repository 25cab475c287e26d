"""What is no good HTTP, or no usual one: it is answered, and nothing is printed about it."""

from __future__ import annotations

import gzip
import http.client
import socket
from typing import TYPE_CHECKING

import pytest

from airflow_provider_ecsjobs.core.auth.signing import sign

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.emulator import Emulator
    from tests.emulator.emulator_client import SignedClient

POST = b"POST /v3/auth/tokens HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"


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
