"""A task that submits, and all of its tries: what befalls each of them, where its worker dies, and who tries again."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSensorTimeout
from hypothesis import strategies as st

from airflow_provider_ecsjobs.emulator import Fault
from airflow_provider_ecsjobs.emulator.state import State
from airflow_provider_ecsjobs.exceptions import EcsJobsError
from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook
from airflow_provider_ecsjobs.operators.servers import (
    EcsAttachVolumeOperator,
    EcsCreateServersOperator,
    EcsDeleteServersOperator,
    EcsDetachVolumeOperator,
)
from tests.faults.fault_kinds import FIT_FOR_SUBMITS, HARMLESS, PASSING, ecs_error, fault
from tests.faults.fault_plans import LONG, POLL, slots_of
from tests.faults.fault_world import World, world_of
from tests.faults.left_behind import Complaints, in_time
from tests.faults.ways_to_wait import End, end_of, to_the_end
from tests.support.submit_world import Crash
from tests.support.task_runs import Store, TaskRun

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest

RETRIES = 2
SHORT = 0.5
"""The ``unreachable_timeout`` of a task that the cloud is away from in one of its tries, in seconds."""
SECRET = "canary-Passw0rd"
QUICK_JOBS = {"init_seconds": 0.03, "run_seconds": 0.05}
DEATHS = ("before send", "after send", "after record", "resuming")
_FOR_GOOD = {"times": 10_000}
REFUSALS: dict[str, tuple[str, dict[str, Any]]] = {
    "400": ("rejected", {"status": 400, "body": ecs_error("Ecs.0005")}),
    "401": ("unauthorized", {**_FOR_GOOD, "status": 401, "body": ecs_error("Common.0013")}),
    "403": ("rejected", {"status": 403, "body": ecs_error("Pdp.0001")}),
}
_EXPIRED = {"status": 401, "body": {"error_code": "APIGW.0307", "error_msg": "The token must be updated."}}
_DOWN = {**_FOR_GOOD, "status": 503, "body": "<html>down for maintenance</html>"}
_UNKNOWN_STATUS = {"status": 200, "body": {"status": "HIBERNATING", "job_type": "createServer"}}
LOGIN_TROUBLE = ["503", "reset before", "reset during", "HTML 502", "429 in seconds", "no body"]


@dataclass(frozen=True)
class Try:
    """What befalls one try.

    :param logins: what befalls the requests that log in, one after the other.
    :param submits: what befalls the requests that submit.
    :param refusal: what the request after those is refused with, if it is.
    :param queries: what befalls the queries of the job.
    :param is_expired: whether the token is not good any more when it is first used.
    :param is_down: whether the service is away after all that: for ``"submits"`` or for ``"queries"``.
    :param revoked_at: before which query the tokens are revoked.
    :param purged_at: before which query all jobs are purged.
    :param death: where the worker dies.
    """

    logins: tuple[str, ...] = ()
    submits: tuple[str, ...] = ()
    refusal: str | None = None
    queries: tuple[str, ...] = ()
    is_expired: bool = False
    is_down: str = ""
    revoked_at: int | None = None
    purged_at: int | None = None
    death: str | None = None


@dataclass(frozen=True)
class TriesPlan:
    """A task, and what befalls its tries.

    :param tries: the tries; in those after them, nothing.
    :param deferrable: whether it waits in the triggerer.
    :param failing: how many of its jobs fail, the first ones.
    :param order: what becomes of the orders of a create; ``None`` for servers that are not ordered.
    :param login: how the connection logs in.
    """

    tries: tuple[Try, ...]
    deferrable: bool = True
    failing: int = 0
    order: str | None = None
    login: str = "aksk"

    @property
    def is_hurried(self) -> bool:
        """Whether no try goes on for long without a good answer."""
        return any(one.is_down for one in self.tries)


@dataclass(frozen=True)
class Kind:
    """A task to be tried.

    :param operator: what it is.
    :param path: where its request goes.
    :param job_type: the job that it starts.
    :param is_kept: whether Airflow has a task state store.
    """

    operator: type[Any]
    path: str
    job_type: str
    is_kept: bool = True


KINDS = {
    "create": Kind(EcsCreateServersOperator, "/cloudservers$", "createServer"),
    "create without a store": Kind(EcsCreateServersOperator, "/cloudservers$", "createServer", is_kept=False),
    "attach": Kind(EcsAttachVolumeOperator, "/attachvolume$", "attachVolume"),
    "detach": Kind(EcsDetachVolumeOperator, "/detachvolume/", "detachVolume"),
    "delete": Kind(EcsDeleteServersOperator, "/delete$", "deleteVMs"),
}


class Tried:
    """A task in the world of a plan, and what is known of it after its tries.

    :param server: the server that there is from the beginning.
    """

    def __init__(self, kind: str, plan: TriesPlan, world: World) -> None:
        self.kind, self.plan, self.world, self.emulator = kind, plan, world, world.emulator
        self.server = self.emulator.add_server("first", volumes=["its-own"] if kind == "detach" else [])
        self.volume = "its-own" if kind == "detach" else f"volume-of-{self.server}"
        self.purged: set[str] = set()
        self.ends: list[End] = []
        self.death: str | None = None
        store = _DyingStore(self._die) if KINDS[kind].is_kept else None
        self.run = TaskRun(self._task, store=store, retries=RETRIES)
        if plan.failing:
            self.emulator.fail_next(KINDS[kind].job_type, reasons=[("Ecs.0319", "sold out")], times=plan.failing)

    def try_to_the_end(self, complaints: Complaints) -> End:
        """Try as often as Airflow does; give the end of the last try."""
        for number in range(RETRIES + 1):
            one = self.plan.tries[number] if number < len(self.plan.tries) else Try()
            end, is_final = self._try(one, complaints)
            self.ends.append(end)
            if is_final:
                break
            self.run.retry()
        return self.ends[-1]

    def jobs(self) -> dict[str, str]:
        """Give how each job of the task ends, by its id; ``purged`` where nobody knows any more."""
        ids = dict.fromkeys(made["job_id"] for made in self.emulator.submissions)
        return {job_id: "purged" if job_id in self.purged else self._status(job_id) for job_id in ids}

    def is_settled(self) -> bool:
        """Whether nothing of what the task has submitted goes on; a job that is purged does not say so."""
        servers = len(self.emulator.servers) - 1
        return not {"INIT", "RUNNING"} & set(self.jobs().values()) and ("create" not in self.kind or servers in (0, 2))

    def _status(self, job_id: str) -> str:
        # Not as a query, which the plan would take for the task's.
        answer = State.show_job(self.emulator._cloud.state, job_id)
        assert answer is not None
        return str(answer.body["status"])

    def _try(self, one: Try, complaints: Complaints) -> tuple[End, bool]:
        self._befall(one)
        failure: list[BaseException] = []

        def noted() -> Any:
            try:
                return to_the_end(self._maker(), self.run.context, complaints)
            except EcsJobsError as error:
                failure.append(error)
                raise

        try:
            end = in_time(partial(end_of, noted))
        except Crash as crash:
            return End("died", str(crash)), False
        # These are the two that Airflow does not try again.
        return end, not failure or isinstance(failure[0], AirflowFailException | AirflowSensorTimeout)

    def _befall(self, one: Try) -> None:
        emulator, world = self.emulator, self.world
        emulator._cloud.faults.clear()
        world.on_query.clear()
        self.death = one.death
        at = partial(self._at_query, world.queries)
        at(2, self._conclude_orders)
        at(one.revoked_at, partial(world.happen, "revoke the tokens"))
        at(one.purged_at, self._purge)
        path = KINDS[self.kind].path
        hows = [
            *((path, _EXPIRED) for _ in range(one.is_expired)),
            *((path, name) for name in one.submits),
            *((path, REFUSALS[name][1]) for name in (one.refusal,) if name),
            *(("/jobs/", _UNKNOWN_STATUS if name == "unknown status" else name) for name in one.queries),
            *(("/v3/|/openstack/", name) for name in one.logins),
            *((path if one.is_down == "submits" else "/jobs/", _DOWN) for _ in range(bool(one.is_down))),
        ]
        for where, how in hows:
            emulator.fault(fault(how, where) if isinstance(how, str) else Fault(path=where, **how))

    def _at_query(self, before: int, number: int | None, what: Callable[[], object]) -> None:
        if number is not None:
            self.world.at_query(before + number, what)

    def _conclude_orders(self) -> None:
        conclude = {"is paid": self.emulator.pay_order, "is cancelled": self.emulator.cancel_order}
        for order_id, order in self.emulator.orders.items():
            if order["status"] == "unpaid" and self.plan.order in conclude:
                conclude[self.plan.order](order_id)

    def _purge(self) -> None:
        for job_id in {made["job_id"] for made in self.emulator.submissions} - self.purged:
            self.emulator.purge_job(job_id)
            self.purged.add(job_id)

    def _maker(self) -> Callable[[], Any]:
        """Give what makes the task: in a process of its own to begin with, and in another one to resume."""
        made: list[Any] = []

        def make() -> Any:
            if made:
                self._die("resuming")
            made.append(self._task())
            return made[-1]

        return make

    def _task(self) -> Any:
        plan, kind = self.plan, KINDS[self.kind]
        options: dict[str, Any] = {"poll_interval": POLL, "max_poll_interval": POLL, "deferrable": plan.deferrable}
        options |= {"timeout": LONG, "unreachable_timeout": SHORT if plan.is_hurried else LONG, "retries": RETRIES}
        options |= {"not_found_grace": 0, "task_id": "task"}
        if kind.operator in (EcsAttachVolumeOperator, EcsDetachVolumeOperator):
            return kind.operator(server_id=self.server, volume_id=self.volume, **options)
        if kind.operator is EcsDeleteServersOperator:
            return kind.operator(server_ids=[self.server], **options)
        if plan.order is not None:
            options |= {"period_type": "month", "auto_pay": False}
            options["payment_timeout"] = LONG if plan.order == "is paid" else 0.1
        return kind.operator(
            name="web",
            flavor="s6.small.1",
            image="img",
            vpc="vpc",
            subnets=["subnet"],
            root_volume="SSD",
            count=2,
            admin_password=SECRET,
            **options,
        )

    def _die(self, where: str) -> None:
        if self.death == where:
            self.death = None
            raise Crash(where)

    def send(self, send: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Send a request, in a worker that may die right before or after."""
        self._die("before send")
        submission = send(*arguments, **options)
        self._die("after send")
        return submission


