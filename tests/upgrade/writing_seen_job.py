"""Writes the triggers of the version that keeps what was seen of a job: ``python -m tests.upgrade.writing_seen_job``.

Run it once with each Airflow, as ``tests.upgrade.writing``.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tests.upgrade.writing import TRIGGERS as EARLIER
from tests.upgrade.writing import stored_trigger

HERE = Path(__file__).parent / "seen_job"
SEEN = {"seen_sub_jobs_total": 3, "seen_job_type": "createServer", "seen_begin_time": "2026-01-01T00:00:01.250Z"}
TRIGGERS: dict[str, dict[str, Any]] = {
    **EARLIER,
    "full": {**EARLIER["full"], "limit": "timeout", **SEEN},
    "unpaid": {**EARLIER["unpaid"], "seen_job_type": "createServer", "seen_begin_time": None},
}


def main() -> None:
    """Write the triggers of this Airflow."""
    os.environ["AIRFLOW__CORE__FERNET_KEY"] = ""
    from airflow import __version__

    kept = {name: stored_trigger(kwargs) for name, kwargs in TRIGGERS.items()}
    HERE.mkdir(exist_ok=True)
    airflow = ".".join(__version__.split(".")[:2])
    (HERE / f"triggers-airflow-{airflow}.json").write_text(json.dumps(kept, indent=2) + "\n")


if __name__ == "__main__":
    main()
