"""Random plans of what befalls a wait, and how it may end then."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, NamedTuple

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.faults.fault_kinds import ENDING, HARMLESS, PASSING, SLOW, WITH_EFFECT

SHORT = 0.25
LONG = 240.0
"""In seconds: longer than any wait takes, and shorter than the least leap of a clock."""
POLL = 0.02
"""The gap between polls, in seconds."""
SOAK = int(os.environ.get("ECSJOBS_SOAK_EXAMPLES", "0"))
"""How many plans for each way to wait in a soak; 0 in the tests that every change passes."""
LOGINS = ("aksk", "password", "token", "agency")
SIGNED = ("aksk", "agency")
GREATEST_SKEW = 900.0
_DAY = 86_400.0


def plans_per_path(few: int) -> settings:
    """Say how many plans a test tries: always the same few of them, or those of a soak's seed."""
    return settings(
        max_examples=SOAK or few,
        derandomize=not SOAK,
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )


class Story(NamedTuple):
    """What becomes of a job.

    :param bodies: what queries are answered, the last one for ever; none for a job that does not exist.
    :param end: the outcome of a wait that is left in peace.
    :param purged_at: the number of the query before which the job is purged.
    :param limits: what the wait is limited by, in place of long limits.
    """

    bodies: tuple[dict[str, Any], ...]
    end: str
    purged_at: int | None = None
    limits: dict[str, float] = {}  # noqa: RUF012 - never changed

    @property
    def is_endless(self) -> bool:
        return bool(self.limits)

    @property
    def answers(self) -> int:
        """How many answers it takes to the end."""
        return self.purged_at or len(self.bodies) or 1


def _job(status: str, **more: Any) -> dict[str, Any]:
    return {"status": status, "job_type": "createServer", **more}


_UNPAID = _job("PENDING_PAYMENT", entities={"order_id": "CS2611250101AAAAA"})
_SUCCESS = _job("SUCCESS", entities={"server_id": "server-1"})
_REASON = {"error_code": "Ecs.0319", "fail_reason": "sold out"}
_FAIL = _job("FAIL", **_REASON)
_SUB_JOBS = {"sub_jobs_total": 2, "sub_jobs": [_SUCCESS, {**_FAIL, "job_type": "createSingleServer"}]}
_RUNNING = _job("RUNNING")
STORIES: dict[str, Story] = {
    "succeeds": Story((_job("INIT"), _RUNNING, _SUCCESS), "success"),
    "has succeeded": Story((_SUCCESS,), "success"),
    "fails": Story((_RUNNING, _FAIL), "fail"),
    "fails in part": Story((_RUNNING, _RUNNING, _job("FAIL", entities=_SUB_JOBS, error_code="Common.0021")), "fail"),
    "has a status that is not documented": Story((_job("HIBERNATING"), _job("\x1b[2J"), _RUNNING, _SUCCESS), "success"),
    "keeps a status that is not documented": Story((_job("HIBERNATING"),), "timeout", limits={"timeout": SHORT}),
    "runs on": Story((_RUNNING,), "timeout", limits={"timeout": SHORT}),
    "is purged": Story((_RUNNING,), "not_found", purged_at=3),
    "never was": Story((), "not_found"),
    "is paid": Story((_UNPAID, _UNPAID, _RUNNING, _SUCCESS), "success"),
    "has a cancelled order": Story((_UNPAID,), "not_found", purged_at=4),
    "has a forgotten order": Story((_UNPAID,), "payment_timeout", limits={"payment_timeout": 0.15}),
    "has an order that is forgotten to the deadline": Story((_UNPAID,), "timeout", limits={"timeout": SHORT}),
}

JUMPS = {"jump +5 min": 300.0, "jump +2 h": 7200.0, "jump +2 d": 2 * _DAY}
JUMPS |= {"jump -5 min": -300.0, "jump -2 h": -7200.0, "jump -2 d": -2 * _DAY}
EVENTS = ("revoke the tokens", "let the tokens expire", *JUMPS)


