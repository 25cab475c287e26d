"""Thousands of sleeping waits with one timer.

``asyncio.sleep`` needs a timer, a copy of the context and a coroutine for each sleeper. With ten thousand waits, the
garbage collector traverses all of these objects in each run, and the event loop stops meanwhile.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools

MOST_AT_ONCE = 100
"""How many sleepers wake in one step of the event loop. Thousands may have the same deadline."""


class TimerQueue:
    """All sleeping waits of one event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        # The number breaks ties: two futures can't be compared.
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    def sleep(self, seconds: float) -> asyncio.Future[None]:
        """Return a future that is done after this many seconds. It may be cancelled before."""
        future: asyncio.Future[None] = self._loop.create_future()
        heapq.heappush(self._sleepers, (self._loop.time() + seconds, next(self._numbers), future))
        self._arm()
        return future

    def close(self) -> None:
        """Stop waking sleepers."""
        self._sleepers.clear()
        self._arm()

    def _arm(self) -> None:
        """Set the timer to the earliest deadline."""
        if self._timer is not None:
            if self._sleepers and self._timer.when() == self._sleepers[0][0]:
                return
            self._timer.cancel()
            self._timer = None
        if self._sleepers:
            self._timer = self._loop.call_at(self._sleepers[0][0], self._ring)

    def _ring(self) -> None:
        self._timer = None
        now = self._loop.time()
        for _ in range(MOST_AT_ONCE):
            if not self._sleepers or self._sleepers[0][0] > now:
                break
            _, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                future.set_result(None)
        self._arm()
