"""Fault injection: what a network, a proxy or an overloaded service does to a response."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import web

from airflow_provider_ecsjobs.emulator.errors import ecs_error
from airflow_provider_ecsjobs.emulator.json_body import encode_body
from airflow_provider_ecsjobs.emulator.values import (
    HEADER_NAME,
    HEADER_VALUE,
    check_choice,
    check_pattern,
    check_seconds,
    check_text,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_RESETS = ("before", "during", "after")
_CODES = {202: "Common.0024", 429: "Common.1503", 503: "Common.1503"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault of the next requests with this path and method.

    :param path: regular expression to search in the path.
    :param method: the HTTP method, such as ``POST``; None for any.
    :param times: the number of requests with the fault.
    :param status: respond with this HTTP status instead of the real response (with a body and no status: 200).
    :param headers: the headers of that response, except those of its length. Without status and body, they are added
        to the real response.
    :param body: the body of that response; a dict is sent as JSON. A status without a body gets an ECS error body.
    :param delay: seconds to wait before anything else.
    :param stall: seconds to hold the response back after the request has had its effect.
    :param reset: ``"before"`` resets the TCP connection before the request is handled, ``"during"`` cuts it in the
        middle of the response body, ``"after"`` resets it after the request has had its effect.
    :param truncate: send half the body as a complete response.
    :raises ValueError: if a value is not one of these.
    """

    path: str = r".*"
    method: str | None = None
    times: int = 1
    status: int | None = None
    headers: dict[str, str] | None = None
    body: str | bytes | dict[str, Any] | None = None
    delay: float = 0.0
    stall: float = 0.0
    reset: str | None = None
    truncate: bool = False

    def __post_init__(self) -> None:
        check_pattern("path", self.path)
        if not isinstance(self.times, int) or self.times < 1:
            raise ValueError(f"times must be a positive integer, not {self.times!r}")
        if self.status is not None and (not isinstance(self.status, int) or not 200 <= self.status <= 599):
            raise ValueError(f"status must be an HTTP status from 200 to 599, not {self.status!r}")
        check_seconds(delay=self.delay, stall=self.stall)
        if self.method is not None and not isinstance(self.method, str):
            raise ValueError(f"method must be an HTTP method, not {self.method!r}")
        if self.reset is not None:
            check_choice("reset", self.reset, _RESETS)
        for name, value in (self.headers or {}).items():
            check_text(HEADER_NAME, **{"names of headers": name})
            check_text(HEADER_VALUE, **{"values of headers": value})
        if self.body is not None:
            encode_body(self.body)

    async def apply(self, request: web.Request, handle: Callable[[], Awaitable[web.Response]]) -> web.StreamResponse:
        """Return the response to the request with this fault applied.

        :param request: the request.
        :param handle: handles the request as without a fault.
        """
        await asyncio.sleep(self.delay)
        if self.reset == "before":
            return _reset(request)
        invented = None if self.reset == "after" else self._invented()
        response = await handle() if invented is None else invented
        await asyncio.sleep(self.stall)
        if self.reset == "after":
            return _reset(request)
        response.headers.update(self.headers or {})
        body = response.body
        assert isinstance(body, bytes)
        if self.reset == "during":
            return await _cut(request, response, body)
        if self.truncate:
            response.body = body[: len(body) // 2]
        return response

    def _invented(self) -> web.Response | None:
        """Return the response that replaces the real one, if there is one."""
        if self.status is None and self.body is None:
            return None
        status, body = self.status or 200, self.body
        if body is None:
            body = ecs_error(status, _CODES.get(status, "Common.0001"), "Injected fault.").body
        if isinstance(body, dict):
            return web.json_response(body, status=status)
        content = encode_body(body)
        kind = "text/html" if content.lstrip()[:1] == b"<" else "application/json"
        headers = {} if "content-type" in map(str.lower, self.headers or {}) else {"Content-Type": kind}
        return web.Response(body=content, status=status, headers=headers)


class FaultPlan:
    """The faults that are still to happen, in the order they were added. It is thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: list[tuple[Fault, int]] = []

    def add(self, fault: Fault) -> None:
        """Apply a fault to the next requests that match it."""
        with self._lock:
            self._pending.append((fault, fault.times))

    def clear(self) -> None:
        """Remove the faults that have not happened yet."""
        with self._lock:
            self._pending.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """Return the fault for a request with this method and path, and count it as used."""
        with self._lock:
            for index, (fault, left) in enumerate(self._pending):
                if re.search(fault.path, path) and (fault.method or method).upper() == method:
                    self._pending[index : index + 1] = [(fault, left - 1)] if left > 1 else []
                    return fault
        return None


def _reset(request: web.Request) -> web.Response:
    transport = request.transport
    if transport is not None:
        connection = transport.get_extra_info("socket")
        # A linger time of 0 seconds makes the close a RST instead of an orderly FIN.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response()


async def _cut(request: web.Request, response: web.Response, body: bytes) -> web.StreamResponse:
    cut = web.StreamResponse(status=response.status, headers=response.headers)
    cut.content_length = len(body)
    transport = request.transport
    await cut.prepare(request)
    await cut.write(body[: len(body) // 2])
    # No RST here: the client's kernel would then drop the data that has arrived already.
    if transport is not None:
        transport.abort()
    return cut
