"""The steps of the flows: what a flow asks its driver to do, and what the driver sends back.

A flow (:mod:`airflow_provider_ecsjobs.core.flows`) is a generator that yields steps. Its driver sends back:

- for an :class:`HttpRequest` or a :class:`Send`: a :class:`Response` or a :class:`TransportFailure`; for a ``Send``
  whose credentials are no longer in use: ``None``;
- for a :class:`SingleFlight`: the result of the shared flow, or ``None`` if it took too long;
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
"""The largest response body that a driver reads, in bytes. A job of 1,000 sub-jobs has about 0.4 MB."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One HTTP request, signed and ready to be sent. Its ``repr`` shows no headers, as they hold the signature.

    :param is_direct: whether to bypass all proxies. The metadata service responds to this machine only.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    is_direct: bool = False


class Priority(IntEnum):
    """The order in which waiting requests are sent."""

    LOGIN = 0
    """A login or token request, for which all other requests may have to wait."""
    FINAL_POLL = 1
    """The final poll of a wait at its deadline. It can't be made later."""
    POLL = 2
    """An ordinary poll. It will be repeated anyway."""


@dataclass(frozen=True, slots=True)
class Turn:
    """The place of a request in the queue.

    :param priority: the priority.
    :param patience: how many seconds later it may be sent than in the order of arrival, among requests of the same
        priority; below 0 if it is to be sent earlier. It counts only while requests queue.
    :param longest: the most that ``patience`` may come to beyond the present delay of the queue, in seconds.
    """

    priority: Priority = Priority.POLL
    patience: float = 0.0
    longest: float = 0.0


ORDINARY = Turn()
"""The place of an ordinary poll, in the order of arrival."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send a request that is authorized at the time of sending. It may have to queue before.

    :param make: returns the request at the time of sending; ``None`` if the credentials are no longer in use by then.
        The flow is then sent ``None`` instead of a response.
    :param turn: the place in the queue.
    """

    make: Callable[[], HttpRequest | None]
    turn: Turn = ORDINARY


@dataclass(frozen=True, slots=True)
class Parsed:
    """A parsed response body.

    :param value: the JSON object; ``None`` if the body is anything else.
    """

    value: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response.

    :param status: the HTTP status code.
    :param headers: the headers; names in lower case.
    :param body: the body, decompressed.
    :param parsed: the parsed body, so that it is parsed only once.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    parsed: Parsed | None = field(default=None, repr=False, compare=False)

    @property
    def is_success(self) -> bool:
        """Whether the status is a 2xx."""
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class TransportFailure:
    """There was no response: the connection failed, broke, timed out or sent too much.

    :param reason: what happened, in one line that names the host and holds no secret.
    :param may_have_arrived: whether the server may have received the request; false if there was no connection.
    """

    reason: str
    may_have_arrived: bool = True


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait, and then perhaps for a place in the queue of requests.

    A wait that queues so costs no more memory than one that sleeps. A driver without a queue only waits.

    :param seconds: how long to wait, in seconds.
    :param turn: the place in the queue that the next :class:`Send` of the flow needs; ``None`` to wait for none.
    :param limit: after how many seconds the flow goes on without its place. The send then queues itself.
    """

    seconds: float
    turn: Turn | None = None
    limit: float = math.inf


@dataclass(frozen=True, slots=True)
class Log:
    """Write a log line at a level of :mod:`logging`."""

    level: int
    message: str


@dataclass(frozen=True, slots=True)
class SingleFlight:
    """Run a flow once for all flows that need its result at the same time, and send the result to each of them.

    :param key: identifies the shared flow within one client.
    :param make: returns the shared flow.
    :param detached: whether the shared flow continues if the flow that runs it is cancelled. If not, it is cancelled
        too, and the next flow that waits for it starts it anew. So no request is sent that no flow needs.
    :param timeout: how long it may take, in seconds. If there is no result by then, the flow is sent ``None``. The
        synchronous driver ignores it: there nothing queues, and each request has its own timeout.
    """

    key: Hashable
    make: Callable[[], Flow[Any]]
    detached: bool = True
    timeout: float = math.inf


@dataclass(frozen=True, slots=True)
class Reload:
    """Read the Airflow connection again. The flow is sent its :class:`AuthConfig`, ``None`` if it can't be read."""


@dataclass(frozen=True, slots=True)
class Mask:
    """Mask issued credentials in Airflow's logs, like the secrets of the connection.

    :param secrets: a token, or the secret parts of a temporary key.
    """

    secrets: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Clock:
    """Time and random numbers, which a flow may not get by itself.

    :param now: returns the system time, in seconds since the epoch. It is for times that the cloud compares with its
        own clock: the date of a signature, the end of a token, a ``Retry-After``. It may jump.
    :param random: returns a random number in [0, 1).
    :param monotonic: returns a monotonic time in seconds. It is for durations: it is not affected by changes of the
        system clock, and continues while the machine is suspended.
    :param final_poll_delay: returns how many seconds a final poll would wait in the queue if it came now.
    """

    now: Callable[[], float]
    random: Callable[[], float]
    monotonic: Callable[[], float]
    final_poll_delay: Callable[[], float] = lambda: 0.0

    def anchor(self) -> float:
        """Return the present difference between system time and monotonic time."""
        return self.now() - self.monotonic()


@dataclass(frozen=True, slots=True)
class Finished(Generic[_T]):
    """The end of a flow.

    :param result: the flow's return value.
    """

    result: _T


def advance(flow: Flow[_T], sent: Any, write_log: Callable[[Log], None]) -> Step | Finished[_T]:
    """Run a flow to its next step for the driver and return the step. Log lines are written on the way.

    :param flow: the flow.
    :param sent: the driver's result of the previous step; ``None`` at the beginning.
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
