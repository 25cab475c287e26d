"""Whatever befalls the tries of a task that submits, and wherever its workers die: nothing is done or told wrongly."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.fault_kinds import FIT_FOR_SUBMITS, HARMLESS, WITH_EFFECT
from tests.faults.fault_plans import plans_per_path
from tests.faults.fault_world import world_of
from tests.faults.left_behind import nothing_left_behind
from tests.faults.tries import (
    DEATHS,
    KINDS,
    QUICK_JOBS,
    REFUSALS,
    RETRIES,
    SECRET,
    Tried,
    TriesPlan,
    Try,
    plans,
    task_in_a_world,
)
from tests.support.patience import wait_until

if TYPE_CHECKING:
    from tests.faults.ways_to_wait import End

CERTAIN = frozenset(
    {
        *HARMLESS,
        *(name for name in FIT_FOR_SUBMITS if name.startswith(("429", "202"))),
        *("400 flow control", "501 Ecs.0603", "503", "503 with Retry-After"),
    }
)
"""The kinds of trouble after which it is known that nothing was done."""


REPEATABLE = ("delete", "detach")


def run(kind: str, plan: TriesPlan, monkeypatch: pytest.MonkeyPatch) -> End:
    """Try the task as planned, and check all that holds for any such task."""
    with nothing_left_behind(monkeypatch) as complaints, task_in_a_world(kind, plan, monkeypatch) as tried:
        end = tried.try_to_the_end(complaints)
        wait_until(tried.world.is_idle)
        wait_until(tried.is_settled, lambda: str(tried.jobs()))
        requests = tried.emulator.counters["requests"]
        check_nothing_is_done_twice(tried)
        check_truth(tried, end)
    assert requests <= sum(most_requests(one) for one in plan.tries) + 40 * (RETRIES + 1)
    texts = [*(one.text for one in tried.ends), json.dumps([one.result for one in tried.ends])]
    seen = "\n".join([*texts, json.dumps(tried.run.xcoms), *complaints.logged])
    assert not [secret for secret in {SECRET, *tried.world.secrets} if secret in seen]
    return end


def most_requests(one: Try) -> int:
    return len(one.submits) + len(one.queries) + len(one.logins) + (150 if one.is_down else 0)


def check_nothing_is_done_twice(tried: Tried) -> None:
    """Check what the cloud has been asked for, and what there is now."""
    jobs, servers = tried.jobs(), tried.emulator.servers
    failed = sum(number < tried.plan.failing for number, _ in enumerate(jobs))
    if tried.kind == "delete":
        # Doing it twice harms nothing: the second job fails, for the server is being deleted.
        assert list(jobs.values()).count("SUCCESS") <= 1
    if tried.kind in REPEATABLE:
        return
    assert len(jobs) <= 1 + failed, jobs
    if tried.kind == "attach":
        assert servers[tried.server]["volumes"].count(tried.volume) <= 1
        return
    assert len(servers) - 1 <= 2
    tokens = {made["client_token"] for made in tried.emulator.submissions}
    assert len(tokens) == len(jobs)


def check_truth(tried: Tried, end: End) -> None:
    """Check that the task ended as it must or may, and that what it says is what the cloud did."""
    plan, jobs = tried.plan, tried.jobs()
    job_id = tried.run.xcoms.get("job_id") or (list(jobs)[-1] if jobs else "")
    assert end.outcome in reasons_of(tried), (end, jobs)
    if end.outcome == "success":
        check_success(tried, end)
    elif end.outcome == "fail":
        assert jobs[job_id] in ("FAIL", "purged")
        assert job_id in end.text
        assert "Ecs.0319" in end.text or (tried.kind == "delete" and "Ecs.1001" in end.text)
    elif end.outcome == "payment_timeout":
        assert "is unpaid or was cancelled" in end.text
        assert jobs[job_id] in ("PENDING_PAYMENT", "purged")
    elif end.outcome == "not_found":
        assert jobs[job_id] == "purged"
        assert job_id in end.text
        assert "purged after a day" in end.text
    elif end.outcome == "unknown":
        assert "Check whether" in end.text
    elif end.outcome in ("rejected", "unauthorized"):
        assert any(words in end.text for words in ("Ecs.0005", "Pdp.0001", "HTTP 401", "credentials"))
    assert not is_bound_to_succeed(plan, tried.kind) or end.outcome == "success", end


def check_success(tried: Tried, end: End) -> None:
    servers, jobs = tried.emulator.servers, tried.jobs()
    assert end.result["job_id"] is not None or tried.kind in REPEATABLE
    if end.result["job_id"] is not None:
        assert jobs[end.result["job_id"]] in ("SUCCESS", "purged")
        assert end.result["status"] == "SUCCESS"
    if tried.kind == "attach":
        assert servers[tried.server]["volumes"] == [tried.volume]
    elif tried.kind == "detach":
        assert servers[tried.server]["volumes"] == []
    elif tried.kind == "delete":
        assert servers == {}
    else:
        assert sorted(end.result["server_ids"]) == sorted(servers.keys() - {tried.server})


def reasons_of(tried: Tried) -> set[str]:
    """Tell how the task may end that is true to what befell its tries."""
    plan, jobs = tried.plan, tried.jobs()
    tries = plan.tries[: len(tried.ends)]
    allowed = {"success"} | {REFUSALS[one.refusal][0] for one in tries if one.refusal}
    if {"FAIL", "purged"} & set(jobs.values()):
        allowed.add("fail")
    if plan.order in ("is cancelled", "is forgotten"):
        allowed.add("payment_timeout")
    if tried.purged:
        allowed.add("not_found")
    if plan.is_hurried:
        allowed |= {"unreachable", "error", "unknown"}
    if tried.kind == "attach" and any(outcome_unknown(one) for one in tries):
        allowed.add("unknown")
    if plan.login == "token" and any(one.revoked_at for one in tries):
        allowed.add("unauthorized")
    if len(tried.ends) > RETRIES and plan.tries[-1].death and len(plan.tries) > RETRIES:
        allowed.add("died")
    return allowed


def outcome_unknown(one: Try) -> bool:
    return one.death in ("before send", "after send") or any(name not in CERTAIN for name in one.submits)


def is_bound_to_succeed(plan: TriesPlan, kind: str) -> bool:
    """Whether nothing of what befalls the tries may keep the task from its end."""
    lost = sum(bool(one.death) for one in plan.tries) + plan.failing
    may_repeat_itself = kind == "delete" and any(
        one.death == "after send" or WITH_EFFECT & set(one.submits) for one in plan.tries
    )
    return not (
        lost > RETRIES
        or plan.is_hurried
        or may_repeat_itself
        or plan.order in ("is cancelled", "is forgotten")
        or (plan.login == "token" and any(one.revoked_at for one in plan.tries))
        or any(one.refusal or one.purged_at for one in plan.tries)
        or (kind == "attach" and any(outcome_unknown(one) for one in plan.tries))
    )


@pytest.mark.parametrize("kind", KINDS)
@plans_per_path(few=4)
@given(data=st.data())
def test_any_plan_of_tries(kind: str, monkeypatch: pytest.MonkeyPatch, data: st.DataObject) -> None:
    run(kind, data.draw(plans(kind)), monkeypatch)


@pytest.mark.parametrize(
    ("kind", "death"),
    [
        *(("create", death) for death in DEATHS),
        *(("attach", death) for death in DEATHS),
        ("create without a store", "after send"),
        ("create without a store", "resuming"),
        ("delete", "after send"),
        ("delete", "resuming"),
    ],
)
def test_a_worker_that_dies_leaves_the_work_to_the_next_one(
    kind: str, death: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Try(submits=("503",), queries=("HTML 502",), death=death)
    is_lost = kind == "attach" and death in ("before send", "after send")

    end = run(kind, TriesPlan((first, Try(queries=("reset during",)))), monkeypatch)

    assert end.outcome == ("unknown" if is_lost else "success")


@pytest.mark.parametrize(
    ("kind", "where"),
    [("create", "submits"), ("create", "queries"), ("create without a store", "queries"), ("attach", "submits")],
)
def test_a_try_that_the_cloud_is_away_from_is_followed_by_one_that_goes_on(
    kind: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_lost = kind == "attach" and where == "submits"

    end = run(kind, TriesPlan((Try(is_down=where),), deferrable=False), monkeypatch)

    assert end.outcome == ("unknown" if is_lost else "success")


@pytest.mark.parametrize(
    ("kind", "failing", "outcome"),
    [
        ("create", RETRIES, "success"),
        ("create without a store", RETRIES, "success"),
        ("attach", RETRIES + 1, "fail"),
    ],
)
def test_failed_jobs_are_followed_by_others_as_often_as_the_task_is_tried(
    kind: str, failing: int, outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = TriesPlan((Try(queries=("unknown status",)),), deferrable=False, failing=failing)

    assert run(kind, plan, monkeypatch).outcome == outcome


@pytest.mark.parametrize("kind", ["create", "create without a store", "attach"])
def test_a_job_that_is_purged_before_the_next_try_is_not_followed_by_another(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    death = "after record" if KINDS[kind].is_kept else "after send"

    end = run(kind, TriesPlan((Try(death=death), Try(purged_at=1))), monkeypatch)

    assert end.outcome == "not_found"


def test_each_kind_of_failure_of_an_attachment_passes_or_leaves_it_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    plans_of = {name: TriesPlan((Try(submits=(name,)),), deferrable=False) for name in FIT_FOR_SUBMITS}
    with nothing_left_behind(monkeypatch) as complaints, world_of(monkeypatch, **QUICK_JOBS) as world:
        for name, plan in plans_of.items():
            world.emulator.reset_counters()
            tried = Tried("attach", plan, world)
            end = tried.try_to_the_end(complaints)
            wait_until(world.is_idle)
            assert end.outcome == ("success" if name in CERTAIN else "unknown"), name
            check_nothing_is_done_twice(tried)
            check_truth(tried, end)


def test_each_kind_of_failure_of_a_deletion_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    submits = tuple(name for name in FIT_FOR_SUBMITS if name not in WITH_EFFECT)
    plan = TriesPlan((Try(submits=submits, is_expired=True),), login="password")

    assert run("delete", plan, monkeypatch).outcome == "success"


@pytest.mark.parametrize("kind", REPEATABLE)
def test_what_was_done_unseen_is_found_done(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # The second answer is late by more than the first job takes.
    end = run(kind, TriesPlan((Try(submits=("reset after", "latency after")),)), monkeypatch)

    assert end.outcome == "success"
    assert end.result["job_id"] is None
