"""The rate limit of one client: it drops when the cloud throttles, and recovers slowly.

Pure arithmetic over a clock that is passed in. The rate halves on a throttled response, and grows by a fixed amount per
second while other responses come (AIMD, like the AWS SDK's adaptive mode). If the gateway states its limit in the
response, the client stays below that limit.
"""

from __future__ import annotations

import math
import re
from collections import deque
from dataclasses import dataclass

RECOVERY_SECONDS = 600.0
"""The time from a rate near zero back to the full rate."""
LONGEST_INTERVAL = 60.0
"""The longest delay between two requests, in seconds. Without it, the end of throttling would never be noticed."""
MOST_COUNTED = 5.0
"""The longest time between two responses that counts for the recovery, in seconds."""
SLACK = 0.1
"""How many seconds of delay may be caught up after the event loop was late."""
SHARE_OF_LIMIT = 0.9
"""The share of a stated limit that is used. The limit is per user, and other clients use it too."""
LIMIT_KEPT = 3600.0
"""How long a stated limit stays in force, in seconds. Huawei raises limits on request."""
LONGEST_PAUSE = 900.0
"""The longest pause because of a stated limit, in seconds. The limit may have been lifted meanwhile."""

_LOG_LENGTH = 1000
_LIMIT = re.compile(r"\blimit:\s*(\d{1,9})\s*,\s*time:\s*(\d{1,6})\s*(second|minute|hour|day)", re.IGNORECASE)
_SECONDS = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86400.0}


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of the gateway: a number of requests in a number of seconds."""

    requests: int
    seconds: float

    @property
    def rate(self) -> float:
        """A rate below the limit, in requests per second, and at least one request in 15 minutes."""
        return max(SHARE_OF_LIMIT * self.requests / self.seconds, 1 / LONGEST_PAUSE)


def stated_limit(message: str) -> Limit | None:
    """Return the limit in the gateway's text, such as ``policy user over ratelimit,limit:200,time:5 minute``."""
    found = _LIMIT.search(message)
    if found is None:
        return None
    requests, seconds = int(found[1]), int(found[2]) * _SECONDS[found[3].lower()]
    return Limit(requests, seconds) if requests and seconds else None


@dataclass(frozen=True, slots=True)
class Permit:
    """The permission to send one request.

    :param sent: when it was given.
    :param interval: how long it keeps the next request waiting, in seconds.
    """

    sent: float
    interval: float


class AdaptiveRateLimiter:
    """The rate limiter of one client. All times are seconds of one monotonic clock.

    In any window of W seconds it permits at most ``rate * (W + SLACK) + 1`` requests.

    :param rate: the initial and highest rate, in requests per second.
    """

    __slots__ = ("_limit", "_limit_until", "_log", "_lowered", "_next", "_paused_until", "_raised", "_start", "rate")

    def __init__(self, rate: float) -> None:
        self.rate = rate
        """The present rate, in requests per second."""
        self._start = rate
        self._next = self._paused_until = self._lowered = self._raised = -math.inf
        self._limit: Limit | None = None
        self._limit_until = -math.inf
        # When the last requests were sent. It shows when a stated limit has room again.
        self._log: deque[float] = deque(maxlen=_LOG_LENGTH)

    def opens_at(self) -> float:
        """Return when the next request may be sent."""
        return max(self._next, self._paused_until)

    def take(self, now: float) -> Permit:
        """Return a permit for a request that is sent now. The time :meth:`opens_at` must have come."""
        permit = Permit(now, 1 / self.rate)
        self._next = max(self._next, now - SLACK) + permit.interval
        self._log.append(now)
        return permit

    def give_back(self, permit: Permit) -> None:
        """Take back a permit whose request was not sent."""
        if self._log:
            self._log.pop()
        if permit.sent > self._lowered:  # otherwise the next request waits because of later throttling
            self._next -= permit.interval

    def on_success(self, permit: Permit, now: float) -> None:
        """Record a response that was not throttled. The rate grows with the time since the last one.

        That time counts for at most :data:`MOST_COUNTED`, so that the rate is not at its full value after a pause.
        """
        if permit.sent <= self._lowered:
            return
        passed = min(max(now - self._raised, 0.0), MOST_COUNTED)
        self._raised = now
        self.rate = max(self.rate, min(self.rate + self._start / RECOVERY_SECONDS * passed, self._most(now)))

    def on_throttle(self, permit: Permit, now: float, limit: Limit | None = None) -> bool:
        """Record a throttled response. Requests in flight at the first one belong to one burst, which counts once.

        :param permit: the request's permit.
        :param now: the time.
        :param limit: the limit that the response states.
        :return: whether the rate was lowered.
        """
        if permit.sent <= self._lowered:
            return False
        self._lowered = self._raised = now
        halved = self.rate / 2
        if limit is not None:
            self._limit, self._limit_until = limit, now + LIMIT_KEPT
            self._pause_for(limit, now)
            # If the rate was above the limit, the limit replaces the halving.
            halved = limit.rate if limit.rate < self.rate else halved
        self.rate = max(halved, min(1 / LONGEST_INTERVAL, self._most(now)))
        self._next = max(self._next, now + 1 / self.rate)
        return True

    def pause_until(self, until: float) -> None:
        """Send nothing before this time, as requested by the server."""
        self._paused_until = max(self._paused_until, until)

    def _pause_for(self, limit: Limit, now: float) -> None:
        """Pause until the limit has room: when enough of our own requests are outside its window."""
        room_at = now + limit.seconds / 10
        if limit.requests <= len(self._log):
            nth_last = self._log[-limit.requests]
            if now - nth_last <= limit.seconds:
                # 2 % more, as the server counted the request when it arrived, which was later.
                room_at = nth_last + limit.seconds * 1.02
        self.pause_until(min(room_at, now + LONGEST_PAUSE))

    def _most(self, now: float) -> float:
        if self._limit is not None and now < self._limit_until:
            return min(self._start, self._limit.rate)
        return self._start
