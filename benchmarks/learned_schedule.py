"""Requests and lateness with the durations of earlier jobs, compared with the usual schedule, in virtual time."""

from __future__ import annotations

import heapq
import random
import statistics
import tracemalloc
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_ecsjobs.core.waiting.durations import KEPT, MOST_KINDS, Durations
from benchmarks.figures import Bound, Section, Table
from tests.support.learned_waits import Lengths, ended_job, polls_of

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME = "learned_schedule"
SIZES = {"full": 600, "small": 3}
MEDIANS = {"30 s": 30, "1 min": 60, "2 min": 120, "5 min": 300, "10 min": 600, "2 h": 7200}
SHORT = 600
"""The bounds are for jobs of at most this median, in seconds: of a longer one, most polls are at the longest gap."""
SIGMAS = (0.15, 0.4)
MISLEADING = ((20, 7200), (60, 600), (600, 30), (600, 7200), (7200, 600))
"""Medians of the history, and of the jobs that come then."""
PARTS = ((3, 120, 3), (10, 120, 10), (20, 60, 4), (50, 60, 5))
"""Jobs of sub-jobs: how many, their median in seconds, and how many run at a time."""
PARTS_SIGMA = 0.2
"""The sigma of the sub-jobs' lengths, and the one of a factor that all sub-jobs of a job share."""
CLOSING = 4.0
"""How long a job goes on after its last sub-job, in seconds."""
PARTS_HEAD = ("sub-jobs", "requests, usual", "by age", "learned", "seen late, usual", "by age", "learned")
COLUMNS = 100


@dataclass
class Figures:
    """The means over the jobs of one kind."""

    requests: float
    late: float


def run(size: str) -> Section:
    """Measure waits for jobs of all lengths, each with the usual schedule and the learned one."""
    rng = random.Random(9)
    rows: list[list[object]] = []
    short: list[tuple[Figures, Figures]] = []
    for label, median in MEDIANS.items():
        for sigma in SIGMAS:
            usual, learned = _compare(Lengths(median, sigma, rng), SIZES[size], rng)
            rows.append([label, str(sigma), *_cells(usual, learned)])
            if median <= SHORT:
                short.append((usual, learned))
    usual, learned = (_mean([pair[which] for pair in short]) for which in (0, 1))
    rows.append(["all up to 10 min", "", *_cells(usual, learned)])
    misled = [_misled(history, median, SIZES[size], rng) for history, median in MISLEADING]
    costs = [learned.requests / usual.requests for usual, learned in misled]
    misled_rows = [
        [f"{history} s", f"{median} s", *_cells(*figures)]
        for (history, median), figures in zip(MISLEADING, misled, strict=True)
    ]
    parts_rows = [_parts_row(*parts, SIZES[size], rng) for parts in PARTS]
    head = ("requests, usual", "learned", "ratio", "seen late, usual", "learned", "ratio")
    note = (
        f"{SIZES[size]} jobs of each kind with the default bounds (10 to 60 s). The lengths are log-normal with the"
        f" median and sigma given; 5 % fail within the first 30 % of it. *Learned* knows the last {KEPT} jobs of the"
        " kind. The second table has histories that mislead: the jobs take another time than those before them."
        " The third table has jobs of sub-jobs: *learned* counts from the sub-jobs that have ended, *by age* does not."
        f" The full history of {MOST_KINDS} kinds takes {_memory() / 1024:.0f} KiB in a process.\n\n"
        f"The polls of one job of 10 minutes, a column for each {SHORT / COLUMNS:.0f} s:\n\n```text\n{_drawing()}\n```"
    )
    return Section(
        NAME,
        "A schedule that knows how long jobs take",
        [
            Bound("requests per job of 30 s to 10 min, learned / usual", learned.requests / usual.requests, 0.5),
            Bound("the same jobs' ends, seen late, learned / usual", learned.late / usual.late, 1.0),
            Bound("requests with a history that misleads, learned / usual", max(costs), 1.1),
        ],
        [
            Table(("median", "sigma", *head), rows),
            Table(("history", "jobs", *head), misled_rows),
            Table(PARTS_HEAD, parts_rows),
        ],
        note,
    )


