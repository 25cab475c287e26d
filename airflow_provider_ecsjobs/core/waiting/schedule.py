"""The delays between polls: pure arithmetic on the time waited."""

from __future__ import annotations

SHARE_OF_WAIT = 0.1
"""The delay between polls, as a share of the time waited. So the end of a job is seen at most this much late."""
JITTER = 0.1
"""The jitter of a delay to either side, as a share of the delay."""
LEAST_FIRST_SHARE = 0.1
"""The shortest first delay of waits that began together, as a share of the delay. They are spread over the rest."""
LEAST_FIRST_DELAY = 1.0
"""The same in seconds, if the delay is long enough."""
FIRST_POLL_DELAY = 5.0
"""The shortest time between a deferral and the event of its trigger, in seconds. If a trigger fires while the scheduler
still handles the deferral, Airflow fails the task, although its job ended well."""
FIRST_BACKOFF = 2.0
"""The delay after the first failed poll, in seconds. It doubles with each further one."""
DEFAULT_POLL_INTERVAL = 10.0
"""The shortest delay between polls, in seconds."""
DEFAULT_MAX_POLL_INTERVAL = 60.0
"""The longest delay between polls, in seconds."""
SHORTEST_DELAY = 0.05
"""The shortest delay of all, in seconds. Without it, a rounding error at the deadline would make a busy loop."""
FINAL_POLL_SECONDS = 60.0
"""How long the final poll may take once its turn has come, in seconds. It goes before ordinary polls."""
LONGEST_FINAL_POLL = 600.0
"""How long the final poll may take together with its time in the queue, in seconds. Thousands may be due at once, or
the API may have asked for a pause. We prefer a late but correct result. But it must come before Airflow's own limit on
the deferral, 15 minutes after the deadline, whose message names no job."""


def poll_delay(waited: float, shortest: float, longest: float, random: float, likely: float | None = None) -> float:
    """Return the delay before the next poll, in seconds.

    :param waited: how long the wait has lasted, in seconds.
    :param shortest: the shortest delay, in seconds.
    :param longest: the longest delay, in seconds. If it is below ``shortest``, ``shortest`` counts.
    :param random: a random number in [0, 1), for the jitter.
    :param likely: the delay after which the job is likely to have ended, in seconds; ``None`` if that is not known.
    """
    plain = plain_delay(waited, shortest, longest, likely)
    jittered = plain * (1 - JITTER + 2 * JITTER * random)
    return min(jittered, max(longest, shortest))


def first_poll_delay(
    waited: float, shortest: float, longest: float, random: float, least: float = 0.0, likely: float | None = None
) -> float:
    """Return the delay of waits that would otherwise poll together, in seconds: a random part of the usual delay.

    They began at the same time, as after a restart of the triggerer, or were held up by the same outage.
    The other parameters are those of :func:`poll_delay`.

    :param least: the shortest delay in seconds, even if the usual delay is shorter.
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

    :param delay: how long it has to queue, in seconds.
    """
    return min(FINAL_POLL_SECONDS + delay, LONGEST_FINAL_POLL)


def backoff(failures: int, longest: float, random: float) -> float:
    """Return the delay after failed polls, in seconds. It is random, so that waits do not retry together.

    :param failures: how many polls have failed in a row, 1 or more.
    :param longest: the longest delay, in seconds.
    :param random: a random number in [0, 1).
    """
    plain = min(FIRST_BACKOFF * 2.0 ** min(failures - 1, 30), max(longest, FIRST_BACKOFF))
    return plain * (0.5 + 0.5 * random)
