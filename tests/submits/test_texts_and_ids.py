"""Texts and ids as templates render them, and numbers that are too long: each mistake is named in time."""

from __future__ import annotations

import base64
import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowSkipException

from airflow_provider_ecsjobs.core.operations import OPERATIONS
from airflow_provider_ecsjobs.core.submit.decision_table import Repeat
from airflow_provider_ecsjobs.core.submit.submission import SubmitRequest, digest
from airflow_provider_ecsjobs.exceptions import EcsInvalidRequestNoRetry, EcsJobFailed, EcsRejectedNoRetry
from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook
from airflow_provider_ecsjobs.operators.ecs_jobs import EcsSubmitJobOperator
from airflow_provider_ecsjobs.operators.servers import (
    EcsAddNicsOperator,
    EcsCreateServersOperator,
    EcsDeleteServersOperator,
)
from tests.support.task_runs import QUICK, Store, TaskRun

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_mock import MockerFixture

    from airflow_provider_ecsjobs.emulator import Emulator

pytestmark = pytest.mark.usefixtures("quick_backoff", "short_pauses")
SERVER = {"name": "web", "flavor": "f", "image": "i", "vpc": "v", "subnets": ["s"], "root_volume": "SSD"}
TEXTS = ("name", "flavor", "image", "vpc", "availability_zone", "key_name", "admin_password", "user_data")
MOST_DIGITS_OF_PYTHON = 4300


def create_with(name: str, value: Any) -> EcsCreateServersOperator:
    task = EcsCreateServersOperator(task_id="task", **{**SERVER, name: "{{ x }}"}, **QUICK)
    setattr(task, name, value)
    return task


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("rendered", ["None", "null", "nan", " undefined "])
def test_a_text_whose_template_had_no_value(name: str, rendered: str, connected: Emulator) -> None:
    with pytest.raises(EcsInvalidRequestNoRetry, match=f"{name} is '.*': the template or XCom it comes from had no"):
        TaskRun(lambda: create_with(name, rendered)).run()

    assert not connected.submissions


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("rendered", [2882343476, True, 1.5, {}, []])
def test_a_text_that_is_none(name: str, rendered: Any, connected: Emulator) -> None:
    with pytest.raises(EcsInvalidRequestNoRetry, match=f"{name} is .*; expected a text") as caught:
        TaskRun(lambda: create_with(name, rendered)).run()

    assert not connected.submissions
    assert name not in ("admin_password", "user_data") or str(rendered) not in str(caught.value).split(";")[0]


@pytest.mark.parametrize(
    "name", ["count", "period_count", "auto_pay", "name", "operation", "server_ids", "root_volume"]
)
@pytest.mark.parametrize("kind", [int, str])
def test_a_number_that_python_does_not_print(name: str, kind: type, connected: Emulator) -> None:
    digits = MOST_DIGITS_OF_PYTHON + 1
    value: Any = 10**digits if kind is int else "9" * digits
    values = {"root_volume": {"volumetype": "SSD", "size": value}, "server_ids": [value]}
    task: Any
    if name == "server_ids":
        task = EcsDeleteServersOperator(task_id="task", server_ids="{{ x }}")
    elif name == "operation":
        task = EcsSubmitJobOperator(task_id="task", operation="{{ x }}", body={})
    else:
        task = EcsCreateServersOperator(task_id="task", period_type="month", **{**SERVER, name: "{{ x }}"}, **QUICK)
    setattr(task, name, values.get(name, value))

    with pytest.raises(Exception, match=rf"(?s)\b{name}\b") as caught:
        TaskRun(lambda: task).run()

    assert "4300" not in str(caught.value)
    assert not connected.submissions


def test_two_nics_in_one_subnet(connected: Emulator) -> None:
    create = EcsCreateServersOperator(task_id="task", **{**SERVER, "subnets": ["s", "s"]})
    add = EcsAddNicsOperator(task_id="more", server_id="a", subnets="['s', 's']")

    assert create._request().body["server"]["nics"] == [{"subnet_id": "s"}] * 2  # type: ignore[index]
    assert add._request().body == {"nics": [{"subnet_id": "s"}] * 2}


