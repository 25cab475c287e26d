"""Lets thousands sleep with one timer.

``asyncio.sleep`` costs each sleeper a timer, a copy of its context and a coroutine: for ten thousand waits, which sleep
nearly all the time, the garbage collector walks through all of them each time, and the event loop stands still.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools

MOST_AT_ONCE = 100
"""How many are woken before the event loop turns to something else: thousands may have the same deadline."""


class TimerQueue:
    """All who sleep in one event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        # The number only keeps two futures of the same moment from being compared.
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    def sleep(self, seconds: float) -> asyncio.Future[None]:
        """Give what is done after so many seconds. It may be cancelled, and is passed over when its time comes."""
        future: asyncio.Future[None] = self._loop.create_future()
        heapq.heappush(self._sleepers, (self._loop.time() + seconds, next(self._numbers), future))
        self._arm()
        return future

    def close(self) -> None:
        """Wake nobody any more."""
        self._sleepers.clear()
        self._arm()

    def _arm(self) -> None:
        """Set the timer to the first who is to be woken."""
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
