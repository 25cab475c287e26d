"""The official SDK, unchanged, against the emulator: it pins the emulator to what Huawei's own client expects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException, ServerResponseException
from huaweicloudsdkecs.v2 import (
    BatchRebootServersRequest,
    BatchRebootServersRequestBody,
    BatchRebootSeversOption,
    BatchStartServersOption,
    BatchStartServersRequest,
    BatchStartServersRequestBody,
    BatchStopServersOption,
    BatchStopServersRequest,
    BatchStopServersRequestBody,
    CreatePostPaidServersRequest,
    CreatePostPaidServersRequestBody,
    CreateServersRequest,
    CreateServersRequestBody,
    DeleteServersRequest,
    DeleteServersRequestBody,
    EcsClient,
    PostPaidServer,
    PostPaidServerNic,
    PostPaidServerRootVolume,
    PrePaidServer,
    PrePaidServerNic,
    PrePaidServerRootVolume,
    ServerId,
    ShowJobRequest,
    ShowJobResponse,
)

from airflow_provider_ecsjobs.emulator import Emulator, Fault
from tests.support.patience import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator


def ecs_client(
    emulator: Emulator, *, access_key: str | None = None, secret_key: str | None = None, project_id: str | None = None
) -> EcsClient:
    connection = emulator.connection()
    credentials = BasicCredentials(
        access_key or connection["login"],
        secret_key or connection["password"],
        project_id or connection["extra"]["project_id"],
    )
    return EcsClient.new_builder().with_credentials(credentials).with_endpoint(emulator.url).build()


@pytest.fixture
def ecs_emulator() -> Iterator[Emulator]:
    with Emulator(init_seconds=0.05, run_seconds=0.2) as emulator:
        yield emulator


@pytest.fixture
def client(ecs_emulator: Emulator) -> EcsClient:
    return ecs_client(ecs_emulator)


def finished(client: EcsClient, job_id: str) -> ShowJobResponse:
    seen: list[ShowJobResponse] = []

    def is_finished() -> bool:
        seen.append(client.show_job(ShowJobRequest(job_id=job_id)))
        return seen[-1].status in ("SUCCESS", "FAIL")

    wait_until(is_finished, lambda: f"job {job_id} has not finished")
    return seen[-1]


def create_request(count: int = 1) -> CreatePostPaidServersRequest:
    return CreatePostPaidServersRequest(
        body=CreatePostPaidServersRequestBody(
            server=PostPaidServer(
                name="web",
                image_ref="image",
                flavor_ref="s6.small.1",
                vpcid="vpc",
                nics=[PostPaidServerNic(subnet_id="subnet")],
                root_volume=PostPaidServerRootVolume(volumetype="SSD"),
                count=count,
            )
        )
    )


def created(client: EcsClient, count: int = 1) -> list[str]:
    submitted = client.create_post_paid_servers(create_request(count))
    assert finished(client, submitted.job_id).status == "SUCCESS"
    return submitted.server_ids


def test_creates_post_paid_servers(client: EcsClient, ecs_emulator: Emulator) -> None:
    submitted = client.create_post_paid_servers(create_request(count=3))

    assert len(set(submitted.server_ids)) == 3
    job = finished(client, submitted.job_id)
    assert (job.job_id, job.job_type, job.status) == (submitted.job_id, "createServer", "SUCCESS")
    assert (job.error_code, job.fail_reason) == (None, None)
    assert job.entities.sub_jobs_total == 3
    assert [sub_job.job_type for sub_job in job.entities.sub_jobs] == ["createSingleServer"] * 3
    assert [sub_job.entities.server_id for sub_job in job.entities.sub_jobs] == submitted.server_ids
    assert set(ecs_emulator.servers) == set(submitted.server_ids)
    assert sorted(server["name"] for server in ecs_emulator.servers.values()) == ["web-0001", "web-0002", "web-0003"]
    assert ecs_emulator.counters["submits"] == 1


def test_creates_servers_with_v1_1(client: EcsClient, ecs_emulator: Emulator) -> None:
    server = PrePaidServer(
        name="db",
        image_ref="image",
        flavor_ref="s6.small.1",
        vpcid="vpc",
        nics=[PrePaidServerNic(subnet_id="subnet")],
        root_volume=PrePaidServerRootVolume(volumetype="SSD"),
    )
    submitted = client.create_servers(CreateServersRequest(body=CreateServersRequestBody(server=server)))

    assert finished(client, submitted.job_id).status == "SUCCESS"
    [server_id] = submitted.server_ids
    assert ecs_emulator.servers[server_id]["name"] == "db"
    assert ecs_emulator.requests[0]["path"].startswith("/v1.1/")


def test_a_dry_run_creates_nothing(client: EcsClient, ecs_emulator: Emulator) -> None:
    request = create_request()
    request.body.dry_run = True

    answer = client.create_post_paid_servers(request)

    assert (answer.status_code, answer.job_id) == (202, None)
    assert ecs_emulator.counters["submits"] == 0


def test_stops_starts_reboots_and_deletes_servers(client: EcsClient, ecs_emulator: Emulator) -> None:
    server_ids = created(client, count=2)
    servers = [ServerId(id=server_id) for server_id in server_ids]

    def statuses() -> set[str]:
        return {server["status"] for server in ecs_emulator.servers.values()}

    stop = BatchStopServersRequestBody(os_stop=BatchStopServersOption(servers=servers, type="HARD"))
    job = finished(client, client.batch_stop_servers(BatchStopServersRequest(body=stop)).job_id)
    assert (job.status, job.entities.sub_jobs_total, statuses()) == ("SUCCESS", 2, {"SHUTOFF"})

    start = BatchStartServersRequestBody(os_start=BatchStartServersOption(servers=servers))
    job = finished(client, client.batch_start_servers(BatchStartServersRequest(body=start)).job_id)
    assert (job.status, statuses()) == ("SUCCESS", {"ACTIVE"})

    reboot = BatchRebootServersRequestBody(reboot=BatchRebootSeversOption(servers=servers, type="SOFT"))
    job = finished(client, client.batch_reboot_servers(BatchRebootServersRequest(body=reboot)).job_id)
    assert (job.job_type, statuses()) == ("rebootVMs", {"ACTIVE"})

    delete = DeleteServersRequest(body=DeleteServersRequestBody(servers=servers))
    job = finished(client, client.delete_servers(delete).job_id)
    assert (job.job_type, job.status, ecs_emulator.servers) == ("deleteVMs", "SUCCESS", {})


def test_a_failing_create_shows_the_reason_in_its_sub_job(client: EcsClient, ecs_emulator: Emulator) -> None:
    job_id = ecs_emulator.start_job(sub_jobs=3, failing=1)
    ecs_emulator.fault(Fault(path="/cloudservers$", body={"job_id": job_id, "serverIds": []}))

    job = finished(client, client.create_post_paid_servers(create_request(count=3)).job_id)

    assert (job.status, job.error_code, job.fail_reason) == ("FAIL", "Common.0021", "CollectInfoTask-fail")
    failed = [sub_job for sub_job in job.entities.sub_jobs if sub_job.status == "FAIL"]
    assert [(sub_job.error_code, sub_job.fail_reason) for sub_job in failed] == [
        ("Ecs.0219", "No valid host was found")
    ]
    assert failed[0].entities.errorcode_message == "No valid host was found"
    succeeded = {sub_job.entities.server_id for sub_job in job.entities.sub_jobs if sub_job.status == "SUCCESS"}
    assert set(ecs_emulator.servers) == succeeded
    assert len(succeeded) == 2


def test_an_unknown_job_is_an_error_with_its_request_id(client: EcsClient, ecs_emulator: Emulator) -> None:
    with pytest.raises(ClientRequestException) as caught:
        client.show_job(ShowJobRequest(job_id="0" * 32))

    assert (caught.value.status_code, caught.value.error_code) == (400, "Common.0011")
    assert "Failed to query system tasks" in caught.value.error_msg
    assert caught.value.request_id == ecs_emulator.requests[-1]["request_id"]


def test_a_wrong_secret_key_is_unauthorized(ecs_emulator: Emulator) -> None:
    job_id = ecs_emulator.start_job()

    with pytest.raises(ClientRequestException) as caught:
        ecs_client(ecs_emulator, secret_key="wrong").show_job(ShowJobRequest(job_id=job_id))

    assert (caught.value.status_code, caught.value.error_code) == (401, "APIGW.0301")
    assert "verify aksk signature fail" in caught.value.error_msg
    assert caught.value.request_id


def test_an_unknown_access_key_is_unauthorized(ecs_emulator: Emulator) -> None:
    with pytest.raises(ClientRequestException) as caught:
        ecs_client(ecs_emulator, access_key="NOBODY").show_job(ShowJobRequest(job_id="0" * 32))

    assert (caught.value.status_code, caught.value.error_code) == (401, "APIGW.0301")
    assert "ak not exist" in caught.value.error_msg


def test_a_wrong_project_is_refused(ecs_emulator: Emulator) -> None:
    with pytest.raises(ClientRequestException) as caught:
        ecs_client(ecs_emulator, project_id="f" * 32).show_job(ShowJobRequest(job_id="0" * 32))

    assert (caught.value.status_code, caught.value.error_code) == (400, "Common.0018")


def test_an_unknown_server_is_not_found(client: EcsClient, ecs_emulator: Emulator) -> None:
    body = DeleteServersRequestBody(servers=[ServerId(id="no-such-server")])

    with pytest.raises(ClientRequestException) as caught:
        client.delete_servers(DeleteServersRequest(body=body))

    assert (caught.value.status_code, caught.value.error_code) == (404, "Ecs.0114")
    assert "no-such-server" in caught.value.error_msg
    assert ecs_emulator.counters["submits"] == 0


def test_a_server_fault_is_the_sdks_server_exception(client: EcsClient, ecs_emulator: Emulator) -> None:
    job_id = ecs_emulator.start_job()
    ecs_emulator.fault(Fault(status=503))

    with pytest.raises(ServerResponseException) as caught:
        client.show_job(ShowJobRequest(job_id=job_id))

    assert (caught.value.status_code, caught.value.error_code) == (503, "Common.1503")
    assert client.show_job(ShowJobRequest(job_id=job_id)).job_id == job_id
