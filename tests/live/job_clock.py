"""A clock for the emulator that a test or the demo can hold, so that a slow machine changes nothing."""

from __future__ import annotations

import threading
import time


class JobClock:
    """Tells the emulator the time: it can stand still and leap.

    The emulator also dates signatures by it, and accepts 15 minutes of difference to the real time. So a test that
    leaps and signs returns to the real time at its end.
    """

    def __init__(self, *, held: bool = False) -> None:
        self._lock = threading.Lock()
        self._ahead = 0.0
        self._held_at = time.time() if held else None

    def __call__(self) -> float:
        """Return the seconds since the epoch, as this clock has them."""
        with self._lock:
            return (time.time() if self._held_at is None else self._held_at) + self._ahead

    def hold(self) -> None:
        """Stand still from now on."""
        with self._lock:
            if self._held_at is None:
                self._held_at = time.time()

    def release(self) -> None:
        """Go on from where the clock was held."""
        with self._lock:
            if self._held_at is not None:
                self._ahead += self._held_at - time.time()
                self._held_at = None

    def leap(self, seconds: float) -> None:
        """Be later all at once."""
        with self._lock:
            self._ahead += seconds

    def return_to_real_time(self) -> None:
        """Undo all leaps."""
        with self._lock:
            self._ahead = 0.0
