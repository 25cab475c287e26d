from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# A busy machine is no failure: nothing has a time limit. In CI the examples are the same in every run.
settings.register_profile(
    "core", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize="CI" in os.environ
)
settings.load_profile("core")
