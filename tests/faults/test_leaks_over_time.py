"""Waits one after the other, in one process: nothing of them is left, so that a triggerer can run for months."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import sys
import threading
from collections.abc import Sized
from functools import partial
from itertools import count, cycle
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil
import pytest

from airflow_provider_ecsjobs.emulator import Emulator, Fault
from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook
from airflow_provider_ecsjobs.operators.ecs_jobs import EcsJobOperator
from airflow_provider_ecsjobs.sensors.ecs_jobs import EcsJobSensor
from airflow_provider_ecsjobs.triggers.ecs_jobs import EcsJobTrigger
from tests.faults.fault_kinds import ecs_error
from tests.faults.left_behind import Complaints, events_of, nothing_left_behind
from tests.faults.ways_to_wait import end_of, to_the_end
from tests.support.patience import A_MINUTE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WAITS = int(os.environ.get("ECSJOBS_SOAK_WAITS", "100"))
"""How many waits are to leave nothing, in each way; a soak has many more."""
WARM_UP = 60
ROUNDS = 7 if WAITS < 1000 else 2
"""How often they may be tried: the caches of other libraries fill for some hundred waits."""
QUICK = {"poll_interval": 0.001, "max_poll_interval": 0.001}
SERVER_IDS = [f"server-{number}" for number in range(20)]
PARTS = [{"status": "SUCCESS", "job_type": "createSingleServer", "entities": {"server_id": id_}} for id_ in SERVER_IDS]
ENDS: tuple[tuple[str, tuple[dict[str, Any], ...]], ...] = (
    ("success", ({"status": "RUNNING"}, {"status": "SUCCESS", "entities": {"sub_jobs": PARTS}})),
    ("fail", ({"status": "RUNNING"}, {"status": "FAIL", "error_code": "Ecs.0319", "fail_reason": "sold out"})),
    ("success", ({"status": "SUCCESS", "entities": {"server_id": "server-1"}},)),
    ("not_found", ()),
)
TROUBLE = (
    Fault(path="/jobs/", status=503),
    Fault(path="/jobs/", reset="before"),
    Fault(path="/jobs/", reset="during"),
    Fault(path="/jobs/", status=200, body="<html>"),
    Fault(path="/jobs/", status=403, body=ecs_error("Pdp.0001")),
)
"""What befalls every tenth wait; the last one ends it."""


class Weight(NamedTuple):
    """What a process holds."""

    objects: int
    blocks: int
    files: int
    threads: int
    caches: dict[str, int]


def weigh() -> Weight:
    """Count what there is, when all that can be collected is."""
    gc.collect()
    sizes = caches()  # now, for looking at all there is may load something
    while gc.collect():
        pass
    # All that is no object of the collector's, such as texts and numbers, takes blocks too.
    objects, blocks = len(gc.get_objects()), sys.getallocatedblocks()
    return Weight(objects, blocks, psutil.Process().num_fds(), threading.active_count(), sizes)


def caches() -> dict[str, int]:
    """Give the sizes of all that the modules of the package keep, and of their functions' caches."""
    sizes: dict[str, int] = {}
    for name, module in list(sys.modules.items()):
        if not name.startswith("airflow_provider_ecsjobs") or ".emulator" in name:
            continue
        for attribute, value in vars(module).items():
            if hasattr(value, "cache_info"):
                if not value.__module__.startswith("airflow_provider_ecsjobs"):
                    continue  # the standard library's, such as that of urlsplit, have their own bound
                sizes[f"{name}.{attribute}"] = value.cache_info().currsize
            elif isinstance(value, Sized) and not isinstance(value, (str, bytes, type)):
                sizes[f"{name}.{attribute}"] = len(value)
    return sizes


