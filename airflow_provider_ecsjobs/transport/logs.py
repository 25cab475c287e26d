"""What the drivers are given to log with, and to keep secrets out of the logs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_ecsjobs.core.steps import Log


class MaskSecrets(Protocol):
    """A function that masks secrets in the logs."""

    def __call__(self, secrets: Iterable[str], /) -> None:
        """Mask each of these secrets."""


class MaskSecretsAsync(Protocol):
    """A coroutine function that masks secrets in the logs."""

    async def __call__(self, secrets: Iterable[str], /) -> None:
        """Mask each of these secrets."""


class LogSink(Protocol):
    """Any logger: of :mod:`logging`, or one of Airflow's structured ones."""

    def log(self, level: int, event: str, /, *args: Any) -> Any:
        """Write one line."""


def write_log(logger: LogSink, log: Log) -> None:
    """Write the log line of a flow or a wait to a logger."""
    logger.log(log.level, "%s", log.message)
