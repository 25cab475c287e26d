"""A task that submitted is resumed with an event that can't be read: its request is not sent a second time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs.exceptions import EcsApiError, EcsOutcomeUnknownNoRetry
from airflow_provider_ecsjobs.operators.servers import EcsRebootServersOperator, EcsStopServersOperator
from tests.support.task_runs import quick_run

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.emulator import Emulator

UNREADABLE = [None, "text", {}, {"outcome": "of a later version"}, {"outcome": "finished", "job": None}]


@pytest.mark.parametrize("event", UNREADABLE)
def test_without_a_store_a_reboot_fails_for_good(connected: Emulator, event: Any) -> None:
    run = quick_run(EcsRebootServersOperator, store=False, server_ids=[connected.add_server()])
    run.start()

    with pytest.raises(EcsOutcomeUnknownNoRetry, match=r"resumed with .* keeps no record of what was submitted"):
        run.make().execute_complete(run.context, event)


@pytest.mark.parametrize("event", UNREADABLE)
def test_without_a_store_a_stop_is_retried_as_that_harms_nothing(connected: Emulator, event: Any) -> None:
    run = quick_run(EcsStopServersOperator, store=False, server_ids=[connected.add_server()])
    run.start()

    with pytest.raises(EcsApiError, match="resumed with") as caught:
        run.make().execute_complete(run.context, event)
    assert type(caught.value) is EcsApiError


def test_with_a_store_a_retry_of_a_reboot_reconnects(connected: Emulator) -> None:
    run = quick_run(EcsRebootServersOperator, server_ids=[connected.add_server()])
    run.start()
    with pytest.raises(EcsApiError, match="resumed with no event") as caught:
        run.make().execute_complete(run.context, None)
    assert type(caught.value) is EcsApiError

    run.retry()
    assert run.run()["status"] == "SUCCESS"
    assert connected.counters["submits"] == 1
