"""Each rule of the emulated cloud is broken once: the answer is the one that the table says, and nothing happens."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs.emulator import Emulator
from airflow_provider_ecsjobs.emulator.control_table import CONTROLS
from airflow_provider_ecsjobs.emulator.controls import Controls
from airflow_provider_ecsjobs.emulator.rules import RULES
from tests.emulator.clocked_cloud import Clock
from tests.emulator.emulator_page import PAGE, render
from tests.emulator.rule_breakers import BREAKERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.emulator.emulator_client import SignedClient


@pytest.fixture
def clock() -> Clock:
    return Clock(time.time())


@pytest.fixture
def ecs_emulator(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    # The client signs with the real time, whatever the emulator's clock says.
    monkeypatch.setattr("airflow_provider_ecsjobs.emulator.signature_check.MAX_SKEW_SECONDS", 86_400)
    with Emulator(init_seconds=10, run_seconds=100, clock=clock) as emulator:
        yield emulator


def filled(value: Any, ids: dict[str, str]) -> Any:
    if value is None or isinstance(value, bytes):
        return value
    text = json.dumps(value)
    for name, id_ in ids.items():
        text = text.replace(f"{{{name}}}", id_)
    return json.loads(text)


def test_each_rule_is_broken() -> None:
    assert list(BREAKERS) == list(RULES)


@pytest.mark.parametrize("name", RULES)
def test_a_broken_rule_is_answered_as_the_table_says(
    client: SignedClient, ecs_emulator: Emulator, clock: Clock, name: str
) -> None:
    rule, breaker = RULES[name], BREAKERS[name]
    server_id = ecs_emulator.add_server(**breaker.server)
    ids = {
        "server": server_id,
        "system_disk": {**ecs_emulator.servers, **ecs_emulator.recycle_bin}[server_id]["root_volume"],
    }
    for method, path, body in breaker.before:
        if name == "BROKEN_SERVER":
            ecs_emulator.fail_next()
        path = path if path.startswith("/") else f"/cloudservers/{{server}}/{path}"
        answer = client.request(method, filled(path, ids), body=filled(body, ids), headers=breaker.headers)
        assert answer.status_code == 200, answer.text
        ids["created"] = (answer.json().get("serverIds") or [""])[0]
    clock.now += breaker.wait if breaker.before else 0
    before = (ecs_emulator.submissions, ecs_emulator.servers)

    answer = client.request(
        breaker.method,
        filled(breaker.path, ids),
        version=breaker.version,
        query=list(breaker.query),
        body=filled(breaker.body, ids),
        headers=breaker.headers,
        project_id=breaker.project_id,
    )

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (rule.status, rule.code)
    assert error["message"].startswith(rule.message.partition("{")[0])
    assert [detail["code"] for detail in error["details"]] == [rule.code]
    assert (ecs_emulator.submissions, ecs_emulator.servers) == before


def test_a_rule_without_a_source_has_no_documented_code() -> None:
    assert not [name for name, rule in RULES.items() if rule.coded and not rule.source]


def test_the_page_is_made_from_the_tables() -> None:
    assert PAGE.read_text() == render(), "run python -m tests.emulator.emulator_page"


def test_the_control_api_has_what_the_fixture_has() -> None:
    public = {name for name in vars(Controls) if not name.startswith("_")}

    assert sorted(public) == sorted(control.name for control in CONTROLS)


@pytest.mark.parametrize("_", range(2))
def test_the_sessions_emulator_is_as_new_after_a_reset(ecs_emulator_session: Emulator, _: int) -> None:
    ecs_emulator_session.reset()
    assert ecs_emulator_session.servers == {}

    ecs_emulator_session.add_server()


def test_a_reset_makes_the_cloud_what_it_was(client: SignedClient, ecs_emulator: Emulator) -> None:
    def seen() -> tuple[Any, ...]:
        return (
            ecs_emulator.servers,
            ecs_emulator.orders,
            ecs_emulator.submissions,
            ecs_emulator.counters,
            ecs_emulator.projects,
            ecs_emulator.connection(),
        )

    before = seen()
    ecs_emulator.add_server()
    ecs_emulator.start_job()
    ecs_emulator.add_project("emu-region-1", "other")
    ecs_emulator.forbid()
    ecs_emulator.limit_rate(1, 1000)
    ecs_emulator.rotate_key()
    assert client.show_job("x").status_code == 401

    ecs_emulator.reset()

    assert seen() == before
    assert [client.show_job("x").status_code for _ in range(2)] == [400, 400]
