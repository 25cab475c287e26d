"""Sub-jobs that failed for the same reason have one cause in the record, whatever ids their reasons name."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from airflow_provider_ecsjobs.core.job import Job
from airflow_provider_ecsjobs.core.job_snapshot import WaitFacts, final_snapshot
from airflow_provider_ecsjobs.core.waiting.end import Outcome, WaitEnd
from tests.core.samples import JOB_ID, job, part

IDS = [str(UUID(int=number)) for number in range(100)]
ALIKE = [part("FAIL", fail_reason=f"Instance {name} could not be scheduled") for name in IDS]
COMMON = "Instance ... could not be scheduled"


def record_of(parts: list[dict[str, Any]]) -> dict[str, Any]:
    return final_snapshot(WaitEnd(Outcome.FINISHED, "", Job(job("FAIL", parts))), WaitFacts(JOB_ID), 0.0)


def causes_of_rows(record: dict[str, Any]) -> list[str]:
    return [record["causes"][row[6]] for row in json.loads(record["sub_jobs"])]


def test_reasons_that_differ_in_an_id_are_one_cause_of_all_rows() -> None:
    record = record_of(ALIKE)

    assert record["causes"] == [COMMON]
    assert (record["failure"]["causes"], record["failure"]["more_causes"]) == ([[COMMON, 100]], 0)
    assert causes_of_rows(record) == [COMMON] * 100


def test_a_reason_of_its_own_keeps_its_ids() -> None:
    record = record_of([part("FAIL", fail_reason=f"Disk {IDS[1]} is in use")] * 2)

    assert record["failure"]["causes"] == [[f"Disk {IDS[1]} is in use", 2]]


def test_the_most_frequent_cause_comes_first_and_parts_without_a_reason_last() -> None:
    record = record_of([part("FAIL")] * 3 + [part("FAIL", fail_reason="no host")] + ALIKE[:2])

    assert record["causes"] == [COMMON, "no host", "no reason given"]
    assert record["failure"]["causes"] == [[COMMON, 2], ["no host", 1], ["no reason given", 3]]
    assert causes_of_rows(record) == ["no reason given"] * 3 + ["no host"] + [COMMON] * 2
