"""A request that was carried out, unseen: sent again it is refused, and that shows that there is nothing left to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs.emulator import Emulator, Fault
from airflow_provider_ecsjobs.exceptions import EcsJobFailed, EcsRejectedNoRetry
from airflow_provider_ecsjobs.operators.ecs_jobs import EcsSubmitJobOperator
from airflow_provider_ecsjobs.operators.servers import (
    EcsDeleteNicsOperator,
    EcsDeleteServersOperator,
    EcsDetachVolumeOperator,
)
from tests.support.task_runs import Store, TaskRun

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("quick_backoff", "short_pauses")
VOLUME = "6b1a3f44-0000-4000-8000-00000000f3ee"
NOTHING = {"job_id": None, "order_id": None, "server_ids": []}


def run_of(kind: type[Any], **options: Any) -> TaskRun:
    return TaskRun(lambda: kind(task_id="task", poll_interval=0.05, retries=2, **options), store=Store())


def detach(server_id: str) -> TaskRun:
    return run_of(EcsDetachVolumeOperator, server_id=server_id, volume_id=VOLUME)


def test_a_lost_response_to_a_detachment_does_not_fail_it(connected: Emulator) -> None:
    server = connected.add_server(volumes=[VOLUME])
    connected.fault(Fault(path="/detachvolume", reset="after"))

    assert detach(server).run() == NOTHING

    assert connected.servers[server]["volumes"] == []
    assert connected.counters["submits"] == 1


def test_detaching_what_was_never_attached_fails(connected: Emulator) -> None:
    with pytest.raises(EcsRejectedNoRetry, match=rf"Ecs\.0111 volume {VOLUME} is not in server"):
        detach(connected.add_server()).run()


def detach_wrong_one(cloud: Emulator) -> TaskRun:
    return detach(cloud.add_server(volumes=["6b1a3f44-0000-4000-8000-00000000beef"]))


def delete_for_good_what_runs(cloud: Emulator) -> TaskRun:
    server = cloud.add_server()
    return run_of(EcsSubmitJobOperator, operation="delete_recycle_bin_server", server_id=server)


def delete_wrong_one(cloud: Emulator) -> TaskRun:
    return run_of(EcsDeleteServersOperator, server_ids=["5f0c1a52-0000-4000-8000-00000000dead"])


WRONG = pytest.mark.parametrize("make", [detach_wrong_one, delete_for_good_what_runs, delete_wrong_one])


@WRONG
def test_what_was_refused_is_no_success_when_the_task_is_cleared(
    connected: Emulator, make: Callable[[Emulator], TaskRun]
) -> None:
    run = make(connected)
    with pytest.raises(EcsRejectedNoRetry):
        run.run()

    run.clear()

    with pytest.raises(EcsRejectedNoRetry):
        run.run()
    assert connected.counters["submits"] == 0


@WRONG
def test_nor_is_what_an_earlier_try_never_sent(connected: Emulator, make: Callable[[Emulator], TaskRun]) -> None:
    run = make(connected)

    run.retry()  # of a try that ended before it came to send anything

    with pytest.raises(EcsRejectedNoRetry):
        run.run()


def test_a_retry_finds_that_the_volume_has_been_detached_meanwhile(connected: Emulator) -> None:
    server = connected.add_server(volumes=[VOLUME])
    connected.fail_next("detachVolume")
    run = detach(server)
    with pytest.raises(EcsJobFailed):
        run.run()
    detach(server).run()  # by somebody else

    run.retry()

    assert run.run() == NOTHING


def test_a_lost_response_to_a_final_deletion_does_not_fail_it(connected: Emulator) -> None:
    server = connected.add_server(recycled=True)
    connected.fault(Fault(path="/recycle-bin/", reset="after"))

    assert run_of(EcsSubmitJobOperator, operation="delete_recycle_bin_server", server_id=server).run() == NOTHING

    assert connected.recycle_bin == {}


def test_what_a_lost_response_leaves_open_is_said_where_no_code_is_known_to_tell(connected: Emulator) -> None:
    server = connected.add_server(nics=["primary", "second"])
    connected.fault(Fault(path="/nics/delete", reset="after"))

    with pytest.raises(
        EcsRejectedNoRetry, match=r"Ecs\.0507 .* It was sent before, and may have been carried out then:"
    ):
        run_of(EcsDeleteNicsOperator, server_id=server, nic_ids=["second"]).run()

    assert len(connected.servers[server]["nics"]) == 1
