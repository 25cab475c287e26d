"""What is checked when, and what each typed operator makes of its parameters."""

from __future__ import annotations

import base64
import logging
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, AirflowSkipException

from airflow_provider_ecsjobs.core.operations import OPERATIONS
from airflow_provider_ecsjobs.emulator import Emulator, Fault
from airflow_provider_ecsjobs.exceptions import EcsInvalidRequestError, EcsInvalidRequestNoRetry, EcsRejectedNoRetry
from airflow_provider_ecsjobs.operators import servers
from airflow_provider_ecsjobs.operators.ecs_jobs import EcsJobOperator, EcsSubmitJobOperator
from tests.support.task_runs import TaskRun

ID, OTHER = "6b1a3f44-0000-4000-8000-000000000001", "6b1a3f44-0000-4000-8000-000000000002"
SERVER = {
    "name": "web",
    "flavor": "s6.small.1",
    "image": "img",
    "vpc": "vpc",
    "subnets": ["subnet"],
    "root_volume": "SSD",
}
TEMPLATE = "{{ params.x }}"

BODIES: list[tuple[str, dict[str, Any], str, dict[str, Any], Any]] = [
    (
        "EcsDeleteServersOperator",
        {"server_ids": [ID, OTHER], "delete_volumes": True},
        "delete_servers",
        {},
        {"servers": [{"id": ID}, {"id": OTHER}], "delete_publicip": False, "delete_volume": True},
    ),
    ("EcsStartServersOperator", {"server_ids": ID}, "batch_start_servers", {}, {"os-start": {"servers": [{"id": ID}]}}),
    (
        "EcsStopServersOperator",
        {"server_ids": f"['{ID}', '{OTHER}']", "mode": "HARD"},
        "batch_stop_servers",
        {},
        {"os-stop": {"servers": [{"id": ID}, {"id": OTHER}], "type": "HARD"}},
    ),
    (
        "EcsRebootServersOperator",
        {"server_ids": (ID,)},
        "batch_reboot_servers",
        {},
        {"reboot": {"servers": [{"id": ID}], "type": "SOFT"}},
    ),
    (
        "EcsResizeServerOperator",
        {"server_id": ID, "flavor": "big", "mode": "withStopServer", "auto_pay": True},
        "resize_server",
        {"server_id": ID},
        {"resize": {"flavorRef": "big", "mode": "withStopServer", "extendparam": {"isAutoPay": "true"}}},
    ),
    (
        "EcsAttachVolumeOperator",
        {"server_id": ID, "volume_id": OTHER, "device": "/dev/sdb"},
        "attach_server_volume",
        {"server_id": ID},
        {"volumeAttachment": {"volumeId": OTHER, "device": "/dev/sdb"}},
    ),
    (
        "EcsDetachVolumeOperator",
        {"server_id": ID, "volume_id": OTHER, "force": True},
        "detach_server_volume",
        {"server_id": ID, "volume_id": OTHER, "delete_flag": "1"},
        None,
    ),
    (
        "EcsChangeOsOperator",
        {"server_id": ID, "image": "img", "key_name": "key", "mode": "withStopServer"},
        "change_server_os_with_cloud_init",
        {"server_id": ID},
        {"os-change": {"imageid": "img", "keyname": "key", "mode": "withStopServer"}},
    ),
    (
        "EcsReinstallOsOperator",
        {"server_id": ID, "admin_password": "Secret-1", "cloud_init": False},
        "reinstall_server_without_cloud_init",
        {"server_id": ID},
        {"os-reinstall": {"adminpass": "Secret-1"}},
    ),
    (
        "EcsAddNicsOperator",
        {"server_id": ID, "subnets": ["subnet", {"port_id": OTHER}]},
        "batch_add_server_nics",
        {"server_id": ID},
        {"nics": [{"subnet_id": "subnet"}, {"port_id": OTHER}]},
    ),
    (
        "EcsDeleteNicsOperator",
        {"server_id": ID, "nic_ids": [OTHER]},
        "batch_delete_server_nics",
        {"server_id": ID},
        {"nics": [{"id": OTHER}]},
    ),
    (
        "EcsCreateServersOperator",
        {
            **SERVER,
            "count": "2",
            "user_data": "#!/bin/sh",
            "security_groups": ["group"],
            "tags": {"team": "data"},
            "period_type": "month",
            "auto_pay": True,
            "body": {"server": {"metadata": {"a": "b"}, "flavorRef": "other"}},
        },
        "create_servers",
        {},
        {
            "server": {
                "name": "web",
                "flavorRef": "other",
                "imageRef": "img",
                "vpcid": "vpc",
                "nics": [{"subnet_id": "subnet"}],
                "root_volume": {"volumetype": "SSD"},
                "count": 2,
                "security_groups": [{"id": "group"}],
                "user_data": base64.b64encode(b"#!/bin/sh").decode(),
                "server_tags": [{"key": "team", "value": "data"}],
                "extendparam": {
                    "chargingMode": "prePaid",
                    "periodType": "month",
                    "periodNum": 1,
                    "isAutoPay": "true",
                },
                "metadata": {"a": "b"},
            }
        },
    ),
]


