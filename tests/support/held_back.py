"""Answers that come too late: held back for as long as somebody waits, while all others are waited for.

With a short read timeout on all requests, a busy machine would make any answer one that comes too late.
"""

from __future__ import annotations

import asyncio
import re
from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp

from airflow_provider_ecsjobs.emulator import Fault
from airflow_provider_ecsjobs.transport.async_client import AsyncClient
from airflow_provider_ecsjobs.transport.sync_client import SyncClient

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import pytest
    from aiohttp import web

    from airflow_provider_ecsjobs.core.steps import HttpRequest
    from airflow_provider_ecsjobs.emulator import Emulator

SOON = 0.1
"""The read and the connect timeout of a request whose answer is held back, in seconds; the drivers add them up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldBack(Fault):
    """A fault that holds the answer back until the client has given up.

    :param has_effect_first: whether the request has its effect at once; else it has it when nobody waits any more.
    """

    has_effect_first: bool = False

    async def apply(self, request: web.Request, handle: Callable[[], Awaitable[web.Response]]) -> web.StreamResponse:
        await request.read()  # nothing can be read any more when the client has gone
        if not self.has_effect_first:
            await _nobody_waits(request)
        response = await handle()
        await _nobody_waits(request)
        return response


async def _nobody_waits(request: web.Request) -> None:
    while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110 - there is no event
        await asyncio.sleep(0.005)


def give_up_what_is_held_back(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let both drivers give up soon on what the emulator holds back, and only on that.

    :param emulator: the emulator, asked by one wait at a time.
    """

    send_sync, send_async = SyncClient._send, AsyncClient._send

    def sending(client: SyncClient, request: HttpRequest) -> Any:
        if is_next_held_back(emulator, request):
            client = copy(client)
            client.settings = replace(client.settings, connect_timeout=SOON, read_timeout=SOON)
        return send_sync(client, request)

    async def sending_async(client: AsyncClient, request: HttpRequest) -> Any:
        usual = client._session._timeout
        if is_next_held_back(emulator, request):
            client._session._timeout = aiohttp.ClientTimeout(total=2 * SOON)
        try:
            return await send_async(client, request)
        finally:
            client._session._timeout = usual

    monkeypatch.setattr(SyncClient, "_send", sending)
    monkeypatch.setattr(AsyncClient, "_send", sending_async)


def is_next_held_back(emulator: Emulator, request: HttpRequest) -> bool:
    """Tell whether such a request may meet a fault that holds it back: the next one, or one behind a reset.

    After a reset of a connection that it has used before, aiohttp sends a request again by itself.
    """
    plan, path = emulator._cloud.faults, urlsplit(request.url).path
    with plan._lock:
        faults = [fault for fault, _ in plan._pending]
    fitting = (fault for fault in faults if re.search(fault.path, path) and fault.method in (None, request.method))
    return isinstance(next((fault for fault in fitting if not fault.reset), None), HeldBack)
