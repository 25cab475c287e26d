"""Many waits in one Airflow, and what is done to it meanwhile."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from tests.ha.waits import DAG_ID, GROUP_SECONDS, LONGEST_TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_ecsjobs.emulator import Emulator
    from tests.ha.diary import PostgresDiary
    from tests.ha.waits import Wait
    from tests.live.job_clock import JobClock
    from tests.live.standalone import LiveAirflow

ENDED = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})
TRIGGERERS = ("triggerer", "triggerer-2")

T = TypeVar("T")


@dataclass
class Disturbance:
    """Something that was done to Airflow or to the cloud.

    :param in_flight: the waits that were deferred when it began.
    :param struck: how many tasks, or waits, were in the hands of what was struck.
    :param seconds: from then until every wait whose job ended meanwhile had ended.
    """

    name: str
    in_flight: frozenset[str]
    struck: int = 0
    seconds: float = 0.0


@dataclass
class Trial:
    """One run of the DAG of waits.

    :param step_seconds: how long any step may take.
    :param deadlines: of each wait that has been seen in flight, the deadline it was last given.
    """

    airflow: LiveAirflow
    diary: PostgresDiary
    emulator: Emulator
    clock: JobClock
    waits: list[Wait]
    step_seconds: float
    run_id: str = ""
    disturbances: list[Disturbance] = field(default_factory=list)
    deadlines: dict[str, float] = field(default_factory=dict)
    holders: dict[str, int] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)
    _groups_ended: int = 0

    def say(self, text: str) -> None:
        """Tell how far it is: at full size it takes long."""
        print(f"  {time.monotonic() - self._began:6.1f} s  {text}", flush=True)

    def begin(self) -> None:
        """Let the waits begin."""
        self.run_id = self.airflow.trigger(DAG_ID)
        self.say(f"{len(self.waits)} waits begin")

    def wait_until(self, condition: Callable[[], T | None], what: str) -> T:
        """Wait for a condition as :class:`LiveAirflow` does, and note meanwhile what deadlines the waits have."""

        def watched() -> T | None:
            for task_id, held in self.diary.held(DAG_ID).items():
                if held.deadline is not None:
                    self.deadlines[task_id] = held.deadline
            return condition()

        try:
            return self.airflow.wait_until(watched, self.step_seconds, what)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; states: {dict(Counter(self.states().values()))}") from None

    def states(self) -> dict[str, str]:
        """Return the state of each task."""
        return self.diary.states(DAG_ID, self.run_id)

    def in_flight(self) -> frozenset[str]:
        """Return the tasks that are deferred."""
        return frozenset(task_id for task_id, state in self.states().items() if state == "deferred")

    def running(self, group: int | None = None) -> list[int]:
        """Return the processes of those tasks that a worker is at.

        :param group: only the tasks of the groups up to this one.
        """
        processes = self.diary.processes(DAG_ID, self.run_id)
        members = self._members(group) if group is not None else set(processes)
        return [pid for task_id, pid in processes.items() if task_id in members]

    def await_in_flight(self, share: float = 1.0) -> None:
        """Wait until this share of all waits is in flight, or over already."""
        wanted = share * len(self.waits)

        def reached() -> bool:
            return sum(state == "deferred" or state in ENDED for state in self.states().values()) >= wanted

        self.wait_until(reached, f"{wanted:.0f} of {len(self.waits)} waits to be in flight")

    def start_triggerer(self, name: str) -> None:
        """Start a triggerer and wait until it beats."""
        known = self.diary.triggerers()
        self.airflow.start(name, command="triggerer")
        self.note_triggerer(name, known)

    def note_triggerer(self, name: str, known: list[int]) -> None:
        """Note under which job id a triggerer has started."""
        self.holders[name] = self.wait_until(
            lambda: next((new for new in self.diary.triggerers() if new not in known), None), f"{name} to beat"
        )

    def holding(self, name: str) -> int:
        """Return how many waits a triggerer holds."""
        return sum(held.triggerer == self.holders[name] for held in self.diary.held(DAG_ID).values())

    def triggerer_of_next_deadline(self, seconds: float) -> str | None:
        """Return the triggerer with a wait whose deadline comes in less than so many seconds, but not at once.

        None while there is no such wait; on a machine so slow that no deadline is left, the triggerer that holds most.
        """
        left = {held: held.deadline - time.time() for held in self.diary.held(DAG_ID).values() if held.deadline}
        near = {held.triggerer for held, remaining in left.items() if seconds / 2 < remaining < seconds}
        if not any(0 < remaining < LONGEST_TIMEOUT / 2 for remaining in left.values()):
            return max(TRIGGERERS, key=self.holding)
        return next((name for name, job_id in self.holders.items() if job_id in near), None)

    def end_jobs(self, group: int) -> None:
        """Let the jobs end of all groups up to this one."""
        # A job is for a moment in INIT before its time begins.
        self.clock.leap((group + 1 - self._groups_ended) * GROUP_SECONDS + (0 if self._groups_ended else 1))
        self._groups_ended = group + 1

    def _members(self, group: int | None) -> set[str]:
        """Return the waits whose jobs end with the groups up to this one."""
        if group is None:
            return set()
        return {wait.task_id for wait in self.waits if wait.group is not None and wait.group <= group}

    @contextmanager
    def disturbance(self, name: str, group: int | None) -> Iterator[Disturbance]:
        """Note what is in flight, let it be disturbed, and wait until all waits up to a group have ended."""
        disturbance = Disturbance(name, self.in_flight())
        began = time.monotonic()
        yield disturbance
        members = self._members(group)

        def ended() -> bool:
            states = self.states()
            return all(states[task_id] in ENDED for task_id in members)

        self.wait_until(ended, f"the waits up to group {group} to end after: {name}")
        disturbance.seconds = time.monotonic() - began
        self.disturbances.append(disturbance)
        self.say(f"{name}: {len(disturbance.in_flight)} were in flight, {disturbance.struck} struck")
