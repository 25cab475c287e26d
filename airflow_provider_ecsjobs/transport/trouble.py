"""What both drivers do alike: put a report into a log, and say what became of a request without an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from airflow_provider_ecsjobs.core.text import clean

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.core.exchange import Report, Request


class ReportLog(Protocol):
    """Any logger: of :mod:`logging`, or one of Airflow's structured ones."""

    def log(self, level: int, event: str, /, *args: Any) -> Any:
        """Write one line."""


def log_report(logger: ReportLog, report: Report) -> None:
    """Write a flow's report to a log."""
    logger.log(report.level, "%s", report.message)


def describe_trouble(request: Request, what: BaseException | str) -> str:
    """Say in one line what became of a request that has no answer, naming host and cause, without the URL's query."""
    cause = what if isinstance(what, str) else f"{type(what).__name__}: {clean(what, 300)}"
    return f"no answer from {urlsplit(request.url).netloc}: {cause}"
