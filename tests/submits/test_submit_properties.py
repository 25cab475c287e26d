"""Whatever happens to a task, in whatever order: what the design promises of its jobs holds."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_ecsjobs.core.errors import EcsApiError
from airflow_provider_ecsjobs.core.submit.decision_table import Repeat
from airflow_provider_ecsjobs.exceptions import EcsJobNotFoundNoRetry, EcsOutcomeUnknownNoRetry
from tests.support.submit_world import BUSY, CRASHES, WRONG, Crash, World

# What happens in a try, to the job that runs after it, and then to the task.
tries = st.tuples(
    st.sampled_from(["", *CRASHES, "busy", "wrong"]),
    st.sampled_from(["RUNNING", "SUCCESS", "FAIL", "not_found"]),
    st.sampled_from(["retry", "clear"]),
)


def live(world: World, event: str, end: str, then: str) -> None:
    """Let the world go through one try and what comes after it."""
    world.crash = event
    world.fault = {"busy": BUSY, "wrong": WRONG}.get(event)
    with suppress(Crash, EcsApiError, EcsJobNotFoundNoRetry):
        world.run()
    for job_id, status in world.jobs.items():
        if status == "RUNNING":
            world.end(end, job_id)
    world.now += 100
    getattr(world, then)()


def active(world: World) -> list[str]:
    return [job_id for job_id, status in world.jobs.items() if status == "RUNNING"]


@given(st.lists(tries, max_size=8))
@example([("after send", "RUNNING", "clear"), ("after mark", "RUNNING", "clear"), ("", "RUNNING", "retry")])
def test_there_are_never_two_active_jobs(history: list[tuple[str, str, str]]) -> None:
    world = World()
    for event, end, then in history:
        before = active(world)
        live(world, event, "RUNNING", then)
        assert len(active(world)) <= 1
        assert not before or active(world) == before
        for job_id in active(world):
            world.end(end, job_id)


@given(st.lists(tries, max_size=8))
def test_without_a_clear_only_a_failure_is_followed_by_another_job(history: list[tuple[str, str, str]]) -> None:
    world = World()
    for event, end, _ in history:
        live(world, event, end, "retry")
        assert len(world.jobs) <= 1 + list(world.jobs.values()).count("FAIL")


@given(st.lists(tries, max_size=8))
def test_without_a_store_each_try_makes_one_job_at_most(history: list[tuple[str, str, str]]) -> None:
    world = World(kept=False)
    for event, end, then in history:
        before = len(world.jobs)
        live(world, event, end, then)
        assert len(world.jobs) <= before + 1


@given(st.lists(tries, max_size=8))
def test_what_may_harm_is_sent_again_only_where_that_is_known_to_be_right(history: list[tuple[str, str, str]]) -> None:
    world = World(repeat=Repeat.HARMFUL)
    for event, end, _ in history:
        with suppress(EcsOutcomeUnknownNoRetry):
            live(world, event, end, "retry")
        assert len(world.jobs) <= 1 + list(world.jobs.values()).count("FAIL")
