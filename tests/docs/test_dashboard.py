"""docs/grafana/ecsjobs.json is a dashboard as Grafana imports it."""

from __future__ import annotations

import json
import re
from itertools import combinations
from typing import Any

import pytest

from tests.docs.pages import ROOT

DASHBOARD = json.loads((ROOT / "docs" / "grafana" / "ecsjobs.json").read_text())
PANELS = DASHBOARD["panels"]
COLUMNS = 24
UNITS = {"short", "reqps", "s"}
"""Of Grafana's units, those that fit: a number, a rate of requests, seconds."""


def test_it_has_what_an_import_needs() -> None:
    assert DASHBOARD["title"]
    assert re.fullmatch(r"[\w-]{1,40}", DASHBOARD["uid"])
    assert DASHBOARD["schemaVersion"] >= 36  # since then a data source is an object
    assert "id" not in DASHBOARD, "an id is of one Grafana, and makes the import overwrite another dashboard"


def test_its_data_source_is_asked_for() -> None:
    (variable,) = DASHBOARD["templating"]["list"]
    assert (variable["type"], variable["query"]) == ("datasource", "prometheus")
    named = {"type": "prometheus", "uid": f"${{{variable['name']}}}"}
    sources = [panel["datasource"] for panel in PANELS]
    sources += [target["datasource"] for panel in PANELS for target in panel["targets"]]
    assert all(source == named for source in sources)


def test_its_panels_lie_side_by_side() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    for panel in PANELS:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= COLUMNS
        assert panel["title"]
        assert panel["description"]
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    for one, other in combinations(PANELS, 2):
        assert not _overlap(one["gridPos"], other["gridPos"]), f"{one['title']}, {other['title']}"


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: str(panel["id"]))
def test_a_counter_is_shown_as_its_change_over_the_interval_of_the_panel(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        query = target["expr"]
        assert query.count("(") == query.count(")")
        is_summary = "quantile" in query
        assert is_summary != bool(re.search(r"(?:increase|rate)\(\w+\[\$__rate_interval\]\)", query)), query
        assert is_summary or "by (" in query
        for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
            assert label in re.findall(r"by \((\w+)\)", query)


def _overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return all(
        one[start] < other[start] + other[size] and other[start] < one[start] + one[size]
        for start, size in (("x", "w"), ("y", "h"))
    )
