"""What a retry or a clear of ``@task.ecs_job`` does, with a parameter ``client_token`` and without one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, task

from airflow_provider_ecsjobs.exceptions import EcsRejectedError, EcsRejectedNoRetry, EcsUnreachableError
from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook
from tests.support.submit_runs import BODY, Killed, Run
from tests.support.task_runs import QUICK, Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_ecsjobs.emulator import Emulator

pytestmark = pytest.mark.usefixtures("quick_backoff", "short_pauses")


def function(store: Store, body: Callable[[str], Any]) -> Run:
    with DAG("decorated", schedule=None) as dag:

        @task.ecs_job(retries=2, **QUICK)
        def create(client_token: str = "") -> Any:
            return body(client_token)

        create()
    return Run(lambda: dag.get_task("create"), store=store)


@pytest.mark.parametrize("again", ["retry", "clear"])
def test_a_function_with_a_client_token_creates_once(connected: Emulator, again: str) -> None:
    is_killed = True

    def submit(token: str) -> Any:
        submission = EcsJobsHook().submit("create_servers", body=BODY, client_token=token)
        if is_killed:
            raise Killed
        return submission

    run = function(Store(), submit)
    with pytest.raises(Killed):
        run.start()

    is_killed = False
    getattr(run, again)()  # while its create was out

    assert run.run()["status"] == "SUCCESS"
    assert connected.counters["submits"] == 1
    assert len(connected.servers) == 1


@pytest.mark.parametrize("code", ["Ecs.0122", "Ecs.0124"])
def test_a_function_whose_client_token_is_refused_is_given_another_after_a_clear(
    connected: Emulator, code: str
) -> None:
    tokens: list[str] = []

    def submit(token: str) -> Any:
        tokens.append(token)
        if len(tokens) == 1:
            raise Killed
        if token == tokens[0]:
            raise RuntimeError(f"ClientRequestException(error_code={code})")  # as the SDK raises it
        return EcsJobsHook().submit("create_servers", body=BODY, client_token=token)

    run = function(Store(), submit)
    with pytest.raises(Killed):
        run.start()
    run.retry()
    with pytest.raises(EcsRejectedNoRetry, match=rf"{code}.*clear the task") as caught:
        run.run()
    assert isinstance(caught.value, AirflowFailException)

    run.clear()

    assert run.run()["status"] == "SUCCESS"


def test_a_function_without_a_client_token_is_called_at_least_once(connected: Emulator) -> None:
    calls: list[int] = []
    server = connected.add_server()
    with DAG("decorated", schedule=None) as dag:

        @task.ecs_job(retries=2, **QUICK)
        def stop() -> Any:
            calls.append(1)
            submission = EcsJobsHook().submit("batch_stop_servers", body={"os-stop": {"servers": [{"id": server}]}})
            if len(calls) == 1:
                raise Killed
            return submission

        stop()
    run = Run(lambda: dag.get_task("stop"), store=Store())
    with pytest.raises(Killed):
        run.start()
    run.retry()

    first = run.run()
    run.retry()  # now that the job is recorded, it is the result

    assert run.run() == first
    assert len(calls) == 2


@pytest.mark.parametrize("error", [EcsUnreachableError, EcsRejectedError, RuntimeError])
@pytest.mark.parametrize("again", ["retry", "clear"])
def test_a_function_that_fails_may_have_submitted(connected: Emulator, error: type[Exception], again: str) -> None:
    fails = True

    def submit(token: str) -> Any:
        submission = EcsJobsHook().submit("create_servers", body=BODY, client_token=token)
        if fails:
            raise error("of what the function asked for next")
        return submission

    run = function(Store(), submit)
    with pytest.raises(error):
        run.start()

    fails = False
    getattr(run, again)()  # while the job runs

    assert run.run()["status"] == "SUCCESS"
    assert len(connected.servers) == 1


def test_a_function_that_returns_no_job_may_have_submitted_one(connected: Emulator) -> None:
    returned: list[Any] = [None]

    def submit(token: str) -> Any:
        submission = EcsJobsHook().submit("create_servers", body=BODY, client_token=token)
        return returned.pop() if returned else submission

    run = function(Store(), submit)
    with pytest.raises(AirflowFailException, match="returned no job"):
        run.run()

    run.clear()  # when the function is mended

    assert run.run()["status"] == "SUCCESS"
    assert connected.counters["submits"] == 1
