"""Every state that a task instance went through, and for how long, however short.

Asking Airflow at intervals misses states that last less than an interval, and its audit log does not hold
them all. So the database itself keeps a diary: two SQLite triggers on the table of task instances.
"""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_DIARY = """
CREATE TABLE live_state_change (
    id INTEGER PRIMARY KEY, at TEXT, dag_id TEXT, run_id TEXT, task_id TEXT, map_index INTEGER, state TEXT
);
CREATE TRIGGER live_state_insert AFTER INSERT ON task_instance BEGIN {note}; END;
CREATE TRIGGER live_state_update AFTER UPDATE OF state ON task_instance
    WHEN OLD.state IS NOT NEW.state BEGIN {note}; END;
""".format(
    note="INSERT INTO live_state_change (at, dag_id, run_id, task_id, map_index, state) VALUES "
    "(strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now'), NEW.dag_id, NEW.run_id, NEW.task_id, NEW.map_index, NEW.state)"
)


class Span(NamedTuple):
    """A time spent in one state; ``end`` is None for the last state, which goes on."""

    state: str
    start: datetime
    end: datetime | None

    @property
    def seconds(self) -> float:
        """How long it lasted; 0 for a last state."""
        return (self.end - self.start).total_seconds() if self.end else 0.0


@dataclass(frozen=True)
class Timeline:
    """What one task instance went through."""

    task_id: str
    map_index: int
    spans: tuple[Span, ...]

    @property
    def final_state(self) -> str:
        """The state it is in now."""
        return self.spans[-1].state

    def has_been(self, *states: str) -> bool:
        """Whether it is or was in one of these states."""
        return any(span.state in states for span in self.spans)

    def seconds_in(self, *states: str) -> float:
        """Return the time spent in these states, all stretches together."""
        return sum(span.seconds for span in self.spans if span.state in states)

    def __str__(self) -> str:
        """Return for example ``queued 0.4 s -> running 1.2 s -> deferred 14.8 s -> ... -> success``.

        From when Airflow could start the task: the time before, spent on the tasks before it, is not its own.
        """
        passed = [f"{span.state} {span.seconds:.1f} s" for span in self.spans[:-1] if span.state != "none"]
        return " -> ".join([*passed, self.final_state])


class SqliteDiary:
    """The diary of an Airflow on SQLite.

    :param database: its file.
    """

    def __init__(self, database: Path) -> None:
        self._database = database

    def keep(self) -> None:
        """Make a freshly created Airflow database note each change of a task instance's state."""
        with contextlib.closing(sqlite3.connect(self._database)) as connection:
            connection.executescript(_DIARY)

    def timelines(self, dag_id: str, run_id: str) -> list[Timeline]:
        """Return the timeline of each task instance of a DAG run, in the order in which they started."""
        query = (
            "SELECT task_id, map_index, coalesce(state, 'none'), at FROM live_state_change "
            "WHERE dag_id = ? AND run_id = ? ORDER BY id"
        )
        uri = f"{self._database.as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=30)) as connection:
            rows = connection.execute(query, (dag_id, run_id)).fetchall()
        return timelines_of((*key, state, datetime.fromisoformat(at)) for *key, state, at in rows)


def timelines_of(changes: Iterable[tuple[str, int, str, datetime]]) -> list[Timeline]:
    """Return the timelines that these changes make: task id, map index, new state and time of each."""
    states: dict[tuple[str, int], list[tuple[str, datetime]]] = {}
    for task_id, map_index, state, at in changes:
        states.setdefault((task_id, map_index), []).append((state, at))
    timelines = [Timeline(*key, spans=_spans(of_one)) for key, of_one in states.items()]
    return sorted(timelines, key=_first_busy)


def most_at_once(timelines: Iterable[Timeline], *states: str) -> int:
    """Return how many of the task instances were in one of these states at the busiest moment."""
    edges = []
    for timeline in timelines:
        for span in timeline.spans:
            if span.state in states:
                edges.append((span.start, 1))
                edges.extend([(span.end, -1)] if span.end else [])
    most = current = 0
    for _, step in sorted(edges):
        current += step
        most = max(most, current)
    return most


def _spans(changes: list[tuple[str, datetime]]) -> tuple[Span, ...]:
    ends = [at for _, at in changes[1:]]
    return tuple(Span(state, at, end) for (state, at), end in zip(changes, [*ends, None], strict=True))


def _first_busy(timeline: Timeline) -> tuple[datetime, str, int]:
    # A task that waits for another one to finish is in state "none"; it starts when it leaves that.
    spans = timeline.spans
    start = next((span.start for span in spans if span.state != "none"), spans[-1].start)
    return start, timeline.task_id, timeline.map_index
