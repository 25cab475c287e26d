"""The work that a submitted request starts: the parts of its job, and their effects on servers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_ecsjobs.emulator.jobs import Failure


class Payment(Enum):
    """How the order of a request is paid."""

    NONE = "pay-per-use: there is no order"
    MANUAL = "the work begins when a user pays the order"
    AUTOMATIC = "paid at once"


def nothing(*_: object) -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class Task:
    """The task of a server while a job runs.

    :param name: the server's ``OS-EXT-STS:task_state``, as in OpenStack.
    :param status: the server's status meanwhile, if it differs.
    """

    name: str
    status: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """The part of a job for one server or one of its NICs.

    :param change: the effect if it succeeds, called with the time of its end.
    :param begin: the effect when it begins, called with that time.
    :param undo: the effect if it fails, called with the time of its end and the failure.
    :param failure: a failure that is certain from the start. Such a part does not begin.
    """

    server_id: str
    change: Callable[[float], object]
    nic_id: str | None = None
    begin: Callable[[float], object] = nothing
    undo: Callable[[float, Failure], object] = nothing
    failure: Failure | None = None

    @property
    def entities(self) -> dict[str, str]:
        """The entities in the job query."""
        return {"server_id": self.server_id} | ({"nic_id": self.nic_id} if self.nic_id else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A planned job.

    :param direct: the job itself is the only part; otherwise each part is a sub-job.
    :param order_only: there is no job to query, only an order.
    :param task: the task of its servers until their parts end.
    """

    job_type: str
    parts: Sequence[Part]
    direct: bool = False
    payment: Payment = Payment.NONE
    order_only: bool = False
    task: Task | None = None

    @property
    def server_ids(self) -> list[str]:
        """The ids of its servers, each once."""
        return list(dict.fromkeys(part.server_id for part in self.parts))


@dataclass(frozen=True, slots=True)
class Submitted:
    """The result of a submit.

    :param replayed: the result is that of an earlier request with the same client token.
    """

    job_id: str | None
    order_id: str | None
    server_ids: tuple[str, ...]
    replayed: bool = False
