"""What the emulator says to wrong requests of each kind, over HTTP; the official SDK makes the right ones."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.emulator.emulator_client import SignedClient

TOKEN = {"X-Client-Token": "0f8fad5b-d9cb-469f-a165-70867728950e"}
SERVERS = [{"id": "{server}"}]
PERIOD = {"period_type": "month", "period_num": "9"}
PREPAID = {"chargingMode": "prePaid", "periodType": "year", "periodNum": 3}

# Of each request a good body; below, one thing of it is spoilt. {server} is a server that exists.
GOOD: dict[str, tuple[str, str, dict[str, Any]]] = {
    "create": (
        "v1.1",
        "/cloudservers",
        {
            "server": {
                "name": "web",
                "imageRef": "image",
                "flavorRef": "s6.small.1",
                "vpcid": "vpc",
                "nics": [{"subnet_id": "subnet"}],
                "root_volume": {"volumetype": "SSD"},
                "data_volumes": [{"volumetype": "SSD", "size": 10}],
                "server_tags": [{"key": "k", "value": ""}],
                "security_groups": [],
                "description": None,
                "extendparam": PREPAID,
            }
        },
    ),
    "delete": ("v1", "/cloudservers/delete", {"servers": SERVERS}),
    "start": ("v1", "/cloudservers/action", {"os-start": {"servers": SERVERS}}),
    "stop": ("v1", "/cloudservers/action", {"os-stop": {"servers": SERVERS}}),
    "reboot": ("v1", "/cloudservers/action", {"reboot": {"type": "SOFT", "servers": SERVERS}}),
    "resize": ("v1", "/cloudservers/{server}/resize", {"resize": {"flavorRef": "f", "mode": "withStopServer"}}),
    "resize 1.1": ("v1.1", "/cloudservers/{server}/resize", {"resize": {"flavorRef": "f", "mode": "withStopServer"}}),
    "batch resize": (
        "v1",
        "/cloudservers/batch-resize",
        {"resize": {"flavorRef": "f", "servers": SERVERS, "mode": "withStopServer"}},
    ),
    "charge mode": (
        "v1",
        "/cloudservers/actions/change-charge-mode",
        {"server_ids": ["{server}"], "charge_mode": "prePaid", "prepaid_options": PERIOD},
    ),
    "change os": (
        "v1",
        "/cloudservers/{server}/changeos",
        {"os-change": {"imageid": "i", "adminpass": "Secret-1", "mode": "withStopServer"}},
    ),
    "change os 2": (
        "v2",
        "/cloudservers/{server}/changeos",
        {"os-change": {"imageid": "i", "adminpass": "Secret-1", "mode": "withStopServer"}},
    ),
    "reinstall": (
        "v1",
        "/cloudservers/{server}/reinstallos",
        {"os-reinstall": {"adminpass": "Secret-1", "mode": "withStopServer"}},
    ),
    "reinstall 2": (
        "v2",
        "/cloudservers/{server}/reinstallos",
        {"os-reinstall": {"adminpass": "Secret-1", "mode": "withStopServer"}},
    ),
    "attach": ("v1", "/cloudservers/{server}/attachvolume", {"volumeAttachment": {"volumeId": "v"}}),
    "batch attach": ("v1", "/batchaction/attachvolumes/v", {"serverinfo": [{"server_id": "{server}"}]}),
    "batch detach": ("v1", "/batchaction/detachvolumes/attached", {"serverinfo": ["{server}"]}),
    "add nics": ("v1", "/cloudservers/{server}/nics", {"nics": [{"subnet_id": "s"}]}),
    "delete nics": ("v1", "/cloudservers/{server}/nics/delete", {"nics": [{"id": "second"}]}),
    "vpc": ("v1", "/cloudservers/{server}/changevpc", {"vpc_id": "v", "nic": {"subnet_id": "s"}}),
    "migrate": ("v1", "/cloudservers/{server}/migrate", {"migrate": None}),
}
ABSENT = object()


@pytest.fixture
def ecs_emulator() -> Iterator[Emulator]:
    with Emulator(init_seconds=0, run_seconds=0) as emulator:
        yield emulator


def spoilt(body: Any, where: str, value: Any) -> Any:
    """Return a copy of a body with another value, or none, at a path such as ``server.nics.0.subnet_id``."""
    body = copy.deepcopy(body)
    holder = body
    *keys, last = [int(key) if key.isdigit() else key for key in where.split(".")]
    for key in keys:
        holder = holder[key]
    if value is ABSENT:
        del holder[last]
    else:
        holder[last] = value
    return body


def add_server(emulator: Emulator) -> str:
    """Let a server exist that all of the requests above are good for."""
    return emulator.add_server(volumes=["attached", "attached too"], nics=["primary", "second"])


def filled(value: Any, server_id: str) -> Any:
    if isinstance(value, dict):
        return {key: filled(inner, server_id) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, server_id) for inner in value]
    return value.replace("{server}", server_id) if isinstance(value, str) else value


@pytest.mark.parametrize("name", GOOD)
def test_good_requests_are_good(client: SignedClient, ecs_emulator: Emulator, name: str) -> None:
    server = {"vpc": {"nics": ["primary"]}, "migrate": {"status": "SHUTOFF"}}.get(name)
    server_id = ecs_emulator.add_server(**server) if server else add_server(ecs_emulator)
    version, path, body = filled(list(GOOD[name]), server_id)

    answer = client.request("POST", path, version=version, body=body)

    assert answer.status_code == 200, answer.text
    assert answer.json()["job_id"]


@pytest.mark.parametrize(
    ("name", "where", "value", "named"),
    [
        ("create", "server.root_volume", {}, "server.root_volume.volumetype is required"),
        ("create", "server.root_volume.size", "40", "server.root_volume.size must be an integer"),
        ("create", "server.nics", [], "server.nics is required"),
        ("create", "server.nics", {}, "server.nics must hold"),
        ("create", "server.nics.0", {}, "server.nics[].subnet_id or server.nics[].port_id is required"),
        ("create", "server.nics.0.subnet_id", 1, "server.nics[].subnet_id must be a string"),
        ("create", "server.data_volumes.0.volumetype", ABSENT, "server.data_volumes[].volumetype is required"),
        ("create", "server.data_volumes.0.size", True, "server.data_volumes[].size must be an integer"),
        ("create", "server.count", True, "server.count must be an integer"),
        ("create", "server.count", "2", "server.count must be an integer"),
        ("create", "server.metadata", "text", "server.metadata must be an object"),
        ("create", "server.extendparam.chargingMode", "free", "server.extendparam.chargingMode must be prePaid or"),
        ("create", "server.extendparam.periodType", ABSENT, "server.extendparam.periodType is required"),
        ("create", "server.extendparam.periodType", "day", "server.extendparam.periodType must be month or year"),
        ("create", "server.extendparam.periodNum", ABSENT, "server.extendparam.periodNum is required"),
        ("create", "server.extendparam.periodNum", 4, "server.extendparam.periodNum must be between 1 and 3"),
        ("create", "server.extendparam.isAutoPay", 1, "server.extendparam.isAutoPay must be true or false"),
        ("create", "dry_run", "true", "dry_run must be true or false"),
        ("delete", "servers", ABSENT, "servers is required"),
        ("delete", "servers.0.id", 7, "servers[].id must be a string"),
        ("delete", "delete_volume", "yes", "delete_volume must be true or false"),
        ("start", "os-start.servers", SERVERS * 1001, "os-start.servers must hold between 1 and 1000 items"),
        ("stop", "os-stop.servers", SERVERS * 1001, "os-stop.servers must hold between 1 and 1000 items"),
        ("stop", "os-stop.type", "SLOW", "os-stop.type must be SOFT or HARD"),
        ("reboot", "reboot.type", ABSENT, "reboot.type is required"),
        ("reboot", "os-start", {"servers": SERVERS}, "exactly one of os-start, os-stop, reboot"),
        ("resize", "resize.flavorRef", ABSENT, "resize.flavorRef is required"),
        ("resize", "resize.mode", "now", "resize.mode must be withStopServer"),
        ("resize 1.1", "resize.flavorRef", "", "resize.flavorRef is required"),
        ("resize 1.1", "resize.extendparam", {"isAutoPay": "yes"}, "resize.extendparam.isAutoPay must be"),
        ("batch resize", "resize.flavorRef", ABSENT, "resize.flavorRef is required"),
        ("batch resize", "resize.servers", SERVERS * 51, "resize.servers must hold between 1 and 50 items"),
        ("charge mode", "server_ids", ABSENT, "server_ids is required"),
        ("charge mode", "server_ids", ["{server}"] * 11, "server_ids must hold between 1 and 10 items"),
        ("charge mode", "charge_mode", ABSENT, "charge_mode is required"),
        ("charge mode", "charge_mode", "postPaid", "charge_mode must be prePaid"),
        ("charge mode", "prepaid_options", ABSENT, "prepaid_options is required"),
        ("charge mode", "prepaid_options.period_type", ABSENT, "prepaid_options.period_type is required"),
        ("charge mode", "prepaid_options.period_num", ABSENT, "prepaid_options.period_num is required"),
        ("charge mode", "prepaid_options.period_num", "10", "prepaid_options.period_num must be between 1 and 9"),
        ("change os", "os-change.imageid", ABSENT, "os-change.imageid is required"),
        ("change os", "os-change.adminpass", ABSENT, "os-change.adminpass or os-change.keyname is required"),
        ("change os", "os-change", {"imageid": "i", "keyname": "k"}, "os-change.userid is required"),
        ("change os", "os-change", {"imageid": "i", "metadata": {"user_data": "u"}}, "os-change.adminpass or"),
        ("change os 2", "os-change.imageid", ABSENT, "os-change.imageid is required"),
        (
            "change os 2",
            "os-change",
            {"imageid": "i", "adminpass": "Secret-1", "keyname": "k", "userid": "u"},
            "os-change.adminpass and os-change.keyname exclude each other",
        ),
        ("reinstall", "os-reinstall", ABSENT, "os-reinstall is required"),
        ("reinstall", "os-reinstall", {}, "os-reinstall.adminpass or os-reinstall.keyname is required"),
        ("reinstall 2", "os-reinstall.mode", "now", "os-reinstall.mode must be withStopServer"),
        ("attach", "volumeAttachment", ABSENT, "volumeAttachment is required"),
        ("attach", "volumeAttachment.volumeId", ABSENT, "volumeAttachment.volumeId is required"),
        ("batch attach", "serverinfo", [{}], "serverinfo[].server_id is required"),
        ("batch attach", "serverinfo", ["{server}"], "serverinfo[].server_id is required"),
        ("batch detach", "serverinfo", [{"server_id": "{server}"}], "serverinfo[] must be a string"),
        ("add nics", "nics.0", {"port_id": None}, "nics[].subnet_id or nics[].port_id is required"),
        ("add nics", "nics.0.security_groups", [{}], "nics[].security_groups[].id is required"),
        ("delete nics", "nics.0.id", ABSENT, "nics[].id is required"),
        ("vpc", "vpc_id", ABSENT, "vpc_id is required"),
        ("vpc", "nic", {}, "nic.subnet_id or nic.port_id is required"),
        ("migrate", "migrate", ABSENT, "migrate is required"),
        ("migrate", "migrate", {"dedicated_host_id": 1}, "migrate.dedicated_host_id must be a string"),
    ],
)
def test_a_wrong_request_is_told_which_key_is_wrong(
    client: SignedClient, ecs_emulator: Emulator, name: str, where: str, value: Any, named: str
) -> None:
    version, path, body = GOOD[name]
    version, path, body = filled([version, path, spoilt(body, where, value)], ecs_emulator.add_server())

    answer = client.request("POST", path, version=version, body=body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "Ecs.0005")
    assert named in answer.json()["error"]["message"]
    assert ecs_emulator.submissions == []


def test_the_flag_of_a_detachment_is_0_or_1(client: SignedClient, ecs_emulator: Emulator) -> None:
    path = f"/cloudservers/{add_server(ecs_emulator)}/detachvolume"

    good = [
        client.request("DELETE", f"{path}/{volume}", query=query)
        for volume, query in (("attached", []), ("attached too", [("delete_flag", "0")]))
    ]
    wrong = client.request("DELETE", f"{path}/attached", query=[("delete_flag", "yes")])

    assert [answer.status_code for answer in good] == [200, 200]
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (400, "Ecs.0005")
    assert "delete_flag must be 0 or 1" in wrong.json()["error"]["message"]


@pytest.mark.parametrize("name", ["change os 2", "reinstall 2"])
def test_a_system_with_cloud_init_can_be_logged_in_to_by_user_data(
    client: SignedClient, ecs_emulator: Emulator, name: str
) -> None:
    version, path, body = filled(list(GOOD[name]), ecs_emulator.add_server())
    [options] = body.values()
    del options["adminpass"]
    options["metadata"] = {"user_data": "IyEvYmluL3No"}

    assert client.request("POST", path, version=version, body=body).status_code == 200


def test_a_token_of_a_rejected_request_is_not_used_up(client: SignedClient, ecs_emulator: Emulator) -> None:
    version, path, body = GOOD["create"]
    refused = client.request("POST", path, version=version, body=spoilt(body, "server.name", ABSENT), headers=TOKEN)
    accepted = client.request("POST", path, version=version, body=body, headers=TOKEN)

    assert (refused.status_code, accepted.status_code) == (400, 200)
    assert [record["replayed"] for record in ecs_emulator.submissions] == [False]


def test_a_token_is_of_one_project_and_the_order_of_keys_is_no_parameter(
    client: SignedClient, ecs_emulator: Emulator
) -> None:
    ecs_emulator.add_project("emu-region-1", "second")
    version, path, body = GOOD["create"]
    turned = {"server": dict(reversed(body["server"].items()))}

    first, again, elsewhere = (
        client.request("POST", path, version=version, body=each, headers=TOKEN, project_id=project_id).json()
        for each, project_id in ((body, None), (turned, None), (body, "second"))
    )

    assert again == first
    assert elsewhere["job_id"] != first["job_id"]


def test_the_same_body_to_the_other_create_is_other_parameters(client: SignedClient) -> None:
    _, path, body = GOOD["create"]
    answers = [client.request("POST", path, version=v, body=body, headers=TOKEN) for v in ("v1", "v1.1", "v1")]

    assert [answer.status_code for answer in answers] == [200, 400, 200]
    assert answers[1].json()["error"]["code"] == "Ecs.0122"


def test_a_volume_is_attached_to_a_server_once(client: SignedClient, ecs_emulator: Emulator) -> None:
    server_id = ecs_emulator.add_server()
    _, path, body = filled(list(GOOD["attach"]), server_id)

    answers = [client.request("POST", path, body=body) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 400]
    assert answers[1].json()["error"]["code"] == "Ecs.0057"
    assert ecs_emulator.servers[server_id]["volumes"] == ["v"]


def test_a_token_means_nothing_to_other_requests(client: SignedClient, ecs_emulator: Emulator) -> None:
    _, path, body = filled(list(GOOD["start"]), ecs_emulator.add_server())

    answers = [client.request("POST", path, body=body, headers={"X-Client-Token": "x"}) for _ in range(2)]

    assert len({answer.json()["job_id"] for answer in answers}) == 2
    assert {record["client_token"] for record in ecs_emulator.submissions} == {None}


def test_a_single_new_nic_is_named_by_the_job_itself(client: SignedClient, ecs_emulator: Emulator) -> None:
    server_id = ecs_emulator.add_server()
    submitted = client.request("POST", f"/cloudservers/{server_id}/nics", body={"nics": [{"port_id": "port"}]})
    job = client.show_job(submitted.json()["job_id"]).json()

    assert (job["job_type"], job["status"]) == ("addNics", "SUCCESS")
    assert job["entities"] == {"server_id": server_id, "nic_id": "port"}
    assert ecs_emulator.servers[server_id]["nics"] == [{"id": "port", "subnet_id": None, "ip_address": "192.168.0.10"}]


def test_pay_per_use_v1_knows_no_orders(client: SignedClient, ecs_emulator: Emulator) -> None:
    answer = client.request("POST", "/cloudservers", body=GOOD["create"][2]).json()

    assert set(answer) == {"job_id", "serverIds"}
    assert ecs_emulator.orders == {}


def test_forgetting_what_was_seen_forgets_submits(client: SignedClient, ecs_emulator: Emulator) -> None:
    version, path, body = GOOD["create"]
    job_id = client.request("POST", path, version=version, body=body).json()["job_id"]
    assert [record["job_id"] for record in ecs_emulator.submissions] == [job_id]

    ecs_emulator.reset_counters()

    assert ecs_emulator.submissions == []
