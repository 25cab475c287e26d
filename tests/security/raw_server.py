"""A server that notes each request, byte for byte, and answers with given bytes; and the ways to ask it."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook
from airflow_provider_ecsjobs.operators.ecs_jobs import EcsJobOperator
from airflow_provider_ecsjobs.triggers.ecs_jobs import EcsJobTrigger
from tests.support.patience import A_MINUTE

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

SECRET, TOKEN = "canary-secret-key", "canary-token"
CREDENTIAL_HEADERS = ("authorization:", "x-auth-token:", "x-security-token:", "proxy-authorization:", "cookie:")
QUICK = {"poll_interval": 0.03, "max_poll_interval": 0.03, "unreachable_timeout": 0.1}


def answer(status: int, body: Any = b"", **headers: str) -> bytes:
    """Write an answer; a dict is sent as JSON, an underscore in a header's name stands for a hyphen."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(content)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + content


class RawServer:
    """Listens on a free port of 127.0.0.1; use it as a context manager.

    :param reply: makes the answer from a request's head; or the answer itself.
    """

    def __init__(self, reply: bytes | Callable[[str], bytes]) -> None:
        self.heads: list[str] = []
        self._reply = reply
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._open: socket.socket | None = None
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self.url = f"http://{self.address}"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        if self._open is not None:
            # A client may keep what it could not read, and never hang up.
            with suppress(OSError):
                self._open.shutdown(socket.SHUT_RDWR)
        self._thread.join(A_MINUTE)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._open = connection
            with connection:
                connection.settimeout(A_MINUTE)
                try:
                    self._answer(connection)
                except OSError:  # the client has had enough
                    continue

    def _answer(self, connection: socket.socket) -> None:
        data = b""
        while b"\r\n\r\n" not in data:
            part = connection.recv(65536)
            if not part:
                return
            data += part
        head, _, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        while length is not None and len(body) < int(length[1]):
            body += connection.recv(65536)
        self.heads.append(head.decode("latin-1"))
        connection.sendall(self._reply(self.heads[-1]) if callable(self._reply) else self._reply)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):  # else what the client has not read yet would be reset
            pass


def by_hook(job_id: str) -> str:
    """Wait in this process; give the text of whatever came of it."""
    try:
        return str(EcsJobsHook().wait_for_job(job_id, timeout=0.5, **QUICK).status)
    except Exception as error:  # noqa: BLE001 - the text is what is looked at
        return f"{type(error).__name__}: {error}"


def by_trigger(job_id: str) -> str:
    """Wait as a triggerer does, and resume a task with the event; give the event's message and what the task says."""

    async def wait() -> Any:
        (event,) = [event.payload async for event in EcsJobTrigger(job_id, deadline=time.time() + 0.5, **QUICK).run()]
        return json.loads(json.dumps(event))

    event = asyncio.run(wait())
    try:
        EcsJobOperator(task_id="t", job_id=job_id).execute_complete({}, event)  # type: ignore[typeddict-item]
    except Exception as error:  # noqa: BLE001 - the text is what is looked at
        return f"{event['message']}\n{error}"
    return str(event["message"])


WAYS = {"requests": by_hook, "aiohttp": by_trigger}


def has_credentials(head: str) -> bool:
    return any(name in head.lower() for name in CREDENTIAL_HEADERS) or "canary" in head
