"""The servers of a submit: from its response and from its job, whichever names them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs.exceptions import (
    EcsJobFailed,
    EcsJobNotFound,
)
from airflow_provider_ecsjobs.operators.servers import (
    EcsCreateServersOperator,
    EcsDeleteServersOperator,
    EcsStopServersOperator,
)
from tests.support.task_runs import quick_run

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.emulator import Emulator

pytestmark = pytest.mark.usefixtures("quick_backoff", "short_pauses")
SERVER = {"name": "web", "flavor": "f", "image": "i", "vpc": "v", "subnets": ["s"], "root_volume": "SSD"}
JOB = {"status": "SUCCESS", "job_type": "createServer"}


def test_the_xcom_has_the_servers_that_only_the_job_names(connected: Emulator) -> None:
    server = connected.add_server()
    run = quick_run(EcsStopServersOperator, server_ids=[server])

    run.run()

    assert run.xcoms["server_ids"] == [server]


def test_a_job_that_is_not_found_names_its_servers(connected: Emulator) -> None:
    run = quick_run(EcsCreateServersOperator, not_found_grace=0, **SERVER)
    deferred = run.start()
    connected.purge_job(run.xcoms["job_id"])

    with pytest.raises(EcsJobNotFound, match=rf"The API took the request \(servers {run.xcoms['server_ids'][0]}\)"):
        run.resume(deferred)


@pytest.mark.parametrize(
    ("job", "kept", "said"),
    [
        ({**JOB, "entities": {}}, [0, 1, 2], ""),
        ({**JOB, "entities": {"sub_jobs_total": 3, "sub_jobs": [(0, "SUCCESS")]}}, [0, 1, 2], ""),
        (
            {**JOB, "status": "FAIL", "entities": {"sub_jobs": [(0, "SUCCESS"), (1, "FAIL"), (2, "RUNNING")]}},
            [0, 2],
            "May exist and cost money, the job does not say: server {2}\n",
        ),
        (
            {**JOB, "status": "FAIL", "entities": {}},
            [0, 1, 2],
            "the job does not say: server {0}, server {1}, server {2}\n",
        ),
    ],
)
def test_servers_that_the_job_does_not_list_stay_known(
    job: Any, kept: list[int], said: str, connected: Emulator
) -> None:
    run = quick_run(EcsCreateServersOperator, count=3, **SERVER)
    deferred = run.start()
    submitted = run.xcoms["server_ids"]
    parts = [
        {"status": status, "job_type": "createSingleServer", "entities": {"server_id": submitted[number]}}
        for number, status in job["entities"].get("sub_jobs", ())
    ]
    body = {**job, "entities": {**job["entities"], "sub_jobs": parts}}
    connected.plant_job(body, job_id=run.xcoms["job_id"])

    if said:
        with pytest.raises(EcsJobFailed) as caught:
            run.resume(deferred)
        assert said.format(*submitted) in str(caught.value)
    else:
        assert run.resume(deferred)["server_ids"] == submitted
    assert run.xcoms["server_ids"] == [submitted[number] for number in kept]


@pytest.mark.parametrize("store", [True, False], ids=["with the store", "without"])
def test_a_retried_delete_deletes_what_a_partial_failure_left(store: bool, connected: Emulator) -> None:
    servers = [connected.add_server(str(number)) for number in range(3)]
    connected.fail_next("deleteVMs", failing=1)
    run = quick_run(EcsDeleteServersOperator, store=store, server_ids=servers, retries=2)
    with pytest.raises(EcsJobFailed, match=r"\(1 of 3 sub-jobs; "):
        run.run()

    run.retry()

    assert run.run()["status"] == "SUCCESS"
    assert connected.servers == {}
