"""A forward proxy for tests: CONNECT for https, absolute URIs for http, Basic auth. One thread a connection."""

from __future__ import annotations

import base64
import contextlib
import socket
import socketserver
import threading
from typing import TYPE_CHECKING, Self
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from io import BufferedIOBase
    from types import TracebackType


class ForwardProxy:
    """A proxy on a free port of 127.0.0.1; use it as a context manager.

    ``requests`` holds what came with good credentials, as ``"CONNECT 127.0.0.1:8899"`` or ``"GET http://..."``;
    ``refused`` counts the others, which were answered with 407.
    """

    def __init__(self, user: str, password: str) -> None:
        self.requests: list[str] = []
        self.refused = 0
        self._user, self._password = user, password
        self._authorization = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        proxy = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                proxy._handle(self.request, self.rfile)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def url_with_credentials(self) -> str:
        credentials = f"{quote(self._user, safe='')}:{quote(self._password, safe='')}"
        return self.url.replace("://", f"://{credentials}@")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        with self._lock:
            for connection in self._sockets:
                _end(connection)  # a client's pool may keep its tunnels open
        self._server.server_close()  # waits for the connections' threads

    def _handle(self, client: socket.socket, reader: BufferedIOBase) -> None:
        with self._lock:
            self._sockets.add(client)
        try:
            self._serve(client, reader)
        except OSError:
            pass  # one end is gone; the other one finds out
        finally:
            with self._lock:
                self._sockets.discard(client)

    def _serve(self, client: socket.socket, reader: BufferedIOBase) -> None:
        line = reader.readline().decode("latin-1")
        if not line:
            return
        method, target, version = line.split()
        headers: list[tuple[str, str]] = []
        while header := reader.readline().decode("latin-1").strip():
            name, _, value = header.partition(":")
            headers.append((name, value.strip()))
        given = {name.lower(): value for name, value in headers}
        body = reader.read(int(given.get("content-length", "0")))
        if given.get("proxy-authorization") != self._authorization:
            with self._lock:
                self.refused += 1
            client.sendall(
                b"HTTP/1.1 407 Proxy Authentication Required\r\n"
                b'Proxy-Authenticate: Basic realm="tests"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'
            )
            return
        with self._lock:
            self.requests.append(f"{method} {target}")
        parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
        with socket.create_connection((parts.hostname, parts.port)) as server:
            if method == "CONNECT":
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                path = parts.path + (f"?{parts.query}" if parts.query else "")
                passed = [pair for pair in headers if pair[0].lower() not in ("connection", "proxy-authorization")]
                lines = [f"{method} {path} {version}", *(f"{name}: {value}" for name, value in passed)]
                server.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1") + body)
            self._tunnel(client, server)

    def _tunnel(self, client: socket.socket, server: socket.socket) -> None:
        upwards = threading.Thread(target=_copy, args=(client, server))
        upwards.start()
        _copy(server, client)
        upwards.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    finally:
        for connection in (source, sink):
            _end(connection)


def _end(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it has ended already
        connection.shutdown(socket.SHUT_RDWR)
