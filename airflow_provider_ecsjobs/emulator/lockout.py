"""Too many wrong secrets in a row lock a key or a user for a while. No I/O; not locked itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_FAILURES = 5
"""So many wrong secrets in a row are harmless; one more locks."""


class Lockout:
    """What is locked, by name.

    :param clock: returns seconds since the epoch.
    :param seconds: how long something is locked.
    """

    def __init__(self, clock: Callable[[], float], seconds: float) -> None:
        self._clock, self._seconds = clock, seconds
        self._failures: dict[str, int] = {}
        self._until: dict[str, float] = {}

    def locked(self, name: str) -> bool:
        """Whether it is locked now."""
        return self._clock() < self._until.get(name, 0.0)

    def checked(self, name: str, *, right: bool) -> None:
        """Count wrong secrets in a row; too many lock."""
        if right:
            self._failures.pop(name, None)
            return
        failures = self._failures.get(name, 0) + 1
        self._failures[name] = failures
        if failures > MAX_FAILURES:
            self._failures.pop(name)
            self._until[name] = self._clock() + self._seconds

    def lift(self, name: str) -> None:
        """Forget wrong secrets, and lift the lock."""
        self._failures.pop(name, None)
        self._until.pop(name, None)
