"""The clocks of this machine, as both drivers pass them to the flows."""

from __future__ import annotations

import random
import time

from airflow_provider_ecsjobs.core.steps import Clock

# Linux's other monotonic clocks stop while the machine is suspended; the one of macOS does not.
_MONOTONIC = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def monotonic_time() -> float:
    """Return a monotonic time in seconds.

    It is not affected by changes of the system clock, and continues while the machine is suspended.
    """
    return time.clock_gettime(_MONOTONIC)


def system_clock() -> Clock:
    """Return this machine's clocks and its random numbers."""
    return Clock(time.time, random.random, monotonic_time)
