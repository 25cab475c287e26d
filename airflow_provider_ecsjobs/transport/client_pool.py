"""One client for all waits that use the same connection in the same event loop.

The first user opens it, and the last user closes it.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from airflow_provider_ecsjobs.transport.async_client import AsyncClient
from airflow_provider_ecsjobs.transport.tls import make_ssl_context

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

    from airflow_provider_ecsjobs.transport.config import Settings
    from airflow_provider_ecsjobs.transport.logs import MaskSecretsAsync

log = logging.getLogger(__name__)

SETTINGS_AGE = 300.0
"""The maximum age of the settings for a new user, in seconds, so that a corrected connection is picked up.

A triggerer takes 200 s to start 10,000 triggers, so they share one lookup."""
LOAD_SECONDS = 30.0
"""The maximum time to read the connection again, in seconds. After that, the settings we have stay in use.

A trigger waits for a client for 60 s. This must be over well before, or a new wait could never join an open client."""


@dataclass
class Lease:
    """A shared client and the number of its users.

    :param key: what its users have in common: the connection and the overrides.
    :param opening: the task that reads the connection and opens the client.
    :param checked: when the connection was read, in the loop's time.
    :param checking: the task that reads the connection again, for a user that came later.
    """

    key: Hashable
    opening: asyncio.Task[AsyncClient]
    checked: float
    users: int = 0
    checking: asyncio.Task[Settings | None] | None = None

    @property
    def client(self) -> AsyncClient:
        """The open client."""
        return self.opening.result()

    async def leave(self) -> None:
        """Stop using the client. The last user to leave closes it."""
        self.users -= 1
        if self.users == 0:
            leases = _leases[asyncio.get_running_loop()]
            if leases.get(self.key) is self:
                del leases[self.key]
            await _close(self)


_leases: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, Lease]] = WeakKeyDictionary()


async def share_client(key: Hashable, load: Callable[[], Awaitable[Settings]], mask: MaskSecretsAsync) -> Lease:
    """Return a lease of the client that all users of ``key`` in this event loop share.

    The user must call :meth:`~Lease.leave`. The lease is not a context manager: that would cost several more objects
    for each of thousands of waits, all of which the garbage collector would traverse.

    :param key: what the users have in common: the connection and the overrides.
    :param load: reads the settings. It is called for the first user, and again if another user comes more than
        :data:`SETTINGS_AGE` later, or after the credentials were rejected. If the settings have changed by then, that
        user gets a new client.
    :param mask: masks secrets in the logs.
    :raises Exception: any error of ``load``, for all users that waited for it. The next user tries again.
    """
    leases = _leases.setdefault(asyncio.get_running_loop(), {})
    lease = await _lease_for(leases, key, load, mask)
    lease.users += 1
    try:
        # Shielded: if one user is cancelled, the client must still open for the others.
        await asyncio.shield(lease.opening)
    except BaseException:
        await lease.leave()
        raise
    return lease


async def _lease_for(
    leases: dict[Hashable, Lease], key: Hashable, load: Callable[[], Awaitable[Settings]], mask: MaskSecretsAsync
) -> Lease:
    now = asyncio.get_running_loop().time()
    lease = leases.get(key)
    if lease is not None and lease.opening.done() and not _has_failed(lease) and _is_to_check(lease, now):
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


def _is_to_check(lease: Lease, now: float) -> bool:
    # A connection whose credentials are rejected may have been corrected at any time.
    return now - lease.checked > SETTINGS_AGE or lease.client.auth.unauthorized is not None


def _has_failed(lease: Lease) -> bool:
    opening = lease.opening
    return opening.done() and (opening.cancelled() or opening.exception() is not None)


async def _open(load: Callable[[], Awaitable[Settings]], mask: MaskSecretsAsync) -> AsyncClient:
    settings = await load()
    context = await asyncio.to_thread(make_ssl_context, settings)
    return AsyncClient(settings, context, partial(_try_to_load, load), mask)


async def _try_to_load(load: Callable[[], Awaitable[Settings]]) -> Settings | None:
    try:
        async with asyncio.timeout(LOAD_SECONDS):
            return await load()
    except Exception:
        # The settings we have stay in use. The 401 that led here matters more than this error.
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
            # The user that leaves has the end of its wait, which this error must not replace.
            log.warning("Connections could not be closed", exc_info=True)
