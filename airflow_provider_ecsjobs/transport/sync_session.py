"""The ``requests`` session of the synchronous driver: what ``requests`` does not do by itself.

- A forked process makes connections of its own. On those of its parent, it would read responses to other requests.
- Responses before the final one (1xx) are skipped. ``http.client`` skips 100 alone, and takes another one for final:
  the final one would then be read as the response to the next request.
- A request that was given up is not sent any more, as soon as there is a connection.
- Redirects are not followed, which could send tokens to another host.
"""

from __future__ import annotations

import http.client
import os
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import requests
import requests.adapters
import urllib3.connection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from airflow_provider_ecsjobs.transport.config import Proxy
from airflow_provider_ecsjobs.transport.errors import GivenUpError

if TYPE_CHECKING:
    from collections.abc import Callable

REQUEST_THREAD = "ecs-request"
"""The name of the threads that send requests."""


class RequestThread(threading.Thread):
    """Sends one request, and can be given up until then.

    A thread of its own is needed because the timeouts of ``requests`` do not cover the look-up of the host's name, nor
    headers that arrive slowly. A thread that hangs does not keep the process alive.

    :param exchange: sends the request, and returns its response.
    """

    def __init__(self, exchange: Callable[[], Any]) -> None:
        super().__init__(name=REQUEST_THREAD, daemon=True)
        self._exchange = exchange
        self._lock = threading.Lock()
        self._is_sent = self._is_given_up = False
        self.outcome: Future[Any] = Future()
        """The response, or what was raised."""

    def run(self) -> None:
        """Send the request."""
        try:
            self.outcome.set_result(self._exchange())
        except BaseException as error:  # noqa: BLE001 - raised again by outcome.result()
            self.outcome.set_exception(error)

    def begin_to_send(self) -> None:
        """Note that the request is sent from now on.

        :raises GivenUpError: it was given up before.
        """
        with self._lock:
            if self._is_given_up:
                raise GivenUpError
            self._is_sent = True

    def give_up(self) -> bool:
        """Prevent the request from being sent. Return whether it was sent already, in whole or in part."""
        with self._lock:
            self._is_given_up = True
            return self._is_sent


class _FinalResponse(http.client.HTTPResponse):
    def _read_status(self) -> tuple[str, int, str]:
        version, status, reason = super()._read_status()  # type: ignore[misc] # not public, and the only place for it
        return version, http.client.CONTINUE if http.client.CONTINUE < status < http.client.OK else status, reason


class _SendsUnlessGivenUp(urllib3.connection.HTTPConnection):
    response_class = _FinalResponse

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is None:
            self.connect()
        thread = threading.current_thread()
        if isinstance(thread, RequestThread):
            thread.begin_to_send()
        super().request(*args, **kwargs)


class _HttpsConnection(_SendsUnlessGivenUp, urllib3.connection.HTTPSConnection):
    pass


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _SendsUnlessGivenUp


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


class _Adapter(requests.adapters.HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self._use_our_connections(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        self._use_our_connections(manager)
        return manager

    def proxy_headers(self, proxy: str) -> dict[str, str]:
        # requests encodes user and password in Latin-1, and fails with any other letter.
        credentials = Proxy.parse(proxy).basic_credentials
        return {"Proxy-Authorization": f"Basic {credentials}"} if credentials else {}

    @staticmethod
    def _use_our_connections(manager: Any) -> None:
        manager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}


class Session(requests.Session):
    """A session that behaves as the module says."""

    def __init__(self) -> None:
        super().__init__()
        self._mount()

    def get_adapter(self, url: str) -> requests.adapters.BaseAdapter:
        """Return the adapter for a URL, in a forked process a new one."""
        if self._process != os.getpid():
            # Kept, since its connections must not be closed: a lock of the parent may never be released here.
            self._of_parent = dict(self.adapters)
            self._mount()
        return super().get_adapter(url)

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return ``None``: no redirect is followed."""
        return None

    def _mount(self) -> None:
        self._process = os.getpid()
        for prefix in ("https://", "http://"):
            self.mount(prefix, _Adapter())
