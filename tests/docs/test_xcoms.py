"""Runs each task, and compares the XComs that it pushed with the table of ``docs/xcoms.md``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_ecsjobs.operators import servers
from airflow_provider_ecsjobs.operators.ecs_jobs import EcsJobOperator, EcsSubmitJobOperator
from airflow_provider_ecsjobs.operators.wait_mixin import XCOM_KEYS
from airflow_provider_ecsjobs.sensors.ecs_jobs import EcsJobSensor
from tests.docs.pages import ROOT
from tests.support.task_runs import TaskRun

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_ecsjobs.emulator import Emulator

TEXT = (ROOT / "docs" / "xcoms.md").read_text()
LINES = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in re.findall(r"^\|.*\|$", TEXT, re.M)]
KEYS = LINES[0][1:]
ROWS = {name: dict(zip(KEYS, cells, strict=True)) for name, *cells in LINES[2:]}
AT_ONCE = {"init_seconds": 0, "run_seconds": 0}
SERVER = {"name": "web", "flavor": "s6.small.1", "image": "img", "vpc": "vpc", "subnets": ["s"], "root_volume": "SSD"}
MODE = {"mode": "withStopServer"}
KEY = {"key_name": "k", "user_id": "u", **MODE}


def stopped(cloud: Emulator) -> str:
    return cloud.add_server(status="SHUTOFF")


def with_nics(cloud: Emulator) -> dict[str, Any]:
    return {"server_id": cloud.add_server(nics=["n-1", "n-2"]), "nic_ids": ["n-2"]}


def with_volume(cloud: Emulator) -> dict[str, Any]:
    server = cloud.add_server()
    attach = {"server_id": server, "volume_id": "volume", "poll_interval": 0.1}
    TaskRun(lambda: servers.EcsAttachVolumeOperator(task_id="attach", **attach)).run()
    return {"server_id": server, "volume_id": "volume"}


def decorated(job_id: str) -> Any:
    with DAG("decorated", schedule=None) as dag:

        @task.ecs_job
        def submit() -> str:
            return job_id

        submit()
    return dag.get_task("submit")


def typed(name: str, options: Callable[[Emulator], dict[str, Any]]) -> Callable[[Emulator], Any]:
    def make(cloud: Emulator) -> Any:
        given = options(cloud)
        return lambda: getattr(servers, name)(task_id="task", poll_interval=0.1, **given)

    return make


def job_of(cloud: Emulator, **entities: Any) -> str:
    return cloud.plant_job({"status": "SUCCESS", "job_type": "createServer", "entities": entities})


TASKS: dict[str, Callable[[Emulator], Any]] = {
    "EcsJobSensor": lambda cloud: (job := job_of(cloud)) and (lambda: EcsJobSensor(task_id="task", job_id=job)),
    "EcsJobOperator": lambda cloud: (job := job_of(cloud)) and (lambda: EcsJobOperator(task_id="task", job_id=job)),
    "@task.ecs_job": lambda cloud: (job := job_of(cloud)) and (lambda: decorated(job)),
    "EcsSubmitJobOperator": lambda cloud: (
        (body := {"resize": {"flavorRef": "big", **MODE}}, server := cloud.add_server())
        and (
            lambda: EcsSubmitJobOperator(
                task_id="task", operation="resize_server", server_id=server, body=body, poll_interval=0.1
            )
        )
    ),
    "EcsCreateServersOperator": typed("EcsCreateServersOperator", lambda cloud: {**SERVER, "count": 2}),
    "EcsDeleteServersOperator": typed("EcsDeleteServersOperator", lambda cloud: {"server_ids": [cloud.add_server()]}),
    "EcsStartServersOperator": typed("EcsStartServersOperator", lambda cloud: {"server_ids": [stopped(cloud)]}),
    "EcsStopServersOperator": typed("EcsStopServersOperator", lambda cloud: {"server_ids": [cloud.add_server()]}),
    "EcsRebootServersOperator": typed("EcsRebootServersOperator", lambda cloud: {"server_ids": [cloud.add_server()]}),
    "EcsResizeServerOperator": typed(
        "EcsResizeServerOperator", lambda cloud: {"server_id": stopped(cloud), "flavor": "big"}
    ),
    "EcsAttachVolumeOperator": typed(
        "EcsAttachVolumeOperator", lambda cloud: {"server_id": cloud.add_server(), "volume_id": "volume"}
    ),
    "EcsDetachVolumeOperator": typed("EcsDetachVolumeOperator", with_volume),
    "EcsChangeOsOperator": typed(
        "EcsChangeOsOperator",
        lambda cloud: {"server_id": cloud.add_server(), "image": "other", **KEY},
    ),
    "EcsReinstallOsOperator": typed("EcsReinstallOsOperator", lambda cloud: {"server_id": cloud.add_server(), **KEY}),
    "EcsAddNicsOperator": typed(
        "EcsAddNicsOperator", lambda cloud: {"server_id": cloud.add_server(), "subnets": ["s"]}
    ),
    "EcsDeleteNicsOperator": typed("EcsDeleteNicsOperator", with_nics),
}
"""How to make each task of the table, such that it has as little to push as it can."""


def pushed(run: TaskRun) -> set[str]:
    assert all(run.xcoms.values()), "an empty value was pushed"
    return set(run.xcoms) & set(XCOM_KEYS)


def test_the_table_has_all_tasks_and_keys() -> None:
    assert set(ROWS) == set(TASKS)
    assert set(servers.__all__) < set(ROWS)
    assert set(KEYS) == set(XCOM_KEYS)


@pytest.mark.parametrize("name", TASKS)
def test_each_task_pushes_what_the_table_says(name: str, connected: Emulator) -> None:
    run = TaskRun(TASKS[name](connected))
    result = run.run()

    always = {key for key, when in ROWS[name].items() if when == "always"}
    named = {key for key, when in ROWS[name].items() if when == "if any" and result.get(key)}
    assert pushed(run) == always | named
    assert all(run.xcoms[key] == result[key] for key in pushed(run))


@pytest.mark.parametrize("name", ["EcsJobSensor", "EcsJobOperator", "@task.ecs_job"])
def test_each_wait_pushes_the_servers_and_nics_that_the_job_names(name: str, connected: Emulator) -> None:
    job_id = job_of(connected, server_id="s-1", nic_id="n-1")
    waits: dict[str, Callable[[], Any]] = {
        "EcsJobSensor": lambda: EcsJobSensor(task_id="task", job_id=job_id),
        "EcsJobOperator": lambda: EcsJobOperator(task_id="task", job_id=job_id),
        "@task.ecs_job": lambda: decorated(job_id),
    }
    run = TaskRun(waits[name])
    run.run()

    assert run.xcoms == {"job_id": job_id, "server_ids": ["s-1"], "nic_ids": ["n-1"]}


def test_an_order_is_pushed_if_there_is_one(connected: Emulator) -> None:
    options = {**SERVER, "period_type": "month", "auto_pay": True, "poll_interval": 0.1}
    run = TaskRun(lambda: servers.EcsCreateServersOperator(task_id="task", **options))
    run.run()

    assert {name for name, row in ROWS.items() if row["order_id"] == "if ordered"} >= {"EcsCreateServersOperator"}
    assert pushed(run) == {"job_id", "server_ids", "order_id"}


@pytest.mark.parametrize("name", TASKS)
def test_a_task_with_do_xcom_push_off_pushes_nothing_and_resumes_without(name: str, connected: Emulator) -> None:
    make = TASKS[name](connected)

    def quiet() -> Any:
        made = make()
        made.do_xcom_push = False
        return made

    run = TaskRun(quiet)

    assert run.run()["job_id"]
    assert run.xcoms == {}


def test_a_failed_wait_leaves_the_job_and_the_servers_that_exist(connected: Emulator) -> None:
    job_id = connected.start_job(sub_jobs=3, failing=1, **AT_ONCE)
    run = TaskRun(lambda: EcsJobSensor(task_id="task", job_id=job_id))
    with pytest.raises(Exception, match=job_id):
        run.run()

    assert run.xcoms["job_id"] == job_id
    assert len(run.xcoms["server_ids"]) == 2


def test_servers_that_were_never_made_are_taken_back(connected: Emulator) -> None:
    connected.fail_next(failing=2)
    run = TaskRun(lambda: servers.EcsCreateServersOperator(task_id="task", count=2, poll_interval=0.1, **SERVER))
    with pytest.raises(Exception, match="failed"):
        run.run()

    assert run.xcoms["server_ids"] == []
