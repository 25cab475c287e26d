"""A stats backend that remembers what it was told."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

OURS = "ecsjobs."


class Counted:
    """Takes what Airflow's stats are told, and remembers those of our own metrics.

    Attributes: ``counts``, how often each counter was told with each set of tags; ``times``, the seconds of each timer.
    """

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self.times: dict[tuple[str, str], list[float]] = {}
        self.tags: list[tuple[str, dict[str, str]]] = []

    def incr(self, name: str, count: int = 1, rate: float = 1, *, tags: dict[str, str] | None = None) -> None:
        if self._is_ours(name, tags):
            self.counts[name.removeprefix(OURS), _shown(tags)] += count

    def timing(self, name: str, dt: Any, *, tags: dict[str, str] | None = None) -> None:
        if self._is_ours(name, tags):
            assert isinstance(dt, timedelta)
            self.times.setdefault((name.removeprefix(OURS), _shown(tags)), []).append(dt.total_seconds())

    def __getattr__(self, name: str) -> Any:
        # Airflow's own gauges and timers.
        from unittest.mock import MagicMock

        return MagicMock()

    def _is_ours(self, name: str, tags: dict[str, str] | None) -> bool:
        if not name.startswith(OURS):
            return False
        self.tags.append((name, dict(tags or {})))
        return True


def _shown(tags: dict[str, str] | None) -> str:
    return " ".join((tags or {}).values())
