"""Thousands of waits in Airflow's own TriggerRunner: memory, event loop, connections, lookups and tokens."""

from __future__ import annotations

from typing import Any

from benchmarks.figures import Bound, Section, Table
from benchmarks.processes import Server, airflow_home, call

NAME = "many_waits"
SIZES: dict[str, dict[str, Any]] = {
    # A long wait polls once a minute. `hold` is long enough for each wait to poll once.
    "full": {
        "counts": (1000, 5000, 10000),
        "started_per_second": 500,
        "hold": 75.0,
        "idle_hold": 30.0,
        "gaps": (10.0, 60.0),
    },
    "small": {"counts": (100,), "started_per_second": 100, "hold": 3.0, "idle_hold": 1.0, "gaps": (1.0, 1.0)},
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
    rows: list[list[object]] = []
    most = sizes["counts"][-1]
    of_most: dict[str, Any] = {}
    above: list[float] = []
    for count in sizes["counts"]:
        idle = _measure(IDLE, count, sizes, RATE)
        ours = _measure(OURS, count, sizes, RATE)
        above.append((ours["grown"] - idle["grown"]) / count / 1024)
        rows += [_row("sleeping", idle, count, None), _row("**ours**", ours, count, above[-1])]
        if count == most:
            of_most = ours
            slow = _measure(OURS, count, sizes, DEFAULT_RATE)
            extra = (slow["grown"] - idle["grown"]) / count / 1024
            rows.append(_row(f"ours, {DEFAULT_RATE} requests/s", slow, count, extra))
    head = (
        "triggers",
        "",
        "KiB each",
        "above sleeping",
        "lag p50, p99, max while they start, ms",
        "lag p50, p99, max then, ms",
        "garbage collector, longest, ms; CPU in it",
        "CPU s/s then",
        "look-ups",
        "XComs a second",
        "tokens",
        "TLS connections",
        "requests",
    )
    note = (
        "Airflow's TriggerRunnerSupervisor and the TriggerRunner that it forks run unchanged. The supervisor takes the"
        " triggers and the connection from memory instead of the database."
        f" {sizes['started_per_second']} triggers start per second (Airflow itself: 50). The connection logs in"
        f" with a password at the emulator, over TLS, with a rate limit of {RATE} requests per second; the default is"
        f" {DEFAULT_RATE}. The jobs are an hour old and keep running, so that each is polled once a minute. The figures"
        f" *then* are of the {sizes['hold']:g} s after all have started ({sizes['idle_hold']:g} s for sleeping"
        " triggers). Each wait publishes its job for the pages in Airflow's UI, as by default."
        " Memory is the growth of the runner from just before the first trigger, with all modules loaded,"
        " and includes client and connections. Lag is how late a sleep of 10 ms ends. The longest lags are full runs"
        " of Python's garbage collector, which traverses all objects of Airflow and of all triggers. One such run takes"
        f" {of_most['gc_before']:.0f} ms of CPU before the first trigger."
    )
    return Section(
        NAME,
        f"{most:,} waits in one triggerer",
        [
            Bound(f"memory per waiting trigger above Airflow's own, {most:,} waits", above[-1], 8.0, "KiB"),
            Bound(f"loop lag with {most:,} waits, p99", of_most["lag_then"][1], 50.0, "ms"),
            Bound(f"loop lag with {most:,} waits, longest stall", of_most["lag_then"][2], 200.0, "ms"),
            Bound("TLS connections", of_most["seen"]["tls_handshakes"], 16),
            Bound("Airflow connection look-ups", of_most["lookups"], 1),
            Bound("XComs published a second, all waits together", of_most["published"] / of_most["seconds"], 1.0),
            Bound("tokens", of_most["seen"]["tokens"], 1),
        ],
        [Table(head, rows)],
        note,
    )


def _measure(classpath: str, count: int, sizes: dict[str, Any], rate: int) -> dict[str, Any]:
    is_ours = classpath == OURS
    task: dict[str, Any] = {
        "classpath": classpath,
        "count": count,
        "gaps": sizes["gaps"],
        "started_per_second": sizes["started_per_second"],
        "hold": sizes["hold"] if is_ours else sizes["idle_hold"],
    }
    limit = 120 + count / sizes["started_per_second"] + task["hold"]
    with airflow_home() as environment, Server("cloud", jobs=count, auth=AUTH, requests_per_second=rate) as cloud:
        task["connection"] = cloud.about["connection"]
        result = call("triggerer", task, environment, limit)
        result["seen"] = cloud.counters()
    return result


def _row(name: str, result: dict[str, Any], count: int, above: float | None) -> list[object]:
    seen, is_ours = result["seen"], above is not None
    return [
        name,
        f"{count:,}",
        result["grown"] / count / 1024,
        "" if above is None else above,
        _lag(result["lag_starting"]),
        _lag(result["lag_then"]),
        f"{result['gc_longest']:.0f}; {result['gc_most_cpu']:.0f}",
        f"{result['cpu']:.3f}",
        result["lookups"] if is_ours else "",
        f"{result['published'] / result['seconds']:.2f}" if is_ours else "",
        seen["tokens"] if is_ours else "",
        seen["tls_handshakes"] if is_ours else "",
        seen["requests"] if is_ours else "",
    ]


def _lag(lags: list[float]) -> str:
    return ", ".join(f"{lag:.1f}" if lag < 10 else f"{lag:.0f}" for lag in lags)