@pytest.mark.parametrize(("name", "options", "operation", "parameters", "body"), BODIES, ids=[row[0] for row in BODIES])
def test_a_typed_operator_makes_this_request(
    name: str, options: dict[str, Any], operation: str, parameters: dict[str, Any], body: Any
) -> None:
    task = getattr(servers, name)(task_id="task", **options)

    request = task._request()

    assert request.operation is OPERATIONS[operation]
    assert {key: value for key, value in request.parameters.items() if value is not None} == parameters
    assert request.body == body


def test_all_twelve_are_there() -> None:
    assert sorted(row[0] for row in BODIES) == sorted(servers.__all__)


@pytest.mark.parametrize("name", servers.__all__)
def test_each_typed_operator_links_its_api_page(name: str) -> None:
    assert "<https://support.huaweicloud.com/" in " ".join((getattr(servers, name).__doc__ or "").split())


@pytest.mark.parametrize("name", servers.__all__)
def test_what_is_missing_is_an_error_when_the_dag_is_parsed(name: str) -> None:
    with pytest.raises(EcsInvalidRequestError, match=r"can't be submitted: .* is missing") as caught:
        getattr(servers, name)(task_id="task")
    assert "See the API page" in str(caught.value)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"operation": "create_server"}, "Did you mean one of these: create_servers"),
    ({"operation": "resize_server", "body": {"resize": {"flavorRef": "x"}}}, "server_id is missing"),
    ({"operation": "resize_server", "server_id": ID, "body": {}}, r"the body lacks resize\b"),
    ({"operation": "resize_server", "server_id": ID}, "the body is missing; expected a dict with resize"),
    ({"operation": "resize_server", "server_id": "a/b", "body": {"resize": {"flavorRef": "x"}}}, "expected an id"),
    ({"operation": "delete_servers", "body": {"servers": [{"id": ID}, {}]}}, r"the body lacks servers\[1\].id"),
    (
        {"operation": "delete_servers", "body": {"servers": [{"id": ID}]}, "dry_run": True},
        "the API has none for delete_servers",
    ),
    ({"operation": "delete_servers", "body": {"servers": [{"id": ID}]}, "volume_id": ID}, "volume_id is given, but"),
    ({"operation": "execute_server_redeploy", "server_id": ID, "body": {"a": 1}}, "this request has none"),
]


@pytest.mark.parametrize(("options", "said"), WRONG)
def test_a_wrong_literal_is_an_error_when_the_dag_is_parsed(options: dict[str, Any], said: str) -> None:
    with pytest.raises(EcsInvalidRequestError, match=said):
        EcsSubmitJobOperator(task_id="task", **options)


@pytest.mark.parametrize(("options", "said"), WRONG)
def test_the_same_from_a_template_is_an_error_when_the_task_starts(
    options: dict[str, Any], said: str, connected: Emulator
) -> None:
    task = EcsSubmitJobOperator(task_id="task", operation=TEMPLATE)
    task.operation = options["operation"]  # as rendered
    for name in ("body", "server_id", "volume_id"):
        setattr(task, name, options.get(name))
    task.is_dry_run = options.get("dry_run", False)

    with pytest.raises(EcsInvalidRequestNoRetry, match=said) as caught:
        TaskRun(lambda: task).run()

    assert isinstance(caught.value, AirflowFailException)
    assert connected.counters["requests"] == 0


