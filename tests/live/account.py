"""The demo's account: what happened to each task, for a human to read, and whether it was as expected."""

from __future__ import annotations

import json
import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.live.timeline import Timeline

WIDTH = 110


@dataclass
class Checks:
    """Collects what was not as expected, in plain sentences."""

    differences: list[str] = field(default_factory=list)

    def equal(self, what: str, found: Any, expected: Any) -> None:
        """Note a difference unless the two are equal."""
        self.true(found == expected, f"{what}: expected {expected!r}, found {found!r}")

    def contains(self, what: str, text: str, *parts: str) -> None:
        """Note each part that the text lacks."""
        for part in parts:
            self.true(part in text, f"{what} lacks {part!r}")

    def true(self, holds: bool, difference: str) -> None:
        """Note the difference unless the condition holds."""
        if not holds:
            self.differences.append(difference)


def show_run(dag_id: str, state: str, timelines: Iterable[Timeline]) -> str:
    """Show the tasks of a run: their states over time, what they held a worker for and what they did not."""
    lines = [f"{dag_id}: {state}"]
    for timeline in timelines:
        held, deferred = timeline.seconds_in("running"), timeline.seconds_in("deferred")
        lines.append(
            f"  {timeline.task_id}: {timeline.final_state}, held a worker slot for {held:.1f} s"
            + (f", deferred for {deferred:.1f} s" if deferred else "")
        )
        lines.append(_wrapped(str(timeline), "      "))
    return "\n".join(lines)


def show_result(result: dict[str, Any]) -> str:
    """Show a job's result, its sub-jobs counted rather than printed."""
    entities = result.get("entities") or {}
    sub_jobs = entities.get("sub_jobs") or []
    shown = result | {"entities": entities | {"sub_jobs": f"<{len(sub_jobs)} sub-jobs, whole>"}}
    return textwrap.indent(json.dumps(shown, indent=2), "  ")


def failure_text(records: Iterable[dict[str, Any]]) -> str:
    """Return type and text of the exception that ended a task, from its log as Airflow keeps it."""
    errors = [error for record in records for error in record.get("error_detail") or ()]
    return f"{errors[-1]['exc_type']}: {errors[-1]['exc_value']}" if errors else ""


def events_of(records: Iterable[dict[str, Any]], start: str) -> list[str]:
    """Return the log lines that start in this way."""
    return [event for record in records if (event := str(record.get("event", ""))).startswith(start)]


def _wrapped(text: str, indent: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
