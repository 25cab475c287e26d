"""``EcsJobsHook.get_conn().session``: what it signs, and what it keeps to itself."""

from __future__ import annotations

import json
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from airflow_provider_ecsjobs.exceptions import EcsConfigError, EcsJobTimeout, EcsUnauthorizedError
from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook
from tests.support.patience import A_MINUTE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_ecsjobs.emulator import Emulator

SERVER = {"name": "a", "imageRef": "i", "flavorRef": "f", "vpcid": "v", "nics": [{"subnet_id": "s"}]}
SERVER["root_volume"] = {"volumetype": "SSD"}  # type: ignore[assignment]


@pytest.mark.parametrize("auth", ["aksk", "password"])
def test_it_authorizes_what_the_user_asks(
    ecs_emulator: Emulator, set_connection: Callable[..., None], auth: str
) -> None:
    set_connection(**ecs_emulator.connection(auth))
    client = EcsJobsHook().get_conn()
    project = client.log_in().project_id
    answer = client.session.post(
        f"{ecs_emulator.url}/v1/{project}/cloudservers", json={"server": SERVER}, timeout=A_MINUTE
    )
    assert answer.status_code == 200
    assert answer.json()["job_id"]


def test_credentials_are_sent_to_the_connections_endpoints_only(connected: Emulator) -> None:
    session = EcsJobsHook().get_conn().session
    port = connected.url.rpartition(":")[2]
    with pytest.raises(EcsConfigError, match=f"not sent to http://localhost:{port}, only to {connected.url}"):
        session.get(f"http://localhost:{port}/", timeout=A_MINUTE)
    assert connected.counters["requests"] == 0


def test_a_redirect_is_not_followed(set_connection: Callable[..., None], ecs_emulator: Emulator) -> None:
    elsewhere = f"{ecs_emulator.url.replace('127.0.0.1', 'localhost')}/stolen"
    with one_answer(f"HTTP/1.1 302 Found\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n") as url:
        set_connection(**ecs_emulator.connection("token", iam_endpoint=url) | {"host": url})
        answer = EcsJobsHook().get_conn().session.get(f"{url}/v1/x", timeout=A_MINUTE)
    assert answer.status_code == 302
    assert ecs_emulator.counters["requests"] == 0


def test_a_body_that_can_not_be_signed_is_refused(connected: Emulator) -> None:
    session = EcsJobsHook().get_conn().session
    with pytest.raises(TypeError, match="needs its whole body"):
        session.post(f"{connected.url}/v1/x", data=iter([b"a"]), timeout=A_MINUTE)
    assert connected.counters["requests"] == 0


@pytest.mark.usefixtures("quick_backoff")
def test_unauthorized_credentials_are_named_as_such(connected: Emulator, set_connection: Callable[..., None]) -> None:
    set_connection(**connected.connection("password") | {"password": "wrong"})
    with pytest.raises(EcsUnauthorizedError, match=r"can.t log in: .*IAM user emulator-user"):
        EcsJobsHook().get_conn().log_in()
    set_connection(**connected.connection() | {"password": "wrong"})
    with pytest.raises(EcsUnauthorizedError, match="access key EMULATORACCESSKEY"):
        EcsJobsHook().get_job("abc")


def test_any_server_that_says_404_is_not_the_ecs_api(set_connection: Callable[..., None]) -> None:
    body = json.dumps({"detail": "Not Found"})
    reply = f"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    with one_answer(reply) as url:
        set_connection(
            conn_type="huawei_ecs", login="AK", password="SK-of-AK", host=url, extra={"project_id": "p", "region": "r"}
        )
        works, text = EcsJobsHook().test_connection()
    assert not works
    assert f"{url} sent no usable response" in text


@pytest.mark.parametrize(
    ("head", "drip"),
    [("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b" "), ("HTTP/1.1 200 OK\r\n", b"X-More: 1\r\n")],
    ids=["body", "headers"],
)
def test_a_dripping_response_ends_with_the_timeouts(
    set_connection: Callable[..., None], head: str, drip: bytes
) -> None:
    with one_answer(head, drip=drip) as url:
        extra = {"project_id": "p", "region": "r", "connect_timeout": 0.2, "read_timeout": 0.3}
        set_connection(conn_type="huawei_ecs", login="AK", password="SK-of-AK", host=url, extra=extra)
        with pytest.raises(EcsJobTimeout, match="it took too long"):
            EcsJobsHook().wait_for_job("abc", timeout=0.1)


class one_answer:  # noqa: N801 - used like a function
    """A server that gives every request the same bytes, and may then drip others without end."""

    def __init__(self, reply: str, drip: bytes = b"") -> None:
        self._reply, self._drip = reply.encode(), drip
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._socket.close()

    def _serve(self) -> None:
        for connection in self._connections():
            with connection:
                connection.recv(65536)
                connection.sendall(self._reply)
                while self._drip and not self._stop.wait(0.05):
                    try:
                        connection.sendall(self._drip)
                    except OSError:
                        break

    def _connections(self) -> Iterator[socket.socket]:
        while not self._stop.is_set():
            try:
                yield self._socket.accept()[0]
            except OSError:
                return