def test_templates_and_outputs_of_other_tasks_are_no_errors_when_the_dag_is_parsed() -> None:
    with DAG("templates", schedule=None):
        other = EcsJobOperator(task_id="other", job_id="x")
        EcsSubmitJobOperator(task_id="a", operation=TEMPLATE, body=TEMPLATE, server_id=TEMPLATE)
        EcsSubmitJobOperator(task_id="b", operation="resize_server", body=other.output, server_id=other.output)
        servers.EcsCreateServersOperator(task_id="c", **dict.fromkeys(SERVER, TEMPLATE), count=TEMPLATE)
        servers.EcsDeleteServersOperator(task_id="d", server_ids=other.output["server_ids"])
        servers.EcsStopServersOperator(task_id="e", server_ids=[TEMPLATE, other.output])
        servers.EcsAddNicsOperator(task_id="f", server_id=TEMPLATE, subnets=[TEMPLATE, {"port_id": TEMPLATE}])


def test_a_body_that_rendered_to_text_says_what_to_do(connected: Emulator) -> None:
    task = EcsSubmitJobOperator(task_id="task", operation="delete_servers", body=TEMPLATE)
    task.body = "{'servers': []}"

    with pytest.raises(EcsInvalidRequestNoRetry, match=r"no JSON object.*tojson"):
        TaskRun(lambda: task).run()


def test_a_body_that_rendered_to_json_is_taken(connected: Emulator) -> None:
    server = connected.add_server()
    task = EcsSubmitJobOperator(task_id="task", operation="delete_servers", body=TEMPLATE, poll_interval=0.05)
    task.body = f'{{"servers": [{{"id": "{server}"}}]}}'

    assert TaskRun(lambda: task).run()["status"] == "SUCCESS"
    assert connected.servers == {}


@pytest.mark.parametrize("rendered", [[], (), "[]", ""])
def test_a_delete_of_nothing_is_skipped(rendered: Any, connected: Emulator) -> None:
    task = servers.EcsDeleteServersOperator(task_id="task", server_ids=TEMPLATE)
    task.server_ids = rendered

    with pytest.raises(AirflowSkipException, match="no servers to delete"):
        TaskRun(lambda: task).run()
    assert connected.counters["requests"] == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"count": 0}, "count is 0; expected 1 to 500"),
        ({"count": "many"}, "count is 'many'"),
        ({"period_type": "week"}, "period_type is 'week'; expected 'month' or 'year'"),
        ({"auto_pay": True}, "auto_pay is given without period_type"),
        ({"subnets": ["a b"]}, "subnets holds 'a b', which is not an id"),
        ({"on_partial_failure": "ignore"}, "on_partial_failure is 'ignore'; expected 'fail' or 'keep'"),
    ],
)
def test_a_wrong_parameter_of_a_create_is_named(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        servers.EcsCreateServersOperator(task_id="task", **{**SERVER, **options})


def test_a_wrong_mode_is_named() -> None:
    with pytest.raises(ValueError, match="mode is 'soft'; expected 'SOFT' or 'HARD'"):
        servers.EcsStopServersOperator(task_id="task", server_ids=[ID], mode="soft")


def test_passwords_and_user_data_show_up_nowhere(connected: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    password, data = "canary-Password-1", "canary-user-data"
    echo = {"error": {"code": "Ecs.0005", "message": f"bad adminPass {password} or {data}"}}
    connected.fault(Fault(method="POST", status=400, body=echo))
    run = TaskRun(
        lambda: servers.EcsCreateServersOperator(
            task_id="task", **SERVER, admin_password=password, body={"server": {"user_data": data}}
        )
    )

    with pytest.raises(EcsRejectedNoRetry, match=r"bad adminPass \*\*\* or \*\*\*") as caught:
        run.run()

    assert "canary" not in f"{caught.value}{caught.value!r}{run.xcoms}{caplog.text}"
    assert "canary" not in repr(run.make()._request())


def test_a_deferred_create_hands_no_password_to_the_trigger(connected: Emulator) -> None:
    run = TaskRun(
        lambda: servers.EcsCreateServersOperator(task_id="task", **SERVER, admin_password="canary-Password-1")
    )

    deferred = run.start()

    assert "canary" not in str(deferred.trigger.serialize())
    assert "canary" not in str(run.xcoms)
