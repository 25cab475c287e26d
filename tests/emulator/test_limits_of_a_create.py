"""The documented limits of a create: the largest that is accepted, and the smallest that is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator.create_body import CREATE

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.emulator import Emulator
    from tests.emulator.emulator_client import SignedClient


def tags(count: int, prefix: str = "k") -> list[dict[str, str]]:
    return [{"key": f"{prefix}{number}", "value": ""} for number in range(count)]


def older_tags(count: int) -> list[str]:
    return [f"k{number}.v" for number in range(count)]


def deep(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"a": value}
    return value


NIC, DISK = {"subnet_id": "subnet"}, {"volumetype": "SSD", "size": 10}


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "n" * 64},
        {"name": "n" * 59, "count": 2},
        {"tags": older_tags(10)},
        {"tags": older_tags(4), "server_tags": tags(6, "other")},
        {"tags": ["团队." + "v" * 43, "k" * 36 + "."]},
        {"server_tags": [{"key": "k" * 36, "value": "v/" * 21}, {"key": "a b.c"}]},
        {"nics": [NIC] * 12, "data_volumes": [DISK] * 23},
        {"description": "d" * 85},
        {"metadata": {"k" * 255: "", "a:B.c-_9": "v\n" * 127, **{f"k{number}": "v" for number in range(8)}}},
    ],
)
def test_what_is_just_allowed_is_accepted(client: SignedClient, changes: dict[str, Any]) -> None:
    answer = client.request("POST", "/cloudservers", body={"server": {**CREATE["server"], **changes}})

    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"name": "n" * 65}, "Ecs.0915"),
        ({"name": "n" * 60, "count": 2}, "Ecs.0915"),
        ({"tags": older_tags(11)}, "Ecs.0905"),
        ({"tags": older_tags(5), "server_tags": tags(6, "other")}, "Ecs.0905"),
        ({"tags": ["k.1", "k.2"]}, "Ecs.0908"),
        ({"tags": ["k.1"], "server_tags": [{"key": "k", "value": "2"}]}, "Ecs.0908"),
        ({"tags": ["k" * 37 + ".v"]}, "Ecs.0906"),
        ({"tags": ["k." + "v" * 44]}, "Ecs.0906"),
        ({"tags": [".v"]}, "Ecs.0906"),
        ({"tags": ["a b.v"]}, "Ecs.0907"),
        ({"server_tags": [{"key": "k" * 37}]}, "Ecs.0906"),
        ({"server_tags": [{"key": "k", "value": "v" * 44}]}, "Ecs.0906"),
        *(({"server_tags": [{"key": f"k{wrong}"}]}, "Ecs.0907") for wrong in "=*<>\\,|/\n"),
        *(({"server_tags": [{"key": "k", "value": wrong}]}, "Ecs.0907") for wrong in "=*<>\\,|\n"),
        ({"nics": [NIC] * 13}, "Ecs.0005"),
        ({"data_volumes": [DISK] * 24}, "Ecs.0005"),
        ({"description": "d" * 86}, "Ecs.0005"),
        ({"description": "a > b"}, "Ecs.0005"),
        ({"metadata": {f"k{number}": "v" for number in range(11)}}, "Ecs.0005"),
        ({"metadata": {"k": "v" * 256}}, "Ecs.0005"),
        ({"metadata": {"k" * 256: "v"}}, "Ecs.0005"),
        ({"metadata": {"": "v"}}, "Ecs.0005"),
        ({"metadata": {"a b": "v"}}, "Ecs.0005"),
        *(({"metadata": {"k": value}}, "Ecs.0005") for value in (1, None, True, ["v"])),
    ],
)
def test_what_is_just_too_much_is_rejected(
    client: SignedClient, ecs_emulator: Emulator, changes: dict[str, Any], code: str
) -> None:
    answer = client.request("POST", "/cloudservers", body={"server": {**CREATE["server"], **changes}})

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert ecs_emulator.submissions == []


def test_deep_metadata_is_rejected_and_servers_can_still_be_listed(
    client: SignedClient, ecs_emulator: Emulator
) -> None:
    answer = client.request("POST", "/cloudservers", body={"server": {**CREATE["server"], "metadata": deep(900)}})

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "Ecs.0005")
    assert client.request("GET", "/cloudservers/detail").status_code == 200
    assert ecs_emulator.servers == {}
