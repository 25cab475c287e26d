"""A DAG of somebody who uses the official SDK: it creates servers, reads their addresses, stops, resizes, deletes them.

What takes time is waited for by a sensor; what the servers are like is asked of ECS.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

from airflow.providers.common.compat.sdk import dag, task

from airflow_provider_ecsjobs.sensors.ecs_jobs import EcsJobSensor


def _client() -> Any:
    from huaweicloudsdkecs.v2 import EcsClient

    # The credentials come from the variables HUAWEICLOUD_SDK_AK and so on.
    return EcsClient.new_builder().with_endpoint(os.environ["ECS_ENDPOINT"]).build()


@task
def create() -> dict[str, Any]:
    from huaweicloudsdkecs import v2 as sdk

    server = sdk.PostPaidServer(
        name="web",
        image_ref="image",
        flavor_ref="s6.small.1",
        vpcid="vpc",
        nics=[sdk.PostPaidServerNic(subnet_id="subnet")],
        root_volume=sdk.PostPaidServerRootVolume(volumetype="SSD", size=40),
        count=2,
    )
    body = sdk.CreatePostPaidServersRequestBody(server=server)
    client = _client()
    answer = client.create_post_paid_servers(sdk.CreatePostPaidServersRequest(body=body))
    building = client.show_server(sdk.ShowServerRequest(server_id=answer.server_ids[0])).server
    assert building.status == "BUILD", building.status
    return {"job_id": answer.job_id, "server_ids": answer.server_ids}


@task
def addresses(created: dict[str, Any]) -> list[str]:
    from huaweicloudsdkecs.v2 import ShowServerRequest

    client = _client()
    servers = [client.show_server(ShowServerRequest(server_id=id_)).server for id_ in created["server_ids"]]
    assert {server.status for server in servers} == {"ACTIVE"}
    return [address.addr for server in servers for network in server.addresses.values() for address in network]


@task
def stop(created: dict[str, Any]) -> str:
    from huaweicloudsdkecs import v2 as sdk

    option = sdk.BatchStopServersOption(servers=[sdk.ServerId(id=id_) for id_ in created["server_ids"]], type="SOFT")
    body = sdk.BatchStopServersRequestBody(os_stop=option)
    return str(_client().batch_stop_servers(sdk.BatchStopServersRequest(body=body)).job_id)


@task
def resize(created: dict[str, Any]) -> str:
    from huaweicloudsdkecs import v2 as sdk

    # Without a mode: the server must be stopped.
    body = sdk.ResizePostPaidServerRequestBody(resize=sdk.ResizePostPaidServerOption(flavor_ref="s6.large.2"))
    request = sdk.ResizePostPaidServerRequest(server_id=created["server_ids"][0], body=body)
    return str(_client().resize_post_paid_server(request).job_id)


@task
def flavors() -> list[str]:
    from huaweicloudsdkecs.v2 import ListServersDetailsRequest

    return sorted(server.flavor.id for server in _client().list_servers_details(ListServersDetailsRequest()).servers)


@task
def delete(created: dict[str, Any]) -> str:
    from huaweicloudsdkecs import v2 as sdk

    body = sdk.DeleteServersRequestBody(servers=[sdk.ServerId(id=id_) for id_ in created["server_ids"]])
    return str(_client().delete_servers(sdk.DeleteServersRequest(body=body)).job_id)


@task
def left() -> int:
    from huaweicloudsdkecs.v2 import ListServersDetailsRequest

    return int(_client().list_servers_details(ListServersDetailsRequest()).count)


def _wait(name: str, job_id: Any) -> EcsJobSensor:
    return EcsJobSensor(task_id=f"wait_for_{name}", job_id=job_id, poke_interval=0.2)


@dag(schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC))
def servers_by_sdk() -> None:
    created = create()
    stopped, resized, deleted = stop(created), resize(created), delete(created)
    (
        _wait("create", created["job_id"])
        >> addresses(created)
        >> stopped
        >> _wait("stop", stopped)
        >> resized
        >> _wait("resize", resized)
        >> flavors()
        >> deleted
        >> _wait("delete", deleted)
        >> left()
    )


servers_by_sdk_dag = servers_by_sdk()
