"""A secrets backend that does not answer for a while, as Airflow loads it by its class path."""

from __future__ import annotations

from typing import ClassVar

from airflow.secrets.base_secrets import BaseSecretsBackend


class AbsentBackend(BaseSecretsBackend):
    """Fails as often as a test says, and then has one connection."""

    failures: ClassVar[float] = 0
    connection: ClassVar[str] = ""
    calls: ClassVar[int] = 0

    def get_conn_value(self, conn_id: str, team_name: str | None = None) -> str | None:
        """Return the connection as JSON."""
        type(self).calls += 1
        if type(self).calls <= self.failures:
            raise ConnectionError("the vault is sealed")
        return self.connection if conn_id == "in_the_vault" else None
