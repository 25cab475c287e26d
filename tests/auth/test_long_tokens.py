"""Tokens longer than 8 KiB, as IAM issues them in a header; and what is shown of a response that can't be read."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs.core import flows
from airflow_provider_ecsjobs.core.errors import ApiError
from airflow_provider_ecsjobs.core.job import Job
from airflow_provider_ecsjobs.emulator import Emulator
from airflow_provider_ecsjobs.emulator.account import TOKEN_LENGTH
from airflow_provider_ecsjobs.transport.async_client import AsyncClient
from airflow_provider_ecsjobs.transport.config import ConnectionFields, Settings
from airflow_provider_ecsjobs.transport.sync_client import SyncClient
from airflow_provider_ecsjobs.transport.tls import make_ssl_context
from tests.security.raw_server import RawServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Poll = Callable[[Settings, str], tuple[Job | ApiError, str]]

SECRET = "MIIatAYJcanary"
JOB = "a" * 32


class _Mute:
    def log(self, level: int, event: str, /, *args: Any) -> None:
        raise AssertionError(event % args)


def poll_sync(settings: Settings, job_id: str) -> tuple[Job | ApiError, str]:
    with SyncClient(settings, logger=_Mute(), reload=lambda: None, mask=list) as client:
        result = client.run(flows.poll_once(client.auth, job_id, client.clock))
        return result, client.auth.credentials.iam_token if client.auth.credentials else ""


def poll_async(settings: Settings, job_id: str) -> tuple[Job | ApiError, str]:
    async def poll() -> tuple[Job | ApiError, str]:
        async def reload() -> None:
            return None

        async def mask(secrets: Iterable[str]) -> None:
            return None

        client = AsyncClient(settings, context, reload, mask)
        try:
            result = await client.run(flows.poll_once(client.auth, job_id, client.clock), _Mute())
            return result, client.auth.credentials.iam_token if client.auth.credentials else ""
        finally:
            await client.close()

    context = make_ssl_context(settings)
    return asyncio.run(poll())


@pytest.fixture(params=[poll_sync, poll_async], ids=["requests", "aiohttp"])
def poll(request: pytest.FixtureRequest) -> Poll:
    found: Poll = request.param
    return found


def settings_of(fields: dict[str, Any]) -> Settings:
    known = {name: fields[name] for name in ("login", "password", "host", "schema", "port", "extra") if name in fields}
    return Settings.from_connection(ConnectionFields("conn", **known))


def test_a_token_of_over_8_kib_is_read_and_sent(poll: Poll) -> None:
    with Emulator() as cloud:
        job_id = cloud.start_job()
        job, token = poll(settings_of(cloud.connection("password")), job_id)
    assert isinstance(job, Job)
    assert len(token) == TOKEN_LENGTH > 8190


def test_a_token_is_requested_without_the_catalog(poll: Poll) -> None:
    with RawServer(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n") as server:
        poll(login_to(server), JOB)
        assert server.heads[0].startswith("POST /v3/auth/tokens?nocatalog=true ")


@pytest.mark.parametrize(
    "response",
    [
        f"HTTP/1.1 201 Created\r\nX-Subject-Token: {SECRET}{'A' * 100_000}\r\nContent-Length: 2\r\n\r\n{{}}",
        f"HTTP/1.1 201 Created\r\n{SECRET} \x01: x\r\nContent-Length: 2\r\n\r\n{{}}",
        f"X-Subject-Token: {SECRET}\r\n\r\n{{}}",
        f"HTTP/{SECRET} 201 Created\r\n\r\n{{}}",
        f"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n{SECRET}\r\n\r\n",
    ],
    ids=["too long a header", "a bad header", "no status line", "no version", "no chunks"],
)  # fmt: skip
def test_no_byte_of_an_unreadable_response_is_shown(poll: Poll, response: str) -> None:
    with RawServer(response.encode("latin-1")) as server:
        error, _ = poll(login_to(server), JOB)
    assert isinstance(error, ApiError)
    assert error.is_passing
    assert SECRET[:8] not in json.dumps([str(error), repr(error)])


def login_to(server: RawServer) -> Settings:
    extra = {"auth": "password", "domain_name": "d", "region": "cn-north-4", "iam_endpoint": server.url}
    return settings_of({"login": "user", "password": "password", "host": server.url, "extra": extra})
