"""The example DAGs that submit do what they say, run by Airflow against the emulator."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from airflow.models import DagRun
from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_ecsjobs.emulator import Emulator
from airflow_provider_ecsjobs.exceptions import EcsJobFailed, EcsJobPaymentTimeout
from tests.package.example_files import EXAMPLES, read_example
from tests.support.dag_runs import run_dag

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

QUICK = {
    r"interval=2\b": "interval=0.1",
    r"payment_timeout=20\b": "payment_timeout=0.3",
    r"retries=[12]\b": "retries=0",
}
"""What is changed in an example so that a test does not last: lengths of time, and the retries with their delay."""

pytestmark = pytest.mark.usefixtures("airflow_db")


@dataclass
class Outcome:
    """What became of an example.

    :param state: the state of the DAG run.
    :param states: task id -> state.
    :param xcoms: task id -> what the task returned.
    :param errors: task id -> why it failed.
    :param at_work: the servers that existed when the task that was looked at ran.
    """

    state: str
    states: dict[str, str]
    xcoms: dict[str, Any]
    errors: dict[str, BaseException]
    at_work: dict[str, Any]


class Runner:
    """Runs examples."""

    def __init__(self, emulator: Emulator, folder: Path) -> None:
        self.emulator = emulator
        self.folder = folder
        self.changes = dict(QUICK)

    def run(self, name: str, *, watch: str = "", **conf: Any) -> Outcome:
        """Run an example with these parameters, and look at the emulator when the task ``watch`` runs."""
        dag, at_work, errors = self._read(name), {}, {}

        def remember(context: Any) -> None:
            errors[context["ti"].task_id] = context["exception"]

        for task in dag.tasks:
            if isinstance(task, BaseOperator):  # a mapped task is none yet
                task.on_failure_callback = [*_as_list(task.on_failure_callback), remember]
        if watch:
            work = dag.get_task(watch)
            function = work.python_callable

            @functools.wraps(function)
            def watched(*args: Any, **kwargs: Any) -> Any:
                at_work.update(self.emulator.servers)
                return function(*args, **kwargs)

            work.python_callable = watched
        run = run_dag(dag, conf)
        newest = max(DagRun.find(dag_id=name), key=lambda found: found.id)
        return Outcome(str(newest.state), run.states, run.xcoms, errors, at_work)

    def _read(self, name: str) -> Any:
        text = (EXAMPLES / f"{name}.py").read_text()
        for slow, quick in self.changes.items():
            text = re.sub(slow, quick, text)
        path = self.folder / f"{name}.py"
        path.write_text(text)
        return read_example(path)


@pytest.fixture
def ecs_emulator() -> Iterator[Emulator]:
    """An emulator with short jobs: they are waited for, not long."""
    with Emulator(init_seconds=0, run_seconds=0.1) as emulator:
        yield emulator


@pytest.fixture
def example(connected: Emulator, tmp_path: Path) -> Runner:
    return Runner(connected, tmp_path)


def test_servers_are_created_used_and_deleted(example: Runner) -> None:
    outcome = example.run("example_ecs_servers", watch="use_servers")

    assert outcome.states == dict.fromkeys(("create_servers", "use_servers", "delete_servers"), "success")
    assert outcome.state == "success"
    assert len(outcome.at_work) == outcome.xcoms["use_servers"] == 3
    assert set(outcome.xcoms["create_servers"]["server_ids"]) == set(outcome.at_work)
    assert example.emulator.servers == {}
    assert _submitted(example) == ["create_servers", "delete_servers"]


def test_servers_are_deleted_also_when_the_work_fails(example: Runner) -> None:
    outcome = example.run("example_ecs_servers", watch="use_servers", fail_work=True)

    assert outcome.states == {"create_servers": "success", "use_servers": "failed", "delete_servers": "success"}
    assert outcome.state == "failed"
    assert len(outcome.at_work) == 3
    assert example.emulator.servers == {}


def test_servers_of_a_partial_failure_are_used_and_deleted(example: Runner) -> None:
    example.emulator.fail_next("createServer", failing=1)

    outcome = example.run("example_ecs_servers", watch="use_servers")

    assert set(outcome.states.values()) == {"success"}
    assert len(outcome.at_work) == outcome.xcoms["use_servers"] == 2
    assert example.emulator.servers == {}


def test_without_servers_there_is_no_work_and_nothing_to_delete(example: Runner) -> None:
    example.emulator.fail_next("createServer")

    outcome = example.run("example_ecs_servers", watch="use_servers")

    assert outcome.states.pop("create_servers") == "failed"
    assert set(outcome.states.values()) == {"upstream_failed"}
    assert outcome.state == "failed"
    assert _submitted(example) == ["create_servers"]


def test_servers_that_can_not_be_deleted_are_reported(example: Runner, caplog: pytest.LogCaptureFixture) -> None:
    example.emulator.fail_next("deleteVMs")

    outcome = example.run("example_ecs_servers")

    assert isinstance(outcome.errors["delete_servers"], EcsJobFailed)
    assert len(example.emulator.servers) == 3
    # As the example says: a teardown does not make the run fail.
    assert outcome.state == "success"
    assert "Servers may be left, and cost money: deleteVMs failed: " in caplog.text


def test_a_fleet_is_stopped_in_groups(example: Runner) -> None:
    fleet = [example.emulator.add_server(f"server-{number}") for number in range(5)]
    other = example.emulator.add_server("other")

    outcome = example.run("example_ecs_stop_fleet", server_ids=fleet)

    assert outcome.states == {"group_servers": "success", "stop_servers": "success"}
    off = {server_id for server_id, server in example.emulator.servers.items() if server["status"] == "SHUTOFF"}
    assert off == set(fleet)
    assert other in example.emulator.servers
    assert sorted(len(submit["server_ids"]) for submit in example.emulator.submissions) == [1, 2, 2]


def test_a_server_is_redeployed_once(example: Runner) -> None:
    server_id = example.emulator.add_server("ailing")

    outcome = example.run("example_ecs_redeploy", server_id=server_id)

    assert outcome.states == {"redeploy_server": "success"}
    assert _submitted(example) == ["execute_server_redeploy"]


def test_the_official_sdk_creates_one_server(example: Runner) -> None:
    outcome = example.run("example_ecs_official_sdk", watch="use_server")

    assert outcome.states == {"create_server": "success", "use_server": "success"}
    assert list(outcome.at_work) == list(example.emulator.servers) == [outcome.xcoms["use_server"]]
    (submit,) = example.emulator.submissions
    assert submit["operation"] == "create_post_paid_servers"
    assert submit["client_token"]


def test_the_official_sdk_finds_the_project(example: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(*example.emulator.connection_env(project_id=None))

    assert example.run("example_ecs_official_sdk").state == "success"
    assert len(example.emulator.servers) == 1


def test_an_unpaid_order_is_reported(example: Runner) -> None:
    outcome = example.run("example_ecs_yearly_order")

    assert outcome.states == {"order_server": "failed", "use_server": "upstream_failed", "tell": "success"}
    assert outcome.state == "failed"
    assert isinstance(outcome.errors["order_server"], EcsJobPaymentTimeout)
    ((order_id, order),) = example.emulator.orders.items()
    assert order["status"] == "unpaid"
    assert outcome.xcoms["tell"] == order_id
    assert example.emulator.servers == {}


def test_a_paid_order_is_used(example: Runner) -> None:
    example.changes["auto_pay=False"] = "auto_pay=True"

    outcome = example.run("example_ecs_yearly_order", watch="use_server")

    assert outcome.states == {"order_server": "success", "use_server": "success", "tell": "skipped"}
    assert outcome.state == "success"
    assert list(outcome.at_work) == [outcome.xcoms["use_server"]]


def _submitted(example: Runner) -> list[str]:
    return [submit["operation"] for submit in example.emulator.submissions if not submit["replayed"]]


def _as_list(callbacks: Any) -> list[Any]:
    return list(callbacks) if isinstance(callbacks, list | tuple) else [callbacks] * bool(callbacks)