class Cloud:
    """Jobs that end in all ways, each to be waited for once, then forgotten."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self._ends = cycle(ENDS)
        self._trouble = cycle(TROUBLE)
        self._number = count()
        self._planted: list[str] = []

    def next_job(self) -> tuple[str, set[str]]:
        """Plant a job; give its id and how a wait for it may end."""
        outcome, bodies = next(self._ends)
        number = next(self._number)
        if number % 10 == 9:
            self.emulator.fault(next(self._trouble))
        job_id = f"job-{number:08}"
        if bodies:
            self._planted.append(self.emulator.plant_job(*bodies, job_id=job_id))
        return job_id, {outcome, "error"} if number % 10 == 9 else {outcome}

    def forget(self) -> None:
        """Let the emulator hold nothing of the jobs and requests there were: it is in the same process."""
        for job_id in self._planted:
            self.emulator.purge_job(job_id)
        self._planted.clear()
        self.emulator.reset_counters()
        self.emulator._cloud.faults.clear()


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    with Emulator() as emulator:
        extra = {"requests_per_second": 1000, "read_timeout": A_MINUTE}
        monkeypatch.setenv("AIRFLOW_CONN_HUAWEI_ECS_DEFAULT", json.dumps(emulator.connection(**extra)))
        logging.disable(logging.CRITICAL)
        yield Cloud(emulator)
        logging.disable(logging.NOTSET)


async def by_trigger(cloud: Cloud, waits: int) -> None:
    for _ in range(waits):
        job_id, outcomes = cloud.next_job()
        (event,) = await events_of(EcsJobTrigger(job_id, unreachable_timeout=A_MINUTE, **QUICK), Complaints())
        outcome = event["outcome"]
        if outcome == "finished":
            outcome = "success" if event["job"]["status"] == "SUCCESS" else "fail"
        assert outcome in outcomes, event


def by_hook(cloud: Cloud, waits: int) -> None:
    for _ in range(waits):
        job_id, outcomes = cloud.next_job()
        hook = EcsJobsHook()
        try:
            assert end_of(partial(hook.wait_for_job, job_id, **QUICK)).outcome in outcomes
        finally:
            hook.close()


def by_task(cloud: Cloud, waits: int) -> None:
    kinds: tuple[Callable[..., Any], ...] = (
        partial(EcsJobOperator, **QUICK),
        partial(EcsJobOperator, deferrable=False, **QUICK),
        partial(EcsJobSensor, poke_interval=0.001, max_wait=0.001),
        partial(EcsJobSensor, deferrable=False, poke_interval=0.001, max_wait=0.001),
    )
    for number in range(waits):
        job_id, outcomes = cloud.next_job()
        make = partial(kinds[number // len(ENDS) % len(kinds)], task_id="wait", job_id=job_id)
        assert end_of(partial(to_the_end, make, {}, Complaints())).outcome in outcomes


def is_flat(before: Weight, after: Weight) -> bool:
    """Tell whether less than one object is left of each wait: what leaks, leaks at least one of each."""
    objects, blocks = after.objects - before.objects, after.blocks - before.blocks
    return objects < 60 + WAITS / 20 and blocks < 200 + WAITS / 20


def check_lasting(before: Weight, after: Weight) -> None:
    """Check that no module of ours keeps more than at first.

    Files and threads are looked at by ``nothing_left_behind``, which waits for the other end to close, too.
    """
    assert {name: size for name, size in after.caches.items() if size > before.caches.get(name, 0)} == {}


@pytest.mark.timeout(max(600, WAITS // 4))
@pytest.mark.parametrize("wait", [by_hook, by_task])
def test_waits_of_workers_leave_nothing(
    cloud: Cloud, wait: Callable[[Cloud, int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    wait(cloud, WARM_UP)
    cloud.forget()
    weigh()
    with nothing_left_behind(monkeypatch):
        weights = [weigh()]
        while len(weights) == 1 or not is_flat(*weights[-2:]):
            assert len(weights) <= ROUNDS, [weight[:2] for weight in weights]
            wait(cloud, WAITS)
            cloud.forget()
            weights.append(weigh())
    check_lasting(weights[0], weights[-1])


@pytest.mark.timeout(max(600, WAITS // 4))
def test_waits_of_a_triggerer_leave_nothing(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    weights: list[Weight] = []

    async def wait_and_weigh() -> None:
        await by_trigger(cloud, WARM_UP)
        cloud.forget()
        weigh()
        weights.append(weigh())
        while len(weights) == 1 or not is_flat(*weights[-2:]):
            assert len(weights) <= ROUNDS, [weight[:2] for weight in weights]
            await by_trigger(cloud, WAITS)
            cloud.forget()
            weights.append(weigh())

    # Airflow opens a thread for its connections, once in a process.
    asyncio.run(by_trigger(cloud, 1))
    with nothing_left_behind(monkeypatch):
        asyncio.run(wait_and_weigh())
    check_lasting(weights[0], weights[-1])
