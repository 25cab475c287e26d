"""Drives flows with no socket and no clock: each request is answered by a function of the test."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_ecsjobs.core.auth.credentials import AuthConfig
from airflow_provider_ecsjobs.core.auth.session import AuthSession
from airflow_provider_ecsjobs.core.auth.signing import AccessKey
from airflow_provider_ecsjobs.core.steps import (
    Clock,
    HttpRequest,
    Log,
    Reload,
    Response,
    Send,
    SingleFlight,
    Sleep,
    TransportFailure,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

START = 1_800_000_000.0
JOB = {"status": "SUCCESS", "job_id": "j" * 32}
PROJECT = "0123456789abcdef0123456789abcdef"


def answer(status: int, body: Any, **headers: str) -> Response:
    """An answer with a JSON body; header names are written with ``_``."""
    return Response(
        status, {name.replace("_", "-"): value for name, value in headers.items()}, json.dumps(body).encode()
    )


REFUSED = answer(401, {"error_code": "APIGW.0301", "error_msg": "Incorrect IAM authentication information"})
GOOD = answer(200, JOB)


def login(auth: str = "aksk", **changes: Any) -> AuthConfig:
    """A login of each kind, for the same project."""
    fields: dict[str, Any] = {
        "conn_id": "my_conn",
        "auth": auth,
        "endpoint": "https://ecs.example.com",
        "iam_endpoint": "https://iam.example.com",
        "metadata_endpoint": "http://meta.example.com",
        "region": "r-1",
        "project_id": PROJECT,
    }
    if auth == "aksk":
        fields["key"] = AccessKey("AK", "SK")
    if auth == "password":
        fields |= {"user_name": "user", "domain_name": "domain", "password": "pw"}
    if auth == "token":
        fields["iam_token"] = "given-token"
    return AuthConfig(**(fields | changes))


@dataclass
class Scripted:
    """A driver whose time stands still but for its sleeps.

    :param serve: answers a request.
    :param reload: what the connection is when it is read again.
    :param ahead: how far the machine's clock was set ahead.
    """

    serve: Callable[[HttpRequest], Response | TransportFailure]
    reload: Callable[[], AuthConfig | None] = lambda: None
    now: float = START
    ahead: float = 0.0
    requests: list[HttpRequest] = field(default_factory=list)
    logs: list[Log] = field(default_factory=list)
    reloads: int = 0

    @property
    def clock(self) -> Clock:
        """The driver's clocks, and no chance."""
        return Clock(lambda: self.now + self.ahead, lambda: 0.5, lambda: self.now - START)

    def run(self, flow: Generator[Any, Any, Any]) -> Any:
        """Carry a flow out."""
        sent: Any = None
        while True:
            try:
                step = flow.send(sent)
            except StopIteration as end:
                return end.value
            sent = self._do(step)

    def _do(self, step: Any) -> Any:
        if isinstance(step, Send):
            step = step.make()
        if isinstance(step, HttpRequest):
            self.requests.append(step)
            return self.serve(step)
        if isinstance(step, Sleep):
            self.now += step.seconds
        elif isinstance(step, Log):
            self.logs.append(step)
        elif isinstance(step, SingleFlight):
            return self.run(step.make())
        elif isinstance(step, Reload):
            self.reloads += 1
            return self.reload()
        return None

    def paths(self) -> list[str]:
        """What was asked, without the hosts."""
        return [request.url.split("/", 3)[3] for request in self.requests]


def auth_of(auth: str = "aksk", **changes: Any) -> AuthSession:
    """What is known of a login before anything has been asked."""
    return AuthSession(login(auth, **changes))
