"""The clocks and the chance of this machine, as the flows are given them by either driver."""

from __future__ import annotations

import random
import time

from airflow_provider_ecsjobs.core.steps import Ambient

# Linux's other clocks stand still while the machine is suspended; macOS's does not.
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def steady_time() -> float:
    """Give the seconds since whenever: nobody sets this clock, and it goes on while the machine is suspended."""
    return time.clock_gettime(_STEADY)


def of_this_machine() -> Ambient:
    """Give the flows what they need of this machine; nothing queues, as far as it knows."""
    return Ambient(time.time, random.random, steady_time)
