"""Two thousand waits at a gateway that allows 200 requests in 5 minutes, in virtual time."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from aiohttp import web

from airflow_provider_ecsjobs.emulator.errors import ApiError
from airflow_provider_ecsjobs.emulator.rate_limit import RateLimit
from airflow_provider_ecsjobs.emulator.tls import Certificate
from benchmarks.figures import Bound, Section, Table
from benchmarks.processes import airflow_home, call, hand_back, task_of_child
from benchmarks.virtual_loop import VirtualLoop, virtual_time

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

NAME = "rate_limit"
SIZES = {"full": 2000, "small": 60}
LIMIT, WINDOW = 200, 300.0
FIRST_MINUTE = 60.0
SHORTEST, LONGEST = 60.0, 1800.0
"""The shortest and longest time of the jobs, in seconds."""
STARTED_PER_SECOND = 50
"""How many triggers start per second, as in Airflow's triggerer."""
_GIVE_UP = 86_400.0
_MOST_REQUESTS = 200_000


def run(size: str) -> Section:
    """Measure our waits at a gateway that states its limit and at one that does not, and a peer's waits."""
    count = SIZES[size]
    contenders = ["ours", "ours, the limit not stated"]
    if find_spec("airflow.providers.dbt"):
        contenders.append("DbtCloudRunJobTrigger, every 60 s")
    with airflow_home() as environment:
        measured = {
            name: call("rate_limit", {"name": name, "count": count}, environment, timeout=900) for name in contenders
        }
    rows: list[list[object]] = []
    for name, result in measured.items():
        row = [f"**{name}**" if name == "ours" else name, result["requests"], result["throttled"]]
        row += [f"{_share(result):.2%}", result["finished"], count - result["finished"]]
        late = f"{result['late'] / 60:.1f} min" if result["finished"] else ""
        rows.append([*row, f"{result['took'] / 60:.0f} min", late])
    ours = measured["ours"]
    head = ("", "requests", "throttled", "after the first minute", "seen to end", "lost", "all over after", "seen late")
    note = (
        f"{count:,} waits with our defaults, {STARTED_PER_SECOND} started per second, for jobs of {SHORTEST / 60:g} to"
        f" {LONGEST / 60:g} minutes, over TLS. The gateway counts in windows of 5 minutes, and responds with 429"
        f" and Huawei's text (second row: a text without the limit). {count:,} requests take at least"
        f" {count / LIMIT * WINDOW / 60:.0f} minutes. The clock is virtual and jumps over idle time; client, sockets"
        " and TLS are real. *Seen late* is the mean time from a job's end to the end of its wait. A wait is *lost* if"
        " it ended without seeing its job end. The peer has its defaults, and fails at the first 429."
    )
    return Section(
        NAME,
        "200 requests in 5 minutes",
        [
            Bound(f"throttled requests of {count:,} waits, after the first minute", _share(ours) * 100, 2.0, "%"),
            Bound("waits lost", count - ours["finished"], 0),
        ],
        [Table(head, rows)],
        note,
    )


def _share(result: dict[str, Any]) -> float:
    return result["throttled_later"] / max(result["requests_later"], 1)  # type: ignore[no-any-return]


@dataclass
class Gateway:
    """The API behind its gateway.

    :param loop: the loop with the clock.
    :param states_limit: whether a throttled response states the limit.
    """

    loop: VirtualLoop
    states_limit: bool
    ends: dict[int, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("requests", "throttled"), 0))
    later: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("requests", "throttled"), 0))

    def __post_init__(self) -> None:
        self._limit = RateLimit(self.loop.time)
        self._limit.set(LIMIT, WINDOW)
        self._began = self.loop.time()

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[tuple[str, str]]:
        """Serve; yield the address and the certificate's file."""
        app, certificate = web.Application(), Certificate("127.0.0.1")
        app.router.add_get("/v1/{project}/jobs/{job}", self._job)
        app.router.add_get("/api/v2/accounts/{account}/runs/{run}/", self._run)
        runner = web.AppRunner(app, access_log=None, keepalive_timeout=3600)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=certificate.context(lambda: None)).start()
        try:
            yield f"127.0.0.1:{runner.addresses[0][1]}", str(certificate.ca_file)
        finally:
            certificate.remove()

    async def _job(self, request: web.Request) -> web.Response:
        index = int(request.match_info["job"], 16)
        status = "SUCCESS" if self._is_over(index) else "RUNNING"
        job = {"status": status, "job_id": request.match_info["job"], "job_type": "createServer", "entities": {}}
        return self._respond(job)

    async def _run(self, request: web.Request) -> web.Response:
        return self._respond({"data": {"status": 10 if self._is_over(int(request.match_info["run"])) else 3}})

    def _is_over(self, index: int) -> bool:
        return self.loop.time() >= self.ends[index]

    def _respond(self, body: dict[str, Any]) -> web.Response:
        counts = [self.counts]
        if self.loop.time() - self._began >= FIRST_MINUTE:
            counts.append(self.later)
        for each in counts:
            each["requests"] += 1
        if self.counts["requests"] > _MOST_REQUESTS:
            os._exit(3)
        try:
            self._limit.admit(f"{self.counts['requests']:032x}")
        except ApiError as error:
            for each in counts:
                each["throttled"] += 1
            text = json.dumps(error.body)
            if not self.states_limit:
                text = re.sub(r",?\s*limit:.*?minute", "", text)
            return web.Response(text=text, status=error.status, content_type="application/json")
        return web.json_response(body)


