"""The gateway's rate limit. No I/O; the clock is passed in."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

from airflow_provider_ecsjobs.emulator.errors import throttled
from airflow_provider_ecsjobs.emulator.values import check_positive_seconds

if TYPE_CHECKING:
    from collections.abc import Callable

_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


class RateLimit:
    """A number of requests in a number of seconds, for the only user. It is thread-safe.

    Like the gateway, it counts in windows. A window begins with the first request after the end of the previous one.

    :param clock: returns seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._limit: tuple[int, float] | None = None
        self._window_ends = -math.inf
        self._left = 0

    def set(self, requests: int | None, seconds: float = 1.0) -> None:
        """Set the limit, and start with a new window; None for no limit.

        :raises ValueError: if a number is not positive.
        """
        if requests is not None and (isinstance(requests, bool) or not isinstance(requests, int) or requests < 1):
            raise ValueError(f"requests must be a positive integer, not {requests!r}")
        check_positive_seconds(seconds=seconds)
        with self._lock:
            self._limit = None if requests is None else (requests, seconds)
            self._window_ends = -math.inf

    def admit(self, request_id: str) -> None:
        """Count a request.

        :raises ApiError: if it is over the limit.
        """
        with self._lock:
            if self._limit is None:
                return
            now = self._clock()
            requests, seconds = self._limit
            if now >= self._window_ends:
                self._window_ends, self._left = now + seconds, requests
            if self._left > 0:
                self._left -= 1
                return
        raise throttled(requests, _described(seconds), request_id)


def _described(seconds: float) -> str:
    for length, unit in _UNITS:
        if seconds % length == 0:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:g} second"
