"""Whatever befalls a wait, in any combination: it ends once, in time, with the truth, and leaves nothing behind."""

from __future__ import annotations

import json

import pytest
from hypothesis import given

from tests.faults.fault_kinds import ENDING, HARMLESS, PASSING
from tests.faults.fault_plans import PLANS, STORIES, Plan, plans_per_path
from tests.faults.fault_world import JOB_ID, planned
from tests.faults.left_behind import in_time, nothing_left_behind
from tests.faults.ways_to_wait import WAYS, End, end_of, limits_of

_WORDS = {
    "fail": "Ecs.0319 sold out",
    "timeout": "no API that cancels",
    "payment_timeout": "is unpaid or was cancelled",
    "not_found": "purged after a day",
    "unauthorized": "the credentials were not accepted",
    "unreachable": "the job itself may well go on",
    "error": "can't be queried",
}
_LONGEST_TEXT = 6000


@pytest.fixture(params=list(WAYS))
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def run(way: str, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> End:
    """Wait as planned, and check all that holds for any wait."""
    story = STORIES[plan.story]
    limits = limits_of(way, {**story.limits, **dict(plan.limits)})
    with nothing_left_behind(monkeypatch) as complaints, planned(plan, monkeypatch) as world:
        end: End = in_time(lambda: end_of(lambda: WAYS[way](JOB_ID, complaints, limits)))
        requests = world.emulator.counters["requests"]
    assert end.outcome in plan.outcomes(), end
    assert requests <= plan.most_requests(way)
    check_truth(end, plan)
    seen = "\n".join([end.text, json.dumps(end.result), *complaints.logged])
    assert not [secret for secret in world.secrets if secret in seen]
    return end


def check_truth(end: End, plan: Plan) -> None:
    """Check that what a user is told is true, and is enough to go by."""
    story = STORIES[plan.story]
    if end.outcome == "success":
        assert (end.result["job_id"], end.result["status"]) == (JOB_ID, "SUCCESS")
        assert end.result["server_ids"] == ["server-1"]
        return
    assert JOB_ID in end.text
    assert _WORDS[end.outcome] in end.text
    assert len(end.text) < _LONGEST_TEXT
    assert not [char for char in end.text if ord(char) < 32 and char != "\n"]
    if end.outcome == "timeout":
        statuses = {"never seen", *(f"last status {body['status']}" for body in story.bodies)}
        assert any(status in end.text for status in statuses if "\x1b" not in status) or "\\u001b" in end.text
    if end.outcome == "unauthorized":
        assert "huawei_ecs_default" in end.text
        # With a clock that is off it is not enough to say that the key is wrong.
        is_off = any(event.endswith((" h", " d")) for _, event in plan.events)
        assert plan.ending or plan.login == "token" or not is_off or "clock" in end.text
    if end.outcome == "error" or (end.outcome == "not_found" and story.end != "not_found"):
        assert plan.ending is not None
        assert ENDING[plan.ending].words in end.text


@plans_per_path(few=10)
@given(plan=PLANS)
def test_any_plan(way: str, monkeypatch: pytest.MonkeyPatch, plan: Plan) -> None:
    run(way, plan, monkeypatch)


def test_each_kind_of_failure_passes(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(way, Plan("fails in part", tuple(PASSING)), monkeypatch).outcome == "fail"


@pytest.mark.parametrize("kind", ENDING)
def test_each_kind_of_rejection_ends_a_wait_after_failures(
    way: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Plan("succeeds", ("good", "503", "reset before", "HTML 200"), kind)

    assert run(way, plan, monkeypatch).outcome == ENDING[kind].outcome


@pytest.mark.parametrize("story", STORIES)
def test_each_story_is_told_to_its_end(way: str, story: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan(story, (*HARMLESS, "429 in seconds"), login="password", names=(True, False))

    assert run(way, plan, monkeypatch).outcome == STORIES[story].end
