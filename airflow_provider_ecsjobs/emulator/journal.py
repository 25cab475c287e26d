"""What the emulator saw: counters, and the last requests without their secrets."""

from __future__ import annotations

import threading
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

MAX_REQUESTS = 10_000
"""How many requests are remembered."""

COUNTERS = (
    "requests",
    "connections",
    "tls_handshakes",
    "authenticated",
    "unauthorized",
    "tokens",
    "project_lookups",
    "metadata",
    "submits",
    "job_queries",
    "faults",
)

_SECRET_HEADERS = frozenset(
    {"authorization", "x-auth-token", "x-security-token", "x-subject-token", "proxy-authorization", "cookie"}
)


class Journal:
    """Counts and remembers requests. Safe to use from several threads.

    ``requests`` and ``connections`` (those that carried a request) count everything but control requests,
    ``tls_handshakes`` those begun, also by clients that then did not trust the certificate.
    ``authenticated`` counts the requests to ECS that carried credentials, whatever the answer; ``unauthorized`` the
    credentials not accepted, by ECS or IAM. ``tokens``, ``project_lookups`` and ``metadata`` count what IAM and the
    metadata service were asked for, ``submits`` the accepted ones, ``job_queries`` those the job query answered (also
    with an unknown job), and ``faults`` the requests that a fault befell.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counters = dict.fromkeys(COUNTERS, 0)
        self._requests: deque[dict[str, Any]] = deque(maxlen=MAX_REQUESTS)
        self._connections: weakref.WeakSet[asyncio.BaseTransport] = weakref.WeakSet()

    def count(self, name: str) -> None:
        """Add one to a counter."""
        with self._lock:
            self._counters[name] += 1

    def arrived(self, transport: asyncio.BaseTransport | None) -> None:
        """Count a request, and its connection if it is the first request there."""
        with self._lock:
            self._counters["requests"] += 1
            if transport is not None and transport not in self._connections:
                self._connections.add(transport)
                self._counters["connections"] += 1

    def answered(
        self,
        *,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        status: int | None,
        request_id: str,
    ) -> None:
        """Remember a request.

        :param status: the HTTP status of the answer, None if the connection was cut instead.
        """
        shown = {name: "***" if name.lower() in _SECRET_HEADERS else value for name, value in headers.items()}
        record = {
            "method": method,
            "path": path,
            "query": dict(query),
            "headers": shown,
            "status": status,
            "request_id": request_id,
        }
        with self._lock:
            self._requests.append(record)

    def counters(self) -> dict[str, int]:
        """Return a copy of the counters."""
        with self._lock:
            return dict(self._counters)

    def requests(self) -> list[dict[str, Any]]:
        """Return the remembered requests, oldest first."""
        with self._lock:
            return list(self._requests)

    def reset(self) -> None:
        """Set all counters to zero and forget the requests; open connections count anew with their next request."""
        with self._lock:
            self._counters = dict.fromkeys(COUNTERS, 0)
            self._requests.clear()
            self._connections = weakref.WeakSet()