@dataclass(frozen=True)
class Plan:
    """A job, and what befalls those who wait for it.

    :param story: what becomes of the job.
    :param slots: what befalls its queries, one after the other.
    :param ending: what befalls the query after those, if anything.
    :param login: how the connection logs in.
    :param login_faults: what befalls the requests that log in.
    :param events: what happens at which query of the job.
    :param names: whether the look-ups of the host's name work, one after the other; after that all do.
    :param limits: what limits the wait, besides the story's.
    """

    story: str
    slots: tuple[str, ...] = ()
    ending: str | None = None
    login: str = "aksk"
    login_faults: tuple[str, ...] = ()
    events: tuple[tuple[int, str], ...] = ()
    names: tuple[bool, ...] = ()
    limits: tuple[tuple[str, float], ...] = ()

    def outcomes(self) -> set[str]:
        """Tell how a wait may end that is true to what it was answered."""
        story = STORIES[self.story]
        allowed = {story.end} | {
            {"timeout": "timeout", "unreachable_timeout": "unreachable"}[name] for name, _ in self.limits
        }
        if self.ending is not None:
            passing_by = sum(name in HARMLESS or name in WITH_EFFECT for name in self.slots)
            if passing_by < story.answers and not story.is_endless and not self.limits and not self.events:
                return {ENDING[self.ending].outcome}
            allowed.add(ENDING[self.ending].outcome)
        for _, event in self.events:
            skewed = abs(JUMPS.get(event, _DAY)) > GREATEST_SKEW
            if event == "revoke the tokens":
                allowed |= {"unauthorized"} if self.login == "token" else set()
                continue
            if (skewed and self.login in SIGNED) or (event == "let the tokens expire" and self.login == "token"):
                allowed.add("unauthorized")
            if JUMPS.get(event, 0.0) > 0:
                allowed |= {"timeout", "unreachable"} | ({"payment_timeout"} if _UNPAID in story.bodies else set())
        return allowed

    def most_requests(self, way: str) -> int:
        """How often a wait may ask at most, logins included."""
        story = STORIES[self.story]
        asked = len(self.slots) + story.answers + len(self.login_faults) + 6 * len(self.events)
        polls = int(max(SHORT, *story.limits.values()) / (0.9 * POLL)) if story.is_endless else 0
        if way == "rescheduled sensor" and self.login in ("password", "agency"):
            polls *= 2  # each poke is a process of its own, which logs in
        # On a busy machine a request that is to be held back may be given up before it arrives: it is asked again.
        return asked + polls + (10 if self.ending else 0) + 10


def _few_slow(names: tuple[str, ...]) -> tuple[str, ...]:
    """Keep two of those that take long."""
    slow = [index for index, name in enumerate(names) if name in SLOW][2:]
    return tuple(name for index, name in enumerate(names) if index not in slow)


def slots_of(kinds: list[str], longest: int) -> st.SearchStrategy[tuple[str, ...]]:
    """Make rows of faults, with answers between them that do arrive."""
    return st.lists(st.sampled_from(kinds), max_size=longest).map(tuple).map(_few_slow)


def _limits(story: str) -> st.SearchStrategy[tuple[tuple[str, float], ...]]:
    hurried, breathless = (("timeout", 0.2),), (("unreachable_timeout", 0.05),)
    return st.just(()) if STORIES[story].is_endless else st.sampled_from([(), (), (), hurried, breathless])


def _events(story: str) -> st.SearchStrategy[tuple[tuple[int, str], ...]]:
    # A clock that is set back by 2 h moves a deadline by as much, since a deadline is a time of day.
    kinds = [kind for kind in EVENTS if not (STORIES[story].is_endless and JUMPS.get(kind, 0.0) < 0)]
    return st.lists(st.tuples(st.integers(1, 4), st.sampled_from(kinds)), max_size=2).map(tuple)


_EVENTFUL = st.booleans()
PLANS: st.SearchStrategy[Plan] = st.sampled_from(sorted(STORIES)).flatmap(
    lambda story: st.builds(
        Plan,
        story=st.just(story),
        slots=slots_of([*PASSING, *HARMLESS], 8),
        ending=st.none() | st.sampled_from(sorted(ENDING)),
        login=st.sampled_from(LOGINS),
        login_faults=slots_of(["503", "reset before", "reset during", "HTML 502", "429 in seconds", "no body"], 2),
        events=st.just(()) | _events(story),
        names=st.just(()) | st.lists(st.booleans(), min_size=1, max_size=5).map(tuple),
        limits=_limits(story),
    )
)
