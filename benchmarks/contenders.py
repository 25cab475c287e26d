"""The compared ways to wait. Each contender makes waits that poll until they are cancelled."""

from __future__ import annotations

import asyncio
import json
import random
import ssl
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Wait = Callable[[], Awaitable[None]]

INTERVAL = 1.0
"""The delay between two polls of one wait, in seconds. So the number of waits is the number of polls per second."""
FLOOR = "a bare shared aiohttp session"
OURS_SIGNED = "EcsJobTrigger, AK/SK signing"
OURS_TOKEN = "EcsJobTrigger, token"
OURS_SIGNED_UNPUBLISHED = "EcsJobTrigger, AK/SK signing, not published"
SESSION_PER_POLL = "aiohttp, a session per poll"
HUAWEI = "Huawei's MRSCreateExecuteJobTrigger"
_PROJECT = "0123456789abcdef0123456789abcdef"
_CONNECTIONS = 8


class Server:
    """The server to poll.

    :param port: the port on this machine.
    :param ca_file: the CA file to trust.
    """

    def __init__(self, port: int, ca_file: str) -> None:
        self.ca_file = ca_file
        self.address = f"127.0.0.1:{port}"
        self.base = f"https://{self.address}"

    def url(self, index: int) -> str:
        """Return the URL of a job."""
        return f"{self.base}/v1/{_PROJECT}/jobs/{index:032x}"


def environment(server: Server) -> dict[str, str]:
    """Return the environment variables of the contenders' processes: connections and CA files."""
    ours = {"conn_type": "huawei_ecs", "host": server.base}
    extra = {"project_id": _PROJECT, "region": "cn-north-4", "verify": server.ca_file, "requests_per_second": 500}
    keys = {"login": "EMULATORACCESSKEY", "password": "emulator-secret-key"}
    token = {**extra, "auth": "token", "token": "MIIF" + "x" * 1500}  # as long as one of IAM's
    huawei = {"region": "cn-north-4", "project_id": _PROJECT}
    connections = {
        "SIGNED": {**ours, **keys, "extra": extra},
        "TOKEN": {**ours, "extra": token},
        "HTTP": {"conn_type": "http", "host": server.base},
        "DBT": {"conn_type": "dbt_cloud", "host": server.address, "login": "1", "password": "token"},
        "HUAWEI": {"conn_type": "huaweicloud", **keys, "extra": huawei},
    }
    return {
        **{f"AIRFLOW_CONN_{name}": json.dumps(fields) for name, fields in connections.items()},
        # The peers are configured by environment variables, because they run unchanged.
        "SSL_CERT_FILE": server.ca_file,
        "REQUESTS_CA_BUNDLE": server.ca_file,
        "HUAWEICLOUD_SDK_REGION_MRS_CN_NORTH_4": server.base,
    }


def _context(server: Server) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=server.ca_file)


async def _pause() -> None:
    await asyncio.sleep(INTERVAL * random.uniform(0.9, 1.1))


def floor(server: Server) -> Callable[[int], Wait]:
    """Make waits with GET and JSON over one shared aiohttp session, and nothing else."""
    import aiohttp

    session: list[aiohttp.ClientSession] = []

    def make(index: int) -> Wait:
        async def wait() -> None:
            if not session:
                connector = aiohttp.TCPConnector(limit=_CONNECTIONS, ssl=_context(server), keepalive_timeout=90)
                session.append(aiohttp.ClientSession(connector=connector))
            url = server.url(index)
            while True:
                async with session[0].get(url) as response:
                    await response.json()
                await _pause()

        return wait

    return make


def session_per_poll(server: Server) -> Callable[[int], Wait]:
    """Make waits with GET and JSON over a new aiohttp session for each poll, like most providers' triggers."""
    import aiohttp

    context = _context(server)

    def make(index: int) -> Wait:
        async def wait() -> None:
            url = server.url(index)
            while True:
                connector = aiohttp.TCPConnector(ssl=context)
                async with aiohttp.ClientSession(connector=connector) as session, session.get(url) as response:
                    await response.json()
                await _pause()

        return wait

    return make


def requests_in_threads(server: Server) -> Callable[[int], Wait]:
    """Make waits with GET and JSON by requests in threads over one session, as with a synchronous hook."""
    import requests

    session = requests.Session()

    def poll(url: str) -> None:
        session.get(url, timeout=30).json()

    def make(index: int) -> Wait:
        async def wait() -> None:
            url = server.url(index)
            while True:
                await asyncio.to_thread(poll, url)
                await _pause()

        return wait

    return make


