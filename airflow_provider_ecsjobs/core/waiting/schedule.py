"""When to poll next: pure arithmetic over the time waited."""

from __future__ import annotations

SHARE_OF_WAIT = 0.1
"""The gap between polls as a share of the time waited: so an end is seen at most this much late."""


JITTER = 0.1
"""How far a gap is spread to either side, as a share of it."""


LEAST_FIRST_SHARE = 0.1
"""The least pause of waits that are to come apart, as a share of the gap: they are spread over all the rest of it."""


LEAST_FIRST_DELAY = 1.0
"""The same in seconds, where the gap allows it."""


FIRST_POLL_DELAY = 5.0
"""The least pause between a deferral and what comes of its trigger, in seconds, whatever the gap. A trigger that fires
while the scheduler is seconds behind gets the task failed by Airflow, although its job ended well."""


FIRST_BACKOFF = 2.0
"""The pause after the first failed poll, in seconds; it doubles with each further one."""


DEFAULT_POLL_INTERVAL = 10.0


DEFAULT_MAX_POLL_INTERVAL = 60.0


SHORTEST_DELAY = 0.05
"""The least pause in seconds, so that a deadline missed by a rounding error makes no busy loop."""


FINAL_POLL_SECONDS = 60.0
"""How long the look at the deadline may take, in seconds, once its turn has come. It goes before ordinary polls."""


LONGEST_FINAL_POLL = 600.0
"""How long it may take with the wait for its turn: thousands may come due at once, or the API may have asked for a
pause. An end that is told late but right is worth more than one in time that may be wrong; but it has to come before
Airflow's own limit on the deferral, 15 minutes after the deadline, which tells nothing."""


def poll_delay(waited: float, shortest: float, longest: float, random: float, likely: float | None = None) -> float:
    """Compute the pause before the next poll.

    :param waited: how long the wait has lasted, in seconds.
    :param shortest: the least pause in seconds.
    :param longest: the greatest pause in seconds; below ``shortest`` it counts as ``shortest``.
    :param random: a random number in [0, 1) that places the pause within its jitter.
    :param likely: the pause in seconds after which the job is likely to have ended; ``None`` if that is not known.
    """
    plain = plain_delay(waited, shortest, longest, likely)
    jittered = plain * (1 - JITTER + 2 * JITTER * random)
    return min(jittered, max(longest, shortest))  # the longest gap is the latest that an end is seen


def first_poll_delay(
    waited: float, shortest: float, longest: float, random: float, least: float = 0.0, likely: float | None = None
) -> float:
    """Compute the pause of waits that would else poll together: anywhere in the gap, but never beyond it.

    They have begun at the same time, as after a restart of the triggerer, or come out of the same outage.
    The parameters are those of :func:`poll_delay`.

    :param least: the least pause in seconds, also where the gap is shorter.
    """
    plain = plain_delay(waited, shortest, longest, likely)
    least = max(min(max(LEAST_FIRST_SHARE * plain, LEAST_FIRST_DELAY), (1 - JITTER) * plain), least)
    return least + (max(plain, (1 + JITTER) * least) - least) * random


def plain_delay(waited: float, shortest: float, longest: float, likely: float | None = None) -> float:
    """Return the delay before the next poll, in seconds, without jitter. For the parameters, see :func:`poll_delay`."""
    if likely is None:
        return _base_delay(waited, shortest, longest)
    return min(max(likely, shortest), max(longest, shortest))


def _base_delay(waited: float, shortest: float, longest: float) -> float:
    return min(max(SHARE_OF_WAIT * waited, shortest), max(longest, shortest))


def final_poll_patience(delay: float) -> float:
    """Return how long the final poll may take, in seconds.

    :param delay: how long it is to its turn.
    """
    return min(FINAL_POLL_SECONDS + delay, LONGEST_FINAL_POLL)


def backoff(failures: int, longest: float, random: float) -> float:
    """Compute the pause after ``failures`` failed polls in a row (1 or more): doubling, up to ``longest`` seconds.

    It is spread over its upper half, so that waits which failed together do not come back together.
    """
    plain = min(FIRST_BACKOFF * 2.0 ** min(failures - 1, 30), max(longest, FIRST_BACKOFF))
    return plain * (0.5 + 0.5 * random)
