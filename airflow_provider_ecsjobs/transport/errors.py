"""Describes a request that got no response, in words and as an outcome: whether it may have arrived."""

from __future__ import annotations

import http.client
import socket
import ssl
import traceback
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests.exceptions
import urllib3.exceptions

from airflow_provider_ecsjobs.core.steps import TransportFailure
from airflow_provider_ecsjobs.core.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_ecsjobs.core.redaction import Redactor
    from airflow_provider_ecsjobs.core.steps import HttpRequest, Response
    from airflow_provider_ecsjobs.transport.config import Proxy


class GivenUpError(OSError):
    """A request was given up before it was sent."""


_NO_CONNECTION = (
    socket.gaierror,
    ConnectionRefusedError,
    GivenUpError,
    ssl.SSLCertVerificationError,
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
)
_WRONG_PROXY_LOGIN = "the proxy does not accept the login, or asks for one (HTTP 407)"
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


def transport_failure(
    request: HttpRequest, what: BaseException | str, redactor: Redactor, proxy: Proxy | None = None
) -> TransportFailure:
    """Return the failure of a request without a response. Its line has host and cause, but no secret and no query.

    :param request: the request.
    :param what: what went wrong. A text is about a request that was sent.
    :param redactor: removes secrets.
    :param proxy: the proxy that the request went through; ``None`` if there was none.
    """
    # Redacted before it is cut, because a part of a secret would not be found.
    cause = redactor.text(what if isinstance(what, str) else _describe(what))
    reason = f"no response from {_way_to(request, proxy)}: {clean(cause, 300)}"
    return TransportFailure(reason, may_have_arrived=isinstance(what, str) or not _failed_to_connect(what))


def refused_by_proxy(response: Response, request: HttpRequest, proxy: Proxy | None) -> Response | TransportFailure:
    """Return a response, or a failure if the proxy sent it, and has not passed the request on."""
    if response.status != 407 or proxy is None:
        return response
    return TransportFailure(f"no response from {_way_to(request, proxy)}: {_WRONG_PROXY_LOGIN}", may_have_arrived=False)


def _way_to(request: HttpRequest, proxy: Proxy | None) -> str:
    host = urlsplit(request.url).netloc
    return host if proxy is None else f"{host} through the proxy {proxy.url}"


def _failed_to_connect(error: BaseException) -> bool:
    """Return whether there was no connection to send the request over."""
    return any(isinstance(cause, _NO_CONNECTION) or _came_before_sending(cause) for cause in _chain(error))


def _came_before_sending(error: BaseException) -> bool:
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    return any((frame.f_globals.get("__name__"), frame.f_code.co_name) in _BEFORE_SENDING for frame in frames)


def _is(*classes: type[BaseException]) -> Callable[[BaseException], bool]:
    return lambda error: isinstance(error, classes)


def _is_wrong_proxy_login(error: BaseException) -> bool:
    return getattr(error, "status", None) == 407 or "Tunnel connection failed: 407" in str(error)


def _is_plain_http(error: BaseException) -> bool:
    return isinstance(error, ssl.SSLError) and "WRONG_VERSION_NUMBER" in str(error)


def _is_no_http(error: BaseException) -> bool:
    return isinstance(error, _NOT_HTTP) or type(error).__module__ == _PARSER_OF_AIOHTTP


_CAUSES: tuple[tuple[Callable[[BaseException], bool], Callable[[Any], str]], ...] = (
    (_is(GivenUpError), str),
    (_is_wrong_proxy_login, lambda _: _WRONG_PROXY_LOGIN),
    (_is(socket.gaierror), lambda error: f"the host's name can't be resolved ({error.strerror or error})"),
    (
        _is(ssl.SSLCertVerificationError),
        lambda error: f"its certificate is not trusted ({getattr(error, 'verify_message', '') or error})",
    ),
    (_is_plain_http, lambda _: "TLS failed (does it speak plain http?)"),
    (_is(ssl.SSLError), lambda error: f"TLS failed ({getattr(error, 'reason', '') or error})"),
    (_is(ConnectionRefusedError), lambda _: "the connection was refused"),
    (_is(ConnectionResetError), lambda _: "the connection was reset"),
    # Its text quotes the header.
    (_is(requests.exceptions.InvalidHeader), lambda _: "a header of the request is not valid"),
    (_is_no_http, lambda error: f"the response is not valid HTTP ({type(error).__name__})"),
)
"""The causes that are described in words: which error it is, and its description. The first that applies counts."""


def _describe(error: BaseException) -> str:
    """Return the cause of an error in words. HTTP clients wrap the real error in several of their own."""
    # The innermost error comes first: aiohttp's errors have the classes of those they wrap, with less detail.
    chain = list(_chain(error))[::-1]
    for cause in chain:
        for applies, describe in _CAUSES:
            if applies(cause):
                return describe(cause)
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
