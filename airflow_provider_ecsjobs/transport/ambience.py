"""The clocks and the chance of this machine, as the flows are given them by either driver."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from airflow_provider_ecsjobs.core.exchange import Ambient

if TYPE_CHECKING:
    from collections.abc import Callable

# Linux's other clocks stand still while the machine is suspended; macOS's does not.
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def steady_time() -> float:
    """Give the seconds since whenever: nobody sets this clock, and it goes on while the machine is suspended."""
    return time.clock_gettime(_STEADY)


def of_this_machine(last_look_delay: Callable[[], float] = lambda: 0.0) -> Ambient:
    """Give the flows what they need of this machine.

    :param last_look_delay: tells how many seconds pass until the turn of a last look that comes now.
    """
    return Ambient(time.time, random.random, steady_time, last_look_delay)
