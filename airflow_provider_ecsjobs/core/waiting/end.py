"""How a wait ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.core.errors import ApiError
    from airflow_provider_ecsjobs.core.job import Job


class Outcome(StrEnum):
    """How a wait ended. The trigger's event holds the value."""

    FINISHED = "finished"
    TIMEOUT = "timeout"
    PAYMENT_TIMEOUT = "payment_timeout"
    NOT_FOUND = "not_found"
    UNAUTHORIZED = "unauthorized"
    UNREACHABLE = "unreachable"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class WaitEnd:
    """The end of a wait.

    :param outcome: how it ended.
    :param message: the message for the user. For a finished job, it is the last line of progress.
    :param job: the job as last seen; ``None`` if it was never seen. It has no entities if the last poll did not see it.
    :param error: the error that ended the wait, if one did.
    """

    outcome: Outcome
    message: str
    job: Job | None = None
    error: ApiError | None = None

    @property
    def finished_job(self) -> Job | None:
        """The job, if it was seen to end, with success or failure; else ``None``."""
        return self.job if self.outcome is Outcome.FINISHED else None
