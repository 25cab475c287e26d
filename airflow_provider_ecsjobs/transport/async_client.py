"""The asynchronous driver of the flows, with ``aiohttp``, for the triggerer. Thousands of waits share one client.

All waits with the same connection in the same event loop share a client. The first one opens it, the last one closes
it.
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
    Turn,
    advance,
)
from airflow_provider_ecsjobs.transport.clock import system_clock
from airflow_provider_ecsjobs.transport.decoding import ACCEPTED_ENCODINGS, decompress
from airflow_provider_ecsjobs.transport.errors import refused_by_proxy, transport_failure
from airflow_provider_ecsjobs.transport.logs import write_log
from airflow_provider_ecsjobs.transport.rate_limit import AdaptiveRateLimiter, stated_limit
from airflow_provider_ecsjobs.transport.request_queue import RequestQueue
from airflow_provider_ecsjobs.transport.timers import TimerQueue

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Hashable

    from airflow_provider_ecsjobs.core.steps import Flow, Step, TransportFailure
    from airflow_provider_ecsjobs.transport.config import Proxy, Settings
    from airflow_provider_ecsjobs.transport.logs import LogSink, MaskSecretsAsync
    from airflow_provider_ecsjobs.transport.rate_limit import Permit

log = logging.getLogger(__name__)
_T = TypeVar("_T")

MAX_CONNECTIONS = 8
"""The most connections of a client. With responses in 0.1 s, they are enough for 80 polls per second."""
KEEPALIVE_SECONDS = 90.0
"""How long an idle connection stays open: longer than the longest delay between polls, to set up TLS only once."""
MAX_HEADER_BYTES = 64 * 1024
"""The longest header of a response, as in the sync client. IAM returns tokens in a header, and many are over 8 KiB."""
MASK_SECONDS = 60.0
"""The maximum time to mask secrets, in seconds. After that, the flow continues anyway."""
MAX_BODY_IN_LOOP = 64 * 1024
"""The largest body that is parsed in the event loop, in bytes. It takes 1 ms; to start a thread takes 0.1 ms."""


class AsyncClient:
    """A client of the jobs API for one event loop.

    :param settings: endpoint, project, login and limits.
    :param ssl_context: the TLS context, created outside the loop, see :func:`make_ssl_context`.
    :param reload: reads the connection again; returns ``None`` if that fails.
    :param mask: masks secrets in the logs.
    """

    def __init__(
        self,
        settings: Settings,
        ssl_context: ssl.SSLContext,
        reload: Callable[[], Awaitable[Settings | None]],
        mask: MaskSecretsAsync,
    ) -> None:
        self._mask = mask
        self.settings = settings
        self.auth = AuthSession(settings.auth_config, settings.secrets)
        self._reload = reload
        self._queue = RequestQueue(AdaptiveRateLimiter(settings.requests_per_second), MAX_CONNECTIONS)
        self._timers = TimerQueue(self._queue)
        self.clock = replace(system_clock(), final_poll_delay=self._queue.final_poll_delay)
        self._shared: dict[Hashable, asyncio.Task[Any]] = {}
        self._joined: dict[Hashable, asyncio.Future[Any]] = {}
        self._proxies: dict[str, Proxy | None] = {}
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS, ssl=ssl_context, keepalive_timeout=KEEPALIVE_SECONDS),
            timeout=aiohttp.ClientTimeout(
                total=settings.connect_timeout + settings.read_timeout,
                sock_connect=settings.connect_timeout,
                sock_read=settings.read_timeout,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept-Encoding": ACCEPTED_ENCODINGS},
            auto_decompress=False,
            # Otherwise aiohttp would read .netrc in the event loop. `_proxy_for` finds the environment's proxies.
            trust_env=False,
            max_field_size=MAX_HEADER_BYTES,
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

    async def run(self, flow: Flow[_T], logger: LogSink, permit: Permit | None = None) -> _T:
        """Run a flow and return its result.

        :param flow: one of :mod:`airflow_provider_ecsjobs.core.flows`.
        :param logger: gets the flow's log lines.
        :param permit: the permit for the flow's first request, if it has one.
        """
        result: Any = None
        while True:
            try:
                step = advance(flow, result, partial(write_log, logger))
                result = None
                if isinstance(step, Finished):
                    return step.result
                if isinstance(step, Send) or (isinstance(step, SingleFlight) and not step.detached):
                    handed_on, permit = permit, None
                    result = await self._send_or_join(step, logger, handed_on)
                    del handed_on  # frees memory, as below
                    continue
            finally:
                # What else a flow needs first may need a permit itself, and there are only a few.
                self._give_back(permit)
                permit = None
            if isinstance(step, Sleep):
                turn, waking = step.turn, self._timers.sleep(step.seconds, step.turn, step.limit)
                del step  # frees memory: thousands may sleep here
                try:
                    permit = await waking
                except asyncio.CancelledError:
                    self._timers.abandon(waking, turn)
                    raise
            else:
                result = await self._do(step, logger)

    async def _send_or_join(self, step: Send | SingleFlight, logger: LogSink, permit: Permit | None) -> Any:
        if isinstance(step, Send):
            return await self._send_step(step, permit)
        return await self._in_time(self._join(step, logger, permit), step.timeout)

    async def _do(self, step: Step, logger: LogSink) -> Any:
        """Do what a flow asks for, and return what it is sent."""
        if isinstance(step, HttpRequest):
            return await self._send_step(step, None)
        if isinstance(step, SingleFlight):
            return await self._in_time(self._share(step, logger), step.timeout)
        if isinstance(step, Mask):
            return await self._mask_in_time(step.secrets)
        return self.settings.login_of(await self._reload())

    def _give_back(self, permit: Permit | None) -> None:
        if permit is not None:
            self._queue.release(permit)

    async def _mask_in_time(self, secrets: tuple[str, ...]) -> None:
        """Mask secrets in the logs. A supervisor that does not respond must not delay the waits for long."""
        try:
            async with asyncio.timeout(MASK_SECONDS) as limit:
                await self._mask(secrets)
        except TimeoutError:
            if not limit.expired():
                raise

    async def _in_time(self, result: Awaitable[Any], seconds: float) -> Any:
        if seconds == math.inf:
            return await result
        try:
            async with asyncio.timeout(seconds) as limit:
                return await result
        except TimeoutError:
            if not limit.expired():
                raise
            return None

    async def _share(self, step: SingleFlight, logger: LogSink) -> Any:
        """Return the result of the shared flow of this key. Start the flow if it does not run."""
        task = self._shared.get(step.key)
        if task is None:
            task = self._shared[step.key] = asyncio.ensure_future(self.run(step.make(), logger))
            task.add_done_callback(partial(self._settled, step.key))
        # Shielded: if one wait is cancelled, the others must still get the result.
        return await asyncio.shield(task)

    def _settled(self, key: Hashable, task: asyncio.Task[Any]) -> None:
        del self._shared[key]
        if not task.cancelled():
            task.exception()  # retrieved, so that asyncio does not warn if no flow waits for it

    async def _join(self, step: SingleFlight, logger: LogSink, permit: Permit | None) -> Any:
        """Return the result of the flow that another wait runs for this key. Run the flow if no other does."""
        while (others := self._joined.get(step.key)) is not None:
            self._give_back(permit)
            permit = None
            # Not awaited directly: if this wait is cancelled, the future must not be cancelled for the others.
            await asyncio.wait([others])
            if not others.cancelled():
                return others.result()
        mine = self._joined[step.key] = asyncio.get_running_loop().create_future()
        try:
            result = await self.run(step.make(), logger, permit)
            mine.set_result(result)
        finally:
            del self._joined[step.key]
            mine.cancel()
        return result

    async def _send_step(self, step: HttpRequest | Send, permit: Permit | None) -> Response | TransportFailure | None:
        # Timeout and signature start after the time in the queue, which is not the server's fault. A plain HttpRequest
        # belongs to a login.
        turn = Turn(Priority.LOGIN) if isinstance(step, HttpRequest) else step.turn
        if permit is None:
            permit = await self._queue.acquire(turn)
        unused: Permit | None = permit
        try:
            request = step.make() if isinstance(step, Send) else step
            if request is None:
                return None
            unused = None
            response = await self._send(request)
            if isinstance(response, Response):
                self._adapt(response, permit, is_poll=isinstance(step, Send))
            return response
        finally:
            self._queue.release(unused)

    def _adapt(self, response: Response, permit: Permit, *, is_poll: bool) -> None:
        """Lower the rate or pause if a response requests it. Otherwise raise the rate a little."""
        limiter, now = self._queue.limiter, asyncio.get_running_loop().time()
        slowdown = slowdown_in(response, now=self.clock.now())
        if slowdown is None:
            limiter.on_success(permit, now)
            return
        if slowdown.kind is ErrorKind.THROTTLED:
            # A limit of IAM does not apply to polls.
            lowered = limiter.on_throttle(permit, now, stated_limit(slowdown.message) if is_poll else None)
            if lowered:
                log.info(
                    "Connection '%s': the API throttles (%s); the rate limit is now %.3g requests per second",
                    self.settings.auth_config.conn_id,
                    self.auth.redactor.text(str(slowdown)),
                    limiter.rate,
                )
        limiter.pause_until(now + (slowdown.retry_after or 0.0))

    def _proxy_for(self, request: HttpRequest) -> Proxy | None:
        """Return the proxy of a request, from a cache by host. To read the environment costs a quarter of a poll."""
        if request.is_direct:
            return None
        origin = "/".join(request.url.split("/", 3)[:3])
        if origin not in self._proxies:
            self._proxies[origin] = self.settings.proxy_for(request.url)
        return self._proxies[origin]

    async def _send(self, request: HttpRequest) -> Response | TransportFailure:
        proxy = self._proxy_for(request)
        proxy_headers = _proxy_headers(proxy)
        # aiohttp sends proxy_headers only to open a tunnel.
        tunnelled = request.url.startswith("https:")
        try:
            async with self._session.request(
                request.method,
                URL(request.url, encoded=True),
                headers=request.headers if tunnelled else {**request.headers, **proxy_headers},
                data=request.body or None,
                allow_redirects=False,
                proxy=None if proxy is None else proxy.url,
                proxy_headers=proxy_headers if tunnelled else None,
            ) as response:
                body = await _read(response)
                headers = {name.lower(): value for name, value in response.headers.items()}
            if body is not None and "content-encoding" in headers:
                body = await asyncio.to_thread(decompress, body, headers["content-encoding"])
        except (aiohttp.ClientError, OSError, ValueError) as error:  # a TimeoutError is an OSError
            return transport_failure(request, error, self.auth.redactor, proxy)
        if body is None:
            return transport_failure(request, "the response was too large", self.auth.redactor, proxy)
        read = Response(response.status, headers, body, Parsed(await _parse(body)))
        return refused_by_proxy(read, request, proxy)


async def _parse(body: bytes) -> dict[str, Any] | None:
    is_large = len(body) > MAX_BODY_IN_LOOP
    return await asyncio.to_thread(parse_object, body) if is_large else parse_object(body)


def _proxy_headers(proxy: Proxy | None) -> dict[str, str]:
    if proxy is None or not proxy.user:
        return {}
    return {"Proxy-Authorization": f"Basic {proxy.basic_credentials}"}


async def _read(response: aiohttp.ClientResponse) -> bytes | None:
    """Return the body; ``None`` if it is too large."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_any():
        chunks.append(chunk)
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            return None
    return b"".join(chunks)
