"""The queue of one client's requests: it sends them at the client's rate, a few at a time.

There are three priorities: requests that all others depend on, such as a login; final polls at a wait's deadline, which
can't be made later; and ordinary polls. Within a priority, the first to come is the first to be sent, except that a
request may have patience: it then lets those pass that come up to so many seconds later.
"""

from __future__ import annotations

import asyncio
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Any

from airflow_provider_ecsjobs.core.steps import ORDINARY, Priority, Turn

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.transport.rate_limit import AdaptiveRateLimiter, Permit


class _Line:
    """The waiting requests of one priority, in the order of their times; those of the same time as they came."""

    __slots__ = ("_came", "_order", "_waiting")

    def __init__(self) -> None:
        self._came = count()
        self._order: list[tuple[float, int, asyncio.Future[Permit]]] = []
        self._waiting: set[asyncio.Future[Permit]] = set()

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, permit: asyncio.Future[Permit]) -> bool:
        return permit in self._waiting

    def add(self, permit: asyncio.Future[Permit], time: float) -> None:
        heappush(self._order, (time, next(self._came), permit))
        self._waiting.add(permit)

    def remove(self, permit: asyncio.Future[Permit]) -> bool:
        """Remove a request. Return whether it still waited. Its entry in the order stays until its time comes."""
        if permit not in self._waiting:
            return False
        self._waiting.remove(permit)
        if not self._waiting:
            self._order.clear()
        return True

    def pop(self) -> asyncio.Future[Permit]:
        """Return the first request, and remove it."""
        while True:
            permit = heappop(self._order)[2]
            if self.remove(permit):
                return permit


class RequestQueue:
    """The queue in front of the HTTP connections. It has one timer, however many requests wait.

    :param limiter: the rate limiter, in the loop's time.
    :param places: the maximum number of requests in flight.
    """

    def __init__(self, limiter: AdaptiveRateLimiter, places: int) -> None:
        self.limiter = limiter
        self._loop = asyncio.get_running_loop()
        self._free = places
        self._waiting = tuple(_Line() for _ in Priority)
        self._length = 0
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return self._length

    def final_poll_delay(self) -> float:
        """Return how many seconds a final poll would wait if it came now, at the present rate."""
        return self._delay(self._waiting[Priority.FINAL_POLL])

    def _delay(self, line: _Line) -> float:
        held = max(self.limiter.opens_at() - self._loop.time(), 0.0)
        return held + len(line) / self.limiter.rate

    async def acquire(self, turn: Turn = ORDINARY) -> Permit:
        """Wait for a permit to send a request. The caller must call :meth:`release` afterwards.

        :param turn: the place of the request in the queue.
        """
        if (at_once := self._take_at_once()) is not None:
            return at_once
        permit: asyncio.Future[Permit] = self._loop.create_future()
        self.enter(permit, turn)
        try:
            return await permit
        except asyncio.CancelledError:
            self.leave(permit, turn)
            raise

    def enter(self, permit: asyncio.Future[Any], turn: Turn) -> None:
        """Queue a future, which gets a permit when it is its turn. If it is cancelled before, call :meth:`leave`.

        :param permit: gets the permit. If it waits already, it keeps its place.
        :param turn: its place in the queue.
        """
        if (at_once := self._take_at_once()) is not None:
            permit.set_result(at_once)
            return
        line = self._waiting[turn.priority]
        if permit not in line:
            line.add(permit, self._loop.time() + min(turn.patience, self._delay(line) + turn.longest))
            self._length += 1
            self._let_through()

    def _take_at_once(self) -> Permit | None:
        """Return a permit if no request waits, and one may be sent now. Most polls get theirs so."""
        now = self._loop.time()
        if self._length or not self._free or self.limiter.opens_at() > now:
            return None
        self._free -= 1
        return self.limiter.take(now)

    def leave(self, permit: asyncio.Future[Any], turn: Turn) -> None:
        """Let a future wait no longer. If it has its permit, that is given back."""
        if self._waiting[turn.priority].remove(permit):
            self._length -= 1
        if permit.done() and not permit.cancelled():  # the permit and the cancellation came at the same time
            self.release(permit.result())
        else:
            self._let_through()

    def release(self, unused: Permit | None = None) -> None:
        """End a request, so that the next one can be sent.

        :param unused: the permit, if nothing was sent with it.
        """
        if unused is not None:
            self.limiter.give_back(unused)
        self._free += 1
        self._let_through()

    def close(self) -> None:
        """Stop giving permits."""
        self._disarm()
        self._waiting = tuple(_Line() for _ in Priority)
        self._length = 0

    def _let_through(self) -> None:
        now = self._loop.time()
        while self._free and self._length:
            opens_at = self.limiter.opens_at()
            if opens_at > now:
                self._arm(opens_at)
                return
            permit = next(filter(len, self._waiting)).pop()
            self._length -= 1
            if not permit.done():  # a request that was just cancelled has not removed itself yet
                self._free -= 1
                permit.set_result(self.limiter.take(now))
        # Either no request waits, or all places are taken: then `release` continues.
        self._disarm()

    def _arm(self, when: float) -> None:
        if self._timer is not None:
            if self._timer.when() <= when:
                return  # when it fires, it is set again
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._ring)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self._timer = None
        self._let_through()
