"""What both drivers share: writing a flow's log lines, and describing a request that got no response."""

from __future__ import annotations

import http.client
import socket
import ssl
import traceback
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import requests.exceptions
import urllib3.exceptions

from airflow_provider_ecsjobs.core.steps import TransportFailure
from airflow_provider_ecsjobs.core.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_ecsjobs.core.redaction import Redactor
    from airflow_provider_ecsjobs.core.steps import HttpRequest, Log


_NO_CONNECTION = (
    socket.gaierror,
    ConnectionRefusedError,
    ssl.SSLCertVerificationError,
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
)
_BEFORE_SENDING = frozenset(
    {
        ("urllib3.connection", "connect"),
        ("aiohttp.connector", "connect"),
        ("requests.sessions", "prepare_request"),
        ("requests.sessions", "get_adapter"),
        ("requests.adapters", "get_connection_with_tls_context"),
        ("requests.adapters", "cert_verify"),
    }
)
"""Functions of the HTTP clients, by module and name. An error raised in one of them came before the request was sent:
from a bad URL or header, the TCP connection, the proxy's tunnel or the TLS handshake."""

# Their texts quote raw bytes of the response. They may be a new token, which the redactor does not know yet.
_NOT_HTTP = (http.client.BadStatusLine, http.client.UnknownProtocol, urllib3.exceptions.InvalidChunkLength)
_PARSER_OF_AIOHTTP = "aiohttp.http_exceptions"
"""The module of such errors of aiohttp. They are not imported, because a worker does without aiohttp."""


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
    """Write a flow's log line to a logger."""
    logger.log(log.level, "%s", log.message)


def transport_failure(request: HttpRequest, what: BaseException | str, redactor: Redactor) -> TransportFailure:
    """Return the failure of a request without a response. Its line has host and cause, but no secret and no query."""
    # Redacted before it is cut, because a part of a secret would not be found.
    cause = redactor.text(what if isinstance(what, str) else _describe(what))
    reason = f"no response from {urlsplit(request.url).netloc}: {clean(cause, 300)}"
    return TransportFailure(reason, may_have_arrived=isinstance(what, str) or not _failed_to_connect(what))


def _failed_to_connect(error: BaseException) -> bool:
    """Return whether there was no connection to send the request over."""
    return any(isinstance(cause, _NO_CONNECTION) or _came_before_sending(cause) for cause in _chain(error))


def _came_before_sending(error: BaseException) -> bool:
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    return any((frame.f_globals.get("__name__"), frame.f_code.co_name) in _BEFORE_SENDING for frame in frames)


def _describe(error: BaseException) -> str:
    """Return the cause of an error in words. HTTP clients wrap the real error in several of their own."""
    # The innermost error comes first: aiohttp's errors have the classes of those they wrap, with less detail.
    chain = list(_chain(error))[::-1]
    for cause in chain:
        if isinstance(cause, socket.gaierror):
            return f"the host's name can't be resolved ({cause.strerror or cause})"
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({getattr(cause, 'verify_message', '') or cause})"
        if isinstance(cause, ssl.SSLError) and "WRONG_VERSION_NUMBER" in str(cause):
            return "TLS failed (does it speak plain http?)"
        if isinstance(cause, ssl.SSLError):
            return f"TLS failed ({getattr(cause, 'reason', '') or cause})"
        if isinstance(cause, ConnectionRefusedError):
            return "the connection was refused"
        if isinstance(cause, ConnectionResetError):
            return "the connection was reset"
        if isinstance(cause, requests.exceptions.InvalidHeader):  # its text quotes the header
            return "a header of the request is not valid"
        if isinstance(cause, _NOT_HTTP) or type(cause).__module__ == _PARSER_OF_AIOHTTP:
            return f"the response is not valid HTTP ({type(cause).__name__})"
    if any(isinstance(cause, (TimeoutError, urllib3.exceptions.TimeoutError)) for cause in chain):
        return "it took too long"
    # Some of aiohttp's errors show the whole URL as their text. Their `message` holds the problem.
    return f"{type(error).__name__}: {getattr(error, 'message', '') or error}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all it wraps: as its cause, its context, its reason (urllib3) or an argument (requests)."""
    seen: set[int] = set()
    stack: list[Any] = [error]
    while stack:
        item = stack.pop()
        if not isinstance(item, BaseException) or id(item) in seen:
            continue
        seen.add(id(item))
        yield item
        stack += [item.__context__, item.__cause__, getattr(item, "reason", None), *item.args]
