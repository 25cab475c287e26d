"""Lets the requests of one client through, at the rate of its budget, a few at a time.

There are three lanes, and within each it is first come first served: what all may come to wait for, such as a token;
the last looks of waits whose deadline has come, which nothing makes up for; and the polls that will be made again.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING

from airflow_provider_ecsjobs.core.steps import Priority

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.transport.rate_limit import AdaptiveRateLimiter, Permit


class RequestQueue:
    """The queue in front of the connections, with one timer however many wait in it.

    :param limiter: says when the next request may be sent, by the loop's clock.
    :param places: how many requests may be under way at a time.
    """

    def __init__(self, limiter: AdaptiveRateLimiter, places: int) -> None:
        self.limiter = limiter
        self._loop = asyncio.get_running_loop()
        self._free = places
        # A plain dict would be slow: each search for its first entry passes over all that were taken out before.
        self._waiting: tuple[OrderedDict[asyncio.Future[Permit], None], ...] = tuple(OrderedDict() for _ in Priority)
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return sum(map(len, self._waiting))

    def final_poll_delay(self) -> float:
        """Tell how many seconds pass until the turn of a last look that comes now, if the rate stays as it is."""
        held = max(self.limiter.opens_at() - self._loop.time(), 0.0)
        return held + len(self._waiting[Priority.FINAL_POLL]) / self.limiter.rate

    async def acquire(self, priority: Priority = Priority.POLL) -> Permit:
        """Wait for one's turn; whoever was given it has to :meth:`leave`.

        :param priority: where to queue.
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
            if not turn.cancelled():  # given the turn and cancelled in the same moment
                self.limiter.give_back(turn.result())
                self._free += 1
            self._let_through()
            raise

    def release(self, unused: Permit | None = None) -> None:
        """Make room for the next.

        :param unused: the permit, if nothing was sent with it.
        """
        if unused is not None:
            self.limiter.give_back(unused)
        self._free += 1
        self._let_through()

    def close(self) -> None:
        """Let nobody through any more."""
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
            if not turn.done():  # one that was cancelled a moment ago has yet to take itself out
                self._free -= 1
                turn.set_result(self.limiter.take(now))
        # Nobody waits, or for a place: then `leave` goes on.
        self._disarm()

    def _arm(self, when: float) -> None:
        if self._timer is not None:
            if self._timer.when() <= when:
                return  # it sets itself again
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._ring)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self._timer = None
        self._let_through()
