"""A call in a thread, for the triggerer: what becomes of one that nobody waits for any more."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import Any

from airflow_provider_ecsjobs.hooks import connection
from tests.support.patience import A_MINUTE


async def test_the_error_of_a_call_whose_wait_was_cancelled_is_not_logged() -> None:
    """Asyncio would log it with its traceback, and our redaction has not seen what a secrets backend raises."""
    loop, begun, go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
    complaints: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: complaints.append(context))

    def look_up() -> None:
        loop.call_soon_threadsafe(begun.set)
        assert go_on.wait(A_MINUTE)
        raise RuntimeError("a secrets backend quotes its password")

    of_closed_loops = set(connection._under_way)
    wait = asyncio.ensure_future(connection.off_loop(look_up))
    async with asyncio.timeout(A_MINUTE):
        await begun.wait()
        calls = connection._under_way - of_closed_loops
        wait.cancel()
        await asyncio.wait([wait])
        go_on.set()
        await asyncio.wait(calls)
    del calls, wait  # each keeps the call
    gc.collect()

    assert complaints == []
