"""Compares what docs/metrics.md says with what the code declares."""

from __future__ import annotations

import json
import re
from configparser import ConfigParser

from airflow.configuration import conf

from airflow_provider_ecsjobs.metrics import JOB_TYPES, METRICS, OTHER, POLL, SUBMITS, UNKNOWN, WAITS, Kind
from tests.docs.pages import ROOT, TEXTS, code_in, snippet, table


def test_the_table_of_metrics_is_that_of_the_code() -> None:
    listed = [(code_in(name), kind, code_in(tags)) for name, kind, tags, _ in table("metrics")]

    assert listed == [([metric.name], metric.kind.value, list(metric.tags)) for metric in METRICS]


def test_the_outcomes_are_those_of_the_code() -> None:
    meanings = {code_in(name)[0]: set(code_in(meaning)) for name, _, _, meaning in table("metrics")}

    assert meanings[WAITS.name] == WAITS.tags["outcome"]
    assert meanings[SUBMITS.name] == SUBMITS.tags["outcome"]


def test_the_values_that_stand_for_others_are_named() -> None:
    named = set(code_in(TEXTS["docs/metrics.md"]))

    assert {OTHER, UNKNOWN, POLL} <= named
    assert named & JOB_TYPES


def test_the_dashboard_shows_each_metric_by_its_tags() -> None:
    dashboard = json.loads((ROOT / "docs" / "grafana" / "ecsjobs.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    known = {f"airflow_{metric.name.replace('.', '_')}": metric for metric in METRICS}
    named = {name: query for query in queries for name in re.findall(r"airflow_\w+", query)}

    assert named.keys() == known.keys()
    for name, query in named.items():
        labels = re.findall(r"by \((\w+)\)", query) + re.findall(r"[{,](\w+)=", query)
        assert set(labels) <= {*known[name].tags, *(["quantile"] if known[name].kind is Kind.TIMER else [])}, query


def test_the_settings_are_options_of_airflow() -> None:
    settings = ConfigParser()
    settings.read_string(snippet("metrics settings").text)
    for option in settings["metrics"]:
        assert conf.has_option("metrics", option), option
