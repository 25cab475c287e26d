"""A task whose parameters or retries changed since it submitted: which job is its own."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_ecsjobs.emulator import Emulator
from airflow_provider_ecsjobs.exceptions import (
    EcsApiError,
)
from airflow_provider_ecsjobs.operators.servers import (
    EcsCreateServersOperator,
    EcsStopServersOperator,
)
from tests.support.task_runs import QUICK, Store, TaskRun

pytestmark = pytest.mark.usefixtures("quick_backoff", "short_pauses")
SERVER = {"name": "web", "flavor": "f", "image": "i", "vpc": "v", "subnets": ["s"], "root_volume": "SSD"}


def test_a_changed_request_is_submitted_anew_after_a_clear(connected: Emulator) -> None:
    first, second = connected.add_server("first"), connected.add_server("second")
    meant = [first]
    run = TaskRun(lambda: EcsStopServersOperator(task_id="task", server_ids=meant, **QUICK), store=Store())
    run.run()

    meant[:] = [second]
    run.clear()
    run.run()

    assert {server["status"] for server in connected.servers.values()} == {"SHUTOFF"}


def test_a_changed_request_fails_while_the_earlier_job_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    with Emulator(init_seconds=0, run_seconds=600) as emulator:
        monkeypatch.setenv(*emulator.connection_env())
        meant = [emulator.add_server("first")]
        run = TaskRun(lambda: EcsStopServersOperator(task_id="task", server_ids=meant, **QUICK), store=Store())
        run.start()

        meant[:] = [emulator.add_server("second")]
        run.clear()

        with pytest.raises(EcsApiError, match="still runs, and the task's parameters have changed since") as caught:
            run.start()
        assert not isinstance(caught.value, AirflowFailException)  # a retry may find it ended
        assert emulator.counters["submits"] == 1


def test_a_create_that_is_named_after_the_time_is_still_one_request(connected: Emulator) -> None:
    names = iter(("at-1", "at-2"))
    run = TaskRun(lambda: EcsCreateServersOperator(task_id="task", **{**SERVER, "name": next(names)}, **QUICK))
    run.store = Store()
    run.start()

    run.retry()

    assert run.run()["status"] == "SUCCESS"
    assert connected.counters["submits"] == 1
