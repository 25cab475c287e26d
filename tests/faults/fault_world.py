"""An emulator, a clock, a resolver and a connection, to which the events of a plan happen."""

from __future__ import annotations

import itertools
import json
import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import aiohttp.connector
from aiohttp.resolver import ThreadedResolver

from airflow_provider_ecsjobs.emulator import Emulator
from tests.faults.fault_kinds import fault
from tests.faults.fault_plans import JUMPS, STORIES, Plan
from tests.support.held_back import give_up_what_is_held_back
from tests.support.patience import A_MINUTE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest

HOST = "ecs.faults.test"
JOB_ID = "2c9eb2c5544cbf6101544f0602af2b4f"
_real_time = time.time
_real_getaddrinfo = socket.getaddrinfo


class World:
    """What a wait meets with.

    :param emulator: the cloud.
    """

    def __init__(self, **options: Any) -> None:
        self.ahead = 0.0
        """How far the machine's clock is ahead."""
        self.server_ahead = 0.0
        self.queries = 0
        self.on_query: dict[int, list[Callable[[], object]]] = {}
        self.secrets: set[str] = set()
        self.emulator = Emulator(clock=lambda: _real_time() + self.server_ahead, **options)

    def happen(self, event: str) -> None:
        """Let an event of a plan happen."""
        if event == "revoke the tokens":
            self.emulator.revoke_tokens()
        elif event == "let the tokens expire":
            self.server_ahead += 90_000
        else:
            self.ahead += JUMPS[event]

    def at_query(self, number: int, what: Callable[[], object]) -> None:
        """Let something happen right before a query of a job is answered."""
        self.on_query.setdefault(number, []).append(what)

    def is_idle(self) -> bool:
        """Tell whether no request is under way, such as one that was given up and has its effect now."""
        return self.emulator.counters["requests"] == len(self.emulator.requests)

    def note_secrets(self) -> None:
        """Note all that must not be seen: keys, passwords and tokens."""
        account = self.emulator._account
        self.secrets |= {account.password, *account._tokens}
        for key in account._keys.values():
            self.secrets |= {key.secret_key, key.security_token} - {""}

    def _watch_queries(self) -> None:
        state = self.emulator._cloud.state
        show = state.show_job

        def show_job(job_id: str) -> Any:
            self.queries += 1
            for what in self.on_query.pop(self.queries, []):
                what()
            return show(job_id)

        state.show_job = show_job  # type: ignore[method-assign]


@contextmanager
def world_of(
    monkeypatch: pytest.MonkeyPatch,
    *,
    login: str = "aksk",
    names: tuple[bool, ...] = (),
    **options: Any,
) -> Iterator[World]:
    """Make a world that the default connection leads to."""
    world, lookups = World(**options), itertools.chain(names, itertools.repeat(True))

    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host not in (HOST, HOST.encode()):
            return _real_getaddrinfo(host, *args, **kwargs)
        if not next(lookups):
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return _real_getaddrinfo("127.0.0.1", *args, **kwargs)

    with world.emulator as emulator, monkeypatch.context() as patched:
        world._watch_queries()
        # The rate limit is tested on its own.
        limits = {"read_timeout": A_MINUTE, "connect_timeout": A_MINUTE, "requests_per_second": 1000}
        fields = emulator.connection(login, **limits)
        text = json.dumps(fields).replace("127.0.0.1", HOST) if names else json.dumps(fields)
        patched.setenv("AIRFLOW_CONN_HUAWEI_ECS_DEFAULT", text)
        patched.setattr(time, "time", lambda: _real_time() + world.ahead)
        patched.setattr(socket, "getaddrinfo", getaddrinfo)
        patched.setattr(aiohttp.connector, "DefaultResolver", ThreadedResolver)
        give_up_what_is_held_back(emulator, patched)
        yield world
        world.note_secrets()


@contextmanager
def planned(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Make the world of a plan: its job has the id :data:`JOB_ID`."""
    story = STORIES[plan.story]
    with world_of(monkeypatch, login=plan.login, names=plan.names) as world:
        if story.bodies:
            world.emulator.plant_job(*story.bodies, job_id=JOB_ID)
        if story.purged_at is not None:
            world.at_query(story.purged_at, lambda: world.emulator.purge_job(JOB_ID))
        for number, event in plan.events:
            world.at_query(number, lambda event=event: world.happen(event))  # type: ignore[misc]
        for name in plan.slots:
            world.emulator.fault(fault(name, "/jobs/"))
        if plan.ending is not None:
            world.emulator.fault(fault(plan.ending, "/jobs/"))
        for name in plan.login_faults:
            world.emulator.fault(fault(name, "/v3/|/openstack/"))
        yield world
