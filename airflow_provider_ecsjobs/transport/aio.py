"""Drives the flows with ``aiohttp``: for the triggerer, where thousands of waits share one client.

A client is shared by all who use the same connection in the same event loop. It is opened by the first, and closed
when the last one leaves.
"""

from __future__ import annotations

import asyncio
import logging
import math
import ssl
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

import aiohttp
import certifi
from yarl import URL

from airflow_provider_ecsjobs.core.access import Access
from airflow_provider_ecsjobs.core.answers import parse_object, slowdown_in
from airflow_provider_ecsjobs.core.budget import Budget, stated_limit
from airflow_provider_ecsjobs.core.errors import EcsConfigError, ErrorKind
from airflow_provider_ecsjobs.core.exchange import (
    MAX_BODY_BYTES,
    Answer,
    Ask,
    Mask,
    Parsed,
    Report,
    Request,
    Shared,
    Sleep,
)
from airflow_provider_ecsjobs.transport.ambience import of_this_machine
from airflow_provider_ecsjobs.transport.bodies import ACCEPTED_ENCODINGS, unpacked
from airflow_provider_ecsjobs.transport.sleeps import Sleeps
from airflow_provider_ecsjobs.transport.trouble import log_report, trouble
from airflow_provider_ecsjobs.transport.turns import Lane, Turns

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

    from airflow_provider_ecsjobs.core.budget import Permit
    from airflow_provider_ecsjobs.core.exchange import Flow, Trouble
    from airflow_provider_ecsjobs.transport.settings import Proxy, Settings
    from airflow_provider_ecsjobs.transport.trouble import MaskSecrets, ReportLog

log = logging.getLogger(__name__)
_T = TypeVar("_T")

