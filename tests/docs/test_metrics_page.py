"""Compares what docs/metrics.md says with what the code declares."""

from __future__ import annotations

from airflow_provider_ecsjobs.metrics import JOB_TYPES, METRICS, OTHER, POLL, SUBMITS, UNKNOWN, WAITS
from tests.docs.pages import TEXTS, code_in, table


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
