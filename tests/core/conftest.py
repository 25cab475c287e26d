from __future__ import annotations

from hypothesis import settings

# A busy machine is no failure: no example has a time limit.
settings.register_profile("core", deadline=None)
settings.load_profile("core")
