"""When the timeout and the grace of a submit begin and end."""

from __future__ import annotations

import time

import pytest

from airflow_provider_ecsjobs.emulator import Emulator, Fault
from airflow_provider_ecsjobs.exceptions import (
    EcsApiError,
)
from airflow_provider_ecsjobs.operators.servers import (
    EcsCreateServersOperator,
)
from tests.support.machine_clock import MachineClock
from tests.support.patience import A_MINUTE
from tests.support.task_runs import quick_run

pytestmark = pytest.mark.usefixtures("quick_backoff", "short_pauses")
SERVER = {"name": "web", "flavor": "f", "image": "i", "vpc": "v", "subnets": ["s"], "root_volume": "SSD"}


def test_the_timeout_ends_the_resending_of_a_request(connected: Emulator) -> None:
    connected.fault(Fault(method="POST", times=10_000, status=202, body={"error": {"code": "Common.0024"}}))

    with pytest.raises(EcsApiError, match="could not be submitted"):
        quick_run(EcsCreateServersOperator, timeout=0.3, **SERVER).run()


def test_the_not_found_grace_begins_when_the_request_was_accepted(
    connected: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = MachineClock(monkeypatch)
    connected.fault(Fault(method="POST", times=3, status=202, body={"error": {"code": "Common.0024"}}))
    run = quick_run(EcsCreateServersOperator, not_found_grace=A_MINUTE, **SERVER)
    with monkeypatch.context() as patched:
        # Each pause before the request is sent again lasts longer than the grace.
        patched.setattr(time, "sleep", lambda _: setattr(clock, "passed", clock.passed + 2 * A_MINUTE))
        deferred = run.start()
    assert clock.passed == 6 * A_MINUTE
    connected.fault(Fault(path="/jobs/", status=400, body={"error": {"code": "Common.0011", "message": "unknown"}}))

    assert run.resume(deferred)["status"] == "SUCCESS"
