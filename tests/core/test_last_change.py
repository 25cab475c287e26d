"""The record of a job says when the job last changed, by the clock of the cloud."""

from __future__ import annotations

import pytest

from airflow_provider_ecsjobs.core.job import Job
from airflow_provider_ecsjobs.core.job_snapshot import WaitFacts, snapshot
from tests.core.samples import job, part

BEGAN = "2026-01-01T00:00:00.000Z"
BEGAN_SECONDS = 1767225600.0


def changed_at(**fields: object) -> float | None:
    found: float | None = snapshot(Job(job(**fields)), WaitFacts("job-1"), 0.0)["changed_at"]  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({"status": "INIT", "begin_time": ""}, None),
        ({"status": "RUNNING", "begin_time": BEGAN}, 0.0),
        (
            {
                "status": "RUNNING",
                "begin_time": BEGAN,
                "parts": [part("RUNNING", begin_time="2026-01-01T00:00:09.000Z")],
            },
            9.0,
        ),
        (
            {
                "status": "RUNNING",
                "begin_time": BEGAN,
                "parts": [
                    part("SUCCESS", begin_time="2026-01-01T00:00:01.000Z", end_time="2026-01-01T00:01:00.000Z"),
                    part("RUNNING", begin_time="2026-01-01T00:00:02.000Z"),
                ],
            },
            60.0,
        ),
        ({"status": "FAIL", "begin_time": BEGAN, "end_time": "2026-01-01T01:00:00.000Z"}, 3600.0),
    ],
    ids=["not begun", "begun", "a sub-job began", "a sub-job ended", "ended"],
)
def test_the_last_change_is_the_last_begin_or_end(fields: dict[str, object], seconds: float | None) -> None:
    assert changed_at(**fields) == (None if seconds is None else BEGAN_SECONDS + seconds)
