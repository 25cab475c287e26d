"""Thousands of sleeping waits with one timer, which then queue for their requests.

``asyncio.sleep`` needs a timer, a copy of the context and a coroutine for each sleeper. A wait that queues in the
middle of its poll holds 20 objects more. With ten thousand waits, the garbage collector traverses all of these objects
in each run, and the event loop stops meanwhile.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.core.steps import Turn
    from airflow_provider_ecsjobs.transport.rate_limit import Permit
    from airflow_provider_ecsjobs.transport.request_queue import RequestQueue

    Waking = asyncio.Future[Permit | None]

MOST_AT_ONCE = 100
"""How many sleepers wake in one step of the event loop. Thousands may have the same deadline."""
LIMIT_CHECKED_EVERY = 60.0
"""How often the limit of a queueing sleeper is checked, in seconds. A timer for each limit would stay behind for
hours, as most sleepers get their permit long before."""


class TimerQueue:
    """All sleeping waits of one event loop.

    :param requests: the queue that a sleeper enters when it wakes, if it needs a permit.
    """

    def __init__(self, requests: RequestQueue | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._requests = requests
        # The number breaks ties: two futures can't be compared.
        self._sleepers: list[tuple[float, int, Waking, Turn | None, float]] = []
        self._numbers = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    def sleep(self, seconds: float, turn: Turn | None = None, limit: float = math.inf) -> Waking:
        """Return a future that is done after this many seconds.

        If it is to be cancelled before, call :meth:`abandon`.

        :param seconds: how long to sleep, in seconds.
        :param turn: the place in the queue of requests to wait for then. The future's result is the permit.
        :param limit: after how many seconds the future is done in any case, perhaps without a permit.
        """
        future: Waking = self._loop.create_future()
        now = self._loop.time()
        self._push(now + seconds, future, turn, now + limit)
        self._arm()
        return future

    def abandon(self, future: Waking, turn: Turn | None) -> None:
        """End a sleep whose result is not needed. Its permit, if it has one, is given back."""
        if self._requests is not None and turn is not None and not _has_no_permit(future):
            self._requests.leave(future, turn)

    def close(self) -> None:
        """Stop waking sleepers."""
        self._sleepers.clear()
        self._arm()

    def _push(self, when: float, future: Waking, turn: Turn | None, until: float) -> None:
        heapq.heappush(self._sleepers, (when, next(self._numbers), future, turn, until))

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
            _, _, future, turn, until = heapq.heappop(self._sleepers)
            if not future.done():
                self._wake(future, turn, until, now)
        self._arm()

    def _wake(self, future: Waking, turn: Turn | None, until: float, now: float) -> None:
        if self._requests is None or turn is None:
            future.set_result(None)
        elif now >= until:
            self._requests.leave(future, turn)
            future.set_result(None)
        else:
            self._requests.enter(future, turn)
            if until < math.inf and not future.done():
                self._push(min(until, now + LIMIT_CHECKED_EVERY), future, turn, until)


def _has_no_permit(future: Waking) -> bool:
    return future.done() and not future.cancelled() and future.result() is None
