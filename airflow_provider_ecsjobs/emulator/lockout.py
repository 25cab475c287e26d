"""Locks a key or a user after too many wrong secrets in a row. No I/O; not thread-safe."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_FAILURES = 5
"""How many wrong secrets in a row are allowed. One more locks."""


class Lockout:
    """The locked keys or users, by name.

    :param clock: returns seconds since the epoch.
    :param seconds: how long a lock lasts.
    """

    def __init__(self, clock: Callable[[], float], seconds: float) -> None:
        self._clock, self._seconds = clock, seconds
        self._failures: dict[str, int] = {}
        self._until: dict[str, float] = {}

    def locked(self, name: str) -> bool:
        """Return whether this name is locked now."""
        return self._clock() < self._until.get(name, 0.0)

    def checked(self, name: str, *, right: bool) -> None:
        """Record a check of a secret. Too many wrong secrets in a row lock."""
        if right:
            self._failures.pop(name, None)
            return
        failures = self._failures.get(name, 0) + 1
        self._failures[name] = failures
        if failures > MAX_FAILURES:
            self._failures.pop(name)
            self._until[name] = self._clock() + self._seconds

    def lift(self, name: str) -> None:
        """Remove the lock, and reset the count of wrong secrets."""
        self._failures.pop(name, None)
        self._until.pop(name, None)
