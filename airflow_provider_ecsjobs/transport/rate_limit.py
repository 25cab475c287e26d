"""How fast one client may ask: at a steady rate, which gives way when the cloud throttles, and recovers slowly.

Pure arithmetic over a clock that is passed in. The rate halves on a throttled answer and grows by a fixed amount a
second while good answers come (AIMD, as the AWS SDK's adaptive mode does). A limit that the gateway states in its own
words is kept to from then on.
"""

from __future__ import annotations

import math
import re
from collections import deque
from dataclasses import dataclass

RECOVERY_SECONDS = 600.0
"""How long it takes from a standstill back to the full rate."""
LONGEST_INTERVAL = 60.0
"""The longest gap between two requests, in seconds, however often the cloud throttled: else nobody would notice that
it does no more."""
SLACK = 0.1
"""How much of a gap may be caught up with, in seconds, after the event loop was late."""
SHARE_OF_LIMIT = 0.9
"""How much of a stated limit is used: the limit is the user's, and others ask in their name too."""
LIMIT_KEPT = 3600.0
"""How long a stated limit is believed, in seconds: limits are raised on demand."""
LONGEST_HOLD = 900.0
"""The longest time that nothing is sent because of a stated limit, in seconds: it may have been lifted."""

_LOG_LENGTH = 1000
_LIMIT = re.compile(r"\blimit:\s*(\d{1,9})\s*,\s*time:\s*(\d{1,6})\s*(second|minute|hour|day)", re.IGNORECASE)
_SECONDS = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86400.0}


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of the gateway: so many requests in so many seconds."""

    requests: int
    seconds: float

    @property
    def rate(self) -> float:
        """The rate in requests a second that stays within it; now and then is tried whether there still is a limit."""
        return max(SHARE_OF_LIMIT * self.requests / self.seconds, 1 / LONGEST_HOLD)


def stated_limit(message: str) -> Limit | None:
    """Read the limit out of the gateway's text, ``policy user over ratelimit,limit:200,time:5 minute``."""
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
    """The rate of one client. All times are seconds of one clock that never goes back.

    In any window of W seconds it permits at most ``rate * (W + SLACK) + 1`` requests.

    :param rate: requests a second: where it starts, and the most it ever returns to.
    """

    __slots__ = ("_held_until", "_limit", "_limit_until", "_log", "_lowered", "_next", "_raised", "_start", "rate")

    def __init__(self, rate: float) -> None:
        self.rate = rate
        """The rate now, in requests a second."""
        self._start = rate
        self._next = self._held_until = self._lowered = self._raised = -math.inf
        self._limit: Limit | None = None
        self._limit_until = -math.inf
        # When the last requests were sent: tells when a stated limit has room again.
        self._log: deque[float] = deque(maxlen=_LOG_LENGTH)

    def opens_at(self) -> float:
        """Tell when the next request may be sent."""
        return max(self._next, self._held_until)

    def take(self, now: float) -> Permit:
        """Note that a request is sent now; :meth:`opens_at` must have come."""
        permit = Permit(now, 1 / self.rate)
        self._next = max(self._next, now - SLACK) + permit.interval
        self._log.append(now)
        return permit

    def give_back(self, permit: Permit) -> None:
        """Note that a request was not sent after all."""
        if self._log:
            self._log.pop()
        if permit.sent > self._lowered:  # else the next request waits for what was throttled since
            self._next -= permit.interval

    def on_success(self, permit: Permit, now: float) -> None:
        """Take in an answer that was not throttled: the rate grows by what the time since the last one is worth.

        A pause counts for no more than a few seconds, so that what recovers is not at full speed at once.
        """
        if permit.sent <= self._lowered:
            return
        passed = min(max(now - self._raised, 0.0), LONGEST_INTERVAL / 12)
        self._raised = now
        self.rate = max(self.rate, min(self.rate + self._start / RECOVERY_SECONDS * passed, self._most(now)))

    def on_throttle(self, permit: Permit, now: float, limit: Limit | None = None) -> bool:
        """Take in a throttled answer. All that were under way when the first came are one burst, which counts once.

        :param permit: that of the request.
        :param now: the time.
        :param limit: the limit that the answer states.
        :return: whether the rate was lowered.
        """
        if permit.sent <= self._lowered:
            return False
        self._lowered = self._raised = now
        halved = self.rate / 2
        if limit is not None:
            self._limit, self._limit_until = limit, now + LIMIT_KEPT
            self._hold_for(limit, now)
            # One that asked faster than it may need not halve: the limit says how fast it may.
            halved = limit.rate if limit.rate < self.rate else halved
        self.rate = max(halved, min(1 / LONGEST_INTERVAL, self._most(now)))
        self._next = max(self._next, now + 1 / self.rate)
        return True

    def pause_until(self, until: float) -> None:
        """Send nothing before this time, as a server asked for."""
        self._held_until = max(self._held_until, until)

    def _hold_for(self, limit: Limit, now: float) -> None:
        """Wait until the limit has room: when enough of our own requests are that long ago, as far as we know."""
        room_at = now + limit.seconds / 10
        if limit.requests <= len(self._log):
            nth_last = self._log[-limit.requests]
            if now - nth_last <= limit.seconds:
                # A little more: the server counted it when it arrived, which was later.
                room_at = nth_last + limit.seconds * 1.02
        self.pause_until(min(room_at, now + LONGEST_HOLD))

    def _most(self, now: float) -> float:
        if self._limit is not None and now < self._limit_until:
            return min(self._start, self._limit.rate)
        return self._start
