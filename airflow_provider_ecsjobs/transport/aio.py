"""Drives the flows with ``aiohttp``: for the triggerer, where thousands of waits share one client.

A client is shared by all who use the same connection in the same event loop. It is opened by the first, and closed
when the last one leaves.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakKeyDictionary

import aiohttp
from yarl import URL

from airflow_provider_ecsjobs.core.exchange import MAX_BODY_BYTES, Answer, Request, Sleep, Trouble
from airflow_provider_ecsjobs.core.flows import Ambient
from airflow_provider_ecsjobs.transport.trouble import describe_trouble, log_report

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Hashable

    from airflow_provider_ecsjobs.core.exchange import Flow
    from airflow_provider_ecsjobs.transport.settings import Settings
    from airflow_provider_ecsjobs.transport.trouble import ReportLog

_T = TypeVar("_T")

MAX_CONNECTIONS = 8
"""How many connections a client holds at most: at 0.1 s an answer they carry 80 polls a second."""
KEEPALIVE_SECONDS = 90.0
"""How long an idle connection is kept: longer than the longest gap between polls, so that TLS is set up once."""


class AsyncClient:
    """A client of the jobs API for one event loop.

    :param settings: endpoint, project, credentials and limits.
    :param ssl_context: made off the loop, see :func:`make_ssl_context`.
    """

    def __init__(self, settings: Settings, ssl_context: ssl.SSLContext | None) -> None:
        self.settings = settings
        self.ambient = Ambient(time.time, random.random)
        self._slots = asyncio.Semaphore(MAX_CONNECTIONS)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=MAX_CONNECTIONS, ssl=ssl_context or True, keepalive_timeout=KEEPALIVE_SECONDS
            ),
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=settings.connect_timeout, sock_read=settings.read_timeout
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=True,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def run(self, flow: Flow[_T], logger: ReportLog) -> _T:
        """Carry a flow out.

        :param flow: one of :mod:`airflow_provider_ecsjobs.core.flows`.
        :param logger: where its reports go.
        :return: what the flow returns.
        """
        answer: Answer | Trouble | None = None
        while True:
            try:
                step = flow.send(answer)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            answer = None
            if isinstance(step, Request):
                answer = await self._ask(step)
            elif isinstance(step, Sleep):
                await asyncio.sleep(step.seconds)
            else:
                log_report(logger, step)

    async def _ask(self, request: Request) -> Answer | Trouble:
        settings = self.settings
        # Waiting for one's turn is not the server's slowness: the clock starts behind it.
        async with self._slots:
            try:
                async with (
                    asyncio.timeout(settings.connect_timeout + settings.read_timeout),
                    self._session.request(
                        request.method,
                        URL(request.url, encoded=True),
                        headers=request.headers,
                        data=request.body or None,
                        allow_redirects=False,
                    ) as response,
                ):
                    body = await _read(response)
                    headers = {name.lower(): value for name, value in response.headers.items()}
            except (aiohttp.ClientError, OSError, ValueError) as error:  # a TimeoutError is an OSError
                return Trouble(describe_trouble(request, error))
        if body is None:
            return Trouble(describe_trouble(request, "the answer was too large"))
        return Answer(response.status, headers, body)


async def _read(response: aiohttp.ClientResponse) -> bytes | None:
    """Read the body; ``None`` if it is too large."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_any():
        chunks.append(chunk)
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            return None
    return b"".join(chunks)


def make_ssl_context(settings: Settings) -> ssl.SSLContext | None:
    """Make the TLS context; it reads files and takes tens of milliseconds, so never call it in an event loop.

    :return: the context, ``None`` for plain http.
    """
    if settings.target.endpoint.startswith("http://"):
        return None
    context = ssl.create_default_context(cafile=settings.verify if isinstance(settings.verify, str) else None)
    if settings.verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


@dataclass
class _Lease:
    opening: asyncio.Task[AsyncClient]
    users: int = 0


_leases: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, _Lease]] = WeakKeyDictionary()


@asynccontextmanager
async def shared_client(key: Hashable, load: Callable[[], Awaitable[Settings]]) -> AsyncIterator[AsyncClient]:
    """Use the client that all users of ``key`` in this event loop share.

    :param key: what makes two users the same: the connection and what was set beside it.
    :param load: reads the settings; called once, by the first user.
    :raises Exception: whatever ``load`` raises, for all who waited for it; the next user tries again.
    """
    leases = _leases.setdefault(asyncio.get_running_loop(), {})
    lease = leases.get(key)
    if lease is None or _has_failed(lease):
        lease = leases[key] = _Lease(asyncio.ensure_future(_open(load)))
    lease.users += 1
    try:
        # Shielded: one user that is cancelled must not take the opening away from the others.
        yield await asyncio.shield(lease.opening)
    finally:
        lease.users -= 1
        if lease.users == 0:
            if leases.get(key) is lease:
                del leases[key]
            await _close(lease)


def _has_failed(lease: _Lease) -> bool:
    opening = lease.opening
    return opening.done() and (opening.cancelled() or opening.exception() is not None)


async def _open(load: Callable[[], Awaitable[Settings]]) -> AsyncClient:
    settings = await load()
    return AsyncClient(settings, await asyncio.to_thread(make_ssl_context, settings))


async def _close(lease: _Lease) -> None:
    opening = lease.opening
    if not opening.done():
        opening.cancel()
        await asyncio.wait([opening])
    if not opening.cancelled() and opening.exception() is None:
        await opening.result().close()
