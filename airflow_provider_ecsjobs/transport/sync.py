"""Drives the flows with ``requests``: for tasks that run in a worker."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self, TypeVar
from urllib.parse import parse_qsl, urlsplit

import requests
import requests.auth
import urllib3.exceptions

from airflow_provider_ecsjobs.core.exchange import MAX_BODY_BYTES, Answer, Request, Sleep, Trouble
from airflow_provider_ecsjobs.core.flows import Ambient
from airflow_provider_ecsjobs.core.signing import Credentials, sign
from airflow_provider_ecsjobs.transport.trouble import describe_trouble, log_report

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from airflow_provider_ecsjobs.core.exchange import Flow
    from airflow_provider_ecsjobs.transport.settings import Settings
    from airflow_provider_ecsjobs.transport.trouble import ReportLog

_T = TypeVar("_T")
_CHUNK = 64 * 1024


class SigningAuth(requests.auth.AuthBase):
    """Signs any request of a ``requests`` session with an access key.

    :param credentials: the key.
    :param project_id: sent as ``X-Project-Id``.
    """

    def __init__(self, credentials: Credentials, project_id: str) -> None:
        self._credentials = credentials
        self._project_id = project_id

    def __call__(self, prepared: requests.PreparedRequest) -> requests.PreparedRequest:
        parts = urlsplit(prepared.url or "")
        body = prepared.body or b""
        headers = {"Content-Type": prepared.headers.get("Content-Type", "application/json")}
        headers["X-Project-Id"] = self._project_id
        if self._credentials.security_token:
            headers["X-Security-Token"] = self._credentials.security_token
        prepared.headers.update(
            sign(
                self._credentials,
                method=prepared.method or "GET",
                host=str(parts.netloc),
                path=str(parts.path) or "/",
                query=[(str(key), str(value)) for key, value in parse_qsl(parts.query, keep_blank_values=True)],
                headers=headers,
                body=body.encode() if isinstance(body, str) else bytes(body),
                when=datetime.now(UTC),
            )
        )
        return prepared


class SyncClient:
    """A client of the jobs API for synchronous code.

    :param settings: endpoint, project, credentials and limits.
    :param logger: where the flows' reports go.
    :param sleep: waits this many seconds; ``time.sleep`` unless a caller has something better.
    """

    def __init__(self, settings: Settings, *, logger: ReportLog, sleep: Callable[[float], None] = time.sleep) -> None:
        self.settings = settings
        self.ambient = Ambient(time.time, random.random)
        self._logger = logger
        self._sleep = sleep
        self.session = requests.Session()
        """A ``requests`` session that signs whatever is asked with it; it sets no timeouts of its own."""
        self.session.verify = settings.verify
        self.session.auth = SigningAuth(settings.target.credentials, settings.target.project_id)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self.session.close()

    def run(self, flow: Flow[_T]) -> _T:
        """Carry a flow out.

        :param flow: one of :mod:`airflow_provider_ecsjobs.core.flows`.
        :return: what the flow returns.
        """
        answer: Answer | Trouble | None = None
        while True:
            try:
                step = flow.send(answer)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            answer = None
            if isinstance(step, Request):
                answer = self._ask(step)
            elif isinstance(step, Sleep):
                self._sleep(step.seconds)
            else:
                log_report(self._logger, step)

    def _ask(self, request: Request) -> Answer | Trouble:
        settings = self.settings
        try:
            with self.session.request(
                request.method,
                request.url,
                headers=dict(request.headers),
                data=request.body or None,
                auth=_already_signed,
                timeout=(settings.connect_timeout, settings.read_timeout),
                allow_redirects=False,
                stream=True,
            ) as response:
                body = self._read(response)
                headers = {name.lower(): value for name, value in response.headers.items()}
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            return Trouble(describe_trouble(request, error))
        if body is None:
            return Trouble(describe_trouble(request, "the answer was too large or too slow"))
        return Answer(response.status_code, headers, body)

    def _read(self, response: requests.Response) -> bytes | None:
        """Read the body; ``None`` if it is too large, or drips in for longer than the read timeout."""
        deadline = time.monotonic() + self.settings.read_timeout
        chunks: list[bytes] = []
        size = 0
        for chunk in response.iter_content(_CHUNK):
            chunks.append(chunk)
            size += len(chunk)
            if size > MAX_BODY_BYTES or time.monotonic() > deadline:
                return None
        return b"".join(chunks)


def _already_signed(prepared: requests.PreparedRequest) -> requests.PreparedRequest:
    """Take the place of the session's own auth, for a request that the flow has signed."""
    return prepared
