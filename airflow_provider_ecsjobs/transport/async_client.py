"""Drives the flows with ``aiohttp``: for the triggerer, where thousands of waits share one client.

A client is shared by all who use the same connection in the same event loop. It is opened by the first, and closed
when the last one leaves.
"""

from __future__ import annotations

import asyncio
import logging
import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import aiohttp
from yarl import URL

from airflow_provider_ecsjobs.core.auth.session import AuthSession
from airflow_provider_ecsjobs.core.errors import ErrorKind
from airflow_provider_ecsjobs.core.responses import parse_object, slowdown_in
from airflow_provider_ecsjobs.core.steps import (
    MAX_BODY_BYTES,
    Finished,
    HttpRequest,
    Mask,
    Parsed,
    Priority,
    Response,
    Send,
    SingleFlight,
    Sleep,
    advance,
)
from airflow_provider_ecsjobs.transport.clock import system_clock
from airflow_provider_ecsjobs.transport.decoding import ACCEPTED_ENCODINGS, decompress
from airflow_provider_ecsjobs.transport.errors import transport_failure, write_log
from airflow_provider_ecsjobs.transport.rate_limit import AdaptiveRateLimiter, stated_limit
from airflow_provider_ecsjobs.transport.request_queue import RequestQueue
from airflow_provider_ecsjobs.transport.timers import TimerQueue

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Hashable

    from airflow_provider_ecsjobs.core.steps import Flow, TransportFailure
    from airflow_provider_ecsjobs.transport.config import Proxy, Settings
    from airflow_provider_ecsjobs.transport.errors import LogSink, MaskSecrets
    from airflow_provider_ecsjobs.transport.rate_limit import Permit

log = logging.getLogger(__name__)
_T = TypeVar("_T")

MAX_CONNECTIONS = 8
"""How many connections a client holds at most: at 0.1 s an answer they carry 80 polls a second."""
KEEPALIVE_SECONDS = 90.0
"""How long an idle connection is kept: longer than the longest gap between polls, so that TLS is set up once."""
MASK_SECONDS = 60.0
"""How long it may take to have secrets masked, in seconds, before the request is made all the same."""
MAX_BODY_IN_LOOP = 64 * 1024
"""The largest body in bytes that is parsed in the event loop: it takes a millisecond, and a thread's start a tenth."""


