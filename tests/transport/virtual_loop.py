"""An event loop whose time stands still while anything can run, and then leaps to the next timer: hours in no time."""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

_T = TypeVar("_T")


class _Leaping(selectors.DefaultSelector):
    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout == 0:  # no need to ask the system: only a thread could have something for us, and it can wait
            return []
        ready = super().select(0)
        if not ready and timeout is None:
            raise AssertionError("all that runs waits for something that will never come")
        self.now += 0.0 if ready else max(timeout or 0.0, 0.0)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """For code that awaits timers and futures only: sockets and threads would see no time pass."""

    def __init__(self) -> None:
        self._leaping = _Leaping()
        super().__init__(self._leaping)

    def time(self) -> float:
        return self._leaping.now


def run(main: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine in virtual time; fail if it leaves a task or a complaint behind."""
    complaints: list[dict[str, Any]] = []
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.get_loop().set_exception_handler(lambda _, context: complaints.append(context))

        async def watched() -> _T:
            result = await main
            assert asyncio.all_tasks() == {asyncio.current_task()}
            return result

        result = runner.run(watched())
    assert complaints == []
    return result
