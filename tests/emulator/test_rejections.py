"""What the cloud refuses because of what servers, volumes and NICs there are: asked by the official SDK."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs.emulator import Emulator
from airflow_provider_ecsjobs.emulator.operations import OPERATIONS
from tests.emulator.clocked_cloud import ClockedCloud, refusal
from tests.support import official_submits as submits
from tests.support.official_submits import SDK_CALLS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.emulator.emulator_client import SignedClient
    from tests.support.official_submits import Ids

PRIMARY = "6b1a3f44-0000-4000-8000-0000000000c0"
UNKNOWN = "6b1a3f44-0000-4000-8000-00000000dead"


@pytest.fixture
def ecs_emulator() -> Iterator[Emulator]:
    with Emulator(init_seconds=0, run_seconds=0) as emulator:
        yield emulator


def submit(cloud: ClockedCloud, name: str, **other: Any) -> str:
    """Make a good request, but for some of its ids; give its job."""
    job_id: str = SDK_CALLS[name](cloud.client, replace(cloud.ids, **other)).job_id
    return job_id


@pytest.mark.parametrize(
    ("name", "other", "expected"),
    [
        ("detach_server_volume", {"attached_volume_id": UNKNOWN}, (400, "Ecs.0111")),
        ("batch_detach_volumes", {"attached_volume_id": UNKNOWN}, (400, "Ecs.0111")),
        ("batch_delete_server_nics", {"nic_id": UNKNOWN}, (400, "Ecs.0507")),
        ("batch_delete_server_nics", {"nic_id": PRIMARY}, (403, "Ecs.0507")),
    ],
)
def test_what_is_not_there_can_not_be_taken_away(
    cloud: ClockedCloud, name: str, other: dict[str, str], expected: tuple[int, str]
) -> None:
    before = cloud.servers()

    assert refusal(lambda: submit(cloud, name, **other)) == expected

    cloud.wait(1000)
    assert cloud.servers() == before
    assert cloud.emulator.submissions == []


def test_one_server_without_the_volume_spoils_a_batch(cloud: ClockedCloud) -> None:
    cloud.finished(submit(cloud, "detach_server_volume"))

    assert refusal(lambda: submit(cloud, "batch_detach_volumes")) == (400, "Ecs.0111")
    assert cloud.servers()[cloud.ids.other_server_id]["volumes"] == [cloud.ids.attached_volume_id]


@pytest.mark.parametrize("waits", [0, 50, 1000])
@pytest.mark.parametrize("other", ["", "other_server_id"])
def test_a_volume_in_use_is_not_attached_again_not_even_while_it_is_being_attached(
    cloud: ClockedCloud, waits: float, other: str
) -> None:
    job_id = submit(cloud, "attach_server_volume")
    cloud.wait(waits)
    server_id = getattr(cloud.ids, other or "server_id")

    attached_here = waits == 1000 and not other
    expected = "Ecs.0057" if attached_here else "Ecs.0103"
    assert refusal(lambda: submit(cloud, "attach_server_volume", server_id=server_id)) == (400, expected)

    assert cloud.finished(job_id).status == "SUCCESS"
    assert [server["volumes"].count(cloud.ids.volume_id) for server in cloud.servers().values()] == [1, 0, 0, 0]


def test_a_shared_volume_is_attached_to_further_servers_but_to_none_twice(cloud: ClockedCloud) -> None:
    ids: Ids = cloud.ids
    shared = ids.attached_volume_id

    assert refusal(lambda: submit(cloud, "batch_attach_sharable_volumes", volume_id=shared)) == (400, "Ecs.0057")
    job_id = submit(cloud, "attach_server_volume", server_id=ids.prepaid_server_id, volume_id=shared)

    assert cloud.finished(job_id).status == "SUCCESS"
    assert [shared in server["volumes"] for server in cloud.servers().values()] == [True, True, True, False]


@pytest.mark.parametrize("name", ["attach_server_volume", "batch_attach_sharable_volumes"])
def test_the_system_disk_of_a_server_is_not_attached_to_another(cloud: ClockedCloud, name: str) -> None:
    system_disk = cloud.servers()[cloud.ids.stopped_server_id]["root_volume"]

    assert refusal(lambda: submit(cloud, name, volume_id=system_disk)) == (400, "Ecs.0103")


@pytest.mark.parametrize(
    ("name", "changes", "code"),
    [
        ("attach_server_volume", "volume_id", "Ecs.0057"),
        ("batch_attach_sharable_volumes", "volume_id", "Ecs.0057"),
        ("detach_server_volume", "attached_volume_id", "Ecs.0102"),
        ("batch_detach_volumes", "attached_volume_id", "Ecs.0102"),
    ],
)
def test_the_system_disk_of_a_server_stays_attached(cloud: ClockedCloud, name: str, changes: str, code: str) -> None:
    other = {changes: cloud.server()["root_volume"]}

    assert refusal(lambda: submit(cloud, name, **other)) == (400, code)


def test_a_server_gets_60_disks_at_most_with_those_that_are_being_attached(cloud: ClockedCloud) -> None:
    server_id = cloud.emulator.add_server(volumes=[f"disk-{number}" for number in range(58)])
    job_id = submit(cloud, "attach_server_volume", server_id=server_id)

    for _ in range(2):
        assert refusal(lambda: submit(cloud, "attach_server_volume", server_id=server_id, volume_id="one more")) == (
            400,
            "Ecs.0104",
        )
        assert cloud.finished(job_id).status == "SUCCESS"


def test_a_volume_whose_attachment_failed_is_free(cloud: ClockedCloud) -> None:
    cloud.emulator.fail_next("attachVolume")
    assert cloud.finished(submit(cloud, "attach_server_volume")).status == "FAIL"

    assert cloud.finished(submit(cloud, "attach_server_volume")).status == "SUCCESS"


def test_a_detached_volume_is_free_and_so_is_that_of_a_deleted_server(cloud: ClockedCloud) -> None:
    for leave in (
        lambda: submits.delete_servers(cloud.client, cloud.ids.server_id).job_id,
        lambda: submit(cloud, "detach_server_volume", server_id=cloud.ids.other_server_id),
    ):
        assert cloud.finished(leave()).status == "SUCCESS"

    last = {"server_id": cloud.ids.prepaid_server_id, "volume_id": cloud.ids.attached_volume_id}
    assert cloud.finished(submit(cloud, "attach_server_volume", **last)).status == "SUCCESS"


@pytest.mark.parametrize("port", [PRIMARY, "6b1a3f44-0000-4000-8000-0000000000c1"])
def test_the_port_of_another_nic_can_not_be_attached(cloud: ClockedCloud, port: str) -> None:
    job = cloud.finished(submit(cloud, "batch_add_server_nics", server_id=cloud.ids.other_server_id, port_id=port))

    assert [sub_job.status for sub_job in job.entities.sub_jobs] == ["SUCCESS", "FAIL"]
    assert job.entities.sub_jobs[1].error_code == "Ecs.0217"
    assert len(cloud.servers()[cloud.ids.other_server_id]["nics"]) == 1


def test_a_port_named_twice_is_attached_once(client: SignedClient, ecs_emulator: Emulator) -> None:
    server_id = ecs_emulator.add_server()
    body = {"nics": [{"port_id": "port"}, {"port_id": "port"}]}
    job_id = client.request("POST", f"/cloudservers/{server_id}/nics", body=body).json()["job_id"]

    job = client.show_job(job_id).json()
    assert [sub_job["error_code"] for sub_job in job["entities"]["sub_jobs"]] == [None, "Ecs.0217"]
    assert [nic["id"] for nic in ecs_emulator.servers[server_id]["nics"]] == ["port"]


def test_a_port_is_taken_while_it_is_being_attached_and_free_if_that_fails(cloud: ClockedCloud) -> None:
    def attach(server_id: str) -> str:
        return submit(cloud, "batch_add_server_nics", server_id=server_id)

    cloud.emulator.fail_next("addNics")
    failing, other = attach(cloud.ids.server_id), attach(cloud.ids.other_server_id)
    assert cloud.finished(failing).status == "FAIL"
    assert [sub_job.error_code for sub_job in cloud.show(other).entities.sub_jobs] == [None, "Ecs.0217"]

    assert cloud.finished(attach(cloud.ids.other_server_id)).status == "SUCCESS"


@pytest.mark.parametrize("name", [name for name in SDK_CALLS if not re.search("create|recycle|delete_servers", name)])
def test_nothing_else_is_done_to_a_server_that_is_being_deleted(cloud: ClockedCloud, name: str) -> None:
    submits.delete_servers(cloud.client, cloud.ids.server_id)
    cloud.wait(50)

    assert refusal(lambda: submit(cloud, name, stopped_server_id=cloud.ids.server_id)) == (400, "Ecs.0100")
    assert len(cloud.emulator.submissions) == 1


@pytest.mark.parametrize("name", [name for name in SDK_CALLS if not re.search("create|recycle|delete_servers", name)])
def test_nothing_else_is_done_to_a_server_that_is_being_resized(cloud: ClockedCloud, name: str) -> None:
    submits.resize_server(cloud.client, cloud.ids.stopped_server_id)
    cloud.wait(50)
    assert cloud.servers()[cloud.ids.stopped_server_id]["status"] == "RESIZE"

    assert refusal(lambda: submit(cloud, name, server_id=cloud.ids.stopped_server_id)) == (400, "Ecs.0100")
    assert len(cloud.emulator.submissions) == 1


@pytest.mark.parametrize(
    "first",
    [
        "batch_reboot_servers",
        "batch_resize_servers",
        "change_server_os_with_cloud_init",
        "reinstall_server_without_cloud_init",
        "migrate_server",
    ],
)
def test_a_server_whose_status_shows_a_job_can_only_be_deleted(cloud: ClockedCloud, first: str) -> None:
    server_id = cloud.ids.stopped_server_id
    job_id = submit(cloud, first, server_id=server_id)
    assert refusal(lambda: submits.start(cloud.client, server_id)) == (400, "Ecs.0100")

    deleted = submits.delete_servers(cloud.client, server_id).job_id
    assert cloud.finished(job_id).status == "SUCCESS"
    assert cloud.show(deleted).status == "SUCCESS"
    assert server_id not in cloud.servers()


def test_several_volumes_are_attached_to_a_server_at_the_same_time(cloud: ClockedCloud) -> None:
    jobs = [submit(cloud, "attach_server_volume", volume_id=volume_id) for volume_id in ("first", "second")]

    assert [cloud.finished(job_id).status for job_id in jobs] == ["SUCCESS"] * 2
    assert cloud.server()["volumes"][1:] == ["first", "second"]


def test_the_second_deletion_of_a_server_fails_for_it_is_being_deleted(cloud: ClockedCloud) -> None:
    first = submits.delete_servers(cloud.client, cloud.ids.server_id).job_id
    cloud.wait(50)
    second = SDK_CALLS["delete_servers"](cloud.client, cloud.ids).job_id

    assert cloud.finished(first).status == "SUCCESS"
    job = cloud.show(second)
    assert [sub_job.status for sub_job in job.entities.sub_jobs] == ["FAIL", "SUCCESS"]
    assert job.entities.sub_jobs[0].error_code == "Ecs.1001"
    assert set(cloud.servers()) == {cloud.ids.prepaid_server_id, cloud.ids.stopped_server_id}
    assert cloud.ids.server_id in cloud.emulator.recycle_bin


def test_a_server_whose_deletion_failed_is_as_before(cloud: ClockedCloud) -> None:
    cloud.emulator.fail_next("deleteVMs")
    failed = submits.delete_servers(cloud.client, cloud.ids.server_id).job_id
    assert refusal(lambda: submits.stop(cloud.client, cloud.ids.server_id)) == (400, "Ecs.0100")
    assert cloud.finished(failed).status == "FAIL"

    stopped = submits.stop(cloud.client, cloud.ids.server_id).job_id

    assert (cloud.finished(stopped).status, cloud.server()["status"]) == ("SUCCESS", "SHUTOFF")


RECYCLE_BIN = ["delete_recycle_bin_server", "revert_recycle_bin_server"]


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("second", RECYCLE_BIN)
@pytest.mark.parametrize("first", RECYCLE_BIN)
def test_a_server_leaves_the_recycle_bin_in_one_way(cloud: ClockedCloud, first: str, second: str, fails: bool) -> None:
    if fails:
        cloud.emulator.fail_next(next(one.job_type for one in OPERATIONS if one.name == first))
    job_id = submit(cloud, first)
    cloud.wait(50)
    assert refusal(lambda: submit(cloud, second)) == (400, "Ecs.0100")

    assert cloud.finished(job_id).status == ("FAIL" if fails else "SUCCESS")
    if fails:
        assert cloud.finished(submit(cloud, second)).status == "SUCCESS"
    assert cloud.emulator.recycle_bin == {}


def test_a_server_that_came_back_from_the_recycle_bin_can_be_used(cloud: ClockedCloud) -> None:
    cloud.finished(submits.delete_servers(cloud.client, cloud.ids.server_id).job_id)
    cloud.finished(submit(cloud, "revert_recycle_bin_server", recycled_server_id=cloud.ids.server_id))

    assert cloud.finished(submits.start(cloud.client, cloud.ids.server_id).job_id).status == "SUCCESS"
