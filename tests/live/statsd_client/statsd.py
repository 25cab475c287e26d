"""Stands in for the package ``statsd``, which Airflow does not bring: sends what it is told to a UDP port."""

from __future__ import annotations

import socket
from datetime import timedelta
from typing import Any


class StatsClient:
    """The part of a StatsD client that Airflow uses; its counters and timings are sent, one a datagram."""

    def __init__(self, host: str, port: int, prefix: str = "", ipv6: bool = False) -> None:
        self._address = (host, int(port))
        self._prefix = prefix
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def incr(self, stat: str, count: int = 1, rate: float = 1) -> None:
        self._send(f"{stat}:{count}|c")

    def timing(self, stat: str, delta: Any) -> None:
        ms = delta.total_seconds() * 1000 if isinstance(delta, timedelta) else float(delta)
        self._send(f"{stat}:{ms:.3f}|ms")

    def decr(self, *args: Any) -> None:
        pass

    def gauge(self, *args: Any) -> None:
        pass

    def timer(self, *args: Any, **kwargs: Any) -> Timer:
        return Timer()

    def _send(self, line: str) -> None:
        self._socket.sendto(f"{self._prefix}.{line}".encode(), self._address)


class Timer:
    """Takes no time."""

    def start(self) -> Timer:
        return self

    def stop(self, *args: Any, **kwargs: Any) -> None:
        pass
