"""An event loop whose clock jumps over idle time: hours of waiting take seconds.

Client and server must be in this loop, on sockets of this machine. There, written data can be read at once. So if there
is nothing to read, the next event is a timer. The loop waits for threads in real time.
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
"""The system time at which a loop's clock begins, in seconds since the epoch."""
_SETTLE = 0.0003
"""How long to wait for data before the clock jumps, in real seconds."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop. Its clock does not advance while it computes."""

    def __init__(self) -> None:
        self.now = 0.0
        self._in_threads = 0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        """Return the loop's time."""
        return self.now

    def time_of_day(self) -> float:
        """Return the same time in seconds since the epoch."""
        return START + self.now

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """Run a function in a thread. The clock does not jump until it is done."""
        self._in_threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._returned)
        return future

    def _returned(self, _: asyncio.Future[Any]) -> None:
        self._in_threads -= 1

    @property
    def is_busy_elsewhere(self) -> bool:
        """Return whether a function runs in a thread."""
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
            # 1 ns more, as asyncio fires a timer only when it is due within its clock's resolution.
            self._loop.now += timeout + 1e-9
        return ready  # type: ignore[no-any-return]


@contextmanager
def virtual_time() -> Iterator[VirtualLoop]:
    """Yield a loop whose clock also drives ``time.time()`` and our monotonic clock."""
    loop = VirtualLoop()
    monotonic = mock.patch("airflow_provider_ecsjobs.transport.clock.monotonic_time", loop.time)
    with mock.patch("time.time", loop.time_of_day), monotonic:
        try:
            yield loop
        finally:
            loop.close()
