"""Triggers that were stored with what was seen of their job say so after an upgrade."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow import __version__ as airflow_version

from tests.upgrade.test_earlier_versions import LATER, rebuilt
from tests.upgrade.writing import JOB_ID
from tests.upgrade.writing_seen_job import HERE, TRIGGERS

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.emulator import Emulator

pytestmark = pytest.mark.usefixtures("quick_backoff")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow_provider_ecsjobs.core.waiting import schedule

    monkeypatch.setattr(schedule, "_base_delay", lambda *args: 0.03)
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "")


@pytest.fixture(params=["2.11", "3.3"])
def stored(request: pytest.FixtureRequest) -> dict[str, dict[str, str]]:
    if airflow_version.startswith("2.") and request.param != "2.11":
        pytest.skip("Airflow is upgraded, not downgraded")
    return json.loads((HERE / f"triggers-airflow-{request.param}.json").read_text())  # type: ignore[no-any-return]


@pytest.mark.parametrize("later", [{}, LATER], ids=["as it was", "of a later version"])
@pytest.mark.parametrize("name", TRIGGERS)
async def test_a_stored_trigger_runs_to_its_event(
    connected: Emulator, stored: dict[str, dict[str, str]], name: str, later: dict[str, Any]
) -> None:
    connected.plant_job({"status": "SUCCESS"}, job_id=JOB_ID)

    trigger = rebuilt(stored[name], later)
    (event,) = [event.payload async for event in trigger.run()]

    assert (event["outcome"], event["job"]["status"]) == ("finished", "SUCCESS")
    kwargs = trigger.serialize()[1]
    assert {**kwargs, **TRIGGERS[name], **later} == kwargs


async def test_a_job_that_is_gone_by_then_was_seen(connected: Emulator, stored: dict[str, dict[str, str]]) -> None:
    (event,) = [event.payload async for event in rebuilt(stored["full"], {}).run()]

    assert event["outcome"] == "not_found"
    assert "no longer knows it" in event["message"]
    assert "last status RUNNING, 2 of 3 sub-jobs done" in event["message"]
    assert (event["job"]["job_type"], event["job"]["begin_time"]) == ("createServer", "2026-01-01T00:00:01.250Z")
