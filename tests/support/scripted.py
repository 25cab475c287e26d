"""A driver of flows with no socket and no clock: a function answers each request. Tests and benchmarks share it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_ecsjobs.core.steps import (
    Clock,
    Finished,
    HttpRequest,
    Log,
    Mask,
    Reload,
    Response,
    Send,
    SingleFlight,
    Sleep,
    TransportFailure,
    advance,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_ecsjobs.core.auth.credentials import AuthConfig
    from airflow_provider_ecsjobs.core.steps import Flow

START = 1_800_000_000.0


@dataclass
class ScriptedDriver:
    """Carries flows out in virtual time, which only sleeps move on.

    :param serve: answers a request.
    :param reload: returns what the connection is when it is read again.
    :param now: the time, in seconds since the epoch.
    :param ahead: how far the machine's clock was set ahead.
    :param random: returns the chance.
    """

    serve: Callable[[HttpRequest], Response | TransportFailure]
    reload: Callable[[], AuthConfig | None] = lambda: None
    now: float = START
    ahead: float = 0.0
    random: Callable[[], float] = lambda: 0.5
    requests: list[HttpRequest] = field(default_factory=list)
    sleeps: list[float] = field(default_factory=list)
    logs: list[Log] = field(default_factory=list)
    masked: list[str] = field(default_factory=list)
    reloads: int = 0

    @property
    def clock(self) -> Clock:
        """The driver's clocks and chance."""
        return Clock(now=lambda: self.now + self.ahead, random=self.random, monotonic=lambda: self.now - START)

    def run(self, flow: Flow[Any]) -> Any:
        """Carry a flow out, and return its result."""
        sent: Any = None
        while True:
            step = advance(flow, sent, self.logs.append)
            if isinstance(step, Finished):
                return step.result
            sent = self._carry_out(step)

    def paths(self) -> list[str]:
        """Return what was asked, without the hosts."""
        return [request.url.split("/", 3)[3] for request in self.requests]

    def _carry_out(self, step: Any) -> Any:
        match step:
            case Send(make):
                request = make()
                return None if request is None else self._carry_out(request)
            case HttpRequest():
                self.requests.append(step)
                assert len(self.requests) < 100_000
                return self.serve(step)
            case Sleep(seconds):
                assert seconds >= 0
                self.sleeps.append(seconds)
                self.now += seconds
            case SingleFlight(_, make):
                return self.run(make())
            case Reload():
                self.reloads += 1
                return self.reload()
            case Mask(secrets):
                self.masked += secrets
            case _:
                raise AssertionError(step)
        return None
