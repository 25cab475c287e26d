"""A StatsD server for a live Airflow, on a UDP port of this machine."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType


class StatsdSink:
    """Receives metrics, and adds up those of ours: name and tags as Airflow sends them, in InfluxDB's way."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._receive, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def counts(self) -> Counter[str]:
        """Return how often each metric came, such as ``airflow.ecsjobs.polls,job_type=createServer,outcome=job``."""
        with self._lock:
            return Counter(self._counts)

    def environment(self) -> dict[str, str]:
        """Return what makes an Airflow send its metrics here."""
        host, port = self._socket.getsockname()
        return {
            "PYTHONPATH": str(Path(__file__).parent / "statsd_client"),
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__METRICS__STATSD_HOST": host,
            "AIRFLOW__METRICS__STATSD_PORT": str(port),
            "AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED": "True",
        }

    def _receive(self) -> None:
        while data := self._socket.recv(65536):
            name = data.decode().rsplit(":", 1)[0]
            if "ecsjobs." in name:
                with self._lock:
                    self._counts[name] += 1
