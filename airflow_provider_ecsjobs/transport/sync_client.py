"""The synchronous driver of the flows, with ``requests``, for tasks in a worker."""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import parse_qsl, urlsplit

import requests
import requests.auth
import urllib3.exceptions

from airflow_provider_ecsjobs.core.auth.credentials import authorization_headers
from airflow_provider_ecsjobs.core.auth.session import AuthSession, establish
from airflow_provider_ecsjobs.core.errors import EcsApiError, EcsConfigError, EcsUnauthorizedError
from airflow_provider_ecsjobs.core.steps import (
    MAX_BODY_BYTES,
    Finished,
    HttpRequest,
    Mask,
    Response,
    Send,
    SingleFlight,
    Sleep,
    advance,
)
from airflow_provider_ecsjobs.core.text import clean
from airflow_provider_ecsjobs.transport.clock import system_clock
from airflow_provider_ecsjobs.transport.decoding import ACCEPTED_ENCODINGS, decompress
from airflow_provider_ecsjobs.transport.errors import GivenUpError, refused_by_proxy, transport_failure
from airflow_provider_ecsjobs.transport.logs import write_log
from airflow_provider_ecsjobs.transport.sync_session import REQUEST_THREAD, RequestThread, Session
from airflow_provider_ecsjobs.transport.tls import make_ssl_context

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from airflow_provider_ecsjobs.core.steps import Flow, TransportFailure
    from airflow_provider_ecsjobs.transport.config import Proxy, Settings
    from airflow_provider_ecsjobs.transport.logs import LogSink, MaskSecrets

_T = TypeVar("_T")
_CHUNK = 64 * 1024


class _UnparsedHeaders(logging.Filter):
    """Drops urllib3's warning about headers that it can't parse. It shows raw headers, which may hold secrets."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return false for that warning about one of our own requests, true for any other record."""
        is_ours = record.threadName == REQUEST_THREAD
        return not (is_ours and str(record.msg).startswith("Failed to parse headers"))


for _name in ("urllib3.connection", "urllib3.connectionpool"):
    logging.getLogger(_name).addFilter(_UnparsedHeaders())


