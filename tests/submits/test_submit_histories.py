"""Whatever befalls a task, its worker, its store, its DAG and its cloud, in whatever order: nothing is done twice.

The invariants are in :class:`~tests.support.submit_histories.History`:

- a request that must not be repeated is carried out twice only after the user was told, and cleared the task;
- there are never two jobs of one task at work;
- a job that succeeded is never repeated without a clear;
- each job that an answer named stands in the log.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.support.submit_histories import CLOUD_FAULTS, OPERATIONS, STORE_FAULTS, History

TROUBLE = st.one_of(
    st.just(("", "")),
    st.tuples(st.sampled_from(CLOUD_FAULTS), st.just("")),
    st.tuples(st.just(""), st.sampled_from(STORE_FAULTS)),
    st.tuples(st.sampled_from(CLOUD_FAULTS), st.sampled_from(STORE_FAULTS)),
)
"""What befalls the request and the store in one try."""


class SubmitHistories(RuleBasedStateMachine):
    """All that can befall a task that submits."""

    @initialize(
        kind=st.sampled_from(sorted(OPERATIONS)),
        is_kept=st.sampled_from([True, True, False]),
        retries=st.integers(0, 3),
        renders_anew=st.booleans(),
    )
    def begin(self, kind: str, is_kept: bool, retries: int, renders_anew: bool) -> None:
        self.history = History(kind, is_kept=is_kept, retries=retries, renders_anew=renders_anew)

    @precondition(lambda self: self.history.state == "scheduled")
    @rule(trouble=TROUBLE)
    def is_tried(self, trouble: tuple[str, str]) -> None:
        self.history.try_once(*trouble)

    @precondition(lambda self: self.history.cloud.live())
    @rule(status=st.sampled_from(["SUCCESS", "SUCCESS", "FAIL", "purged"]), dies=st.booleans())
    def ends_its_job(self, status: str, dies: bool) -> None:
        self.history.end_jobs(status)
        if self.history.state == "deferred":
            self.history.resume(dies=dies)

    @precondition(lambda self: self.history.may_be_cleared())
    @rule()
    def is_cleared(self) -> None:
        self.history.clear()

    @rule(edit=st.sampled_from(["parameters", "another task is cleared", 0, 1, 2, 3]))
    def is_edited(self, edit: str | int) -> None:
        if edit == "parameters":
            self.history.parameters += 1
        elif isinstance(edit, int):
            self.history.retries = edit
        else:
            self.history.clear_another()

    @invariant()
    def holds(self) -> None:
        if hasattr(self, "history"):
            self.history.check()

    def teardown(self) -> None:
        """Check that a user can have it submitted anew, if they clear it often enough."""
        if not hasattr(self, "history"):
            return
        history = self.history
        history.end_jobs("SUCCESS")
        made = len(history.cloud.jobs)
        for _ in range(3):
            history.clear()
            history.try_once()
            history.end_jobs("SUCCESS")
        assert len(history.cloud.jobs) > made, f"three clears did not submit anew: {history.error}"


TestSubmitHistories = SubmitHistories.TestCase
TestSubmitHistories.settings = settings(max_examples=300, stateful_step_count=20)
