"""Whatever befalls a task that creates servers and waits for them: they are made once, and its end is the truth."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_ecsjobs.emulator import Fault
from airflow_provider_ecsjobs.operators.servers import EcsCreateServersOperator
from tests.faults.fault_kinds import FIT_FOR_SUBMITS, HARMLESS, PASSING, WITH_EFFECT, ecs_error, fault
from tests.faults.fault_plans import LONG, POLL, plans_per_path, slots_of
from tests.faults.fault_world import world_of
from tests.faults.left_behind import in_time, nothing_left_behind
from tests.faults.ways_to_wait import End, end_of, to_the_end
from tests.support.patience import wait_until
from tests.support.task_runs import Store, TaskRun

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.emulator import Emulator

SECRET = "canary-Passw0rd"
_SERVERS = {"name": "web", "flavor": "s6.small.1", "image": "img", "vpc": "vpc", "subnets": ["subnet"]}
_SERVERS |= {"root_volume": "SSD", "count": 2, "admin_password": SECRET}
REFUSALS: dict[str, tuple[str, dict[str, Any]]] = {
    "400": ("rejected", {"status": 400, "body": ecs_error("Ecs.0005", f"bad password {SECRET}")}),
    "401": ("unauthorized", {"status": 401, "times": 10_000, "body": ecs_error("Common.0013")}),
    "403": ("rejected", {"status": 403, "body": ecs_error("Pdp.0001")}),
}
ORDERS = {"is paid": "success", "is cancelled": "payment_timeout", "is forgotten": "payment_timeout"}


@dataclass(frozen=True)
class SubmitPlan:
    """What befalls a task that creates two servers.

    :param deferrable: whether it waits in the triggerer.
    :param fails: whether the job does.
    :param order: what becomes of its order; ``None`` for servers that are not ordered.
    :param submits: what befalls the requests that submit, one after the other.
    :param refusal: what the request after those is refused with, if it is.
    :param queries: what befalls the queries of the job.
    :param login: how the connection logs in.
    :param names: whether the look-ups of the host's name work.
    """

    deferrable: bool = True
    fails: bool = False
    order: str | None = None
    submits: tuple[str, ...] = ()
    refusal: str | None = None
    queries: tuple[str, ...] = ()
    login: str = "aksk"
    names: tuple[bool, ...] = ()

    def outcomes(self) -> set[str]:
        """Tell how the task may end."""
        end = "fail" if self.fails else "success"
        if self.order is not None:
            end = end if self.order == "is paid" else ORDERS[self.order]
        if self.refusal is None or any(name in HARMLESS for name in self.submits):
            return {end}
        return {REFUSALS[self.refusal][0]}


def task(plan: SubmitPlan) -> TaskRun:
    options: dict[str, Any] = {"poll_interval": POLL, "max_poll_interval": POLL, "deferrable": plan.deferrable}
    options |= {"timeout": LONG, "unreachable_timeout": LONG, "retries": 2}
    if plan.order is not None:
        options |= {"period_type": "month", "auto_pay": False}
        options["payment_timeout"] = LONG if plan.order == "is paid" else 0.1
    return TaskRun(lambda: EcsCreateServersOperator(task_id="task", **_SERVERS, **options), store=Store())


def conclude(emulator: Emulator, order: str) -> None:
    """Pay or cancel the one order."""
    for order_id in emulator.orders:
        (emulator.pay_order if order == "is paid" else emulator.cancel_order)(order_id)


def run(plan: SubmitPlan, monkeypatch: pytest.MonkeyPatch) -> End:
    """Run the task as planned, and check all that holds for any such task."""
    run = task(plan)
    with (
        nothing_left_behind(monkeypatch) as complaints,
        world_of(monkeypatch, login=plan.login, names=plan.names, init_seconds=0.03, run_seconds=0.05) as world,
    ):
        emulator = world.emulator
        if plan.fails:
            emulator.fail_next(reasons=[("Ecs.0319", "sold out")])
        if plan.order in ("is paid", "is cancelled"):
            world.at_query(2, partial(conclude, emulator, plan.order))
        for name in plan.submits:
            emulator.fault(fault(name, "/cloudservers$"))
        if plan.refusal is not None:
            emulator.fault(Fault(path="/cloudservers$", **REFUSALS[plan.refusal][1]))
        for name in plan.queries:
            emulator.fault(fault(name, "/jobs/"))
        end: End = in_time(lambda: end_of(lambda: to_the_end(run.make, run.context, complaints)))
        wait_until(world.is_idle)
        servers, submissions, requests = emulator.servers, emulator.submissions, emulator.counters["requests"]
    assert end.outcome in plan.outcomes(), end
    jobs = {submission["job_id"] for submission in submissions}
    assert len(jobs) == 1 or (not jobs and plan.refusal)
    assert len({submission["client_token"] for submission in submissions}) <= 1
    assert requests <= len(plan.submits) + len(plan.queries) + (60 if plan.order else 30)
    check_truth(end, run, jobs, servers)
    seen = "\n".join([end.text, json.dumps(end.result), json.dumps(run.xcoms), *complaints.logged])
    assert not [secret for secret in {SECRET, *world.secrets} if secret in seen]
    return end


def check_truth(end: End, run: TaskRun, jobs: set[str], servers: dict[str, Any]) -> None:
    """Check that the task says what the cloud did."""
    if end.outcome in ("rejected", "unauthorized"):
        assert "create" in end.text
        return
    (job,) = jobs
    assert run.xcoms["job_id"] == job
    if end.outcome == "success":
        assert (end.result["job_id"], end.result["status"]) == (job, "SUCCESS")
        assert sorted(end.result["server_ids"]) == sorted(servers)
        assert len(servers) == 2
        return
    assert job in end.text
    assert servers == {}
    assert ("Ecs.0319" if end.outcome == "fail" else "is unpaid or was cancelled") in end.text


PLANS = st.builds(
    SubmitPlan,
    deferrable=st.booleans(),
    fails=st.booleans(),
    order=st.none() | st.sampled_from(sorted(ORDERS)),
    submits=slots_of([*FIT_FOR_SUBMITS, *sorted(WITH_EFFECT)], 5),
    refusal=st.sampled_from([None, None, *REFUSALS]),
    queries=slots_of([*PASSING, *HARMLESS], 6),
    login=st.sampled_from(["aksk", "password", "token", "agency"]),
    names=st.just(()) | st.lists(st.booleans(), min_size=1, max_size=4).map(tuple),
)


@plans_per_path(few=12)
@given(plan=PLANS)
def test_any_plan_of_a_create(monkeypatch: pytest.MonkeyPatch, plan: SubmitPlan) -> None:
    run(plan, monkeypatch)


@pytest.mark.parametrize("kind", [kind for kind in FIT_FOR_SUBMITS if kind in WITH_EFFECT])
def test_a_response_that_is_lost_makes_no_second_server(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(SubmitPlan(submits=(kind, kind), fails=False), monkeypatch).outcome == "success"


@pytest.mark.parametrize("deferrable", [True, False])
def test_each_kind_of_failure_of_a_submit_passes(deferrable: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = SubmitPlan(deferrable=deferrable, submits=FIT_FOR_SUBMITS, queries=tuple(PASSING)[:12])

    assert run(plan, monkeypatch).outcome == "success"


@pytest.mark.parametrize("order", ORDERS)
def test_each_end_of_an_order(order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = SubmitPlan(order=order, queries=("503", "HTML 200"))

    assert run(plan, monkeypatch).outcome == ORDERS[order]
