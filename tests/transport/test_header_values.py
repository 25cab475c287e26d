"""Each secret that becomes a header: a line break in it is an error that names its field, and shows no part of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs.core.errors import EcsConfigError
from airflow_provider_ecsjobs.transport.config import SDK_ENVIRONMENT, ConnectionFields, Settings

if TYPE_CHECKING:
    from collections.abc import Callable

PARTS = ("canary-first-part", "canary-other-part")
BROKEN = "\n".join(PARTS)
REGION = {"region": "cn-north-4", "project_id": "p" * 32}
KEY = {"login": "K" * 20, "password": "s" * 40}


def by_field(extra: dict[str, Any], **fields: str) -> Settings:
    return Settings.from_connection(ConnectionFields("conn", extra={**REGION, **extra}, **fields))


def by_environment(**changed: str) -> Settings:
    values = {**KEY, "security_token": "t" * 50, **changed}
    environment = {SDK_ENVIRONMENT[name]: value for name, value in values.items()}
    return Settings.from_connection(ConnectionFields("conn", extra={**REGION, "auth": "env"}), environment=environment)


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: by_field({}, **KEY | {"login": BROKEN}), "login"),
        (lambda: by_field({}, **KEY | {"password": BROKEN}), "password"),
        (lambda: by_field({"security_token": BROKEN}, **KEY), "extra 'security_token'"),
        (lambda: by_field({"auth": "token", "token": BROKEN}), "extra 'token'"),
        (lambda: by_environment(login=BROKEN), "environment variable HUAWEICLOUD_SDK_AK"),
        (lambda: by_environment(password=BROKEN), "environment variable HUAWEICLOUD_SDK_SK"),
        (lambda: by_environment(security_token=BROKEN), "environment variable HUAWEICLOUD_SDK_SECURITY_TOKEN"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_line_break_names_the_field_and_shows_nothing(make: Callable[[], Settings], field: str) -> None:
    with pytest.raises(EcsConfigError, match=f"{field} has a character that no key has") as raised:
        make()
    assert not [part for part in PARTS if part in str(raised.value)]


@pytest.mark.parametrize(("given", "used"), [("", ""), (" \n", ""), ("t" * 50 + "\n", "t" * 50)])
def test_the_security_token_of_the_environment_may_be_missing_or_end_in_a_line_break(given: str, used: str) -> None:
    key = by_environment(security_token=given).auth_config.key
    assert key is not None
    assert key.security_token == used
