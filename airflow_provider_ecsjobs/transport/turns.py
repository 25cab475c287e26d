"""Lets the requests of one client through: first come first served, at the rate of its budget, a few at a time."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.core.budget import Budget, Permit


class Turns:
    """The queue in front of the connections, with one timer however many wait in it.

    :param budget: says when the next request may be sent, by the loop's clock.
    :param places: how many requests may be under way at a time.
    """

    def __init__(self, budget: Budget, places: int) -> None:
        self.budget = budget
        self._loop = asyncio.get_running_loop()
        self._free = places
        # What all polls may come to wait for, such as a token, goes before them. A plain dict would be slow: each
        # search for its first entry passes over all that were taken out before.
        self._urgent: OrderedDict[asyncio.Future[Permit], None] = OrderedDict()
        self._others: OrderedDict[asyncio.Future[Permit], None] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._urgent) + len(self._others)

    async def take(self, *, is_urgent: bool = False) -> Permit:
        """Wait for one's turn; whoever was given it has to :meth:`leave`.

        :param is_urgent: whether others wait for what is asked.
        """
        now = self._loop.time()
        if not len(self) and self._free and self.budget.opens_at() <= now:
            self._free -= 1
            return self.budget.take(now)
        queue = self._urgent if is_urgent else self._others
        turn: asyncio.Future[Permit] = self._loop.create_future()
        queue[turn] = None
        self._let_through()
        try:
            return await turn
        except asyncio.CancelledError:
            queue.pop(turn, None)
            if not turn.cancelled():  # given the turn and cancelled in the same moment
                self.budget.give_back(turn.result())
                self._free += 1
            self._let_through()
            raise

    def leave(self, unused: Permit | None = None) -> None:
        """Make room for the next.

        :param unused: the permit, if nothing was sent with it.
        """
        if unused is not None:
            self.budget.give_back(unused)
        self._free += 1
        self._let_through()

    def close(self) -> None:
        """Let nobody through any more."""
        self._disarm()
        self._urgent.clear()
        self._others.clear()

    def _let_through(self) -> None:
        now = self._loop.time()
        while self._free and len(self):
            opens_at = self.budget.opens_at()
            if opens_at > now:
                self._arm(opens_at)
                return
            turn, _ = (self._urgent or self._others).popitem(last=False)
            if not turn.done():  # one that was cancelled a moment ago has yet to take itself out
                self._free -= 1
                turn.set_result(self.budget.take(now))
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