@pytest.mark.parametrize("wrong", [None, "None", "b c", 5, {"subnet_id": None}, {"subnet_id": "null"}])
def test_a_wrong_id_beside_an_object(wrong: Any, connected: Emulator) -> None:
    with pytest.raises(EcsInvalidRequestNoRetry, match="subnets holds"):
        TaskRun(lambda: create_with("subnets", [{"subnet_id": "a"}, wrong])).run()


@pytest.mark.parametrize("body", [None, {}, {"delete_publicip": True}])
@pytest.mark.parametrize("server_ids", [[], (), set(), ""])
def test_a_delete_of_no_servers_is_skipped(body: Any, server_ids: Any, connected: Emulator) -> None:
    with pytest.raises(AirflowSkipException):
        TaskRun(lambda: EcsDeleteServersOperator(task_id="task", server_ids=server_ids, body=body)).run()


@pytest.mark.parametrize("password", ["Aa1&xyz!Qtop", 'Aa1"xyz\\Qtop', "Pässword1!"])
def test_a_password_with_escapes_is_masked_as_it_is_shown(password: str, mocker: MockerFixture) -> None:
    mask = mocker.patch("airflow_provider_ecsjobs.operators.base_request.mask_secret")
    task = EcsSubmitJobOperator(task_id="task", operation="create_servers", body="{{ x }}")
    task.body = json.dumps({"server": {"adminPass": password}}).replace("&", "\\u0026")

    task._mask_secrets()

    shown = task.body
    for call in mask.call_args_list:
        shown = shown.replace(call.args[0], "***")
    assert shown == '{"server": {"adminPass": "***"}}'


def test_user_data_is_masked_as_it_is_sent(mocker: MockerFixture) -> None:
    mask = mocker.patch("airflow_provider_ecsjobs.operators.base_request.mask_secret")

    create_with("user_data", "canary-text")._mask_secrets()

    masked = {call.args[0] for call in mask.call_args_list}
    assert masked >= {"canary-text", base64.b64encode(b"canary-text").decode()}


@pytest.mark.parametrize("rendered", [[], {}, 5, None])
def test_user_data_that_is_no_text_is_left_to_its_reader(rendered: Any, mocker: MockerFixture) -> None:
    mask = mocker.patch("airflow_provider_ecsjobs.operators.base_request.mask_secret")
    task = create_with("user_data", rendered)
    mask.reset_mock()

    task._mask_secrets()

    assert not mask.called


