"""The official Node SDK: the 25 requests, job queries, reads, refusals, both kinds of keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_ecsjobs.emulator import Emulator
from airflow_provider_ecsjobs.emulator.operations import OPERATIONS
from tests.emulator.node_client import NodeClient, install
from tests.support.official_submits import prepare
from tests.support.sample_requests import sample

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.official_submits import Ids

# The installation from a registry is part of the first test.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("node")
    reason = install(directory)
    if reason is not None:
        pytest.skip(f"the Node SDK is left out: {reason}")
    return directory


@pytest.fixture(scope="module")
def shared() -> Iterator[Emulator]:
    with Emulator(init_seconds=0, run_seconds=0) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def shared_client(directory: Path, shared: Emulator) -> Iterator[NodeClient]:
    with NodeClient(directory, shared) as client:
        yield client


@pytest.fixture
def ids(shared: Emulator) -> Ids:
    shared.reset()
    return prepare(shared)


@pytest.mark.parametrize("name", [operation.name for operation in OPERATIONS])
def test_each_request_makes_a_job_that_succeeds(
    shared_client: NodeClient, shared: Emulator, ids: Ids, name: str
) -> None:
    job_id = shared_client.call(name, **sample(name, ids))["job_id"]

    assert shared_client.call("show_job", job_id=job_id)["status"] == "SUCCESS"
    assert [made["operation"] for made in shared.submissions] == [name]
    assert (shared.counters["unauthorized"], shared.counters["not_emulated"]) == (0, 0)


def test_servers_are_read(shared_client: NodeClient, shared: Emulator, ids: Ids) -> None:
    client, server_id = shared_client, ids.server_id

    server = client.call("show_server", server_id=server_id)["server"]
    assert (server["status"], len(server["addresses"]["vpc"])) == ("ACTIVE", 2)
    assert client.call("list_servers_details", limit=2, offset=1)["count"] == 4
    assert len(client.call("list_cloud_servers")["servers"]) == 4
    assert len(client.call("nova_list_servers_details")["servers"]) == 4
    assert client.call("nova_show_server", server_id=server_id)["server"]["name"] == "first"
    assert len(client.call("list_server_block_devices", server_id=server_id)["volumeAttachments"]) == 2
    assert len(client.call("list_server_interfaces", server_id=server_id)["interfaceAttachments"]) == 2
    assert client.call("list_flavors")["flavors"]
    assert [found["name"] for found in client.call("list_recycle_bin_servers")["servers"]] == ["fourth"]
    assert shared.counters["not_emulated"] == 0


def test_refusals_are_understood(shared_client: NodeClient, ids: Ids) -> None:
    assert shared_client.refusal("show_job", job_id="none") == (400, "Common.0011")
    assert shared_client.refusal("show_server", server_id="nobody") == (404, "Ecs.0114")
    body = {"resize": {"flavorRef": "s6.large.2"}}
    resized = shared_client.refusal("resize_post_paid_server", server_id=ids.server_id, body=body)
    assert resized == (400, "Ecs.0100")


def test_a_temporary_key_logs_in(directory: Path, shared: Emulator, ids: Ids) -> None:
    with NodeClient(directory, shared, temporary=True) as client:
        assert client.call("show_server", server_id=ids.server_id)["server"]["name"] == "first"
