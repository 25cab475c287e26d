"""Runs the call of each operator in docs/server-operators.md against the emulator."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs.operators import servers
from tests.docs.pages import TEXTS, Snippet, snippets
from tests.support.task_runs import TaskRun

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.emulator import Emulator


@pytest.mark.parametrize("found", snippets("operator"), ids=str)
def test_the_call_of_each_operator_works(found: Snippet, connected: Emulator) -> None:
    *before, call = ast.parse(found.text).body
    assert isinstance(call, ast.Expr)
    names = _things_in(connected)
    exec(compile(ast.Module(before, []), found.page, "exec"), names)

    def make() -> Any:
        task = eval(compile(ast.Expression(call.value), found.page, "eval"), names)
        task.deferrable, task.poll_interval, task.max_poll_interval = False, 0.05, 0.05
        if getattr(task, "admin_password", None):
            task.admin_password = "Of-the-connection-1"  # what the template renders to
        return task

    assert TaskRun(make).run()["status"] == "SUCCESS"
    assert len(connected.submissions) == 1


def test_each_operator_for_servers_has_a_guide() -> None:
    called = {
        name
        for page in ("server-operators", "servers")
        for name in re.findall(r"(\w+)\(\n? *task_id", TEXTS[f"docs/{page}.md"])
    }
    assert called == set(servers.__all__)


def _things_in(emulator: Emulator) -> dict[str, Any]:
    """Return what the calls of operators name: a server, a disk that it has, and so on."""
    volume = "volume-that-is-attached"
    server_id = emulator.add_server(nics=["first-nic", "second-nic"], volumes=[volume])
    return {
        "server_id": server_id,
        "off_id": emulator.add_server(status="SHUTOFF"),
        "volume_id": "a-volume",
        "attached_volume_id": volume,
        "nic_id": "second-nic",
    }
