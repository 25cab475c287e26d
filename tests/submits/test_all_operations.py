"""Each of the 25 operations: a task and the official SDK ask the same of two emulators, and get the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from huaweicloudsdkecs.v2 import ShowJobRequest

from airflow_provider_ecsjobs.core.operations import OPERATIONS
from airflow_provider_ecsjobs.emulator import Emulator
from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook
from airflow_provider_ecsjobs.operators.ecs_jobs import EcsSubmitJobOperator
from tests.support.official_submits import SDK_CALLS, ecs_client, prepare
from tests.support.sample_requests import sample
from tests.support.task_runs import Store, TaskRun

if TYPE_CHECKING:
    from tests.support.official_submits import Ids


def task(operation: str, ids: Ids, **options: Any) -> TaskRun:
    return TaskRun(
        lambda: EcsSubmitJobOperator(
            task_id="submit", operation=operation, poll_interval=0.05, **sample(operation, ids), **options
        ),
        store=Store(),
    )


def left_behind(emulator: Emulator, ids: Ids) -> Any:
    """What a request leaves behind, less what differs from one cloud to the next: ids that are made up, and times."""
    own = dict.fromkeys(("id", "created", "updated", "root_volume", "disk_sizes"))

    def plain(server: dict[str, Any]) -> dict[str, Any]:
        volumes = [
            volume if volume in (ids.volume_id, ids.attached_volume_id) else None for volume in server["volumes"]
        ]
        return {**server, **own, "nics": [{**nic, "id": None} for nic in server["nics"]], "volumes": volumes}

    return [
        sorted((plain(server) for server in place.values()), key=lambda server: str(server["name"]))
        for place in (emulator.servers, emulator.recycle_bin)
    ]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_task_does_what_the_official_sdk_does(operation: str, connected: Emulator) -> None:
    ids = prepare(connected)
    result = task(operation, ids).run()

    with Emulator(init_seconds=0, run_seconds=0) as other:
        client = ecs_client(other)
        other_ids = prepare(other)
        answer = SDK_CALLS[operation](client, other_ids)
        job = client.show_job(ShowJobRequest(job_id=answer.job_id))

        assert (result["status"], result["job_type"]) == (job.status, job.job_type) == ("SUCCESS", job.job_type)
        assert left_behind(connected, ids) == left_behind(other, other_ids)
        (ours,), (theirs,) = connected.submissions, other.submissions
    assert ours["operation"] == theirs["operation"] == operation
    assert (ours["job_id"], len(ours["server_ids"])) == (result["job_id"], len(theirs["server_ids"]))
    assert (ours["client_token"] is not None) == OPERATIONS[operation].takes_client_token
    assert connected.counters["submits"] == 1


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_hook_submits_it(operation: str, connected: Emulator) -> None:
    asked = sample(operation, prepare(connected))

    submission = EcsJobsHook().submit(operation, **asked)

    assert [submission.job_id] == [made["job_id"] for made in connected.submissions]
    assert EcsJobsHook().wait_for_job(submission.job_id or "").status == "SUCCESS"


@pytest.mark.parametrize("operation", [name for name, found in OPERATIONS.items() if found.has_dry_run])
def test_a_dry_run_makes_no_job_and_never_waits(operation: str, connected: Emulator) -> None:
    run = task(operation, prepare(connected), dry_run=True)

    assert run.start() == {"job_id": None, "order_id": None, "server_ids": []}
    assert connected.counters["submits"] == 0
    assert connected.counters["job_queries"] == 0
    assert run.store is not None
    assert run.store.values == {}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_without_waiting_the_task_ends_with_the_ids(operation: str, connected: Emulator) -> None:
    result = task(operation, prepare(connected), wait_for_completion=False).start()

    (made,) = connected.submissions
    servers = made["server_ids"] if OPERATIONS[operation].takes_client_token else []  # only a create answers them
    assert result == {"job_id": made["job_id"], "order_id": made["order_id"], "server_ids": servers}
    assert connected.counters["job_queries"] == 0
