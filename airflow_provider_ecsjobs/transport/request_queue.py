"""The queue of one client's requests: it sends them at the client's rate, a few at a time.

There are three priorities: requests that all others depend on, such as a login; final polls at a wait's deadline, which
can't be made later; and ordinary polls. Within a priority, the first to come is the first to be sent.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING

from airflow_provider_ecsjobs.core.steps import Priority

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.transport.rate_limit import AdaptiveRateLimiter, Permit


class RequestQueue:
    """The queue in front of the HTTP connections. It has one timer, however many requests wait.

    :param limiter: the rate limiter, in the loop's time.
    :param places: the maximum number of requests in flight.
    """

    def __init__(self, limiter: AdaptiveRateLimiter, places: int) -> None:
        self.limiter = limiter
        self._loop = asyncio.get_running_loop()
        self._free = places
        # A plain dict would be slow: finding its first entry skips over all entries that were removed before.
        self._waiting: tuple[OrderedDict[asyncio.Future[Permit], None], ...] = tuple(OrderedDict() for _ in Priority)
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return sum(map(len, self._waiting))

    def final_poll_delay(self) -> float:
        """Return how many seconds a final poll would wait if it came now, at the present rate."""
        held = max(self.limiter.opens_at() - self._loop.time(), 0.0)
        return held + len(self._waiting[Priority.FINAL_POLL]) / self.limiter.rate

    async def acquire(self, priority: Priority = Priority.POLL) -> Permit:
        """Wait for a permit to send a request. The caller must call :meth:`release` afterwards.

        :param priority: the priority of the request.
        """
        now = self._loop.time()
        if not len(self) and self._free and self.limiter.opens_at() <= now:
            self._free -= 1
            return self.limiter.take(now)
        queue = self._waiting[priority]
        turn: asyncio.Future[Permit] = self._loop.create_future()
        queue[turn] = None
        self._let_through()
        try:
            return await turn
        except asyncio.CancelledError:
            queue.pop(turn, None)
            if not turn.cancelled():  # the permit and the cancellation came at the same time
                self.limiter.give_back(turn.result())
                self._free += 1
            self._let_through()
            raise

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
        for queue in self._waiting:
            queue.clear()

    def _let_through(self) -> None:
        now = self._loop.time()
        while self._free and len(self):
            opens_at = self.limiter.opens_at()
            if opens_at > now:
                self._arm(opens_at)
                return
            turn, _ = next(filter(None, self._waiting)).popitem(last=False)
            if not turn.done():  # a request that was just cancelled has not removed itself yet
                self._free -= 1
                turn.set_result(self.limiter.take(now))
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
