"""The clocks of this machine, held by a test: so that a deadline comes when the test says so, and not before."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from airflow_provider_ecsjobs.transport import clock

if TYPE_CHECKING:
    import pytest


class MachineClock:
    """The clocks that deadlines go by. What sleeps, sleeps as long as ever; and the emulator has a clock of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = 0.0
        """How far the time of day was set ahead."""
        self.passed = 0.0
        """How much more time has passed than on this machine."""
        real_time, real_monotonic_time = time.time, clock.monotonic_time
        monkeypatch.setattr(time, "time", lambda: real_time() + self.passed + self.ahead)
        monkeypatch.setattr(clock, "monotonic_time", lambda: real_monotonic_time() + self.passed)
