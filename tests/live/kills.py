"""A DAG whose task can be stopped at a point of its submit, and the killing of the worker that stands there."""

from __future__ import annotations

import os
import signal
from functools import partial
from typing import TYPE_CHECKING

import psutil

from airflow_provider_ecsjobs.emulator import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from airflow_provider_ecsjobs.emulator import Emulator

DAG_ID = "killed"
HELD_ANSWER = Fault(path="/cloudservers$", method="POST", stall=600)
"""The answer to the first request never comes: the emulator has carried it out by then."""
POINTS = ("before_answer", "before_record", "before_deferral", "resuming")
"""Where the worker dies: the request has left; its answer is here; it is recorded; the job has ended."""

STAND = """
import os
import time
from pathlib import Path

NOTES = Path({notes!r})


def stand(point):
    # The first try that gets here says so and stands still, until it is killed; the next one goes on.
    note = NOTES / point
    if not note.exists():
        (NOTES / (point + ".new")).write_text(str(os.getpid()))
        (NOTES / (point + ".new")).rename(note)
        time.sleep(3600)
"""
"""The beginning of a DAG file, for ``str.format``. A task calls ``stand`` where it is to be killed."""

DAG = """
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_ecsjobs.operators import submit_once
from airflow_provider_ecsjobs.operators.servers import EcsCreateServersOperator


class Killed(EcsCreateServersOperator):
    def execute(self, context):
        if self.task_id == "before_answer" and not (NOTES / self.task_id).exists():
            (NOTES / self.task_id).write_text(str(os.getpid()))
        return super().execute(context)

    def _submit(self, context, policy):
        send_once = submit_once.SubmitOnce._send_once

        def stopped(once, *arguments, **options):
            send = once.send

            def answered(*arguments):
                submission = send(*arguments)
                if self.task_id == "before_record":
                    stand("before_record")
                return submission

            once.send = answered
            submission = send_once(once, *arguments, **options)
            if self.task_id == "before_deferral":
                stand("before_deferral")
            return submission

        submit_once.SubmitOnce._send_once = stopped
        return super()._submit(context, policy)

    def execute_complete(self, context, event=None):
        if self.task_id == "resuming":
            stand("resuming")
        return super().execute_complete(context, event)


with DAG({dag_id!r}, schedule=None, catchup=False):
    first, *others = [
        Killed(
            task_id=point,
            name=point,
            flavor="s6.small.1",
            image="image",
            vpc="vpc",
            subnets=["subnet"],
            root_volume="SSD",
            count=2,
            poll_interval=1,
            max_poll_interval=1,
            huawei_ecs_conn_id={conn_id!r},
            retries={retries},
            retry_delay=1,
        )
        for point in {points!r}
    ]
    # The request of the first is the one whose answer is held back.
    first >> others
"""


def dag_text(notes: Path, *, conn_id: str = "huawei_ecs_default", retries: int = 1) -> str:
    """Give the text of the DAG file."""
    return (STAND + DAG).format(notes=str(notes), dag_id=DAG_ID, points=POINTS, conn_id=conn_id, retries=retries)


def kill_task(pid: int) -> None:
    """Kill the process of a task, with the one that supervises it, as when a machine dies."""
    for process in (psutil.Process(pid).ppid(), pid):
        os.kill(process, signal.SIGKILL)


def kill_each(
    notes: Path,
    wait_until: Callable[..., tuple[str, int]],
    seconds: float,
    kill: Callable[[int], None] = kill_task,
    points: Sequence[str] = POINTS,
) -> None:
    """Kill the worker at each point, in whichever order they come to stand there.

    :param wait_until: waits for a condition, as an Airflow of the tests does.
    :param seconds: for how long at most, each time.
    :param kill: kills the worker of the process that it is given.
    :param points: those where it is to be killed now.
    """
    left = set(points)
    while left:
        point, pid = wait_until(partial(_standing, notes, left), seconds, f"a task to stand at one of {left}")
        kill(pid)
        left.remove(point)


def assert_made_once(cloud: Emulator) -> None:
    """Check that each task has made its servers, and that none of them has made others."""
    names = sorted(server["name"] for server in cloud.servers.values())
    assert names == sorted(f"{point}-{number:04}" for point in POINTS for number in (1, 2))
    assert cloud.counters["submits"] == len(POINTS)


def _standing(notes: Path, points: set[str]) -> tuple[str, int] | None:
    """Give the process of a task that stands at one of the points, if there is one."""
    for point in points:
        note = notes / point
        text = note.read_text() if note.exists() else ""
        if text:
            return point, int(text)
    return None
