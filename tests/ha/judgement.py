"""How each wait ended, beside how it should have."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.ha.trial import ENDED
from tests.ha.waits import DAG_ID
from tests.live.account import failure_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from tests.ha.trial import Trial
    from tests.ha.waits import Wait
    from tests.live.timeline import Timeline


LATE_SECONDS = 60.0
"""How late a wait may end after its deadline: what watched it may have just been killed, the cloud unreachable."""


@dataclass(frozen=True)
class Verdict:
    """What became of one wait; each of the three is why it is so, empty if it is not.

    :param late: seconds from its deadline to its end, for a wait that was to end by its deadline.
    """

    task_id: str
    tries: int
    lost: str = ""
    doubled: str = ""
    wrong: str = ""
    late: float | None = None

    @property
    def is_right(self) -> bool:
        """Whether it ended once, and as it should."""
        return not (self.lost or self.doubled or self.wrong)

    def __str__(self) -> str:
        """Give the task and what is not right about it."""
        return f"{self.task_id}: {'; '.join(filter(None, (self.lost, self.doubled, self.wrong))) or 'right'}"


def assert_all_ended_right(trial: Trial) -> None:
    """Wait for the end of the run, show what became of its waits, and fail unless each ended once and right."""
    # Those that have not ended by then are the lost ones.
    with suppress(TimeoutError):
        trial.wait_until(lambda: ENDED.issuperset(trial.states().values()), "all waits to end")
    verdicts = judge(trial)
    print(table(trial, verdicts), flush=True)
    not_right = [str(verdict) for verdict in verdicts if not verdict.is_right]
    assert not not_right, "\n".join(not_right)
    # Some of the jobs fail, as they have to.
    assert trial.airflow.wait(DAG_ID, trial.run_id, trial.step_seconds) == "failed"
    assert max(verdict.late for verdict in verdicts if verdict.late is not None) < LATE_SECONDS
    assert trial.emulator.counters["submits"] == sum(wait.kind == "create" for wait in trial.waits)


def judge(trial: Trial) -> list[Verdict]:
    """Judge each wait of a run that has ended."""
    timelines = {timeline.task_id: timeline for timeline in trial.airflow.timelines(DAG_ID, trial.run_id)}
    tries = trial.diary.tries(DAG_ID, trial.run_id)
    return [_judge(trial, wait, timelines[wait.task_id], tries[wait.task_id]) for wait in trial.waits]


def _judge(trial: Trial, wait: Wait, timeline: Timeline, tries: int) -> Verdict:
    if timeline.final_state not in ENDED:
        return Verdict(wait.task_id, tries, lost=f"is {timeline.final_state}")
    late = None
    if wait.ends == "endless" and timeline.has_been("deferred"):
        late = _left(timeline).timestamp() - trial.deadlines[wait.task_id]
    if timeline.final_state != wait.final_state:
        wrong = f"ended as {timeline.final_state}: {_failures(trial, wait, tries)}"
    elif wait.ends == "succeeds":
        wrong = _wrong_result(trial, wait)
    else:
        wrong = _wrong_failure(trial, wait, tries, late)
    return Verdict(wait.task_id, tries, doubled=_doubled(trial, wait, timeline, tries), wrong=wrong, late=late)


def _wrong_result(trial: Trial, wait: Wait) -> str:
    result = trial.airflow.xcom(DAG_ID, trial.run_id, wait.task_id)
    jobs = [made["job_id"] for made in _made_for(trial, wait)] if wait.kind == "create" else [wait.job_id]
    if (result["status"], [result["job_id"]]) != ("SUCCESS", jobs):
        return f"its result is of another job than {jobs}: {result}"
    return ""


def _wrong_failure(trial: Trial, wait: Wait, tries: int, late: float | None) -> str:
    failures = _failures(trial, wait, tries)
    kind, reason = ("EcsJobTimeout", "") if wait.ends == "endless" else ("EcsJobFailed", wait.reason)
    if not any(text.startswith(kind) and reason in text for text in failures):
        return f"failed with another reason than {kind} {reason}: {failures}"
    return f"ended {-late:.1f} s before its deadline" if late is not None and late < 0 else ""


def _doubled(trial: Trial, wait: Wait, timeline: Timeline, tries: int) -> str:
    ends = [span.state for span in timeline.spans if span.state in ENDED]
    if len(ends) != 1:
        return f"ended {len(ends)} times: {timeline}"
    # Each try runs once before its wait and once after it, and is given one event.
    passed = Counter(span.state for span in timeline.spans)
    if passed["running"] > 2 * tries or passed["deferred"] > tries:
        return f"ran or waited more often than {tries} tries do: {timeline}"
    if wait.kind == "create" and len(made := _made_for(trial, wait)) != 1:
        return f"made servers {len(made)} times"
    return ""


def _made_for(trial: Trial, wait: Wait) -> list[dict[str, Any]]:
    """Return the submits that made the servers of a wait, which are named after it."""
    name = wait.task_id.replace("_", "-")
    servers = {server_id for server_id, server in trial.emulator.servers.items() if server["name"] == name}
    return [
        made for made in trial.emulator.submissions if not made["replayed"] and servers.intersection(made["server_ids"])
    ]


def _left(timeline: Timeline) -> datetime:
    """Tell when the trigger's event came: the task left the deferred state for the last time."""
    return next(span.end for span in reversed(timeline.spans) if span.state == "deferred" and span.end)


def _failures(trial: Trial, wait: Wait, tries: int) -> list[str]:
    """Return all errors in a task's log: of an API server that was away the log may tell last."""
    records = trial.airflow.log_records(DAG_ID, trial.run_id, wait.task_id, tries)
    return [text for record in records if (text := failure_text([record]))]


def table(trial: Trial, verdicts: Iterable[Verdict]) -> str:
    """Show for each disturbance what became of the waits that were in flight then."""
    by_task = {verdict.task_id: verdict for verdict in verdicts}
    heads = ("", "in flight", "struck", "right", "lost", "doubled", "wrong", "tried again", "worst lateness", "took")
    lines = [f"{heads[0]:42}" + "".join(f"{head:>{len(head) + 2}}" for head in heads[1:])]
    rows = [(one.name, [by_task[task_id] for task_id in one.in_flight], one) for one in trial.disturbances]
    for name, judged, one in [*rows, ("all", list(by_task.values()), None)]:
        late = max((verdict.late for verdict in judged if verdict.late is not None), default=None)
        values = (
            len(judged),
            "" if one is None else one.struck,
            sum(verdict.is_right for verdict in judged),
            sum(bool(verdict.lost) for verdict in judged),
            sum(bool(verdict.doubled) for verdict in judged),
            sum(bool(verdict.wrong) for verdict in judged),
            sum(verdict.tries > 1 for verdict in judged),
            "-" if late is None else f"{late:.1f} s",
            "" if one is None else f"{one.seconds:.0f} s",
        )
        columns = zip(heads[1:], values, strict=True)
        lines.append(f"{name:42}" + "".join(f"{value!s:>{len(head) + 2}}" for head, value in columns))
    return "\n".join(lines)