MAX_CONNECTIONS = 8
"""How many connections a client holds at most: at 0.1 s an answer they carry 80 polls a second."""
KEEPALIVE_SECONDS = 90.0
"""How long an idle connection is kept: longer than the longest gap between polls, so that TLS is set up once."""
SETTINGS_AGE = 300.0
"""How old settings may be for a new user, in seconds: so a connection that was mended is picked up. A triggerer takes
200 s to start 10,000 triggers: they look it up once between them."""
LOAD_SECONDS = 60.0
"""How long it may take to read the connection again, in seconds, before the one we have is used on."""
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
        self.access = Access(settings.login, settings.secrets)
        self._reload = reload
        self._turns = Turns(Budget(settings.requests_per_second), MAX_CONNECTIONS)
        self._sleeps = Sleeps()
        self.ambient = replace(of_this_machine(), last_look_delay=self._turns.last_look_delay)
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
            # Else aiohttp would read .netrc in the event loop; the environment's proxies are looked up in `_ask`.
            trust_env=False,
        )

    async def close(self) -> None:
        """Close all connections."""
        self._turns.close()
        self._sleeps.close()
        for task in self._shared.values():
            task.cancel()
        try:
            await asyncio.gather(*self._shared.values(), return_exceptions=True)
        finally:  # also if this is cancelled
            await self._session.close()

    async def run(self, flow: Flow[_T], logger: ReportLog) -> _T:
        """Carry a flow out.

        :param flow: one of :mod:`airflow_provider_ecsjobs.core.flows`.
        :param logger: where its reports go.
        :return: what the flow returns.
        """
        answer: Any = None
        while True:
            try:
                step = flow.send(answer)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            answer = None
            if isinstance(step, (Request, Ask)):
                answer = await self._ask(step)
            elif isinstance(step, Sleep):
                seconds = step.seconds
                del step  # thousands may sleep here
                await self._sleeps.sleep(seconds)
            elif isinstance(step, Report):
                log_report(logger, step)
            elif isinstance(step, Shared):
                answer = await self._carry_out(step, logger)
            elif isinstance(step, Mask):
                await self._have_masked(step.secrets)
            else:
                settings = await self._reload()
                answer = None if settings is None else settings.login

    async def _have_masked(self, secrets: tuple[str, ...]) -> None:
        """Have secrets masked in the logs, in a thread: Airflow tells its supervisor of them, over a socket."""
        try:
            async with asyncio.timeout(LOAD_SECONDS) as limit:
                await asyncio.to_thread(self._mask, secrets)
        except TimeoutError:
            if not limit.expired():
                raise

    async def _carry_out(self, step: Shared, logger: ReportLog) -> Any:
        result = self._share(step, logger) if step.outlives else self._join(step, logger)
        if step.within == math.inf:
            return await result
        try:
            async with asyncio.timeout(step.within) as limit:
                return await result
        except TimeoutError:
            if not limit.expired():
                raise
            return None

    async def _share(self, step: Shared, logger: ReportLog) -> Any:
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

    async def _join(self, step: Shared, logger: ReportLog) -> Any:
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

    async def _ask(self, step: Request | Ask) -> Answer | Trouble | None:
        # Waiting for one's turn is not the server's slowness: the clock starts behind it, as does a signature's age.
        # What a flow asks of its own accord is for a login.
        lane = Lane.LOGIN if isinstance(step, Request) else Lane.LAST_LOOK if step.is_last else Lane.POLL
        permit = await self._turns.take(lane)
        unused: Permit | None = permit
        try:
            request = step.make() if isinstance(step, Ask) else step
            if request is None:
                return None
            unused = None
            answer = await self._send(request)
            if isinstance(answer, Answer):
                answer = await _with_parsed(answer)
                self._adapt(answer, permit, is_poll=isinstance(step, Ask))
            return answer
        finally:
            self._turns.leave(unused)

    def _adapt(self, answer: Answer, permit: Permit, *, is_poll: bool) -> None:
        """Ask more slowly, or not for a while, if an answer says so; else a little faster again."""
        budget, now = self._turns.budget, asyncio.get_running_loop().time()
        slowdown = slowdown_in(answer, now=self.ambient.clock())
        if slowdown is None:
            budget.answered(permit, now)
            return
        if slowdown.kind is ErrorKind.THROTTLED:
            # A limit of IAM's says nothing about polls.
            lowered = budget.throttled(permit, now, stated_limit(slowdown.message) if is_poll else None)
            if lowered:
                log.info(
                    "Connection '%s': the API throttles (%s); asking %.3g times a second at most",
                    self.settings.login.conn_id,
                    self.access.redactor.text(str(slowdown)),
                    budget.rate,
                )
        budget.hold(now + (slowdown.retry_after or 0.0))

    def _proxy_for(self, request: Request) -> Proxy | None:
        """Find the proxy, once for each host: to look through the environment costs a quarter of a poll."""
        if request.is_direct:
            return None
        origin = "/".join(request.url.split("/", 3)[:3])
        if origin not in self._proxies:
            self._proxies[origin] = self.settings.proxy_for(request.url)
        return self._proxies[origin]

    async def _send(self, request: Request) -> Answer | Trouble:
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
                body = await asyncio.to_thread(unpacked, body, headers["content-encoding"])
        except (aiohttp.ClientError, OSError, ValueError) as error:  # a TimeoutError is an OSError
            return trouble(request, error, self.access.redactor)
        if body is None:
            return trouble(request, "the answer was too large", self.access.redactor)
        return Answer(response.status, headers, body)


async def _with_parsed(answer: Answer) -> Answer:
    body = answer.body
    is_large = len(body) > MAX_BODY_IN_LOOP
    value = await asyncio.to_thread(parse_object, body) if is_large else parse_object(body)
    return Answer(answer.status, answer.headers, body, Parsed(value))


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


def make_ssl_context(settings: Settings) -> ssl.SSLContext:
    """Make the TLS context; it reads files and takes tens of milliseconds, so never call it in an event loop."""
    context = ssl.create_default_context(cafile=settings.ca_file)
    if settings.ca_file is None:
        # The same roots that `requests` trusts, so that sensor and trigger agree; and the machine's own.
        context.load_verify_locations(certifi.where())
    if settings.verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


