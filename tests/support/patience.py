"""How tests wait: for what is bound to come, however busy the machine is, and not for ever."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

A_MINUTE = 60.0
"""In seconds. What takes a moment on an idle machine and has not come by then will not come: something is broken."""
_LOOK_AGAIN = 0.005


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that another thread or task brings about, and let the event loop run meanwhile."""
    async with asyncio.timeout(A_MINUTE):
        while not condition():  # noqa: ASYNC110 - what is waited for may happen in another thread
            await asyncio.sleep(_LOOK_AGAIN)


def wait_until(condition: Callable[[], object], what: Callable[[], str] = lambda: "it did not come") -> None:
    """Wait for something that another thread brings about.

    :param what: says what has not come, for the failure.
    """
    end = time.monotonic() + A_MINUTE
    while not condition():
        assert time.monotonic() < end, what()
        threading.Event().wait(_LOOK_AGAIN)
