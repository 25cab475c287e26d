"""A small signing client for the tests of the emulator."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import requests

from airflow_provider_ecsjobs.core.auth.signing import AccessKey, sign
from tests.support.patience import A_MINUTE

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.emulator import Emulator


class SignedClient:
    """Sends signed requests over one kept-alive connection; paths are relative to the project."""

    def __init__(self, emulator: Emulator) -> None:
        connection = emulator.connection()
        self.url = emulator.url
        self.credentials = AccessKey(connection["login"], connection["password"])
        self.project_id = connection["extra"]["project_id"]
        self.now = lambda: datetime.now(UTC)
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = emulator.ca_file or True

    def request(
        self,
        method: str,
        path: str,
        *,
        version: str = "v1",
        project_id: str | None = None,
        query: list[tuple[str, str]] | None = None,
        body: Any = None,
        headers: dict[str, str] | None = None,
        when: datetime | None = None,
        timeout: float = A_MINUTE,
    ) -> requests.Response:
        return self.call(
            method,
            f"/{version}/{project_id or self.project_id}{path}",
            query=query,
            body=body,
            headers=headers,
            when=when,
            timeout=timeout,
        )

    def call(
        self,
        method: str,
        path: str,
        *,
        query: list[tuple[str, str]] | None = None,
        body: Any = None,
        headers: dict[str, str] | None = None,
        when: datetime | None = None,
        timeout: float = A_MINUTE,
    ) -> requests.Response:
        """Send a signed request to a path of the server, not of the project."""
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        if self.credentials.security_token:
            headers = {"X-Security-Token": self.credentials.security_token, **(headers or {})}
        signed = sign(
            self.credentials,
            method=method,
            host=self.url.partition("://")[2],
            path=path,
            query=query or [],
            headers=headers,
            body=content,
            when=when or self.now(),
        )
        target = f"{self.url}{path}" + (f"?{urlencode(query)}" if query else "")
        return self.session.request(method, target, data=content, headers=signed, timeout=timeout)

    def show_job(self, job_id: str) -> requests.Response:
        return self.request("GET", f"/jobs/{job_id}")
