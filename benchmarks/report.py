"""Writes the measured tables, and the conditions of the run, to README.md."""

from __future__ import annotations

import os
import platform
import re
import time
from importlib import metadata
from pathlib import Path

README = Path(__file__).with_name("README.md")
_VERSIONS_OF = ("apache-airflow", "aiohttp", "requests")
_PEERS = ("http", "dbt-cloud", "databricks", "amazon", "huawei")


def load() -> str:
    """Return the machine's load, in words."""
    return f"load {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores"


class Surroundings:
    """Records the load of the machine during a run."""

    def __init__(self) -> None:
        self._load = load()
        self._busy, self._own, self._began = _busy_seconds(), _own_seconds(), time.monotonic()

    def end(self) -> str:
        """Return one line about the run that ends now: date, machine, versions and load."""
        passed = time.monotonic() - self._began
        others = max((_busy_seconds() - self._busy) - (_own_seconds() - self._own), 0.0) / passed
        versions = ", ".join(f"{name} {metadata.version(name)}" for name in _VERSIONS_OF)
        peers = ", ".join(found for name in _PEERS if (found := _peer(name)))
        return (
            f"<sub>{time.strftime('%Y-%m-%d')}; {_cpu()}; Python {platform.python_version()}, {versions}; providers:"
            f" {peers or 'none'}; {self._load} when it began, {others:.2f} cores busy with something else"
            " meanwhile.</sub>"
        )


def write(name: str, shown: str, surroundings: str) -> None:
    """Replace a benchmark's section in README.md.

    :raises ValueError: there is no such section.
    """
    text = README.read_text()
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    part = re.compile(f"{re.escape(begin)}.*{re.escape(end)}", re.DOTALL)
    if not part.search(text):
        raise ValueError(f"{README.name} has no part for {name}")
    README.write_text(part.sub(lambda _: f"{begin}\n{shown}\n{surroundings}\n{end}", text))


def _busy_seconds() -> float:
    """Return how long the cores have been busy since the machine started; 0 if that is not known."""
    try:
        user, nice, system, _, _, *rest = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    except OSError:
        return 0.0
    ticks = (user, nice, system, *rest[:2])  # the rest is interrupts; guest time is part of user time
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def _own_seconds() -> float:
    """Return the CPU time of this process and of its ended children."""
    return sum(os.times()[:4])


def _peer(name: str) -> str:
    try:
        return f"{name} {metadata.version(f'apache-airflow-providers-{name}')}"
    except metadata.PackageNotFoundError:
        return ""


def _cpu() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.machine()
