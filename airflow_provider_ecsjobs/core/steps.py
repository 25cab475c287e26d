"""The vocabulary of the flows: what a flow asks its driver for, and what it is given back.

A flow (:mod:`airflow_provider_ecsjobs.core.flows`) is a generator that yields steps. Its driver sends back:

- for an :class:`HttpRequest` or a :class:`Send`: a :class:`Response` or a :class:`TransportFailure`;
- for a :class:`SingleFlight`: the result of the flow that is shared;
- for a :class:`Reload`: the connection as it is now;
- for a :class:`Sleep`, a :class:`Log` or a :class:`Mask`: nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Hashable, Mapping

_T = TypeVar("_T")
MAX_BODY_BYTES = 16 * 1024 * 1024
"""The largest answer a driver reads, in bytes; a job of 1,000 sub-jobs has about 0.4 MB."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One HTTP request, signed and ready to be sent. Its ``repr`` shows no header: they hold the signature.

    :param is_direct: whether to go past all proxies: the metadata service answers to this machine alone.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    is_direct: bool = False


class Priority(IntEnum):
    """Which request is sent first, in this order."""

    LOGIN = 0
    """All requests may come to wait for it."""
    FINAL_POLL = 1
    """The poll of a wait at its deadline, which nothing makes up for."""
    POLL = 2
    """It will be made again."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send a request that is authorized no earlier than it is sent: it may have to queue until then.

    :param make: makes the request, at the time of sending; ``None`` if what it was to be authorized with has been
        given up meanwhile. The flow is then sent ``None`` instead of an answer.
    :param priority: how urgent it is.
    """

    make: Callable[[], HttpRequest | None]
    priority: Priority = Priority.POLL


@dataclass(frozen=True, slots=True)
class Parsed:
    """A body that has been parsed.

    :param value: the JSON object in it, ``None`` if it is anything else.
    """

    value: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Response:
    """What the server answered.

    :param status: the HTTP status code.
    :param headers: the headers; names in lower case.
    :param body: the body as received, decompressed.
    :param parsed: what a driver made of the body, so that nobody parses it again.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    parsed: Parsed | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class TransportFailure:
    """No answer came: the connection failed, broke off, took too long or sent too much.

    :param reason: what happened, in one line that names the host and holds no secret.
    :param may_have_arrived: whether the server may have got the request; not if there was no connection to it.
    """

    reason: str
    may_have_arrived: bool = True


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait this many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Log:
    """Tell the user: a log line at a level of :mod:`logging`."""

    level: int
    message: str


@dataclass(frozen=True, slots=True)
class SingleFlight:
    """Carry a flow out for all who ask for the same at the same time; each of them is sent its result.

    :param key: what makes two the same, within one client.
    :param make: makes the flow, for the one that carries it out.
    :param detached: whether it goes on when whoever carries it out is cancelled. If not, it ends with them, and the
        next of those who wait for it begins it anew: so nothing is asked that nobody wants to know any more.
    :param timeout: how long it may take, in seconds; the flow is sent ``None`` if it has no result by then. A driver
        that carries out one flow at a time lets it take longer: there, nothing queues, and each request ends by itself.
    """

    key: Hashable
    make: Callable[[], Flow[Any]]
    detached: bool = True
    timeout: float = math.inf


@dataclass(frozen=True, slots=True)
class Reload:
    """Read the Airflow connection again; the flow is sent the login as it is now, ``None`` if that can't be told."""


@dataclass(frozen=True, slots=True)
class Mask:
    """Have what was handed out masked in Airflow's logs, as the secrets of the connection are.

    :param secrets: a token, or the parts of a temporary key.
    """

    secrets: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Clock:
    """Time and chance, which a flow may not reach for by itself.

    :param now: return the time of day, in seconds since the epoch. It is for what the cloud compares with its own
        clock: the date of a signature, the end of a token, a ``Retry-After``. It may be set meanwhile.
    :param random: return a random number in [0, 1).
    :param monotonic: return a monotonic time in seconds. It is for how long something takes: it is not affected by
        changes of the system clock, and goes on while the machine is suspended.
    :param final_poll_delay: tells how many seconds pass until the turn of a last look that comes now.
    """

    now: Callable[[], float]
    random: Callable[[], float]
    monotonic: Callable[[], float]
    final_poll_delay: Callable[[], float] = lambda: 0.0

    def anchor(self) -> float:
        """Return what to add to the monotonic time to get the time of day, as it is now."""
        return self.now() - self.monotonic()


@dataclass(frozen=True, slots=True)
class Finished(Generic[_T]):
    """A flow has ended.

    :param result: what it returned.
    """

    result: _T


def advance(flow: Flow[_T], sent: Any, write_log: Callable[[Log], None]) -> Step | Finished[_T]:
    """Run a flow to the next step that its driver has to carry out. Log lines are written on the way.

    :param flow: the flow.
    :param sent: what the driver answers to the step before; ``None`` at the beginning.
    :param write_log: writes a log line.
    """
    while True:
        try:
            step = flow.send(sent)
        except StopIteration as end:
            return Finished(end.value)
        if not isinstance(step, Log):
            return step
        write_log(step)
        sent = None


if TYPE_CHECKING:
    from typing import TypeAlias

    Step: TypeAlias = HttpRequest | Send | Sleep | Log | SingleFlight | Reload | Mask
    Flow: TypeAlias = Generator[Step, Any, _T]
