"""Reads the pages (README.md, docs/): snippets and tables, each with the comment above it that names its check."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = "README.md"
PAGES = [README, *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md"))]
TEXTS = {page: (ROOT / page).read_text(encoding="utf-8") for page in PAGES}
TEXT = "\n".join(TEXTS.values())

_SNIPPET = re.compile(
    r"(?:^<!-- check: (?P<check>[^\n]+) -->\n)?^(?P<fence>```+)(?P<language>[^\n]*)\n(?P<text>.*?)^(?P=fence)$",
    re.M | re.S,
)
_TABLE = re.compile(r"(?:^<!-- check: (?P<check>[^\n]+) -->\n)?^(?P<rows>(?:\|[^\n]*\n)+)", re.M)
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
    page: str
    line: int

    def __str__(self) -> str:
        return f"{Path(self.page).stem}-{self.line}"


def snippets(*checks: str) -> list[Snippet]:
    """Return the snippets of all pages with one of these checks, or all."""
    found = []
    for page, text in TEXTS.items():
        for match in _SNIPPET.finditer(text):
            check, name = _split(match["check"] or "")
            line = text.count("\n", 0, match.start()) + 1
            found.append(Snippet(check, name, match["language"], match["text"], page, line))
    return [snippet for snippet in found if not checks or snippet.check in checks]


def snippet(check: str, name: str = "", page: str = "") -> Snippet:
    """Return the one snippet with this check; of this name, or on this page, if any is given."""
    (found,) = (one for one in snippets(check) if name in ("", one.name) and page in ("", one.page))
    return found


def tables() -> list[tuple[str, str, str]]:
    """Return the page, the check and the rows of each table."""
    return [
        (page, match["check"] or "", match["rows"])
        for page, text in TEXTS.items()
        for match in _TABLE.finditer(_SNIPPET.sub("\n", text))
    ]


def table(check: str) -> list[list[str]]:
    """Return the cells of the one table with this check, without its head."""
    (rows,) = (rows for _, named, rows in tables() if named == check)
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows.splitlines()[2:]]


def code_in(cell: str) -> list[str]:
    """Return what stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def anchors(page: str) -> set[str]:
    """Return the anchors that the headings of a page get."""
    headings = _HEADING.findall(_SNIPPET.sub("\n", TEXTS[page]))
    return {re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _split(check: str) -> tuple[str, str]:
    for named in ("dag", "operator dag", "file", "connection"):
        if check.startswith(f"{named} "):
            return named, check.removeprefix(f"{named} ")
    return check, ""
