"""The results of a benchmark: figures, their bounds, and both as Markdown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True)
class Bound:
    """A figure with a promised bound.

    :param what: the figure, in words.
    :param value: the measured value.
    :param limit: the largest allowed value.
    :param unit: the unit of both numbers.
    :param is_least: ``limit`` is the smallest allowed value instead.
    """

    what: str
    value: float
    limit: float
    unit: str = ""
    is_least: bool = False

    @property
    def holds(self) -> bool:
        """Return whether the figure is within its bound."""
        return self.value >= self.limit if self.is_least else self.value <= self.limit


@dataclass(frozen=True)
class Table:
    """A table of figures, or of any values that can be shown as text."""

    head: Sequence[str]
    rows: Sequence[Sequence[object]]


@dataclass
class Section:
    """One benchmark's results."""

    name: str
    title: str
    bounds: list[Bound] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    note: str = ""


def number(value: float) -> str:
    """Return a number with about three significant digits."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def markdown(section: Section) -> str:
    """Return a section as Markdown."""
    parts = [f"### {section.title}"]
    if section.bounds:
        rows = [_bound_row(bound) for bound in section.bounds]
        parts.append(_table(("figure", "measured", "bound", "holds"), rows))
    parts += [_table(table.head, table.rows) for table in section.tables]
    return "\n\n".join([*parts, section.note]) + "\n"


def _bound_row(bound: Bound) -> tuple[str, str, str, str]:
    limit = f"{'at least' if bound.is_least else 'at most'} {number(bound.limit)} {bound.unit}".rstrip()
    return bound.what, f"{number(bound.value)} {bound.unit}".rstrip(), limit, "yes" if bound.holds else "**no**"


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join(["---"] * len(head)) + " |"]
    lines += [
        "| " + " | ".join(number(cell) if isinstance(cell, float) else str(cell) for cell in row) + " |" for row in rows
    ]
    return "\n".join(lines)
