"""What a trigger asks of Airflow's supervisor goes through the triggerer's own loop, and is never abandoned.

Airflow 3.0 and 3.1 read a response right after its request. After a request from another loop, or one that was
cancelled, the triggerer would read the wrong one, and stop: "Response read out of order!".
"""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import BaseHook
from asgiref.sync import async_to_sync

from airflow_provider_ecsjobs.hooks.connection import read_settings_off_loop
from airflow_provider_ecsjobs.triggers.ecs_jobs import EcsJobTrigger
from tests.support.patience import A_MINUTE

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.emulator import Emulator

JOB_ID = "2c9eb2c5544cbf6101544f0602af2b4f"


async def events_of(job_id: str) -> list[Any]:
    trigger = EcsJobTrigger(job_id, poll_interval=0.02, max_poll_interval=0.02)
    return [event.payload async for event in trigger.run()]


async def test_a_cancelled_wait_leaves_its_look_up_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, response = asyncio.Event(), asyncio.Event()
    ends: asyncio.Queue[str] = asyncio.Queue()

    async def ask() -> None:
        asked.set()
        try:
            await response.wait()
        except asyncio.CancelledError:
            ends.put_nowait("abandoned")
            raise
        ends.put_nowait("answered")

    def look_up(conn_id: str) -> None:
        async_to_sync(ask)()  # as Airflow asks its supervisor
        raise RuntimeError("not needed any more")

    monkeypatch.setattr(BaseHook, "get_connection", look_up)
    wait = asyncio.ensure_future(events_of(JOB_ID))
    async with asyncio.timeout(A_MINUTE):
        await asked.wait()
        wait.cancel()
        with suppress(asyncio.CancelledError):
            await wait
        response.set()
        assert await ends.get() == "answered"


async def test_a_cancelled_wait_begins_no_look_up_that_still_queues(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = asyncio.Event(), threading.Event()
    loop, looked_up = asyncio.get_running_loop(), list[str]()

    def look_up(conn_id: str) -> None:
        looked_up.append(conn_id)
        loop.call_soon_threadsafe(begun.set)
        assert go_on.wait(A_MINUTE)
        raise RuntimeError("not needed any more")

    monkeypatch.setattr(BaseHook, "get_connection", look_up)
    waits = [asyncio.ensure_future(read_settings_off_loop(name, None, None, None)) for name in ("one", "two", "three")]
    async with asyncio.timeout(A_MINUTE):
        await begun.wait()
        waits[1].cancel()
        await asyncio.wait([waits[1]])
        go_on.set()
        await asyncio.wait(waits)
    assert looked_up == ["one", "three"]


@pytest.mark.parametrize("auth", ["aksk", "password", "agency"])
def test_secrets_are_masked_through_the_triggerers_own_loop(
    auth: str, connected: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    loops: list[asyncio.AbstractEventLoop] = []

    async def ask() -> None:
        loops.append(asyncio.get_running_loop())

    monkeypatch.setattr(
        "airflow_provider_ecsjobs.hooks.connection.mask_secret", lambda secret, *args: async_to_sync(ask)()
    )
    monkeypatch.setenv("AIRFLOW_CONN_HUAWEI_ECS_DEFAULT", json.dumps(connected.connection(auth)))
    job_id = connected.plant_job({"status": "SUCCESS"})

    async def wait() -> asyncio.AbstractEventLoop:
        assert await events_of(job_id)
        return asyncio.get_running_loop()

    loop_of_triggerer = asyncio.run(wait())
    assert set(loops) == {loop_of_triggerer}
