"""Writes ``docs/exactly-once.md``: ``python -m tests.submits.decision_page``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_ecsjobs.core.submit.decision_table import TABLE, Row

if TYPE_CHECKING:
    from enum import Enum

PAGE = Path(__file__).parents[2] / "docs" / "exactly-once.md"
HEADER = ("recorded", "cleared since", "safe to send again by", "the job now", "the request", "what the try does")


def rows_as_text() -> str:
    """Return the table, in Markdown."""
    lines = [_line(HEADER), _line(["---"] * len(HEADER))]
    return "\n".join([*lines, *(_line(_cells(row)) for row in TABLE)])


def _cells(row: Row) -> list[str]:
    return [*(_values(allowed) for allowed in row[:5]), row.action.value]


def _values(allowed: tuple[Enum, ...]) -> str:
    return "; ".join(one.value for one in allowed) or "any"


def _line(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Replace the table in the page."""
    text = PAGE.read_text()
    before, rest = text.split(_line(HEADER), 1)
    after = rest.split("\n\n", 1)[1]
    PAGE.write_text(f"{before}{rows_as_text()}\n\n{after}")


if __name__ == "__main__":
    main()