def _ours(address: str, ca_file: str) -> Callable[[int], Awaitable[bool]]:
    from airflow_provider_ecsjobs.triggers.ecs_jobs import EcsJobTrigger

    extra = {"project_id": "0123456789abcdef0123456789abcdef", "region": "cn-north-4", "verify": ca_file}
    keys = {"login": "EMULATORACCESSKEY", "password": "emulator-secret-key"}
    fields = {"conn_type": "huawei_ecs", "host": f"https://{address}", **keys, "extra": extra}
    os.environ["AIRFLOW_CONN_BENCH"] = json.dumps(fields)

    async def wait(index: int) -> bool:
        trigger = EcsJobTrigger(f"{index:032x}", "bench", deadline=_time_of_day() + _GIVE_UP)
        payloads = [event.payload async for event in trigger.run()]
        return payloads[0]["outcome"] == "finished"

    return wait


def _dbt(address: str, _: str) -> Callable[[int], Awaitable[bool]]:
    from airflow.providers.dbt.cloud.triggers.dbt import DbtCloudRunJobTrigger

    fields = {"conn_type": "dbt_cloud", "host": address, "login": "1", "password": "token"}
    os.environ["AIRFLOW_CONN_BENCH"] = json.dumps(fields)

    async def wait(index: int) -> bool:
        trigger = DbtCloudRunJobTrigger(
            conn_id="bench", run_id=index, end_time=_time_of_day() + _GIVE_UP, poll_interval=60.0, account_id=1
        )
        payloads = [event.payload async for event in trigger.run()]
        return payloads[0]["status"] == "success"

    return wait


def _time_of_day() -> float:
    import time

    return time.time()


async def _wait_for_all(loop: VirtualLoop, name: str, count: int) -> dict[str, Any]:
    rng = random.Random(7)
    gateway = Gateway(loop, states_limit="not stated" not in name)
    late: list[float] = []
    async with gateway.serve() as (address, ca_file):
        _trust(ca_file)
        wait = _ours(address, ca_file) if name.startswith("ours") else _dbt(address, ca_file)

        async def one(index: int) -> bool:
            await asyncio.sleep(index / STARTED_PER_SECOND)
            gateway.ends[index] = loop.time() + rng.uniform(SHORTEST, LONGEST)
            is_finished = await wait(index)
            if is_finished:
                late.append(loop.time() - gateway.ends[index])
            return is_finished

        ended = await asyncio.gather(*(one(index) for index in range(count)))
        return {
            **gateway.counts,
            **{f"{key}_later": value for key, value in gateway.later.items()},
            "finished": sum(ended),
            "took": loop.time(),
            "late": sum(late) / max(len(late), 1),
        }


def _trust(ca_file: str) -> None:
    """Make aiohttp's default TLS context trust the gateway. aiohttp created the context when it was imported."""
    from aiohttp import connector

    connector._SSL_CONTEXT_VERIFIED.load_verify_locations(ca_file)


def main() -> None:
    """Run one contender."""
    import logging

    logging.disable(logging.ERROR)
    task = task_of_child()
    with virtual_time() as loop:
        hand_back(loop.run_until_complete(_wait_for_all(loop, task["name"], task["count"])))
        os._exit(0)  # open connections need no cleanup here


if __name__ == "__main__":
    main()
