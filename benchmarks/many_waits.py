"""Thousands of waits in Airflow's own TriggerRunner: memory, event loop, connections, lookups and tokens."""

from __future__ import annotations

from typing import Any

from benchmarks.figures import Bound, Section, Table
from benchmarks.processes import Server, airflow_home, call

NAME = "many_waits"
SIZES: dict[str, dict[str, Any]] = {
    # A long wait polls once a minute. In `settle` each wait polls for the first time, or queues for it.
    "full": {
        "count": 10000,
        "started_per_second": 500,
        "settle": 65.0,
        "hold": 30.0,
        "gaps": (10.0, 60.0),
    },
    "small": {"count": 100, "started_per_second": 100, "settle": 6.5, "hold": 1.0, "gaps": (1.0, 1.0)},
}
RATE = 200
"""The connection's rate limit here, in requests per second. It is ten times the default, enough for 10,000 waits."""
DEFAULT_RATE = 20
OURS = "airflow_provider_ecsjobs.triggers.ecs_jobs.EcsJobTrigger"
IDLE = "benchmarks.triggerer.SleepingTrigger"
AUTH = "password"


def run(size: str) -> Section:
    """Measure our waits, and as many triggers that only sleep."""
    sizes = SIZES[size]
    count = sizes["count"]
    idle = _measure(IDLE, sizes, RATE)
    ours = _measure(OURS, sizes, RATE)
    unpublished = _measure(OURS, sizes, RATE, publishes=False)
    slow = _measure(OURS, sizes, DEFAULT_RATE)
    rows = [
        _row("sleeping", idle, count, None),
        _row("**ours**", ours, count, idle),
        _row("ours, not published", unpublished, count, idle),
        _row(f"ours, {DEFAULT_RATE} requests/s", slow, count, idle),
    ]
    head = (
        "triggers",
        "KiB each",
        "above sleeping",
        "lag p50, p99, max while they start, ms",
        "lag p50, p99, max then, ms",
        "longest run of the garbage collector, ms",
        "CPU of one, ms",
        "/ sleeping",
        "CPU s/s then",
        "look-ups",
        "XComs a second",
        "tokens",
        "TLS connections",
        "requests",
    )
    note = (
        f"{count:,} triggers each. Airflow's TriggerRunnerSupervisor and the TriggerRunner that it forks run unchanged."
        " The supervisor takes the triggers and the connection from memory instead of the database."
        f" {sizes['started_per_second']} triggers start per second (Airflow itself: 50). The connection logs in"
        f" with a password at the emulator, over TLS, with a rate limit of {RATE} requests per second; the default is"
        f" {DEFAULT_RATE}. The jobs are an hour old and keep running, so that each is polled once a minute. The figures"
        f" *then* are of {sizes['hold']:g} s. They begin {sizes['settle']:g} s after all have started, when each wait"
        f" has polled; with {DEFAULT_RATE} requests per second, most waits are in the queue instead. By default, each"
        " wait publishes its job for the pages in Airflow's UI."
        " Memory is the growth of the runner from just before the first trigger, with all modules loaded,"
        " and includes client and connections. Lag is how late a sleep of 10 ms ends. The longest lags are full runs"
        " of Python's garbage collector, which traverses all objects of Airflow and of all triggers. The CPU time of"
        " one is the median of five at the end."
        f" It takes {ours['gc_before']:.0f} ms before the first trigger."
    )
    return Section(
        NAME,
        f"{count:,} waits in one triggerer",
        [
            Bound(f"longest stall, CPU time, {RATE} requests/s / sleeping triggers", _stall(ours, idle), 1.2),
            Bound(f"longest stall, CPU time, {DEFAULT_RATE} requests/s / sleeping triggers", _stall(slow, idle), 1.3),
            Bound("memory per waiting trigger above Airflow's own", _above(ours, idle, count), 2.0, "KiB"),
            Bound("loop lag, p99", ours["lag_then"][1], 50.0, "ms"),
            Bound("TLS connections", ours["seen"]["tls_handshakes"], 16),
            Bound("Airflow connection look-ups", ours["lookups"], 1),
            Bound("XComs published a second, all waits together", ours["published"] / ours["seconds"], 1.0),
            Bound("tokens", ours["seen"]["tokens"], 1),
        ],
        [Table(head, rows)],
        note,
    )


def _above(result: dict[str, Any], idle: dict[str, Any], count: int) -> float:
    """Return the memory of a wait above that of a sleeping trigger, in KiB."""
    return float((result["grown"] - idle["grown"]) / count / 1024)


def _stall(result: dict[str, Any], idle: dict[str, Any]) -> float:
    """Return the CPU time of a full run of the garbage collector, compared with sleeping triggers."""
    return float(result["gc_full"] / idle["gc_full"])


def _measure(classpath: str, sizes: dict[str, Any], rate: int, *, publishes: bool = True) -> dict[str, Any]:
    task: dict[str, Any] = {
        "classpath": classpath,
        "settle": sizes["settle"] if classpath == OURS else 0.0,
        **{name: sizes[name] for name in ("count", "gaps", "started_per_second", "hold")},
    }
    limit = 120 + sizes["count"] / sizes["started_per_second"] + task["settle"] + task["hold"]
    with airflow_home() as home, Server("cloud", jobs=sizes["count"], auth=AUTH, requests_per_second=rate) as cloud:
        task["connection"] = cloud.about["connection"]
        result = call("triggerer", task, {**home, "AIRFLOW__ECSJOBS__PUBLISH_JOBS": str(publishes)}, limit)
        result["seen"] = cloud.counters()
    return result


def _row(name: str, result: dict[str, Any], count: int, idle: dict[str, Any] | None) -> list[object]:
    """Return a row of the table.

    :param idle: the sleeping triggers; ``None`` for themselves.
    """
    seen = result["seen"]
    return [
        name,
        result["grown"] / count / 1024,
        "" if idle is None else _above(result, idle, count),
        _lag(result["lag_starting"]),
        _lag(result["lag_then"]),
        f"{result['gc_longest']:.0f}",
        f"{result['gc_full']:.0f}",
        "" if idle is None else f"{_stall(result, idle):.2f}",
        f"{result['cpu']:.3f}",
        "" if idle is None else result["lookups"],
        "" if idle is None else f"{result['published'] / result['seconds']:.2f}",
        "" if idle is None else seen["tokens"],
        "" if idle is None else seen["tls_handshakes"],
        "" if idle is None else seen["requests"],
    ]


def _lag(lags: list[float]) -> str:
    return ", ".join(f"{lag:.1f}" if lag < 10 else f"{lag:.0f}" for lag in lags)
