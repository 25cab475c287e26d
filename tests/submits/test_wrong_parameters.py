"""Parameters that are wrong, or only look so: a mistake is named early, and a secret is not shown."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from airflow_provider_ecsjobs.emulator import Emulator, Fault
from airflow_provider_ecsjobs.exceptions import (
    EcsApiError,
    EcsInvalidRequestNoRetry,
)
from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook
from airflow_provider_ecsjobs.operators.ecs_jobs import EcsSubmitJobOperator
from airflow_provider_ecsjobs.operators.servers import (
    EcsCreateServersOperator,
    EcsDeleteServersOperator,
)
from tests.support.task_runs import TaskRun

pytestmark = pytest.mark.usefixtures("quick_backoff", "short_pauses")
SERVER = {"name": "web", "flavor": "f", "image": "i", "vpc": "v", "subnets": ["s"], "root_volume": "SSD"}


@pytest.mark.parametrize("rendered", ["None", "null", ["a", None]])
def test_a_template_without_a_value_is_no_empty_list(rendered: Any, connected: Emulator) -> None:
    task = EcsDeleteServersOperator(task_id="task", server_ids="{{ x }}")
    task.server_ids = rendered

    with pytest.raises(EcsInvalidRequestNoRetry, match="the template or XCom it comes from had no value"):
        TaskRun(lambda: task).run()


def test_user_data_that_looks_like_a_template_is_encoded(connected: Emulator) -> None:
    script = "#!/bin/sh\ndocker ps --format '{{.Names}}'\n"
    task = EcsCreateServersOperator(task_id="task", user_data="{{ x }}", **SERVER)
    task.user_data = script

    body = task._request().body

    assert body is not None
    assert base64.b64decode(body["server"]["user_data"]).decode() == script


def test_secrets_are_redacted_in_the_error_that_an_exception_holds(connected: Emulator) -> None:
    echo = {
        "error": {"code": "Ecs.0005", "message": "bad canary-Password", "details": [{"message": "canary-Password"}]}
    }
    connected.fault(Fault(method="POST", status=400, body=echo))
    body = {"os-change": {"imageid": "i", "adminpass": "canary-Password"}}

    with pytest.raises(EcsApiError) as caught:
        EcsJobsHook().submit("change_server_os_with_cloud_init", server_id="s", body=body)

    assert "canary" not in repr(caught.value.error)


def test_a_body_that_rendered_to_text_is_shown_by_no_error(connected: Emulator) -> None:
    task = EcsSubmitJobOperator(task_id="task", operation="delete_servers", body="{{ x }}")
    task.body = "{'os-change': {'adminpass': 'canary-Password'}}"

    with pytest.raises(EcsInvalidRequestNoRetry) as caught:
        TaskRun(lambda: task).run()

    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("options", [{"tags": "a=b"}, {"count": 2.7}, {"user_data": 7}, {"subnets": []}])
def test_a_parameter_of_a_wrong_type_is_named_when_the_dag_is_parsed(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        EcsCreateServersOperator(task_id="task", **{**SERVER, **options})
