"""Strangers' clients: keystoneauth, openstacksdk and otcextensions log in, read servers and wait for a job."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("keystoneauth1", reason="needs the extra 'clients'")
pytest.importorskip("openstack", reason="needs the extra 'clients'")
pytest.importorskip("otcextensions", reason="needs the extra 'clients'")

import openstack
from keystoneauth1 import adapter, exceptions, session
from keystoneauth1.identity import generic, v3
from otcextensions import sdk as otc

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_ecsjobs.emulator import Emulator

USER = {"username": "emulator-user", "password": "emulator-password", "user_domain_name": "emulator-domain"}
PROJECT = {"project_name": "emu-region-1", "project_domain_name": "emulator-domain"}
ECS = {"service_type": "ecs", "interface": "public", "region_name": "emu-region-1"}


def connect(emulator: Emulator) -> Any:
    return openstack.connect(
        auth={"auth_url": f"{emulator.url}/v3", **USER, **PROJECT},
        region_name="emu-region-1",
        app_name="test",
        load_yaml_config=False,
        load_envvars=False,
    )


def wait_for_job(get: Callable[[str], Any], job_id: str) -> str:
    """Ask for a job until it ends, as the users of these clients write it; pytest's timeout is the end of it."""
    while (status := get(f"/jobs/{job_id}").json()["status"]) in ("INIT", "RUNNING"):
        time.sleep(0.05)
    return str(status)


@pytest.mark.parametrize("path", ["", "/v3"])
@pytest.mark.parametrize("scope", [PROJECT, {"domain_name": "emulator-domain"}, {}])
def test_keystoneauth_discovers_and_logs_in(ecs_emulator: Emulator, path: str, scope: dict[str, Any]) -> None:
    auth = generic.Password(auth_url=f"{ecs_emulator.url}{path}", **USER, **scope)
    plain = session.Session(auth=auth)

    assert plain.get_token()
    assert bool(plain.get_project_id()) == (scope is PROJECT)
    assert ecs_emulator.counters["not_emulated"] == 0


def test_keystoneauth_waits_for_a_job_by_the_catalog(ecs_emulator: Emulator) -> None:
    plain = session.Session(auth=v3.Password(auth_url=f"{ecs_emulator.url}/v3", **USER, **PROJECT))
    job_id = ecs_emulator.start_job()

    assert wait_for_job(lambda path: plain.get(path, endpoint_filter=ECS), job_id) == "SUCCESS"


def test_keystoneauth_rescopes_a_token_and_validates_it(ecs_emulator: Emulator) -> None:
    url = f"{ecs_emulator.url}/v3"
    unscoped = session.Session(auth=v3.Password(auth_url=url, unscoped=True, **USER))
    scoped = session.Session(auth=v3.Token(auth_url=url, token=unscoped.get_token(), **PROJECT))

    assert scoped.get_project_id() == "0123456789abcdef0123456789abcdef"
    headers = {"X-Subject-Token": scoped.get_token()}
    shown = scoped.get(f"{url}/auth/tokens", headers=headers).json()["token"]
    assert (shown["methods"], shown["project"]["name"]) == (["token"], "emu-region-1")


def test_keystoneauth_is_told_of_a_wrong_password(ecs_emulator: Emulator) -> None:
    wrong = v3.Password(auth_url=f"{ecs_emulator.url}/v3", **{**USER, "password": "wrong"}, **PROJECT)

    with pytest.raises(exceptions.Unauthorized, match="password is wrong"):
        session.Session(auth=wrong).get_token()


def test_openstacksdk_reads_servers(ecs_emulator: Emulator) -> None:
    server_id = ecs_emulator.add_server("web", nics=["nic"], volumes=["disk"])
    connection = connect(ecs_emulator)

    assert [server.name for server in connection.compute.servers()] == ["web"]
    server = connection.compute.wait_for_server(connection.compute.get_server(server_id))
    assert (server.status, server.addresses["vpc"][0]["addr"]) == ("ACTIVE", "192.168.0.10")
    assert len(server.attached_volumes) == 2
    assert connection.get_server("web").id == server_id
    assert [nic.port_id for nic in connection.compute.server_interfaces(server_id)] == ["nic"]
    assert [project.name for project in connection.identity.projects()] == ["emu-region-1"]
    assert connection.compute.find_server("nobody") is None
    assert ecs_emulator.counters["not_emulated"] == 0


def test_openstacksdk_creates_a_server_by_ecs_and_waits_for_its_job(ecs_emulator: Emulator) -> None:
    ecs = adapter.Adapter(connect(ecs_emulator).session, **ECS)
    server = {
        "name": "web",
        "imageRef": "image",
        "flavorRef": "s6.small.1",
        "vpcid": "vpc",
        "nics": [{"subnet_id": "subnet"}],
        "root_volume": {"volumetype": "SSD"},
    }
    answer = ecs.post("/cloudservers", json={"server": server}).json()

    assert ecs.get(f"/cloudservers/{answer['serverIds'][0]}").json()["server"]["status"] == "BUILD"
    assert wait_for_job(ecs.get, answer["job_id"]) == "SUCCESS"
    assert list(ecs_emulator.servers) == answer["serverIds"]


def test_otcextensions_reads_servers_and_waits_for_a_job(ecs_emulator: Emulator) -> None:
    server_id = ecs_emulator.add_server("web")
    connection = connect(ecs_emulator)
    otc.register_otc_extensions(connection)
    job_id = ecs_emulator.start_job()

    assert connection.compute.get_server(server_id).name == "web"
    assert wait_for_job(connection.ecs.get, job_id) == "SUCCESS"
