"""What a submitted request sets going: the parts of its job, and what each does to a server when it ends."""

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
    MANUAL = "the work begins when somebody pays the order"
    AUTOMATIC = "paid at once"


def nothing(*_: object) -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a server is busy with while a job is under way.

    :param name: its ``OS-EXT-STS:task_state``, as OpenStack names it.
    :param status: the server's status meanwhile, if it is another one.
    """

    name: str
    status: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """The share that one server, or one NIC of it, has in a job.

    :param change: what it does when it ends well, called with that time.
    :param begin: what it does when it begins, called with that time.
    :param undo: what its failure does instead of ``change``, called with that time and the reason.
    :param failure: why it fails whatever is planned; such a part does not even begin.
    """

    server_id: str
    change: Callable[[float], object]
    nic_id: str | None = None
    begin: Callable[[float], object] = nothing
    undo: Callable[[float, Failure], object] = nothing
    failure: Failure | None = None

    @property
    def entities(self) -> dict[str, str]:
        """What the job query says it is about."""
        return {"server_id": self.server_id} | ({"nic_id": self.nic_id} if self.nic_id else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A job that is to be.

    :param direct: the job itself is about its only part; else it has a sub-job for each.
    :param order_only: there is no job to query, only an order.
    :param task: what its servers are busy with until their parts end.
    """

    job_type: str
    parts: Sequence[Part]
    direct: bool = False
    payment: Payment = Payment.NONE
    order_only: bool = False
    task: Task | None = None

    @property
    def server_ids(self) -> list[str]:
        """The servers it is about, each once."""
        return list(dict.fromkeys(part.server_id for part in self.parts))


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of a submit.

    :param replayed: the answer to an earlier request with the same client token.
    """

    job_id: str | None
    order_id: str | None
    server_ids: tuple[str, ...]
    replayed: bool = False
