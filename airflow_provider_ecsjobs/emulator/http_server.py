"""An HTTP server on its own port, in its own thread with one event loop."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    import ssl

_SHUTDOWN_SECONDS = 0.2
_MAX_HEADER_BYTES = 64 * 1024
_QUIET = logging.getLogger(__name__)
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False


class HttpServer:
    """Serves an application from its construction until :meth:`stop`.

    :param app: the application.
    :param host: the address to listen on.
    :param port: the port to listen on; 0 for a free one.
    :param tls: the TLS context, None for plain HTTP.
    :raises OSError: if it can't listen on the address.
    """

    def __init__(self, app: web.Application, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        self._app, self._tls = app, tls
        # Bound here, so that the caller gets the exception if the address is in use.
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.port: int = listener.getsockname()[1]
        self._stopping = asyncio.Event()
        ready: Future[asyncio.AbstractEventLoop] = Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(listener, ready)), name=f"ecs-emulator-{self.port}", daemon=True
        )
        self._thread.start()
        self._loop = ready.result()

    def stop(self) -> None:
        """Stop serving and close all connections, including those with a request in flight."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()

    async def _serve(self, listener: socket.socket, ready: Future[asyncio.AbstractEventLoop]) -> None:
        runner = web.AppRunner(
            self._app,
            access_log=None,
            # A request that is not HTTP gets a 400. A traceback in the log would not help.
            logger=_QUIET,
            shutdown_timeout=_SHUTDOWN_SECONDS,
            handle_signals=False,
            max_field_size=_MAX_HEADER_BYTES,
        )
        try:
            await runner.setup()
            await web.SockSite(runner, listener, ssl_context=self._tls).start()
        except BaseException as error:
            ready.set_exception(error)
            raise
        ready.set_result(asyncio.get_running_loop())
        await self._stopping.wait()
        assert runner.server is not None
        transports = [handler.transport for handler in runner.server.connections]
        await runner.cleanup()
        # A closed TLS connection would wait for its client's close, and outlive the loop.
        for transport in transports:
            if transport is not None:
                transport.abort()
        await asyncio.sleep(0)
