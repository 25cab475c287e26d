"""A look-up of the connection that hangs, where a client is open already: new waits go on with the settings we have."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from airflow_provider_ecsjobs.transport import client_pool
from airflow_provider_ecsjobs.triggers.ecs_jobs import LOOKUP_SECONDS
from tests.transport import virtual_loop

ACCEPTED = SimpleNamespace(unauthorized=None)
KEY = "a connection"


async def hanging() -> Any:
    await asyncio.get_running_loop().create_future()


async def mask(_: Any) -> None:
    raise AssertionError("nothing is to be masked")


async def close() -> None:
    return None


def test_a_new_wait_joins_an_open_client_while_the_look_up_hangs() -> None:
    async def main() -> None:
        async def opened() -> Any:
            return SimpleNamespace(auth=ACCEPTED, settings="the settings we have", close=close)

        opening: Any = asyncio.ensure_future(opened())
        await opening
        loop = asyncio.get_running_loop()
        lease = client_pool.Lease(KEY, opening, checked=loop.time(), users=1)
        client_pool._leases[loop] = {KEY: lease}
        await asyncio.sleep(client_pool.SETTINGS_AGE + 1)

        async with asyncio.timeout(LOOKUP_SECONDS):  # as a trigger asks
            assert await client_pool.share_client(KEY, hanging, mask) is lease

        await lease.leave()
        await lease.leave()

    virtual_loop.run(main())


def open_lease(loop: asyncio.AbstractEventLoop, opening: Any) -> client_pool.Lease:
    lease = client_pool.Lease(KEY, opening, checked=loop.time(), users=1)
    client_pool._leases.setdefault(loop, {})[KEY] = lease
    return lease


async def opened() -> Any:
    return SimpleNamespace(auth=ACCEPTED, settings="the settings we have", close=close)


def test_the_connection_is_read_again_for_one_of_those_who_come_late_not_for_each() -> None:
    async def main() -> None:
        opening = asyncio.ensure_future(opened())
        await opening
        lease, looked_up = open_lease(asyncio.get_running_loop(), opening), []

        async def same() -> Any:
            looked_up.append(asyncio.get_running_loop().time())
            return "the settings we have"

        await asyncio.sleep(client_pool.SETTINGS_AGE + 1)
        for _ in range(3):
            assert await client_pool.share_client(KEY, same, mask) is lease
        assert len(looked_up) == 1
        for _ in range(4):
            await lease.leave()

    virtual_loop.run(main())


def test_the_last_who_leaves_a_client_takes_no_newer_one_away() -> None:
    async def main() -> None:
        loop, opening = asyncio.get_running_loop(), asyncio.ensure_future(opened())
        await opening
        old = open_lease(loop, opening)
        new = open_lease(loop, opening)

        await old.leave()

        assert client_pool._leases[loop] == {KEY: new}
        await new.leave()
        assert client_pool._leases[loop] == {}

    virtual_loop.run(main())
