from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.metrics.counted import Counted

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


@pytest.fixture
def stats(monkeypatch: pytest.MonkeyPatch) -> Counted:
    """Give a stats backend that remembers, put where Airflow has its own."""
    backend = Counted()
    put_in_place(backend, monkeypatch)
    return backend


def put_in_place(backend: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a backend that of Airflow's stats, on either version."""
    try:
        import airflow.sdk.serde  # noqa: F401 - it sets the stats up when it is imported: not later, over ours
        from airflow.sdk._shared.observability.metrics import stats
    except ImportError:  # Airflow 2.11
        from airflow.stats import Stats

        monkeypatch.setattr(Stats, "instance", backend, raising=False)
    else:
        monkeypatch.setattr(stats, "_backend", backend)


@pytest.fixture
def broken_stats(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give a list that fills with the names of the metrics that a broken backend was called with."""
    called: list[str] = []

    class Broken:
        def incr(self, name: str, *args: Any, **kwargs: Any) -> None:
            called.append(name)
            raise OSError("the socket is gone")

        timing = incr

    put_in_place(Broken(), monkeypatch)
    return called


@pytest.fixture
def recorded_span() -> Callable[[], Any]:
    """Give a function that opens a span, as Airflow does around a trigger."""
    from opentelemetry.sdk.trace import TracerProvider

    tracer = TracerProvider().get_tracer("of a test")
    return lambda: tracer.start_as_current_span("trigger.wait")
