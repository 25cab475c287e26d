"""The requests of a wait, and the delay until it sees the job's end: our schedule compared with fixed intervals."""

from __future__ import annotations

import math
import random
import statistics
from typing import TYPE_CHECKING

from airflow_provider_ecsjobs.core import flows
from airflow_provider_ecsjobs.core.auth.credentials import AuthConfig
from airflow_provider_ecsjobs.core.auth.session import AuthSession
from airflow_provider_ecsjobs.core.auth.signing import AccessKey
from airflow_provider_ecsjobs.core.steps import Parsed, Response
from airflow_provider_ecsjobs.core.waiting.end import Outcome
from airflow_provider_ecsjobs.core.waiting.policy import WaitPolicy
from airflow_provider_ecsjobs.core.waiting.wait import Wait
from benchmarks.figures import Bound, Section, Table
from tests.support.scripted import START, ScriptedDriver

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.core.steps import HttpRequest

NAME = "requests_per_job"
SIZES = {"full": 400, "small": 3}
LENGTHS = {"5 s": 5, "30 s": 30, "2 min": 120, "10 min": 600, "30 min": 1800, "2 h": 7200}
FIXED = (5, 10, 60)
LENGTH_SPREAD = 0.2
"""How far the lengths vary to either side, as a share. Otherwise each end would be at the same place in an interval."""


def run(size: str) -> Section:
    """Measure waits for jobs of all lengths, in virtual time."""
    rng = random.Random(5)
    rows: list[list[object]] = []
    two_hours: dict[str, tuple[float, float]] = {}
    for label, length in LENGTHS.items():
        lengths = [length * rng.uniform(1 - LENGTH_SPREAD, 1 + LENGTH_SPREAD) for _ in range(SIZES[size])]
        waits = {"ours": [_ours(each, rng) for each in lengths]}
        waits |= {f"{interval} s": [_fixed(each, interval) for each in lengths] for interval in FIXED}
        row: list[object] = [label]
        for name, all_ in waits.items():
            requests = statistics.mean(count for count, _ in all_)
            late = [late for _, late in all_]
            row.append(f"{requests:.1f}; {statistics.mean(late):.1f} s, {max(late):.1f} s")
            two_hours[name] = (requests, max(late))
        rows.append(row)
    ours, fixed = two_hours["ours"], two_hours["10 s"]
    note = (
        "Each cell has the average number of requests, then the average and the longest delay until the end is seen."
        f" There are {SIZES[size]} jobs of each length, plus or minus {LENGTH_SPREAD:.0%}. Ours has its defaults (10 s,"
        " growing to 60 s) and includes the task's first poll. A fixed interval polls at once, and then exactly at each"
        " interval."
    )
    return Section(
        NAME,
        "Requests per job, and how late an end is seen",
        [
            Bound("requests for a 2 h job, ours / fixed 10 s", ours[0] / fixed[0], 0.25),
            Bound("a 2 h job's end, seen at most", ours[1], 60.0, "s late"),
        ],
        [Table(["length", "ours", *(f"fixed {interval} s" for interval in FIXED)], rows)],
        note,
    )


def _fixed(length: float, interval: float) -> tuple[int, float]:
    intervals = math.ceil(length / interval)
    return 1 + intervals, intervals * interval - length


def _ours(length: float, rng: random.Random) -> tuple[int, float]:
    """Wait for a job of this length, with the flow of trigger and sensor.

    :return: the number of requests, and the delay between the job's end and the poll that saw it.
    """
    key = AccessKey("EMULATORACCESSKEY", "emulator-secret-key")
    endpoint = "https://ecs.emu-region-1.example.com"
    config = AuthConfig(conn_id="bench", auth="aksk", endpoint=endpoint, region="r", project_id="p" * 32, key=key)
    job_id = "2c9eb2c5544cbf6101544f0602af2b4f"

    def serve(_: HttpRequest) -> Response:
        status = "SUCCESS" if driver.now - START >= length else "RUNNING"
        return Response(200, {}, b"", Parsed({"status": status, "job_id": job_id, "job_type": "createServer"}))

    driver = ScriptedDriver(serve, random=rng.random)
    wait = Wait(job_id, WaitPolicy(started=START))
    end = driver.run(flows.wait_for_job(AuthSession(config), wait, driver.clock, poll_first=False))
    assert end.outcome is Outcome.FINISHED, end
    # The task polls once before it defers.
    return 1 + len(driver.requests), driver.now - START - length
