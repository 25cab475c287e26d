"""The lists of servers and flavors: pages, filters, and what the official SDK reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from huaweicloudsdkecs import v2 as sdk

from tests.emulator.clocked_cloud import ClockedCloud, refusal
from tests.emulator.create_body import CREATE
from tests.support import official_submits as submits

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.emulator import Emulator
    from tests.emulator.emulator_client import SignedClient

V1, CLOUD, NOVA = ("v1", "/cloudservers/detail"), ("v1.1", "/cloudservers/detail"), ("v2.1", "/servers/detail")
FLAVORS, RECYCLE_BIN = ("v1", "/cloudservers/flavors"), ("v1", "/recycle-bin/cloudservers")
LISTS = (V1, CLOUD, NOVA, FLAVORS, RECYCLE_BIN)
SERVER = {
    **CREATE["server"],
    "name": "db",
    "imageRef": "debian",
    "flavorRef": "s6.large.2",
    "nics": [{"subnet_id": "subnet", "ip_address": "10.0.0.1"}],
    "tags": ["team.data", "stage.test"],
    "metadata": {"role": "db"},
    "key_name": "pair",
    "availability_zone": "emu-region-1c",
}
YEARLY = {"chargingMode": "prePaid", "periodType": "year", "periodNum": 1, "isAutoPay": "true"}


def listed(cloud: ClockedCloud, **query: Any) -> list[str]:
    return [server.name for server in cloud.client.list_servers_details(sdk.ListServersDetailsRequest(**query)).servers]


def ask(client: SignedClient, which: tuple[str, str], **query: str) -> Any:
    version, path = which
    asked = [(name.replace("_", "-") if name == "not_tags" else name, value) for name, value in query.items()]
    return client.request("GET", path, version=version, query=asked)


def names(client: SignedClient, which: tuple[str, str], **query: str) -> list[str]:
    answer = ask(client, which, **query)
    assert answer.status_code == 200, answer.text
    return [server["name"] for server in answer.json()["servers"]]


def test_servers_are_listed_by_page_name_status_and_tags(cloud: ClockedCloud) -> None:
    cloud.finished(submits.create_post_paid_servers(cloud.client, count=2).job_id)

    assert listed(cloud) == ["web-0002", "web-0001", "off", "third", "second", "first"]
    assert listed(cloud, limit=2, offset=2) == ["off", "third"]
    assert listed(cloud, limit=2, offset=4) == []
    assert (listed(cloud, name="web", limit=1), listed(cloud, status="SHUTOFF")) == (["web-0002"], ["off"])
    assert listed(cloud, tags="team=data") == ["web-0002", "web-0001"]
    assert refusal(lambda: listed(cloud, limit=1001)) == (400, "Ecs.0005")
    counted = cloud.client.list_servers_details(sdk.ListServersDetailsRequest(limit=1))
    assert (counted.count, len(counted.servers)) == (6, 1)


@pytest.mark.parametrize(("which", "default", "most"), [(V1, 25, 1000), (CLOUD, 10, 100), (NOVA, 1000, 1000)])
def test_each_list_has_pages_of_its_own_size(
    client: SignedClient, ecs_emulator: Emulator, which: tuple[str, str], default: int, most: int
) -> None:
    for _ in range(30):
        ecs_emulator.add_server()

    assert len(names(client, which)) == min(default, 30)
    assert len(names(client, which, limit=str(most))) == 30
    assert ask(client, which, limit=str(most + 1)).status_code == 400


def test_page_0_is_page_1_and_pages_have_no_end(client: SignedClient, ecs_emulator: Emulator) -> None:
    for name in ("a", "b", "c"):
        ecs_emulator.add_server(name)

    assert names(client, V1, limit="2", offset="0") == names(client, V1, limit="2", offset="1") == ["c", "b"]
    assert names(client, V1, limit="1", offset="1001") == []
    assert ask(client, V1, offset="-1").status_code == 400


@pytest.mark.parametrize("which", [CLOUD, NOVA])
def test_a_page_links_to_the_next_one(client: SignedClient, ecs_emulator: Emulator, which: tuple[str, str]) -> None:
    for name in ("a", "b", "c", "other"):
        ecs_emulator.add_server(name, status="SHUTOFF" if name == "other" else "ACTIVE")

    seen, query = [], {"limit": "1", "status": "ACTIVE"}
    while query:
        page = ask(client, which, **query).json()
        seen += [server["name"] for server in page["servers"]]
        link = urlsplit(page["servers_links"][0]["href"]) if "servers_links" in page else None
        assert link is None or f"{link.scheme}://{link.netloc}" == client.url
        assert link is None or link.path == f"/{which[0]}/{client.project_id}{which[1]}"
        query = dict(parse_qsl(link.query)) if link else {}

    assert seen == ["c", "b", "a"]


@pytest.mark.parametrize("which", LISTS)
@pytest.mark.parametrize("query", [{"limit": "x"}, {"limit": "0"}, {"limit": "9" * 5000}, {"marker": "nobody"}])
def test_what_is_no_page_is_an_error_of_the_lists_own_family(
    client: SignedClient, which: tuple[str, str], query: dict[str, str]
) -> None:
    answer = ask(client, which, **query)

    assert answer.status_code == 400
    if which == NOVA:
        assert answer.json()["badRequest"]["code"] == 400
    else:
        assert answer.json()["error"]["code"] == "Ecs.0005"


@pytest.mark.parametrize(
    ("which", "name"),
    [
        *((which, "no_such_parameter") for which in LISTS),
        (V1, "reservation_id"),
        (V1, "enterprise_project_id"),
        (CLOUD, "offset"),
        (CLOUD, "expect-fields"),
        (FLAVORS, "availability_zone"),
        (NOVA, "image"),
        (NOVA, "offset"),
    ],
)
def test_a_parameter_that_is_not_emulated_is_named_and_counted(
    client: SignedClient, ecs_emulator: Emulator, which: tuple[str, str], name: str
) -> None:
    answer = ask(client, which, **{name: "1"})

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "Emulator.0400")
    assert name in error["message"]
    assert ecs_emulator.counters["not_emulated"] == 1


_EVERYWHERE = [{"name": "d"}, {"tags": "team=data"}, {"tags": "team,stage=test"}, {"not_tags": "gpu"}]
_OF_CLOUD = [
    {"flavor_name": "s6.large.2"},
    {"image_id": "debian"},
    {"key_name": "pair"},
    {"metadata": "role=db"},
    {"metadata-key": "role"},
    {"availability_zone": "region-1c"},
    {"availability_zone_eq": "emu-region-1c"},
    {"charging_mode": "postPaid"},
]


@pytest.mark.parametrize(
    ("which", "query"),
    [
        *((which, query) for which in (V1, CLOUD, NOVA) for query in _EVERYWHERE),
        *((which, query) for which in (V1, NOVA) for query in ({"ip": "10.0.0"}, {"flavor": "s6.large.2"})),
        (V1, {"ip_eq": "10.0.0.1"}),
        *((CLOUD, query) for query in _OF_CLOUD),
    ],
)
def test_a_filter_finds_only_the_servers_that_match(
    client: SignedClient, which: tuple[str, str], query: dict[str, str]
) -> None:
    client.request("POST", "/cloudservers", body={"server": SERVER})
    gpu = {**CREATE["server"], "name": "gpu", "tags": ["gpu.1"], "metadata": {"size": "db"}, "extendparam": YEARLY}
    client.request("POST", "/cloudservers", version="v1.1", body={"server": gpu})
    assert sorted(names(client, which)) == ["db", "gpu"]

    assert names(client, which, **query) == ["db"]


def test_several_tags_that_a_server_must_not_have_exclude_only_those_with_all(client: SignedClient) -> None:
    for name, tags in (("both", ["a.1", "b.1"]), ("one", ["a.1"]), ("none", [])):
        client.request("POST", "/cloudservers", body={"server": {**CREATE["server"], "name": name, "tags": tags}})

    assert names(client, V1, not_tags="a,b") == ["none", "one"]
    assert names(client, V1, not_tags="a=2") == ["none", "one", "both"]


def test_servers_are_listed_by_their_ids_whatever_the_other_filters_say(
    client: SignedClient, ecs_emulator: Emulator
) -> None:
    ids = [ecs_emulator.add_server(name) for name in ("a", "b", "c")]
    asked = f"{ids[0]},nobody,{ids[1]}"

    answer = ask(client, V1, server_id=asked, name="c").json()

    assert ([server["id"] for server in answer["servers"]], answer["count"]) == ([ids[0], "nobody", ids[1]], 3)
    known, missing, _ = answer["servers"]
    assert {key for key, value in missing.items() if value is not None} == {"id", "fault"}
    assert missing.keys() - {"fault"} == known.keys()
    assert missing["fault"]["message"] == "The instance nobody could not be found."
    assert names(client, V1, server_id=asked, limit="1", offset="3") == ["b"]


def test_the_newer_list_shows_servers_with_keys_of_its_own(cloud: ClockedCloud) -> None:
    fields = ["power_state", "volumes_attached", "launched_at", "market_info", "tenancy", "addresses", "metadata"]
    request = sdk.ListCloudServersRequest(limit=1, expect_fields=fields, status="ACTIVE")
    answer = cloud.client.list_cloud_servers(request)

    [server] = answer.servers
    assert (server.name, server.vm_state, server.task_state, server.power_state) == ("third", "active", None, 1)
    assert (server.availability_zone, server.in_recycle_bin) == ("emu-region-1a", False)
    assert (server.flavor.vcpus, server.market_info.charge_mode, server.tenancy) == (1, "prePaid", "shared")
    assert [(disk.boot_index, disk.size) for disk in server.volumes_attached] == [("0", 40)]
    assert server.launched_at.startswith("20")
    assert answer.servers_links[0].rel == "next"


def test_the_newer_list_shows_some_keys_only_if_they_are_expected(client: SignedClient, ecs_emulator: Emulator) -> None:
    ecs_emulator.add_server()

    [plain] = ask(client, CLOUD).json()["servers"]
    [more] = ask(client, CLOUD, **{"expect-fields": "tags,image"}).json()["servers"]

    assert more.keys() - plain.keys() == {"tags", "image"}
    assert "count" not in ask(client, CLOUD).json()


def test_the_newer_list_shows_the_recycle_bin_on_request(cloud: ClockedCloud) -> None:
    request = sdk.ListCloudServersRequest(in_recycle_bin=True)
    [server] = cloud.client.list_cloud_servers(request).servers

    assert (server.name, server.in_recycle_bin) == ("fourth", True)


def test_flavors_are_listed_by_id_and_page(client: SignedClient) -> None:
    def flavors(**query: str) -> list[str]:
        return [flavor["id"] for flavor in ask(client, FLAVORS, **query).json()["flavors"]]

    first, second, *_ = flavors()
    assert flavors(flavor_id=second) == [second]
    assert flavors(limit="1", marker=first) == [second]
