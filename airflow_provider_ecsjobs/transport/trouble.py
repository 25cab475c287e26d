"""What both drivers do alike: put a report into a log, and say what became of a request without an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from airflow_provider_ecsjobs.core.exchange import Trouble
from airflow_provider_ecsjobs.core.text import clean

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.core.exchange import Report, Request
    from airflow_provider_ecsjobs.transport.settings import Settings


class ReportLog(Protocol):
    """Any logger: of :mod:`logging`, or one of Airflow's structured ones."""

    def log(self, level: int, event: str, /, *args: Any) -> Any:
        """Write one line."""


def log_report(logger: ReportLog, report: Report) -> None:
    """Write a flow's report to a log."""
    logger.log(report.level, "%s", report.message)


def trouble(request: Request, what: BaseException | str, settings: Settings) -> Trouble:
    """Say in one line what became of a request without an answer: host and cause, but no secret and no query."""
    cause = what if isinstance(what, str) else f"{type(what).__name__}: {_words(what)}"
    for secret in settings.secrets:
        cause = cause.replace(secret, "***")
    return Trouble(f"no answer from {urlsplit(request.url).netloc}: {clean(cause, 300)}")


def _words(error: BaseException) -> str:
    """What an error says; of a time-out that says nothing, that it was one."""
    return str(error) or ("it took too long" if isinstance(error, TimeoutError) else "no reason given")
