"""The waits of a test: what each of them waits for and how it has to end, and the DAG that holds them all."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.emulator import Emulator

DAG_ID = "waits"
GROUPS = 5
"""So many groups of jobs end one after the other; the creates end with the last."""
GROUP_SECONDS = 1000.0
"""From the end of one group to that of the next, by the emulator's clock, which is moved from one to the other."""
CREATE_SECONDS = GROUPS * GROUP_SECONDS
ENDLESS = 1000 * GROUP_SECONDS
LONGEST_TIMEOUT = 86_400.0
"""The timeout of the waits whose job ends before."""

# Of a dozen waits: how each one waits, and how its job ends. None that is endless ends before the deadline.
_DOZEN = (
    ("sensor", "succeeds"),
    ("create", "succeeds"),
    ("operator", "succeeds"),
    ("sensor", "fails"),
    ("create", "succeeds"),
    ("operator", "endless"),
    ("operator", "succeeds"),
    ("create", "succeeds"),
    ("sensor", "succeeds"),
    ("operator", "fails"),
    ("create", "succeeds"),
    ("sensor", "endless"),
)


@dataclass(frozen=True)
class Wait:
    """One task that waits for one job.

    :param kind: ``sensor``, ``operator`` or ``create``.
    :param ends: how its job ends: ``succeeds``, ``fails`` or ``endless``.
    :param group: with which group of jobs it ends, from 0; None for an endless one.
    :param job_id: the job, unless the task makes it.
    :param reason: why the job fails.
    :param timeout: after so many seconds the wait has to give up.
    """

    task_id: str
    kind: str
    ends: str
    group: int | None
    job_id: str | None
    reason: str
    timeout: float

    @property
    def final_state(self) -> str:
        """The state in which its task has to end."""
        return "success" if self.ends == "succeeds" else "failed"


def plan_waits(emulator: Emulator, count: int, deadlines: tuple[float, float]) -> list[Wait]:
    """Plan so many waits and start their jobs.

    :param deadlines: the shortest and the longest time that those may wait whose job does not end.
    """
    waits: list[Wait] = []
    groups = {"succeeds": 0, "fails": GROUPS // 2}
    endless = max(sum(_DOZEN[number % len(_DOZEN)][1] == "endless" for number in range(count)) - 1, 1)
    passed = 0
    for number in range(count):
        kind, ends = _DOZEN[number % len(_DOZEN)]
        job_id, reason, group, timeout = None, "", GROUPS - 1, LONGEST_TIMEOUT
        if ends == "endless":
            group = None
            job_id = emulator.start_job(run_seconds=ENDLESS)
            timeout = deadlines[0] + (deadlines[1] - deadlines[0]) * passed / endless
            passed += 1
        elif kind != "create":
            group = groups[ends] % GROUPS
            groups[ends] += 1
            reason = f"Ecs.0319 No more servers of this flavor: {number}"
            job_id = emulator.start_job(
                sub_jobs=3,
                failing=1 if ends == "fails" else 0,
                error_code="Ecs.0319",
                fail_reason=reason.removeprefix("Ecs.0319 "),
                run_seconds=(group + 1) * GROUP_SECONDS,
            )
        waits.append(Wait(f"{kind}_{ends}_{number:03}", kind, ends, group, job_id, reason, timeout))
    return waits


DAG = """
import json

from airflow.providers.common.compat.sdk import DAG
from airflow_provider_ecsjobs.operators.ecs_jobs import EcsJobOperator
from airflow_provider_ecsjobs.operators.servers import EcsCreateServersOperator
from airflow_provider_ecsjobs.sensors.ecs_jobs import EcsJobSensor

# A try whose worker dies with its scheduler is made up for by another one.
OPTIONS = {{"retries": 4, "retry_delay": 1}}

with DAG({dag_id!r}, schedule=None, catchup=False, max_active_tasks=1000, default_args=OPTIONS):
    for wait in json.loads({waits!r}):
        task_id, timeout = wait["task_id"], wait["timeout"]
        if wait["kind"] == "sensor":
            EcsJobSensor(
                task_id=task_id, job_id=wait["job_id"], timeout=timeout, poke_interval={shortest}, max_wait={longest}
            )
            continue
        gaps = {{"timeout": timeout, "poll_interval": {shortest}, "max_poll_interval": {longest}}}
        if wait["kind"] == "operator":
            EcsJobOperator(task_id=task_id, job_id=wait["job_id"], **gaps)
        else:
            EcsCreateServersOperator(
                task_id=task_id,
                name=task_id.replace("_", "-"),
                flavor="s6.small.1",
                image="image",
                vpc="vpc",
                subnets=["subnet"],
                root_volume="SSD",
                **gaps,
            )
"""


def dag_text(waits: list[Wait], gaps: tuple[float, float]) -> str:
    """Give the text of the DAG file.

    :param gaps: the shortest and the longest gap between two polls of a wait.
    """
    shortest, longest = gaps
    text = json.dumps([asdict(wait) for wait in waits])
    return DAG.format(dag_id=DAG_ID, waits=text, shortest=shortest, longest=longest)
