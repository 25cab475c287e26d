"""The vocabulary of the flows: what a flow asks its driver for, and what it is given back.

A flow (:mod:`airflow_provider_ecsjobs.core.flows`) is a generator. It yields a :class:`Request`, a
:class:`Sleep` or a :class:`Report`; the driver carries it out and sends back an :class:`Answer` or a
:class:`Trouble` for a request, and nothing for the other two.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

MAX_BODY_BYTES = 16 * 1024 * 1024
"""The largest answer a driver reads, in bytes; a job of 1,000 sub-jobs has about 0.4 MB."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, signed and ready to be sent. Its ``repr`` shows no header: they hold the signature."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answered.

    :param status: the HTTP status code.
    :param headers: the headers; names in lower case.
    :param body: the body as received, decompressed.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Trouble:
    """No answer came: the connection failed, broke off, took too long or sent too much.

    :param reason: what happened, in one line that names the host and holds no secret.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait this many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Report:
    """Tell the user: a log line at a level of :mod:`logging`."""

    level: int
    message: str


if TYPE_CHECKING:
    from typing import TypeAlias, TypeVar

    _T = TypeVar("_T")
    Step: TypeAlias = Request | Sleep | Report
    Flow: TypeAlias = Generator[Step, Any, _T]
