"""A hostile service: it sends back all that it was sent, in each form in which a text can reach us."""

from __future__ import annotations

import html
import json
import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

FORMS = ("gateway", "ecs", "openstack", "job", "submission", "html", "broken json", "headers", "escaped")
STATUSES = (200, 400, 401, 403, 500)


class EchoServer:
    """Plays ECS, IAM, the metadata service and a forward proxy at once; use it as a context manager.

    :param good_logins: whether IAM and the metadata service hand out tokens and keys; else they echo, too.
    """

    def __init__(self, *, good_logins: bool) -> None:
        self.good_logins = good_logins
        self.form, self.status = FORMS[0], STATUSES[0]
        self.handed_out: list[str] = []
        self.echoed: list[str] = []
        """What was sent back; shows that a secret was in it."""
        echo = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                sent = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("latin-1")
                status, headers, body = echo.answer(self.path, f"{self.requestline}\n{self.headers}\n{sent}")
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body)), "Connection": "close"}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_DELETE = do_GET  # noqa: N815 - the names that the base class looks for

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str, sent: str) -> tuple[int, dict[str, str], bytes]:
        """Answer a request: status, headers and body."""
        if self.good_logins and path.endswith("/auth/tokens"):
            return 201, {"X-Subject-Token": self._new_secret()}, json.dumps({"token": {}}).encode()
        if self.good_logins and path.endswith("/securitykey"):
            key = {"access": "ACCESS", "secret": self._new_secret(), "securitytoken": self._new_secret()}
            return 200, {}, json.dumps({"credential": key}).encode()
        self.echoed.append(sent)
        headers, body = _in_form(self.form, sent)
        return self.status, headers, body if isinstance(body, bytes) else json.dumps(body).encode()

    def _new_secret(self) -> str:
        self.handed_out.append(canary())
        return self.handed_out[-1]


def canary() -> str:
    """Make a secret with a part that can be looked for in any form: its first 20 characters are never escaped.

    It may be the password of a server: 26 characters of three kinds.
    """
    return secrets.token_hex(10) + "/+=<&>"


def _in_form(form: str, sent: str) -> tuple[dict[str, str], Any]:
    line = sent.replace("\r", "").replace("\n", "; ")
    headers = {"Content-Type": "application/json"}
    if form == "gateway":
        said = f"Incorrect IAM authentication information: verify aksk signature fail, canonicalRequest:{sent}"
        return headers, {"error_code": "APIGW.0301", "error_msg": said, "request_id": line}
    if form == "ecs":
        return headers, {"error": {"code": line, "message": sent, "details": [{"code": line, "message": sent}]}}
    if form == "openstack":
        return headers, {"badRequest": {"code": 400, "message": sent}}
    if form == "job":
        part = {
            "status": "FAIL",
            "job_type": line,
            "fail_reason": sent,
            "entities": {"errorcode_message": sent, sent: 1},
        }
        whole = {**part, "entities": {"sub_jobs_total": 1, "sub_jobs": [part], "server_id": line}, "error_code": line}
        return headers, {**whole, "message": sent, "code": line}
    if form == "submission":
        return headers, {"job_id": line[:60], "order_id": line, "serverIds": [line, sent], "status": "RUNNING"}
    if form == "html":
        return {"Content-Type": "text/html; " + line[:200]}, f"<html>{html.escape(sent)}".encode()
    if form == "broken json":
        return headers, f'{{"error_msg": "{sent}'.encode()
    if form == "headers":
        return {**headers, "Location": f"/{line}", "X-Request-Id": line, "Retry-After": line, "Date": line}, {}
    # As PHP writes JSON, and as a gateway that quotes what it shows.
    escaped = json.dumps({"error_code": "Common.0020", "error_msg": sent}).replace("/", "\\/")
    return headers, escaped.replace("<", "\\u003c").replace("&", "\\u0026").encode()
