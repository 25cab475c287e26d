"""The CPU time of a poll, compared with the least possible and with other providers."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from importlib import metadata
from typing import Any

from airflow_provider_ecsjobs.core.waiting.schedule import FIRST_POLL_DELAY
from benchmarks.contenders import (
    CONTENDERS,
    DISTRIBUTION_OF,
    FLOOR,
    INTERVAL,
    OURS,
    OURS_SIGNED,
    OURS_TOKEN,
    PER_POLL_PEERS,
    Server,
    environment,
    prepare,
)
from benchmarks.figures import Bound, Section, Table, number
from benchmarks.processes import Server as ServerProcess
from benchmarks.processes import airflow_home, call, hand_back, task_of_child

NAME = "poll_cpu"
SIZES = {
    "full": {"rounds": 5, "rate": 50, "warm": 2.0, "window": 5.0},
    "small": {"rounds": 1, "rate": 20, "warm": 0.5, "window": 1.0},
}


def run(size: str) -> Section:
    """Measure all installed contenders in turn, several times."""
    sizes = SIZES[size]
    names = [name for name in CONTENDERS if _is_installed(name)]
    measured: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    with airflow_home() as home, ServerProcess("polls") as server:
        where = Server(server.about["port"], server.about["ca_file"])
        variables = {**home, **environment(where)}
        for turn in range(sizes["rounds"]):
            order = list(names)
            random.Random(turn).shuffle(order)
            for name in order:
                measured[name].append(_measure(name, server, sizes, variables))
    return _section(measured, sizes)


def _measure(name: str, server: ServerProcess, sizes: dict[str, Any], variables: dict[str, str]) -> dict[str, Any]:
    handshakes = server.counters()["handshakes"]
    # All waits have polled before: a trigger of ours polls 5 s after its start at the earliest.
    warm = sizes["warm"] + (1.1 * FIRST_POLL_DELAY if name in OURS else 0.0)
    task = {"name": name, **server.about, "rate": sizes["rate"], "warm": warm, "window": sizes["window"]}
    result = call("poll_cpu", task, variables, timeout=120 + warm + sizes["window"])
    result["handshakes"] = server.counters()["handshakes"] - handshakes
    return result


def _is_installed(name: str) -> bool:
    distribution = DISTRIBUTION_OF.get(name)
    try:
        return distribution is None or bool(metadata.version(distribution))
    except metadata.PackageNotFoundError:
        return False


def _section(measured: dict[str, list[dict[str, Any]]], sizes: dict[str, Any]) -> Section:
    cost = {name: statistics.median(each["cpu_per_poll"] for each in all_) for name, all_ in measured.items()}
    # Each ratio is of one round: both were measured within the same minutes, so other load cancels out.
    ratios = {
        name: statistics.median(
            mine["cpu_per_poll"] / floor["cpu_per_poll"] for mine, floor in zip(all_, measured[FLOOR], strict=True)
        )
        for name, all_ in measured.items()
    }
    peers = {name: cost[name] for name in PER_POLL_PEERS if name in cost}
    section = Section(
        NAME,
        "CPU per poll",
        [
            Bound("CPU per poll, ours with AK/SK signing / floor", ratios[OURS_SIGNED], 1.3),
            Bound("CPU per poll, ours with a token / floor", ratios[OURS_TOKEN], 1.2),
            *(
                Bound(f"CPU per poll, {name} / ours with AK/SK signing", value / cost[OURS_SIGNED], 3.0, is_least=True)
                for name, value in peers.items()
            ),
        ],
    )
    rows = []
    for name, all_ in measured.items():
        costs = [each["cpu_per_poll"] * 1000 for each in all_]
        rows.append(
            (
                f"**{name}**" if name in OURS else name,
                f"{statistics.median(costs):.2f}",
                f"{min(costs):.2f} to {max(costs):.2f}",
                f"{ratios[name]:.2f}",
                f"{cost[name] / cost[OURS_SIGNED]:.2f}",
                f"{statistics.median(each['rate'] for each in all_):.0f}",
                number(statistics.median(each["handshakes"] / each["all_polls"] for each in all_)),
            )
        )
    head = ("", "CPU ms per poll", "least to most", "/ floor", "/ ours signed", "polls/s", "TLS handshakes per poll")
    section.tables.append(Table(head, rows))
    missing = [name for name in CONTENDERS if name not in measured]
    section.note = (
        f"{sizes['rate']} waits that each poll once per second, over TLS, with a response of about 1 KB. Each"
        f" contender has its own process. Its CPU time is taken over {sizes['window']:g} s, after all waits have"
        " polled."
        f" The figures are medians of {sizes['rounds']} rounds in random order. By default, each wait also publishes"
        " its job for the pages in Airflow's UI."
        + (f" Not installed and omitted: {', '.join(missing)}." if missing else "")
    )
    return section


async def _poll(task: dict[str, Any]) -> dict[str, Any]:
    """Run the waits of one contender, and return the CPU time per poll."""
    make = CONTENDERS[task["name"]](Server(task["port"], task["ca_file"]))
    first = await _count(task["control_port"])

    async def later(index: int) -> None:
        await asyncio.sleep(index / task["rate"])  # spread evenly, because peers keep their phase
        await make(index)()

    waits = [asyncio.create_task(later(index)) for index in range(round(task["rate"] * INTERVAL))]
    await asyncio.sleep(INTERVAL + task["warm"])
    before = await _count(task["control_port"])
    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.sleep(task["window"])
    cpu, passed = time.process_time() - cpu, time.perf_counter() - began
    after = await _count(task["control_port"])
    for wait in waits:
        if wait.done():
            wait.result()
        wait.cancel()
    await asyncio.wait(waits, timeout=10)
    count = after - before
    return {"cpu_per_poll": cpu / count, "rate": count / passed, "all_polls": after - first}


async def _count(port: int) -> int:
    """Return the server's number of polls, with as little work as possible."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /polls HTTP/1.0\r\n\r\n")
    response = await reader.read()
    writer.close()
    return int(response.rpartition(b"\r\n")[2])


if __name__ == "__main__":
    prepare()
    hand_back(asyncio.run(_poll(task_of_child())))
