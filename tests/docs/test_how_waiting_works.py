"""The drawing in docs/how-waiting-works.md has the delays of the code."""

from __future__ import annotations

import re

from airflow_provider_ecsjobs.core.waiting.schedule import DEFAULT_MAX_POLL_INTERVAL, DEFAULT_POLL_INTERVAL, poll_delay
from tests.docs.pages import TEXTS

DRAWING = TEXTS["docs/how-waiting-works.md"].split("```")[1]


def _delay(waited: float) -> float:
    return poll_delay(waited, DEFAULT_POLL_INTERVAL, DEFAULT_MAX_POLL_INTERVAL, random=0.5)


def test_the_delays_are_those_of_the_defaults() -> None:
    first, between, last = ([int(one) for one in re.findall(r"\d+", part)] for part in _columns())
    start, middle, end = (int(one) for one in re.findall(r"(\d+) s", DRAWING))

    assert {_delay(start), _delay(middle)} == set(first)
    assert {_delay(end), _delay(end * 10)} == set(last)
    assert [round(_delay(delay * 10)) for delay in between] == between
    assert middle < between[0] * 10 <= between[-1] * 10 < end


def _columns() -> list[str]:
    (row,) = (line for line in DRAWING.splitlines() if "..." in line)
    return row.split("|")[1:4]