def _of_trigger(make_trigger: Callable[[int], Any]) -> Callable[[int], Wait]:
    def make(index: int) -> Wait:
        trigger = make_trigger(index)

        async def wait() -> None:
            async for event in trigger.run():
                raise RuntimeError(f"the wait ended: {event}")

        return wait

    return make


def ours(conn_id: str, *, publishes: bool = True) -> Callable[[Server], Callable[[int], Wait]]:
    """Make waits with our trigger and this connection.

    :param publishes: whether each wait publishes its job for the pages in Airflow's UI, as by default.
    """

    def of(_: Server) -> Callable[[int], Wait]:
        from airflow_provider_ecsjobs.triggers.ecs_jobs import EcsJobTrigger

        intervals = {"poll_interval": INTERVAL, "max_poll_interval": INTERVAL}

        def make_trigger(index: int) -> EcsJobTrigger:
            trigger = EcsJobTrigger(f"{index:032x}", conn_id, **intervals)
            if publishes:
                task = {"dag_id": "benchmark", "run_id": "run", "task_id": "wait", "map_index": index}
                trigger.task_instance = SimpleNamespace(**task)
            return trigger

        return _of_trigger(make_trigger)

    return of


def http_sensor(_: Server) -> Callable[[int], Wait]:
    """Make waits with the http provider's trigger."""
    from airflow.providers.http.triggers.http import HttpSensorTrigger

    return _of_trigger(
        lambda index: HttpSensorTrigger(
            endpoint=f"missing/{index:032x}", http_conn_id="http", method="GET", poke_interval=INTERVAL
        )
    )


def dbt_cloud(_: Server) -> Callable[[int], Wait]:
    """Make waits with the dbt Cloud provider's trigger."""
    from airflow.providers.dbt.cloud.triggers.dbt import DbtCloudRunJobTrigger

    return _of_trigger(
        lambda index: DbtCloudRunJobTrigger(
            conn_id="dbt", run_id=index, end_time=4e9, poll_interval=INTERVAL, account_id=1
        )
    )


def huawei_mrs(_: Server) -> Callable[[int], Wait]:
    """Make waits with the trigger of the community's Huawei provider."""
    from airflow.providers.huawei.cloud.triggers.mrs import MRSCreateExecuteJobTrigger

    return _of_trigger(
        lambda index: MRSCreateExecuteJobTrigger(
            job_id=f"{index:032x}", cluster_id="cluster", poll_interval=int(INTERVAL), huaweicloud_conn_id="huawei"
        )
    )


CONTENDERS: dict[str, Callable[[Server], Callable[[int], Wait]]] = {
    FLOOR: floor,
    OURS_TOKEN: ours("token"),
    OURS_SIGNED: ours("signed"),
    OURS_SIGNED_UNPUBLISHED: ours("signed", publishes=False),
    SESSION_PER_POLL: session_per_poll,
    "requests in threads, one session": requests_in_threads,
    "HttpSensorTrigger": http_sensor,
    "DbtCloudRunJobTrigger": dbt_cloud,
    HUAWEI: huawei_mrs,
}
OURS = (OURS_TOKEN, OURS_SIGNED, OURS_SIGNED_UNPUBLISHED)

PER_POLL_PEERS = ("HttpSensorTrigger", "DbtCloudRunJobTrigger", HUAWEI)
"""The other providers' triggers, which open a session per poll. Huawei's creates a whole SDK client."""
DISTRIBUTION_OF = {
    "HttpSensorTrigger": "apache-airflow-providers-http",
    "DbtCloudRunJobTrigger": "apache-airflow-providers-dbt-cloud",
    HUAWEI: "apache-airflow-providers-huawei",
}


class _Supervisor:
    """Takes what a trigger publishes; the triggerer's own is a process beside it."""

    async def asend(self, _: Any) -> None:
        await asyncio.sleep(0)


def prepare() -> None:
    """Load Airflow, so that each contender's process has the same objects as a triggerer."""
    import logging

    import airflow.triggers.base  # noqa: F401
    from airflow.sdk.execution_time import task_runner

    task_runner.SUPERVISOR_COMMS = _Supervisor()
    # Some contenders log each poll. The log is not needed here.
    logging.disable(logging.INFO)
