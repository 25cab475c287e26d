"""A client of the jobs API whose requests a gateway in memory answers, in virtual time."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import random
import ssl
from typing import TYPE_CHECKING, Any

from airflow_provider_ecsjobs.core import flows
from airflow_provider_ecsjobs.core.auth.credentials import AuthConfig
from airflow_provider_ecsjobs.core.auth.signing import AccessKey
from airflow_provider_ecsjobs.core.steps import Clock, HttpRequest, Response, TransportFailure
from airflow_provider_ecsjobs.core.waiting.policy import WaitPolicy
from airflow_provider_ecsjobs.core.waiting.wait import Wait
from airflow_provider_ecsjobs.transport.async_client import AsyncClient
from airflow_provider_ecsjobs.transport.config import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_provider_ecsjobs.core.waiting.end import WaitEnd

START = 1_800_000_000.0
LOGIN = AuthConfig("conn", "aksk", "http://ecs.example.com", project_id="p", key=AccessKey("AK", "SK"))
LIMITED = {"error_code": "APIGW.0308", "error_msg": "policy user over ratelimit,limit:200,time:5 minute"}
BUSY = {"error": {"code": "Common.1503", "message": "slow down"}}


class Gateway:
    """Takes so many requests in each window of time; a window begins with its first request.

    :param requests: how many, ``None`` for any number.
    :param seconds: in which time.
    :param refusal: makes the answer to one too many from the seconds that are left of the window.
    """

    def __init__(
        self,
        requests: int | None = None,
        seconds: float = 300.0,
        refusal: Callable[[float], Response] = lambda left: Response(429, {}, json.dumps(LIMITED).encode()),
    ) -> None:
        self.requests, self.seconds, self.refusal = requests, seconds, refusal
        self.ends, self.left = -math.inf, 0
        self.jobs: dict[str, float] = {}
        self.seen: list[tuple[float, str, int]] = []
        self.is_down = False

    def answer(self, path: str) -> Response | TransportFailure:
        now = asyncio.get_running_loop().time()
        if self.is_down:
            self.seen.append((now, path, 0))
            return TransportFailure("no response from ecs.example.com: the connection was refused")
        if now >= self.ends:
            self.ends, self.left = now + self.seconds, self.requests or 0
        self.left -= 1
        if self.requests is not None and self.left < 0:
            answer = self.refusal(self.ends - now)
        else:
            job_id = path.rpartition("/")[2]
            status = "SUCCESS" if now >= self.jobs[job_id] else "RUNNING"
            answer = Response(200, {}, json.dumps({"job_id": job_id, "status": status}).encode())
        self.seen.append((now, path, answer.status))
        return answer

    def on_throttle(self, since: float = 0.0) -> float:
        """The share of throttled requests among those from then on."""
        later = [status for time, _, status in self.seen if time >= since]
        return sum(status != 200 for status in later) / len(later)


class Client(AsyncClient):
    """A client with no sockets."""

    def __init__(self, gateway: Gateway, *, rate: float = 20.0, latency: float = 0.05, seed: int = 1) -> None:
        super().__init__(
            Settings(LOGIN, requests_per_second=rate),
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            self._no_change,
            self._mask_nothing,
        )
        self.clock_ahead = 0.0
        """How far the machine's clock was set ahead."""
        time = asyncio.get_running_loop().time
        self.clock = Clock(
            lambda: START + time() + self.clock_ahead, random.Random(seed).random, time, self.clock.final_poll_delay
        )
        self.gateway, self.latency = gateway, latency

    @staticmethod
    async def _no_change() -> None:
        return None

    @staticmethod
    async def _mask_nothing(secrets: Iterable[str]) -> None:
        return None

    async def _send(self, request: HttpRequest) -> Response | TransportFailure:
        answer = self.gateway.answer(request.url)
        await asyncio.sleep(self.latency)
        return answer

    async def wait(self, job_id: str, **policy: Any) -> WaitEnd:
        wait = Wait(job_id, WaitPolicy(**{"started": self.clock.now(), **policy}))
        flow = flows.wait_for_job(self.auth, wait, self.clock, poll_first=False)
        return await self.run(flow, logging.getLogger("virtual"))
