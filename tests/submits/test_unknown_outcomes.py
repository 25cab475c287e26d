"""What a later try or a wait that breaks off knows of a request: sent, not sent, or not known."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_ecsjobs.emulator import Emulator, Fault
from airflow_provider_ecsjobs.exceptions import (
    EcsApiError,
    EcsConfigError,
    EcsOutcomeUnknownNoRetry,
    EcsRejectedNoRetry,
    EcsUnreachableError,
)
from airflow_provider_ecsjobs.operators.servers import (
    EcsAttachVolumeOperator,
    EcsDeleteServersOperator,
    EcsRebootServersOperator,
    EcsStopServersOperator,
)
from tests.support.task_runs import quick_run

NO_PERMISSION = {"error": {"code": "EPS.0003", "message": "policy doesn't allow it"}}

pytestmark = pytest.mark.usefixtures("quick_backoff", "short_pauses")


def test_the_outcome_is_known_where_nothing_could_be_sent(monkeypatch: pytest.MonkeyPatch, connected: Emulator) -> None:
    server = connected.add_server()
    name, value = connected.connection_env()
    monkeypatch.setenv(name, json.dumps({**json.loads(value), "extra": {"auth": "none such"}}))
    run = quick_run(EcsAttachVolumeOperator, server_id=server, volume_id="a-volume")
    with pytest.raises(EcsConfigError):
        run.run()

    monkeypatch.setenv(name, value)
    run.retry()

    assert run.run()["status"] == "SUCCESS"


def test_a_rejection_after_a_lost_response_leaves_it_recorded_that_the_request_was_sent(connected: Emulator) -> None:
    run = quick_run(EcsRebootServersOperator, server_ids=[connected.add_server()], resubmit_unknown=True)
    assert run.store is not None
    connected.fault(Fault(path="/action", reset="after"))
    connected.fault(Fault(path="/action", status=403, body=NO_PERMISSION))

    with pytest.raises(EcsRejectedNoRetry, match="may have been carried out"):
        run.run()

    assert connected.counters["submits"] == 1
    assert run.store.get("ecs_submit")["operation"] == "batch_reboot_servers"


def test_the_message_after_a_dead_worker_names_resubmit_unknown_once(connected: Emulator) -> None:
    run = quick_run(EcsAttachVolumeOperator, server_id=connected.add_server(), volume_id="a-volume")
    assert run.store is not None
    record = {"operation": "attach_server_volume", "max_tries": 2, "submitted_at": 1.0}
    run.store.set("ecs_submit", record)
    run.retry()

    with pytest.raises(EcsOutcomeUnknownNoRetry) as caught:
        run.run()

    assert str(caught.value).count("resubmit_unknown=True") == 1
    assert "an earlier try may have sent the request" in str(caught.value)


def test_without_a_store_a_repeated_delete_of_deleted_servers_succeeds(connected: Emulator) -> None:
    run = quick_run(EcsDeleteServersOperator, store=False, server_ids=[connected.add_server()], retries=2)
    run.start()

    run.retry()

    assert run.run() == {"job_id": None, "order_id": None, "server_ids": []}


@pytest.mark.parametrize(
    ("status", "body", "again"), [(503, "", EcsUnreachableError), (403, NO_PERMISSION, EcsApiError)]
)
def test_without_a_store_a_job_that_can_not_be_queried_fails_a_reboot_for_good(
    connected: Emulator, status: int, body: Any, again: type[Exception]
) -> None:
    run = quick_run(
        EcsRebootServersOperator, store=False, server_ids=[connected.add_server()], unreachable_timeout=0.05
    )
    deferred = run.start()
    connected.fault(Fault(path="/jobs/", times=10_000, status=status, body=body))

    with pytest.raises(EcsOutcomeUnknownNoRetry, match="keeps no record of what was submitted"):
        run.resume(deferred)

    stopping = quick_run(
        EcsStopServersOperator, store=False, server_ids=list(connected.servers), unreachable_timeout=0.05
    )
    deferred = stopping.start()
    with pytest.raises(again) as caught:  # doing that twice harms nothing
        stopping.resume(deferred)
    assert type(caught.value) is again
