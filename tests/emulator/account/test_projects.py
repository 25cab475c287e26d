"""Versions, regions and projects of IAM."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.emulator.account.account_client import PROJECT, log_in, refusal
from tests.support.patience import A_MINUTE

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.emulator import Emulator
    from tests.emulator.emulator_client import SignedClient


def test_versions_are_public_and_regions_and_projects_are_not(client: SignedClient) -> None:
    versions = client.session.get(f"{client.url}/", timeout=A_MINUTE)
    version = client.session.get(f"{client.url}/v3", timeout=A_MINUTE).json()["version"]
    assert versions.status_code == 300
    assert versions.json()["versions"]["values"] == [version]
    assert client.session.get(f"{client.url}/v3/regions", timeout=A_MINUTE).status_code == 401

    assert [region["id"] for region in client.call("GET", "/v3/regions").json()["regions"]] == ["emu-region-1"]
    assert client.call("GET", f"/v3/projects/{PROJECT}").json()["project"]["name"] == "emu-region-1"
    assert client.call("GET", "/v3/projects/none").status_code == 404


@pytest.mark.parametrize(
    ("query", "found"),
    [(("enabled", "true"), 1), (("enabled", "false"), 0), (("domain_id", "x"), 0), (("parent_id", "x"), 0)],
)
def test_projects_are_filtered(client: SignedClient, query: tuple[str, str], found: int) -> None:
    assert len(client.call("GET", "/v3/projects", query=[query]).json()["projects"]) == found


def test_projects_are_listed_by_name_with_a_signature_or_a_token(client: SignedClient, ecs_emulator: Emulator) -> None:
    ecs_emulator.add_project("elsewhere-1", "other")
    token = {"X-Auth-Token": log_in(client).headers["X-Subject-Token"]}

    signed = client.call("GET", "/v3/projects", query=[("name", "emu-region-1")]).json()
    with_token = client.session.get(f"{client.url}/v3/projects", headers=token, timeout=A_MINUTE).json()

    [project] = signed["projects"]
    assert (project["id"], project["name"], project["enabled"]) == (PROJECT, "emu-region-1", True)
    assert project["domain_id"]
    assert [project["id"] for project in with_token["projects"]] == [PROJECT, "other"]
    assert "links" in signed
    assert (ecs_emulator.counters["project_lookups"], ecs_emulator.counters["authenticated"]) == (2, 0)


def test_a_region_may_have_several_projects_or_none(client: SignedClient, ecs_emulator: Emulator) -> None:
    def listed() -> list[str]:
        projects = client.call("GET", "/v3/projects", query=[("name", "emu-region-1")]).json()["projects"]
        return [project["id"] for project in projects]

    ecs_emulator.add_project("emu-region-1", "second")
    assert listed() == [PROJECT, "second"]

    for project in ecs_emulator.projects:
        ecs_emulator.remove_project(project["id"])
    assert (listed(), ecs_emulator.projects) == ([], [])
    assert client.show_job("x").json()["error"]["code"] == "Common.0018"
    with pytest.raises(KeyError):
        ecs_emulator.remove_project("second")


def test_iam_wants_credentials_for_projects(client: SignedClient) -> None:
    answer = client.session.get(f"{client.url}/v3/projects", timeout=A_MINUTE)

    assert "authorization header not found" in refusal(answer)


def test_a_project_of_another_region_is_the_wrong_one(client: SignedClient, ecs_emulator: Emulator) -> None:
    ecs_emulator.add_project("elsewhere-1", "other")
    ecs_emulator.add_project("emu-region-1_team", "sub-project")

    codes = [
        client.request("GET", "/jobs/x", project_id=project).json()["error"]["code"]
        for project in ("other", "sub-project")
    ]

    assert codes == ["Common.0018", "Common.0011"]