class _DyingStore(Store):
    def __init__(self, die: Callable[[str], None]) -> None:
        super().__init__()
        self._die = die

    def set(self, key: str, value: Any) -> None:
        super().set(key, value)
        if value["job_id"] is not None:
            self._die("after record")


@contextmanager
def task_in_a_world(kind: str, plan: TriesPlan, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tried]:
    """Make the world of a plan, and the task in it."""
    with (
        world_of(monkeypatch, login=plan.login, **QUICK_JOBS) as world,
        monkeypatch.context() as patched,
    ):
        tried, send = Tried(kind, plan, world), EcsJobsHook.send
        patched.setattr(
            EcsJobsHook, "send", lambda hook, *args, **kwargs: tried.send(partial(send, hook), *args, **kwargs)
        )
        yield tried


def _tries(login: str) -> st.SearchStrategy[Try]:
    seldom = st.sampled_from([None, None, None, 1, 2, 3])
    return st.builds(
        Try,
        logins=slots_of(LOGIN_TROUBLE, 2),
        submits=slots_of([*FIT_FOR_SUBMITS], 3),
        refusal=st.sampled_from([*[None] * 12, *REFUSALS]),
        queries=slots_of([*PASSING, *HARMLESS, "unknown status"], 3),
        is_expired=st.booleans() if login == "password" else st.just(False),
        is_down=st.sampled_from(["", "", "", "", "submits", "queries"]),
        revoked_at=seldom,
        purged_at=st.sampled_from([None, None, None, None, 1, 2, 4]),
        death=st.sampled_from([None, None, *DEATHS]),
    )


def plans(kind: str) -> st.SearchStrategy[TriesPlan]:
    """Make plans for the tries of a task."""
    orders = [None, None, None, "is paid", "is cancelled", "is forgotten"] if "create" in kind else [None]
    return st.sampled_from(["aksk", "password", "token", "agency"]).flatmap(
        lambda login: st.builds(
            TriesPlan,
            tries=st.lists(_tries(login), min_size=1, max_size=RETRIES + 1).map(tuple),
            deferrable=st.booleans(),
            failing=st.sampled_from([0, 0, 1, 2]),
            order=st.sampled_from(orders),
            login=st.just(login),
        )
    )
