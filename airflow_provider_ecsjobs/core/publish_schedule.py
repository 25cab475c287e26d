"""When the job of a wait is published: one rule for the worker and for the trigger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_ecsjobs.core.job_snapshot import outline

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.core.job import Job

SHORTEST_GAP = 15.0
"""The shortest delay between two publishes of a wait, in seconds."""
REFRESH_AFTER = 60.0
"""After how many seconds an unchanged job is published again."""


@dataclass(slots=True, eq=False)
class LastPublish:
    """What a wait has published last. The job itself is not kept: there may be thousands of waits.

    :param shown: the outline of the job; ``None`` if nothing was published yet.
    :param at: when the publish had ended, in seconds of a monotonic clock.
    """

    shown: int | None = None
    at: float = 0.0

    def note(self, shown: int, now: float) -> None:
        """Note what was published just now."""
        self.shown, self.at = shown, now

    def due(
        self, job: Job, now: float, shortest_gap: float = SHORTEST_GAP, refresh_after: float = REFRESH_AFTER
    ) -> int | None:
        """Return the job's outline if the job is to be published now, else ``None``.

        The first job is published at once, a change after the shortest gap, an unchanged job to refresh its record.

        :param job: the job as it was seen now.
        :param now: the time, in seconds of the monotonic clock.
        :param shortest_gap: the shortest delay after the last publish.
        :param refresh_after: the delay after which an unchanged job is due.
        """
        age = now - self.at
        if self.shown is not None and age < shortest_gap:
            return None
        shown = outline(job)
        return shown if shown != self.shown or age >= refresh_after else None
