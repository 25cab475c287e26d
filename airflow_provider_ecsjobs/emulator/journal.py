"""The record of what the emulator received: counters, and the last requests without their secrets."""

from __future__ import annotations

import copy
import threading
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

    from airflow_provider_ecsjobs.emulator.work import Submitted

MAX_REQUESTS = 10_000
"""How many requests and how many submits are kept."""

COUNTERS = (
    "requests",
    "connections",
    "tls_handshakes",
    "authenticated",
    "unauthorized",
    "tokens",
    "project_lookups",
    "metadata",
    "metadata_tokens",
    "submits",
    "replays",
    "job_queries",
    "faults",
    "throttled",
    "not_emulated",
)

_SECRET_HEADERS = frozenset(
    {"authorization", "x-auth-token", "x-security-token", "x-subject-token", "proxy-authorization", "cookie"}
)


class Journal:
    """Counts and records requests. It is thread-safe. The counters are:

    - ``requests``: all requests except control requests;
    - ``connections``: the connections with at least one such request;
    - ``tls_handshakes``: the TLS handshakes begun, including those of clients that did not trust the certificate;
    - ``authenticated``: the requests to ECS with credentials, valid or not;
    - ``unauthorized``: the credentials that ECS or IAM did not accept;
    - ``tokens``, ``project_lookups``: these requests to IAM;
    - ``metadata`` (keys), ``metadata_tokens``: these requests to the metadata service;
    - ``submits``: the accepted submits;
    - ``replays``: the submits that got an earlier result because of their client token;
    - ``job_queries``: the job queries, including those for an unknown job;
    - ``faults``: the requests with a fault;
    - ``throttled``: the requests over the rate limit;
    - ``not_emulated``: the requests with an API or a list's parameter that the emulator does not have.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counters = dict.fromkeys(COUNTERS, 0)
        self._requests: deque[dict[str, Any]] = deque(maxlen=MAX_REQUESTS)
        self._submissions: deque[dict[str, Any]] = deque(maxlen=MAX_REQUESTS)
        self._connections: weakref.WeakSet[asyncio.BaseTransport] = weakref.WeakSet()

    def count(self, name: str) -> None:
        """Add one to a counter."""
        with self._lock:
            self._counters[name] += 1

    def arrived(self, transport: asyncio.BaseTransport | None) -> None:
        """Count a request, and its connection if this is the first request on it."""
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
        """Record a request.

        :param status: the HTTP status of the response; None if the connection was cut instead.
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

    def submitted(self, *, operation: str, client_token: str | None, submitted: Submitted) -> None:
        """Count and record an accepted submit.

        :param operation: the operation's name, as the official SDK's method.
        """
        record = {
            "operation": operation,
            "job_id": submitted.job_id,
            "order_id": submitted.order_id,
            "server_ids": list(submitted.server_ids),
            "client_token": client_token,
            "replayed": submitted.replayed,
        }
        with self._lock:
            self._counters["replays" if submitted.replayed else "submits"] += 1
            self._submissions.append(record)

    def counters(self) -> dict[str, int]:
        """Return a copy of the counters."""
        with self._lock:
            return dict(self._counters)

    def requests(self) -> list[dict[str, Any]]:
        """Return the recorded requests, oldest first."""
        with self._lock:
            return list(self._requests)

    def submissions(self) -> list[dict[str, Any]]:
        """Return the recorded submits, oldest first."""
        with self._lock:
            return copy.deepcopy(list(self._submissions))

    def reset(self) -> None:
        """Set all counters to zero, and delete the recorded requests and submits.

        An open connection counts again with its next request.
        """
        with self._lock:
            self._counters = dict.fromkeys(COUNTERS, 0)
            self._requests.clear()
            self._submissions.clear()
            self._connections = weakref.WeakSet()