@dataclass
class Lease:
    """A client that is shared, and by how many.

    :param key: what its users have in common.
    :param opening: reads the connection and opens the client.
    :param checked: when the connection was read, by the loop's clock.
    :param checking: reads it again, for a user that came long after.
    """

    key: Hashable
    opening: asyncio.Task[AsyncClient]
    checked: float
    users: int = 0
    checking: asyncio.Task[Settings | None] | None = None

    @property
    def client(self) -> AsyncClient:
        """The client; it is open."""
        return self.opening.result()

    async def leave(self) -> None:
        """Use the client no longer; the last one to leave closes it."""
        self.users -= 1
        if self.users == 0:
            leases = _leases[asyncio.get_running_loop()]
            if leases.get(self.key) is self:
                del leases[self.key]
            await _close(self)


_leases: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, Lease]] = WeakKeyDictionary()


async def share_client(key: Hashable, load: Callable[[], Awaitable[Settings]], mask: MaskSecrets) -> Lease:
    """Use the client that all users of ``key`` in this event loop share. Who has it must :meth:`~Lease.leave` it.

    It is no context manager, for that would be several objects more to walk through, for each of thousands of waits.

    :param key: what makes two users the same: the connection and what was set beside it.
    :param load: reads the settings. Called by the first user, and again if another one comes more than
        :data:`SETTINGS_AGE` later: if they have changed by then, it is given a client of its own time.
    :param mask: has secrets masked in the logs; it may block.
    :raises Exception: whatever ``load`` raises, for all who waited for it; the next user tries again.
    """
    leases = _leases.setdefault(asyncio.get_running_loop(), {})
    lease = await _lease_for(leases, key, load, mask)
    lease.users += 1
    try:
        # Shielded: one user that is cancelled must not take the opening away from the others.
        await asyncio.shield(lease.opening)
    except BaseException:
        await lease.leave()
        raise
    return lease


async def _lease_for(
    leases: dict[Hashable, Lease], key: Hashable, load: Callable[[], Awaitable[Settings]], mask: MaskSecrets
) -> Lease:
    now = asyncio.get_running_loop().time()
    lease = leases.get(key)
    if lease is not None and lease.opening.done() and not _has_failed(lease) and now - lease.checked > SETTINGS_AGE:
        if lease.checking is None or lease.checking.done():
            lease.checking = asyncio.ensure_future(_try_to_load(load))
        settings = await asyncio.shield(lease.checking)
        lease.checked = asyncio.get_running_loop().time()
        if leases.get(key) is lease and settings not in (None, lease.opening.result().settings):
            del leases[key]  # its users keep it until they leave
        lease = leases.get(key)
    if lease is None or _has_failed(lease):
        lease = leases[key] = Lease(key, asyncio.ensure_future(_open(load, mask)), checked=now)
    return lease


def _has_failed(lease: Lease) -> bool:
    opening = lease.opening
    return opening.done() and (opening.cancelled() or opening.exception() is not None)


async def _open(load: Callable[[], Awaitable[Settings]], mask: MaskSecrets) -> AsyncClient:
    settings = await load()
    context = await asyncio.to_thread(_checked_ssl_context, settings)
    return AsyncClient(settings, context, partial(_try_to_load, load), mask)


def _checked_ssl_context(settings: Settings) -> ssl.SSLContext:
    try:
        return make_ssl_context(settings)
    except (OSError, ssl.SSLError) as error:
        raise EcsConfigError(
            f"Connection '{settings.login.conn_id}': the CA bundle {settings.ca_file} (extra 'verify' or"
            f" REQUESTS_CA_BUNDLE) can't be used: {error}"
        ) from None


async def _try_to_load(load: Callable[[], Awaitable[Settings]]) -> Settings | None:
    try:
        async with asyncio.timeout(LOAD_SECONDS):
            return await load()
    except Exception:
        # The connection we have goes on being used; why it could not be read again matters less than that 401.
        log.warning("The Airflow connection could not be read again", exc_info=True)
        return None


async def _close(lease: Lease) -> None:
    opening = lease.opening
    if not opening.done():
        opening.cancel()
        await asyncio.wait([opening])
    if not opening.cancelled() and opening.exception() is None:
        try:
            await opening.result().close()
        except Exception:
            # Whoever leaves has the end of its wait, which this must not replace.
            log.warning("Connections could not be closed", exc_info=True)