class AsyncClient:
    """A client of the jobs API for one event loop.

    :param settings: endpoint, project, login and limits.
    :param ssl_context: made off the loop, see :func:`make_ssl_context`.
    :param reload: reads the connection again; ``None`` if that fails.
    :param mask: has secrets masked in the logs; it may block.
    """

    def __init__(
        self,
        settings: Settings,
        ssl_context: ssl.SSLContext,
        reload: Callable[[], Awaitable[Settings | None]],
        mask: MaskSecrets,
    ) -> None:
        self._mask = mask
        self.settings = settings
        self.auth = AuthSession(settings.auth_config, settings.secrets)
        self._reload = reload
        self._queue = RequestQueue(AdaptiveRateLimiter(settings.requests_per_second), MAX_CONNECTIONS)
        self._timers = TimerQueue()
        self.clock = replace(system_clock(), final_poll_delay=self._queue.final_poll_delay)
        self._shared: dict[Hashable, asyncio.Task[Any]] = {}
        self._joined: dict[Hashable, asyncio.Future[Any]] = {}
        self._proxies: dict[str, Proxy | None] = {}
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS, ssl=ssl_context, keepalive_timeout=KEEPALIVE_SECONDS),
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=settings.connect_timeout, sock_read=settings.read_timeout
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept-Encoding": ACCEPTED_ENCODINGS},
            auto_decompress=False,
            # Else aiohttp would read .netrc in the event loop; the environment's proxies are looked up in `_send_step`.
            trust_env=False,
        )

    async def close(self) -> None:
        """Close all connections."""
        self._queue.close()
        self._timers.close()
        for task in self._shared.values():
            task.cancel()
        try:
            await asyncio.gather(*self._shared.values(), return_exceptions=True)
        finally:  # also if this is cancelled
            await self._session.close()

    async def run(self, flow: Flow[_T], logger: LogSink) -> _T:
        """Carry a flow out.

        :param flow: one of :mod:`airflow_provider_ecsjobs.core.flows`.
        :param logger: where its reports go.
        :return: what the flow returns.
        """
        answer: Any = None
        note = partial(write_log, logger)
        while True:
            step = advance(flow, answer, note)
            answer = None
            if isinstance(step, Finished):
                return step.result
            if isinstance(step, (HttpRequest, Send)):
                answer = await self._send_step(step)
            elif isinstance(step, Sleep):
                seconds = step.seconds
                del step  # thousands may sleep here
                await self._timers.sleep(seconds)
            elif isinstance(step, SingleFlight):
                answer = await self._run_shared(step, logger)
            elif isinstance(step, Mask):
                await self._have_masked(step.secrets)
            else:
                settings = await self._reload()
                answer = None if settings is None else settings.auth_config

    async def _have_masked(self, secrets: tuple[str, ...]) -> None:
        """Have secrets masked in the logs, in a thread: Airflow tells its supervisor of them, over a socket."""
        try:
            async with asyncio.timeout(MASK_SECONDS) as limit:
                await asyncio.to_thread(self._mask, secrets)
        except TimeoutError:
            if not limit.expired():
                raise

    async def _run_shared(self, step: SingleFlight, logger: LogSink) -> Any:
        result = self._share(step, logger) if step.detached else self._join(step, logger)
        if step.timeout == math.inf:
            return await result
        try:
            async with asyncio.timeout(step.timeout) as limit:
                return await result
        except TimeoutError:
            if not limit.expired():
                raise
            return None

    async def _share(self, step: SingleFlight, logger: LogSink) -> Any:
        """Join the flow that is already being carried out for this key, or start it."""
        task = self._shared.get(step.key)
        if task is None:
            task = self._shared[step.key] = asyncio.ensure_future(self.run(step.make(), logger))
            task.add_done_callback(partial(self._settled, step.key))
        # Shielded: one wait that is cancelled must not take the answer away from the others.
        return await asyncio.shield(task)

    def _settled(self, key: Hashable, task: asyncio.Task[Any]) -> None:
        del self._shared[key]
        if not task.cancelled():
            task.exception()  # looked at, for the case that nobody waits for it any more

    async def _join(self, step: SingleFlight, logger: LogSink) -> Any:
        """Wait for the flow that somebody else carries out for this key, or carry it out."""
        while (others := self._joined.get(step.key)) is not None:
            # Not awaited itself: a wait that is cancelled must not cancel it for the others.
            await asyncio.wait([others])
            if not others.cancelled():
                return others.result()
        mine = self._joined[step.key] = asyncio.get_running_loop().create_future()
        try:
            result = await self.run(step.make(), logger)
            mine.set_result(result)
        finally:
            del self._joined[step.key]
            mine.cancel()
        return result

    async def _send_step(self, step: HttpRequest | Send) -> Response | TransportFailure | None:
        # Waiting for one's turn is not the server's slowness: the clock starts behind it, as does a signature's age.
        # What a flow asks of its own accord is for a login.
        priority = Priority.LOGIN if isinstance(step, HttpRequest) else step.priority
        permit = await self._queue.acquire(priority)
        unused: Permit | None = permit
        try:
            request = step.make() if isinstance(step, Send) else step
            if request is None:
                return None
            unused = None
            answer = await self._send(request)
            if isinstance(answer, Response):
                answer = await _with_parsed(answer)
                self._adapt(answer, permit, is_poll=isinstance(step, Send))
            return answer
        finally:
            self._queue.release(unused)

    def _adapt(self, answer: Response, permit: Permit, *, is_poll: bool) -> None:
        """Ask more slowly, or not for a while, if an answer says so; else a little faster again."""
        limiter, now = self._queue.limiter, asyncio.get_running_loop().time()
        slowdown = slowdown_in(answer, now=self.clock.now())
        if slowdown is None:
            limiter.on_success(permit, now)
            return
        if slowdown.kind is ErrorKind.THROTTLED:
            # A limit of IAM's says nothing about polls.
            lowered = limiter.on_throttle(permit, now, stated_limit(slowdown.message) if is_poll else None)
            if lowered:
                log.info(
                    "Connection '%s': the API throttles (%s); asking %.3g times a second at most",
                    self.settings.auth_config.conn_id,
                    self.auth.redactor.text(str(slowdown)),
                    limiter.rate,
                )
        limiter.pause_until(now + (slowdown.retry_after or 0.0))

    def _proxy_for(self, request: HttpRequest) -> Proxy | None:
        """Find the proxy, once for each host: to look through the environment costs a quarter of a poll."""
        if request.is_direct:
            return None
        origin = "/".join(request.url.split("/", 3)[:3])
        if origin not in self._proxies:
            self._proxies[origin] = self.settings.proxy_for(request.url)
        return self._proxies[origin]

    async def _send(self, request: HttpRequest) -> Response | TransportFailure:
        settings = self.settings
        proxy = self._proxy_for(request)
        proxy_headers = _proxy_headers(proxy)
        # aiohttp gives the proxy its own headers only where it is asked for a tunnel.
        tunnelled = request.url.startswith("https:")
        try:
            async with (
                asyncio.timeout(settings.connect_timeout + settings.read_timeout),
                self._session.request(
                    request.method,
                    URL(request.url, encoded=True),
                    headers=request.headers if tunnelled else {**request.headers, **proxy_headers},
                    data=request.body or None,
                    allow_redirects=False,
                    proxy=None if proxy is None else proxy.url,
                    proxy_headers=proxy_headers if tunnelled else None,
                ) as response,
            ):
                body = await _read(response)
                headers = {name.lower(): value for name, value in response.headers.items()}
            if body is not None and "content-encoding" in headers:
                body = await asyncio.to_thread(decompress, body, headers["content-encoding"])
        except (aiohttp.ClientError, OSError, ValueError) as error:  # a TimeoutError is an OSError
            return transport_failure(request, error, self.auth.redactor)
        if body is None:
            return transport_failure(request, "the answer was too large", self.auth.redactor)
        return Response(response.status, headers, body)


async def _with_parsed(answer: Response) -> Response:
    body = answer.body
    is_large = len(body) > MAX_BODY_IN_LOOP
    value = await asyncio.to_thread(parse_object, body) if is_large else parse_object(body)
    return Response(answer.status, answer.headers, body, Parsed(value))


def _proxy_headers(proxy: Proxy | None) -> dict[str, str]:
    if proxy is None or not proxy.user:
        return {}
    return {"Proxy-Authorization": f"Basic {proxy.basic_credentials}"}


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
