"""How to wait for a job: how often to poll, and when to give up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_ecsjobs.core.text import duration, point_in_time
from airflow_provider_ecsjobs.core.waiting.schedule import DEFAULT_MAX_POLL_INTERVAL, DEFAULT_POLL_INTERVAL

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.core.job import Job

DEFAULT_UNREACHABLE_TIMEOUT = 900.0


@dataclass(frozen=True, slots=True)
class WaitPolicy:
    """How to wait. All durations are in seconds, all points in time in seconds since the epoch.

    :param started: when the wait began. The schedule and the messages count from here, also after a restart.
    :param deadline: when to give up; ``None`` for never.
    :param poll_interval: the shortest delay between polls.
    :param max_poll_interval: the longest delay between polls. If both are equal, the delay is fixed.
    :param payment_timeout: how long an order may stay unpaid. ``None``: until the deadline. 0: not at all.
    :param pending_since: since when the order has been known, and reported, to be unpaid.
    :param seen: the status and the number of finished sub-jobs that were reported last.
    :param seen_job: the outline of the job as it was seen before a restart; ``None`` if that is not known.
    :param seen_sub_jobs_total: the number of sub-jobs that were seen.
    :param not_found_grace: how long after ``started`` the API may not know a job that was submitted just before.
    :param unreachable_timeout: how long there may be no usable response.
    :param order_id: the order of the job, if it is known; for messages.
    :param limit: which parameter the deadline comes from, such as ``timeout=24 h 0 min``; for messages.
    :param server_ids: the servers in the response to a create; for the job's page.
    """

    started: float
    deadline: float | None = None
    poll_interval: float = DEFAULT_POLL_INTERVAL
    max_poll_interval: float = DEFAULT_MAX_POLL_INTERVAL
    payment_timeout: float | None = None
    pending_since: float | None = None
    seen: tuple[str, int] | None = None
    seen_job: Job | None = None
    seen_sub_jobs_total: int = 0
    not_found_grace: float = 0.0
    unreachable_timeout: float = DEFAULT_UNREACHABLE_TIMEOUT
    order_id: str = ""
    limit: str = ""
    server_ids: tuple[str, ...] = ()

    def described(self) -> str:
        """Return until when the job is waited for, and how often it is polled."""
        shortest, longest = duration(self.poll_interval), duration(self.max_poll_interval)
        polls = f"a poll every {shortest if shortest == longest else f'{shortest} to {longest}'}"
        if self.deadline is None:
            return f"for as long as it takes, {polls}"
        limit = f" ({self.limit})" if self.limit else ""
        return f"until {point_in_time(self.deadline)}{limit}, {polls}"
