"""What the cloud rejects is said before the request leaves: as an error, or as a warning where it may depend."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs.core.submit.rules import DISK_TYPES, RULES, Severity
from airflow_provider_ecsjobs.emulator import schemas
from airflow_provider_ecsjobs.exceptions import EcsInvalidRequestNoRetry, EcsRejectedNoRetry
from airflow_provider_ecsjobs.operators import servers
from airflow_provider_ecsjobs.operators.ecs_jobs import EcsSubmitJobOperator
from tests.support.task_runs import TaskRun

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_ecsjobs.emulator import Emulator

ID = "6b1a3f44-0000-4000-8000-000000000001"
SERVER = {
    "name": "web",
    "flavor": "s6.small.1",
    "image": "img",
    "vpc": "vpc",
    "subnets": ["subnet"],
    "root_volume": {"volumetype": "SSD", "size": 40},
}
TEMPLATE = "{{ params.x }}"
TWICE = {"server": {"server_tags": [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]}}

REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("EcsCreateServersOperator", {"name": "web server"}, r"name is 'web server'; .*Ecs\.0914"),
    ("EcsCreateServersOperator", {"name": "x" * 65}, r"name has more than 64 characters \(Ecs\.0915\)"),
    ("EcsCreateServersOperator", {"admin_password": "Short1!"}, r"admin_password needs 8 to 26 .*Ecs\.0011"),
    ("EcsCreateServersOperator", {"admin_password": "onlyletters"}, r"admin_password needs .* three kinds"),
    ("EcsCreateServersOperator", {"tags": {f"k{n}": "v" for n in range(11)}}, r"tags are more than 10 \(Ecs\.0905\)"),
    ("EcsCreateServersOperator", {"body": TWICE}, r"tags have the same key twice \(Ecs\.0908\)"),
    ("EcsChangeOsOperator", {"admin_password": "weak"}, r"admin_password needs"),
    ("EcsReinstallOsOperator", {"admin_password": "weak"}, r"admin_password needs"),
]
DOUBTFUL: list[tuple[dict[str, Any], str]] = [
    ({"count": 101}, r"count is 101; the newest API reference allows 100"),
    ({"root_volume": {"volumetype": "SSD", "size": 1025}}, r"root_volume.size is 1025; a system disk has 1 to 1024"),
    ({"data_volumes": [{"volumetype": "SSD", "size": 9}]}, r"data_volumes\[0\].size is 9; a data disk has 10 to 32768"),
    ({"root_volume": "FLOPPY"}, r"root_volume is 'FLOPPY', which is none of SATA"),
    ({"data_volumes": [{"volumetype": "TAPE", "size": 40}]}, r"data_volumes\[0\].volumetype is 'TAPE'"),
]
NEEDED: dict[str, dict[str, Any]] = {
    "EcsCreateServersOperator": SERVER,
    "EcsResizeServerOperator": {"server_id": ID, "flavor": "big"},
    "EcsChangeOsOperator": {"server_id": ID, "image": "other"},
    "EcsReinstallOsOperator": {"server_id": ID},
}


def make(operator: str, **options: Any) -> Any:
    return getattr(servers, operator)(**{"task_id": "task", "poll_interval": 0.05, **NEEDED[operator], **options})


@pytest.mark.parametrize(("name", "options", "said"), REFUSED, ids=str)
def test_what_the_cloud_refuses_is_an_error_when_the_dag_is_parsed(
    name: str, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(EcsInvalidRequestNoRetry, match=said) as caught:
        make(name, **options)
    assert str(options.get("admin_password")) not in str(caught.value)


@pytest.mark.parametrize(("name", "options", "said"), REFUSED, ids=str)
def test_the_same_from_a_template_is_an_error_before_anything_is_sent(
    name: str, options: dict[str, Any], said: str, connected: Emulator
) -> None:
    task = make(name, **dict.fromkeys(options, TEMPLATE))
    for attribute, value in options.items():
        setattr(task, attribute, value)

    with pytest.raises(EcsInvalidRequestNoRetry, match=said):
        TaskRun(lambda: task).run()

    assert connected.counters["requests"] == 0


@pytest.mark.parametrize(("options", "said"), DOUBTFUL, ids=str)
def test_what_the_cloud_may_refuse_is_a_warning_and_is_sent(
    options: dict[str, Any], said: str, connected: Emulator, log_text: Callable[[], str]
) -> None:
    with pytest.warns(UserWarning, match=f"Task task: create_servers: {said}"):
        task = make("EcsCreateServersOperator", wait_for_completion=False, **options)

    with suppress(EcsRejectedNoRetry):  # the emulator goes by the same pages
        TaskRun(lambda: task).run()
    logged = log_text()
    assert said.replace("\\", "")[:20] in logged
    assert connected.counters["requests"] == 1


@pytest.mark.parametrize("name", ["EcsResizeServerOperator", "EcsChangeOsOperator", "EcsReinstallOsOperator"])
@pytest.mark.parametrize("mode", [None, "withStopServer"])
def test_what_needs_a_stopped_server_says_so_before_it_is_sent(
    name: str, mode: str | None, connected: Emulator, log_text: Callable[[], str], recwarn: pytest.WarningsRecorder
) -> None:
    server = connected.add_server()
    key = {} if name == "EcsResizeServerOperator" else {"key_name": "k", "user_id": "u"}
    task = make(name, server_id=server, mode=mode, **key)
    assert not [one for one in recwarn if "Task task" in str(one.message)]  # it may well be stopped by then

    if mode is None:
        with pytest.raises(EcsRejectedNoRetry, match=r"Ecs\.0100"):
            TaskRun(lambda: task).run()
    else:
        TaskRun(lambda: task).run()

    warned = "mode is not 'withStopServer', so the server must be stopped: the cloud rejects a running one (Ecs.0100)"
    assert (warned in log_text()) == (mode is None)


def test_what_is_templated_is_no_problem_when_the_dag_is_parsed(recwarn: pytest.WarningsRecorder) -> None:
    names = ["name", "admin_password", "tags", "count", "root_volume", "data_volumes"]
    make("EcsCreateServersOperator", **dict.fromkeys(names, TEMPLATE))
    make("EcsCreateServersOperator", name=f"web-{TEMPLATE}", root_volume={"volumetype": TEMPLATE, "size": TEMPLATE})
    make("EcsCreateServersOperator", tags={TEMPLATE: "a", "b": TEMPLATE})
    assert not [one for one in recwarn if "Task task" in str(one.message)]


def test_a_system_disk_of_size_0_has_the_size_of_its_image(
    connected: Emulator, recwarn: pytest.WarningsRecorder
) -> None:
    task = make("EcsCreateServersOperator", root_volume={"volumetype": "SSD", "size": "0"}, wait_for_completion=False)
    assert TaskRun(lambda: task).run()["server_ids"]
    assert not [one for one in recwarn if "Task task" in str(one.message)]


def test_a_tag_may_have_no_value(connected: Emulator) -> None:
    task = make("EcsCreateServersOperator", tags={"temporary": "", "team": "a"}, wait_for_completion=False)
    assert TaskRun(lambda: task).run()["server_ids"]
    assert task._request().body["server"]["server_tags"] == [
        {"key": "temporary", "value": ""},
        {"key": "team", "value": "a"},
    ]


def test_a_server_may_be_migrated_to_no_host_in_particular(connected: Emulator) -> None:
    server = connected.add_server(status="SHUTOFF")
    options = {"operation": "migrate_server", "server_id": server, "poll_interval": 0.05}
    task = TaskRun(lambda: EcsSubmitJobOperator(task_id="task", body={"migrate": None}, **options))
    assert task.run()["status"] == "SUCCESS"

    with pytest.raises(EcsInvalidRequestNoRetry, match="the body lacks migrate"):
        EcsSubmitJobOperator(task_id="task", body={}, **options)


def test_as_many_servers_as_the_api_may_take_are_taken(recwarn: pytest.WarningsRecorder) -> None:
    make("EcsCreateServersOperator", count=100)
    assert not [one for one in recwarn if "Task task" in str(one.message)]
    with pytest.warns(UserWarning, match="count is 500"):
        make("EcsCreateServersOperator", count=500)
    with pytest.raises(EcsInvalidRequestNoRetry, match="count is 501; expected 1 to 500"):
        make("EcsCreateServersOperator", count=501)


def test_the_operator_for_any_request_leaves_the_judgement_to_the_cloud() -> None:
    body = {
        "server": {"name": "web server", "imageRef": "i", "flavorRef": "f", "vpcid": "v", "nics": [{"subnet_id": "s"}]}
    }
    body["server"]["root_volume"] = {"volumetype": "SSD"}
    EcsSubmitJobOperator(task_id="task", operation="create_servers", body=body)


def test_the_rules_are_those_of_the_emulator_where_both_have_them() -> None:
    assert DISK_TYPES == schemas.DISK_TYPES
    assert {rule.severity for rules in RULES.values() for rule in rules} == set(Severity)