def _compare(lengths: Lengths, count: int, rng: random.Random) -> tuple[Figures, Figures]:
    """Return the figures of the usual and the learned schedule, where each job joins the history in its turn."""
    history = lengths.history()
    usual, learned = [], []
    for _ in range(count):
        length = lengths.next()
        usual.append(_figures(length, None, rng))
        learned.append(_figures(length, history, rng))
        history.add(ended_job(length))
    return _mean(usual), _mean(learned)


def _misled(before: float, median: float, count: int, rng: random.Random) -> tuple[Figures, Figures]:
    history, jobs = Lengths(before, 0.4, rng).history(), Lengths(median, 0.15, rng)
    lengths = [jobs.next() for _ in range(count)]
    usual, learned = ([_figures(each, known, rng) for each in lengths] for known in (None, history))
    return _mean(usual), _mean(learned)


def _parts_row(parts: int, median: float, together: int, count: int, rng: random.Random) -> list[object]:
    by_age, staged = Durations(), Durations()
    figures: list[tuple[Figures, Figures, Figures]] = []
    for number in range(KEPT + count):
        ends = _part_ends(parts, median, together, rng)
        length = ends[-1] + CLOSING
        if number >= KEPT:
            usual, aged = (_figures(length, known, rng) for known in (None, by_age))
            figures.append((usual, aged, _figures(length, staged, rng, ends)))
        by_age.add(ended_job(length))
        staged.add(ended_job(length, part_ends=ends))
    means = [_mean(list(column)) for column in zip(*figures, strict=True)]
    requests = [f"{each.requests:.1f}" for each in means]
    return [f"{parts}, {together} at a time, {median} s", *requests, *(f"{each.late:.1f} s" for each in means)]


def _part_ends(parts: int, median: float, together: int, rng: random.Random) -> list[float]:
    """Return when the sub-jobs of one job end, each of which begins as soon as there is room."""
    lengths = Lengths(Lengths(median, PARTS_SIGMA, rng, failing=0.0).next(), PARTS_SIGMA, rng, failing=0.0)
    running = [0.0] * together
    ends = []
    for _ in range(parts):
        ends.append(heapq.heappop(running) + lengths.next())
        heapq.heappush(running, ends[-1])
    return sorted(ends)


def _figures(length: float, history: Durations | None, rng: random.Random, part_ends: Sequence[float] = ()) -> Figures:
    polls = polls_of(length, history, rng, part_ends)
    return Figures(len(polls), polls[-1] - length)


def _mean(figures: list[Figures]) -> Figures:
    return Figures(statistics.mean(each.requests for each in figures), statistics.mean(each.late for each in figures))


def _cells(usual: Figures, learned: Figures) -> list[object]:
    requests = [f"{usual.requests:.1f}", f"{learned.requests:.1f}", f"{learned.requests / usual.requests:.2f}"]
    return [*requests, f"{usual.late:.1f} s", f"{learned.late:.1f} s", f"{learned.late / usual.late:.2f}"]


def _memory() -> int:
    """Return how many bytes a full history takes."""
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    history = Durations()
    for kind in range(MOST_KINDS):
        for seconds in range(KEPT):
            history.add(ended_job(float(seconds), job_type=f"createServer{kind}"))
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return used


def _drawing() -> str:
    rng = random.Random(4)
    history = Lengths(SHORT, 0.15, rng, failing=0.0).history()
    lines = [_line("usual", polls_of(SHORT, None, rng)), _line("learned", polls_of(SHORT, history, rng))]
    return "\n".join([*lines, f"{'':8}{'^ submit':<{COLUMNS}}^ end"])


def _line(name: str, polls: list[float]) -> str:
    columns = {round(each * COLUMNS / SHORT) for each in polls}
    return f"{name:8}" + "".join("|" if column in columns else "." for column in range(max(columns) + 1))