class SessionAuth(requests.auth.AuthBase):
    """Authorizes the requests of a ``requests`` session with a connection's login. It logs in first if necessary.

    :param client: the client with the login.
    """

    def __init__(self, client: SyncClient) -> None:
        self._client = client

    def __call__(self, prepared: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the signature or the token.

        :raises EcsApiError: logging in failed.
        :raises EcsConfigError: the URL is not one of the connection's endpoints.
        :raises TypeError: the body is a file or generator, which can't be signed.
        """
        login = self._client.auth.config
        parts = urlsplit(prepared.url or "")
        # The scheme must match too: a token for https must not be sent over http, where anyone can read it.
        known = {_origin(endpoint) for endpoint in (login.endpoint, login.iam_endpoint) if endpoint}
        if _origin(prepared.url or "") not in known:
            raise EcsConfigError(
                f"Connection '{login.conn_id}': credentials are not sent to {clean(_origin(prepared.url or ''), 200)},"
                f" only to {' and '.join(sorted(known))}."
            )
        body = prepared.body or b""
        if not isinstance(body, (str, bytes)):
            raise TypeError(
                "A signed request needs its whole body: pass text, bytes or json=, not a file or generator."
            )
        auth = self._client.log_in()
        assert auth.credentials is not None
        prepared.headers.update(
            authorization_headers(
                auth.credentials,
                method=prepared.method or "GET",
                host=str(parts.netloc),
                path=str(parts.path) or "/",
                query=[(str(key), str(value)) for key, value in parse_qsl(parts.query, keep_blank_values=True)],
                headers={
                    "Content-Type": prepared.headers.get("Content-Type", "application/json"),
                    "X-Project-Id": auth.project_id,
                },
                body=body.encode() if isinstance(body, str) else body,
                now=time.time(),
            )
        )
        return prepared


class SyncClient:
    """A client of the jobs API for synchronous code.

    :param settings: endpoint, project, login and limits.
    :param logger: gets the flows' log lines.
    :param reload: reads the connection again; returns ``None`` if that fails.
    :param mask: masks secrets in the logs.
    :raises EcsConfigError: the CA bundle can't be used.
    """

    def __init__(
        self, settings: Settings, *, logger: LogSink, reload: Callable[[], Settings | None], mask: MaskSecrets
    ) -> None:
        if settings.ca_file is not None:
            make_ssl_context(settings)  # requests would find a wrong bundle at the first request only
        self._mask = mask
        self.settings = settings
        self.auth = AuthSession(settings.auth_config, settings.secrets)
        self.clock = system_clock()
        self._write_log = partial(write_log, logger)
        self._reload = reload
        self.session = Session()
        """A ``requests`` session that authorizes all its requests. It sets no timeouts."""
        # Otherwise requests would read .netrc, and prefer proxies and certificates of the environment.
        self.session.trust_env = False
        self.session.verify = settings.verify if settings.verify is False else settings.ca_file or True
        self.session.auth = SessionAuth(self)
        proxy = settings.proxy_for(settings.auth_config.endpoint)
        if proxy is not None:
            self.session.proxies = {"http": proxy.url_with_credentials, "https": proxy.url_with_credentials}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self.session.close()

    def log_in(self) -> AuthSession:
        """Log in and look up the project, unless that is done already.

        :raises EcsApiError: the login or the lookup failed.
        """
        failure = self.run(establish(self.auth, self.clock))
        if failure is not None:
            kind = EcsUnauthorizedError if failure.is_unauthorized else EcsApiError
            raise kind(f"Connection '{self.settings.auth_config.conn_id}': can't log in: {failure}", failure)
        return self.auth

    def run(self, flow: Flow[_T]) -> _T:
        """Run a flow and return its result.

        :param flow: one of :mod:`airflow_provider_ecsjobs.core.flows`.
        """
        result: Any = None
        while True:
            step = advance(flow, result, self._write_log)
            result = None
            if isinstance(step, Finished):
                return step.result
            if isinstance(step, Send):
                request = step.make()
                result = None if request is None else self._send(request)
            elif isinstance(step, HttpRequest):
                result = self._send(step)
            elif isinstance(step, Sleep):
                time.sleep(step.seconds)
            elif isinstance(step, SingleFlight):
                result = self.run(step.make())
            elif isinstance(step, Mask):
                self._mask(step.secrets)
            else:
                result = self.settings.login_of(self._reload())

    def _send(self, request: HttpRequest) -> Response | TransportFailure:
        """Send a request and return its response, or a failure after the timeout. Then nothing more is sent."""
        settings = self.settings
        proxy = None if request.is_direct else settings.proxy_for(request.url)
        thread = RequestThread(partial(self._exchange, request, proxy))
        thread.start()
        try:
            response: Response | TransportFailure = thread.outcome.result(
                settings.connect_timeout + settings.read_timeout
            )
        except TimeoutError:
            was_sent = thread.give_up()
            problem = "it took too long" if was_sent else GivenUpError("it took too long to connect")
            return transport_failure(request, problem, self.auth.redactor, proxy)
        return response

    def _exchange(self, request: HttpRequest, proxy: Proxy | None) -> Response | TransportFailure:
        settings = self.settings
        # An entry with None, unlike no entry, also disables the session's own proxy for a direct request.
        proxies: dict[str, Any] = dict.fromkeys(
            ("http", "https"), None if proxy is None else proxy.url_with_credentials
        )
        try:
            with self.session.request(
                request.method,
                request.url,
                headers={"Accept-Encoding": ACCEPTED_ENCODINGS, **request.headers},
                data=request.body or None,
                auth=_already_authorized,
                proxies=proxies,
                timeout=(settings.connect_timeout, settings.read_timeout),
                allow_redirects=False,
                stream=True,
            ) as response:
                body = self._read(response)
                headers = {name.lower(): value for name, value in response.raw.headers.iteritems()}
            if body is not None:
                body = decompress(body, headers.get("content-encoding", ""))
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            return transport_failure(request, error, self.auth.redactor, proxy)
        if body is None:
            return transport_failure(request, "the response was too large", self.auth.redactor, proxy)
        return refused_by_proxy(Response(response.status_code, headers, body), request, proxy)

    def _read(self, response: requests.Response) -> bytes | None:
        """Return the body; ``None`` if it is too large."""
        chunks: list[bytes] = []
        size = 0
        for chunk in response.raw.stream(_CHUNK, decode_content=False):
            chunks.append(chunk)
            size += len(chunk)
            if size > MAX_BODY_BYTES:
                return None
        return b"".join(chunks)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _already_authorized(prepared: requests.PreparedRequest) -> requests.PreparedRequest:
    """Return the request unchanged. It replaces the session's auth if the flow has authorized the request."""
    return prepared
