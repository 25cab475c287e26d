"""How a record reaches Airflow from a trigger: by the SDK's own call, outside the event loop where that may block."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async

from airflow_provider_ecsjobs import publishing

TASK = SimpleNamespace(dag_id="dag", run_id="run", task_id="wait", map_index=3, try_number=2)
EXPECTED = {
    "key": "ecs_job",
    "value": {"job_id": "j", "try": 2},
    "dag_id": "dag",
    "run_id": "run",
    "task_id": "wait",
    "map_index": 3,
}


class BaseXCom:
    """As Airflow 3.3's own."""

    calls: list[tuple[str, bool, dict[str, Any]]]

    @classmethod
    async def aset(cls, **values: Any) -> None:
        cls.calls.append(("aset", threading.current_thread() is threading.main_thread(), values))

    @classmethod
    def set(cls, **values: Any) -> None:
        cls.calls.append(("set", threading.current_thread() is threading.main_thread(), values))


class BackendOfTheUser(BaseXCom):
    """Writes elsewhere, and may take its time."""


@pytest.mark.parametrize(
    ("xcom", "expected"), [(BaseXCom, ("aset", True, EXPECTED)), (BackendOfTheUser, ("set", False, EXPECTED))]
)
async def test_the_record_is_written_to_the_xcom_of_the_task(
    monkeypatch: pytest.MonkeyPatch, xcom: type[BaseXCom], expected: tuple[str, bool, dict[str, Any]]
) -> None:
    monkeypatch.setattr(BaseXCom, "calls", [], raising=False)
    monkeypatch.setattr(publishing, "_import_sender", lambda: (xcom, sync_to_async))

    await publishing._send(TASK, lambda: {"job_id": "j"})

    assert xcom.calls == [expected]


async def test_a_request_is_sent_in_the_event_loop_of_the_triggerer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to Airflow 3.1 a request from another loop takes the answer to one of the triggerer's own, which then ends."""
    loops = []

    class XComOfAirflow31:
        @staticmethod
        def set(**_: Any) -> None:
            async def asend() -> None:
                loops.append(asyncio.get_running_loop())

            async_to_sync(asend)()  # as TriggerCommsDecoder.send does

    monkeypatch.setattr(publishing, "_import_sender", lambda: (XComOfAirflow31, sync_to_async))

    await publishing._send(TASK, lambda: {"job_id": "j"})

    assert loops == [asyncio.get_running_loop()]


@pytest.mark.skipif(not publishing._has_pages, reason="Airflow 2 has no SDK")
def test_airflow_has_the_class_that_is_called() -> None:
    assert callable(publishing._import_sender()[0].set)
