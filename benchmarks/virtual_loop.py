"""An event loop whose clock jumps over the time in which nothing happens: hours of waiting take seconds.

Client and server have to be in this loop, on sockets of this machine: what was written is there to be read at once, so
as soon as nothing is left to read nothing will come but a timer. Threads are waited for in real time.
"""

from __future__ import annotations

import asyncio
import selectors
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest import mock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

START = 1_772_366_400.0
"""The time of day when a loop's clock begins, in seconds since the epoch."""
_SETTLE = 0.0003
"""For how long to look for something to read before the clock jumps, in real seconds."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop. Its clock also stands still while it computes."""

    def __init__(self) -> None:
        self.now = 0.0
        self._in_threads = 0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        """Tell the time by the loop's clock."""
        return self.now

    def time_of_day(self) -> float:
        """Tell the time in seconds since the epoch, by the same clock."""
        return START + self.now

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """Run something in a thread, and do not jump until it is done."""
        self._in_threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._returned)
        return future

    def _returned(self, _: asyncio.Future[Any]) -> None:
        self._in_threads -= 1

    @property
    def is_busy_elsewhere(self) -> bool:
        """Whether something runs in a thread."""
        return self._in_threads > 0


class _JumpingSelector(selectors.DefaultSelector):  # type: ignore[misc,valid-type]
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready  # type: ignore[no-any-return]
        while self._loop.is_busy_elsewhere or timeout is None:
            ready = super().select(0.05)
            if ready:
                return ready  # type: ignore[no-any-return]
            if timeout is None and not self._loop.is_busy_elsewhere:
                raise RuntimeError("nothing will ever happen in this loop again")
        ready = super().select(_SETTLE)
        if not ready:
            # A little more: asyncio lets a timer ring that is due within its clock's resolution, not before.
            self._loop.now += timeout + 1e-9
        return ready  # type: ignore[no-any-return]


@contextmanager
def virtual_time() -> Iterator[VirtualLoop]:
    """Give a loop, by whose clock ``time.time()`` and our monotonic clock go too."""
    loop = VirtualLoop()
    steady = mock.patch("airflow_provider_ecsjobs.transport.clock.monotonic_time", loop.time)
    with mock.patch("time.time", loop.time_of_day), steady:
        try:
            yield loop
        finally:
            loop.close()
