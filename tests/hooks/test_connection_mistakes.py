"""Typing errors in a connection: unknown fields, regions, and a key and a secret in each other's place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs.exceptions import EcsConfigError
from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook
from airflow_provider_ecsjobs.provider_info import CONNECTION_FIELDS
from airflow_provider_ecsjobs.transport.config_fields import EXTRA_FIELDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_ecsjobs.emulator import Emulator

ACCESS_KEY = "ABCDEFGHIJKLMNOPQRST"
SECRET_KEY = "canary0123456789canary0123456789canary01"
UNKNOWN = {
    "regoin": "extra 'regoin' is not known here, and not used. Is 'region' meant?",
    "request_per_second": "Is 'requests_per_second' meant?",
    "Project_ID": "Is 'project_id' meant?",
    "obs_bucket": "extra 'obs_bucket' is not known here, and not used.",
}


def fields(**changes: Any) -> dict[str, Any]:
    extra = {"region": "cn-north-4", "project_id": "p", **changes.pop("extra", {})}
    return {"conn_type": "huawei_ecs", "login": "AK", "password": "SK", "extra": extra, **changes}


def test_all_fields_of_the_form_are_read() -> None:
    assert list(EXTRA_FIELDS) == list(CONNECTION_FIELDS)


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_unknown_field_is_a_warning_in_the_log_and_of_the_test_button(
    name: str, ecs_emulator: Emulator, set_connection: Callable[..., None], log_text: Callable[[], str]
) -> None:
    set_connection(**ecs_emulator.connection(**{name: "canary-value"}))
    works, text = EcsJobsHook().test_connection()
    assert works
    assert "Reached project" in text
    for shown in (text, log_text()):
        assert UNKNOWN[name] in shown
        assert "canary" not in shown


def test_fields_of_airflow_itself_are_no_unknown_fields(set_connection: Callable[..., None]) -> None:
    set_connection(**fields(extra={"__extra__": "{}"}))
    assert EcsJobsHook().settings.warnings == ()


def test_a_missing_field_is_named_with_the_unknown_one_that_may_be_meant(set_connection: Callable[..., None]) -> None:
    set_connection(**fields(extra={"region": None, "regoin": "cn-north-4"}))
    with pytest.raises(EcsConfigError, match=r"extra 'region' is missing.*Is 'region' meant\?"):
        _ = EcsJobsHook().settings


def test_a_region_in_upper_case_is_lowered(set_connection: Callable[..., None]) -> None:
    set_connection(**fields(extra={"region": "CN-North-4"}))
    config = EcsJobsHook().settings.auth_config
    assert (config.region, config.endpoint) == ("cn-north-4", "https://ecs.cn-north-4.myhuaweicloud.com")
    assert EcsJobsHook(region="EU-WEST-101").settings.auth_config.region == "eu-west-101"


def test_a_project_of_a_region_is_no_region(set_connection: Callable[..., None]) -> None:
    set_connection(**fields(extra={"region": "cn-north-4_team"}))
    with pytest.raises(EcsConfigError, match="expected the region 'cn-north-4', and the id of that project in extra"):
        _ = EcsJobsHook().settings


def test_a_swapped_key_and_secret_are_named_and_not_shown(set_connection: Callable[..., None]) -> None:
    set_connection(**fields(login=SECRET_KEY, password=ACCESS_KEY))
    with pytest.raises(EcsConfigError, match="login and password look swapped") as caught:
        _ = EcsJobsHook().settings
    assert "canary" not in str(caught.value)


@pytest.mark.usefixtures("quick_backoff")
def test_a_secret_in_place_of_the_key_is_shown_nowhere(
    ecs_emulator: Emulator, set_connection: Callable[..., None], log_text: Callable[[], str]
) -> None:
    set_connection(**{**ecs_emulator.connection(), "login": SECRET_KEY})
    hook = EcsJobsHook()
    works, text = hook.test_connection()
    assert not works
    assert "access key *** (of 40 characters, as a secret key has)" in text.lower()
    assert "canary" not in text + log_text() + repr(hook.settings)
