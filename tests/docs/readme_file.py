"""Reads README.md: its snippets and tables, each with the comment above it that names its check."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")

_SNIPPET = re.compile(
    r"(?:^<!-- check: (?P<check>[^\n]+) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.M | re.S
)
_TABLE = re.compile(r"^<!-- check: (?P<check>[^\n]+) -->\n(?P<rows>(?:\|[^\n]*\n)+)", re.M)
_HEADING = re.compile(r"^#+ (.+)$", re.M)


@dataclass(frozen=True)
class Snippet:
    """A fenced block.

    :param check: the first word or words of the comment above it; empty if there is none.
    :param name: the file name or the like behind them.
    """

    check: str
    name: str
    language: str
    text: str
    line: int

    def __str__(self) -> str:
        return f"line-{self.line}"


def snippets(*checks: str) -> list[Snippet]:
    """Return the snippets with one of these checks, or all."""
    found = []
    for match in _SNIPPET.finditer(TEXT):
        check, name = _split(match["check"] or "")
        line = TEXT.count("\n", 0, match.start()) + 1
        found.append(Snippet(check, name, match["language"], match["text"], line))
    return [snippet for snippet in found if not checks or snippet.check in checks]


def snippet(check: str, name: str = "") -> Snippet:
    """Return the one snippet with this check."""
    (found,) = (snippet for snippet in snippets(check) if name in ("", snippet.name))
    return found


def table(check: str) -> list[list[str]]:
    """Return the cells of the one table with this check, without its head."""
    (rows,) = (match["rows"] for match in _TABLE.finditer(TEXT) if match["check"] == check)
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows.splitlines()[2:]]


def section(title: str) -> str:
    """Return the text below a second-level heading."""
    return TEXT.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def code_in(cell: str) -> list[str]:
    """Return what stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def anchors() -> set[str]:
    """Return the anchors that the headings get."""
    return {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in _HEADING.findall(TEXT)}


def _split(check: str) -> tuple[str, str]:
    if check.startswith(("dag ", "file ", "connection ")):
        first, _, name = check.partition(" ")
        return first, name
    return check, ""