def test_user_data_that_can_not_be_encoded_is_not_shown(connected: Emulator) -> None:
    with pytest.raises(EcsInvalidRequestNoRetry, match="user_data has a character") as caught:
        TaskRun(lambda: create_with("user_data", "canary \ud800")).run()

    assert "canary" not in repr(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("timeout", [math.nan, math.inf, None, "5", -5, True, 10**400])
def test_a_wrong_timeout_of_a_submit(timeout: Any, connected: Emulator) -> None:
    with pytest.raises(ValueError, match="timeout is"):
        EcsJobsHook().submit("delete_servers", body={"servers": [{"id": "a"}]}, timeout=timeout)

    assert not connected.submissions


@pytest.mark.parametrize("tags", [5, "a", {"key": "a"}])
def test_tags_of_a_wrong_type_are_left_to_the_cloud(tags: Any) -> None:
    server = {**create_with("name", "web")._request().body["server"], "server_tags": tags}  # type: ignore[index]

    assert EcsSubmitJobOperator(task_id="task", operation="create_servers", body={"server": server})._request().body


def test_a_digest_of_keys_of_several_types() -> None:
    body = {"server": {"metadata": {1: "a", "b": "c"}}}

    assert digest(SubmitRequest.build(OPERATIONS["create_servers"], {}, body))


def test_one_server_that_is_named_twice_and_gone(connected: Emulator) -> None:
    body = {"servers": [{"id": "gone"}, {"id": "gone"}]}
    task = EcsDeleteServersOperator(task_id="task", body=body, missing_ok=True, **QUICK)

    assert TaskRun(lambda: task).run()["job_id"] is None


class TestOneSubmitForEachTask:
    def test_a_second_one_fails(self, connected: Emulator) -> None:
        def two(context: Any) -> None:
            for name in ("a", "b"):
                task = EcsCreateServersOperator(task_id="task", **{**SERVER, "name": name}, deferrable=False, **QUICK)
                task.execute(context)

        with pytest.raises(EcsInvalidRequestNoRetry, match="has submitted a request already"):
            two(TaskRun(lambda: create_with("name", "a"), store=Store()).context)

        assert connected.counters["submits"] == 1


class TestARetryWhoseRequestIsWrong:
    @pytest.fixture
    def flavor(self) -> list[str]:
        return ["f"]

    @pytest.fixture
    def run(self, flavor: list[str]) -> TaskRun:
        return TaskRun(lambda: create_with("flavor", flavor[0]), store=Store())

    def test_it_waits_for_the_job_that_is_recorded(self, run: TaskRun, flavor: list[str], connected: Emulator) -> None:
        run.start()

        flavor[:] = ["None"]
        run.retry()

        assert run.run()["status"] == "SUCCESS"
        assert connected.counters["submits"] == 1

    def test_after_a_clear_it_fails(
        self, run: TaskRun, flavor: list[str], connected: Emulator, log_text: Callable[[], str]
    ) -> None:
        run.start()

        flavor[:] = ["None"]
        run.clear()

        with pytest.raises(EcsInvalidRequestNoRetry, match="flavor is 'None'"):
            run.run()
        assert "so the task waits for it" not in log_text()
        assert connected.counters["submits"] == 1

    def test_it_keeps_the_record_if_the_job_failed(self, run: TaskRun, flavor: list[str], connected: Emulator) -> None:
        connected.fail_next("createServer")
        run.start()

        flavor[:] = ["None"]
        run.retry()
        with pytest.raises(EcsInvalidRequestNoRetry, match="flavor is 'None'"):
            run.run()

        flavor[:] = ["f"]
        run.retry()
        assert run.run()["status"] == "SUCCESS"
        assert connected.counters["submits"] == 2


def test_a_create_that_may_be_sent_again_keeps_its_client_token(connected: Emulator) -> None:
    run = TaskRun(lambda: EcsCreateServersOperator(task_id="task", **SERVER, **QUICK, resubmit_unknown=True))
    once = run.make()
    once._prepare()
    assert once._once(run.context, None).policy.repeat is Repeat.BY_TOKEN


class TestARetryThatFindsNoServersToDelete:
    @pytest.fixture
    def ids(self, connected: Emulator) -> list[str]:
        return [connected.add_server()]

    @pytest.fixture
    def run(self, ids: list[str]) -> TaskRun:
        return TaskRun(
            lambda: EcsDeleteServersOperator(task_id="task", server_ids=list(ids), not_found_grace=5, **QUICK),
            store=Store(),
        )

    def test_it_waits_for_the_job_that_is_recorded(self, run: TaskRun, ids: list[str], connected: Emulator) -> None:
        run.start()

        ids.clear()
        run.retry()

        assert run.run()["status"] == "SUCCESS"
        assert connected.counters["submits"] == 1

    def test_it_is_skipped_if_that_job_failed(self, run: TaskRun, ids: list[str], connected: Emulator) -> None:
        connected.fail_next("deleteVMs")
        with pytest.raises(EcsJobFailed):
            run.run()

        ids.clear()
        run.retry()

        with pytest.raises(AirflowSkipException):
            run.run()
        assert connected.counters["submits"] == 1

        # Nothing was sent by the try that was skipped. So the next one has no reason to take a server for deleted.
        ids.append("00000000-0000-0000-0000-000000000000")
        run.clear()
        with pytest.raises(EcsRejectedNoRetry, match="could not be found"):
            run.run()

    def test_after_a_clear_it_is_skipped(self, run: TaskRun, ids: list[str], connected: Emulator) -> None:
        run.start()

        ids.clear()
        run.clear()

        with pytest.raises(AirflowSkipException):
            run.run()
