"""The Airflow connection, good and bad."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import pytest

from airflow_provider_ecsjobs.exceptions import EcsConfigError
from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_ecsjobs.emulator import Emulator

BAD_FIELDS: dict[str, tuple[dict[str, Any], dict[str, Any], str, str]] = {
    # name: (fields, extra, the field named, what is accepted)
    "no access key": ({"login": ""}, {}, "login", "access key"),
    "no secret key": ({"password": ""}, {}, "password", "secret key"),
    "a blank secret key": ({"password": " \n"}, {}, "password", "secret key"),
    "a secret key in two lines": ({"password": "canary\nkey"}, {}, "password", "secret key"),
    "an unknown auth": ({}, {"auth": "kerberos"}, "auth", "aksk"),
    "a project id with a slash": ({}, {"project_id": "../../v3/x"}, "project_id", "32 hexadecimal"),
    "a project id that is a number": ({}, {"project_id": 5}, "project_id", "string"),
    "a region that is a host": ({}, {"region": "evil.example.com/"}, "region", "cn-north-4"),
    "a region that is a list": ({}, {"region": ["cn-north-4"]}, "region", "string"),
    "neither region nor host": ({"host": ""}, {"region": ""}, "region", "cn-north-4"),
    "a host that is a path": ({"host": "http://127.0.0.1/a b"}, {}, "host", "a host"),
    "a host with a query": ({"host": "http://127.0.0.1/?x=1"}, {}, "host", "a host"),
    "a host with credentials": ({"host": "http://me:canary@127.0.0.1"}, {}, "host", "a host"),
    "a host of another scheme": ({"host": "ftp://127.0.0.1"}, {}, "host", "https"),
    "a port beyond all ports": ({"host": "http://127.0.0.1:99999"}, {}, "host", "a host"),
    "a read timeout of 0": ({}, {"read_timeout": 0}, "read_timeout", "seconds"),
    "a negative read timeout": ({}, {"read_timeout": -1}, "read_timeout", "seconds"),
    "a read timeout in words": ({}, {"read_timeout": "a while"}, "read_timeout", "seconds"),
    "a read timeout that is true": ({}, {"read_timeout": True}, "read_timeout", "seconds"),
    "a read timeout that is no number": ({}, {"read_timeout": "nan"}, "read_timeout", "seconds"),
    "a connect timeout without end": ({}, {"connect_timeout": "inf"}, "connect_timeout", "seconds"),
    "a connect timeout that is a list": ({}, {"connect_timeout": [1]}, "connect_timeout", "seconds"),
    "a verify that is a number": ({}, {"verify": 1.5}, "verify", "true, false, or the path of a CA bundle"),
    "a security token that is an object": ({}, {"security_token": {"a": "canary"}}, "security_token", "string"),
}


@pytest.mark.parametrize(("fields", "extra", "named", "accepted"), BAD_FIELDS.values(), ids=BAD_FIELDS)
def test_a_bad_field_is_named_and_nothing_is_asked(
    ecs_emulator: Emulator,
    set_connection: Callable[..., None],
    fields: dict[str, Any],
    extra: dict[str, Any],
    named: str,
    accepted: str,
) -> None:
    good = ecs_emulator.connection()
    set_connection("my_cloud", **{**good, "extra": {**good["extra"], **extra}, **fields})

    with pytest.raises(EcsConfigError) as caught:
        EcsJobsHook("my_cloud").get_job("job-1")

    message = str(caught.value)
    assert "'my_cloud'" in message
    assert named in message
    assert "expected" in message
    assert accepted in message
    assert "canary" not in message
    assert ecs_emulator.counters["requests"] == 0


@pytest.mark.parametrize("name", ["region", "project_id", "service"])
def test_a_bad_argument_of_the_hook_is_named(connected: Emulator, name: str) -> None:
    with pytest.raises(EcsConfigError, match=rf"{name}.* is 'a/b'; expected"):
        EcsJobsHook(**{name: "a/b"}).get_job("job-1")
    assert connected.counters["requests"] == 0


@pytest.mark.parametrize("name", ["huawei_ecs_conn_id", "region", "project_id", "service"])
@pytest.mark.parametrize("value", [5, ["a"], {"a": "b"}], ids=str)
def test_an_argument_that_is_no_text_is_named(connected: Emulator, name: str, value: Any) -> None:
    """A template that is rendered natively turns an id of digits into a number."""
    with pytest.raises(EcsConfigError, match=rf"{name} is {re.escape(str(value))}; expected"):
        EcsJobsHook(**{name: value}).get_job("job-1")
    assert connected.counters["requests"] == 0


@pytest.mark.parametrize("extra", ["{not json", "[1, 2]", '"text"', "3"])
def test_an_extra_that_is_no_json_object(ecs_emulator: Emulator, monkeypatch: pytest.MonkeyPatch, extra: str) -> None:
    from airflow.providers.common.compat.sdk import BaseHook

    # Airflow's own Connection rejects or mends most of these; what a secrets backend makes may not.
    connection = SimpleNamespace(
        conn_id="my_cloud", login="AK", password="SK", host=ecs_emulator.url, schema=None, port=None, extra=extra
    )
    monkeypatch.setattr(BaseHook, "get_connection", classmethod(lambda cls, conn_id: connection))

    with pytest.raises(EcsConfigError, match="'my_cloud': extra is not a JSON object") as caught:
        EcsJobsHook("my_cloud").get_job("job-1")

    assert caught.value.__cause__ is None
    assert ecs_emulator.counters["requests"] == 0


@pytest.mark.parametrize("conn_type", ["huawei_ecs", "huaweicloud", "generic"])
def test_a_connection_as_json(ecs_emulator: Emulator, set_connection: Callable[..., None], conn_type: str) -> None:
    set_connection(**{**ecs_emulator.connection(), "conn_type": conn_type})

    assert EcsJobsHook().get_job(ecs_emulator.plant_job({"status": "INIT"})).status == "INIT"


@pytest.mark.parametrize("conn_type", ["huawei-ecs", "huaweicloud"])
def test_a_connection_as_uri(ecs_emulator: Emulator, monkeypatch: pytest.MonkeyPatch, conn_type: str) -> None:
    fields = ecs_emulator.connection()
    at = urlsplit(fields["host"])
    key = quote(fields["password"], safe="")
    extra = "&".join(f"{name}={quote(value)}" for name, value in fields["extra"].items())
    uri = f"{conn_type}://{fields['login']}:{key}@{at.hostname}:{at.port}/http?{extra}"
    monkeypatch.setenv("AIRFLOW_CONN_HUAWEI_ECS_DEFAULT", uri)

    assert EcsJobsHook().get_job(ecs_emulator.plant_job({"status": "INIT"})).status == "INIT"


def test_an_extra_of_text_in_text(ecs_emulator: Emulator, set_connection: Callable[..., None]) -> None:
    fields = ecs_emulator.connection(read_timeout="5", verify="no")
    set_connection(**{**fields, "extra": json.dumps(fields["extra"])})
    hook = EcsJobsHook()

    assert hook.get_job(ecs_emulator.plant_job({"status": "INIT"})).status == "INIT"
    assert (hook.settings.read_timeout, hook.settings.verify) == (5.0, False)


def test_arguments_go_before_the_connection(connected: Emulator) -> None:
    project = "f" * 32

    with pytest.raises(Exception, match="Common"):
        EcsJobsHook(project_id=project).get_job("job-1")

    assert connected.requests[-1]["path"] == f"/v1/{project}/jobs/job-1"


@pytest.mark.usefixtures("airflow_db")
def test_a_missing_connection_is_told_by_its_test() -> None:
    works, said = EcsJobsHook("no_such_connection").test_connection()
    assert not works
    assert "no_such_connection" in said


def test_a_missing_connection_is_named() -> None:
    with pytest.raises(Exception, match="no_such_connection"):
        EcsJobsHook("no_such_connection").get_job("job-1")


@pytest.mark.parametrize(
    ("region", "service", "host"),
    [
        ("cn-north-4", "ecs", "https://ecs.cn-north-4.myhuaweicloud.com"),
        ("cn-north-4", "eip", "https://vpc.cn-north-4.myhuaweicloud.com"),
        ("eu-west-101", "evs", "https://evs.eu-west-101.myhuaweicloud.eu"),
    ],
)
def test_the_host_of_a_region(set_connection: Callable[..., None], region: str, service: str, host: str) -> None:
    set_connection(conn_type="huawei_ecs", login="AK", password="SK", extra={"region": region, "project_id": "p"})

    assert host in repr(EcsJobsHook(service=service).settings)
