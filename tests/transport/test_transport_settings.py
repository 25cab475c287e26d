"""Reading a connection: what each way to log in needs, and what every bad field is answered with."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_ecsjobs.exceptions import EcsConfigError
from airflow_provider_ecsjobs.transport.config import ConnectionFields, Proxy, Settings

PROJECT = "0123456789abcdef0123456789abcdef"
CANARY = "canary-5ecret"


def read(
    *,
    region: str | None = None,
    project_id: str | None = None,
    service: str = "ecs",
    environment: dict[str, str] | None = None,
    **given: Any,
) -> Settings:
    extra = {"region": "cn-north-4", "project_id": PROJECT} | given.pop("extra", {})
    fields: dict[str, Any] = {"login": "AK", "password": "SK"} | given
    extra = {name: value for name, value in extra.items() if value is not ...}
    return Settings.from_connection(
        ConnectionFields("my_conn", extra=extra, **fields),
        region=region,
        project_id=project_id,
        service=service,
        environment=environment or {},
    )


@pytest.mark.parametrize(
    ("service", "host"),
    [("ecs", "ecs"), ("bms", "bms"), ("evs", "evs"), ("ims", "ims"), ("eip", "vpc"), ("sdrs", "sdrs")],
)
def test_the_endpoint_of_a_service(service: str, host: str) -> None:
    assert read(service=service).auth_config.endpoint == f"https://{host}.cn-north-4.myhuaweicloud.com"


def test_the_european_region_has_its_own_domain() -> None:
    login = read(region="eu-west-101", extra={"project_id": ...}).auth_config
    assert login.endpoint == "https://ecs.eu-west-101.myhuaweicloud.eu"
    assert login.iam_endpoint == "https://iam.eu-west-101.myhuaweicloud.eu"


@pytest.mark.parametrize(
    ("fields", "endpoint"),
    [
        ({"host": "http://127.0.0.1:8899"}, "http://127.0.0.1:8899"),
        ({"host": "http://127.0.0.1:8899/"}, "http://127.0.0.1:8899"),
        ({"host": "127.0.0.1", "schema": "http", "port": 8899}, "http://127.0.0.1:8899"),
        ({"host": "ecs.eu-de.otc.t-systems.com"}, "https://ecs.eu-de.otc.t-systems.com"),
        ({"host": "ecs.example.com", "port": 443}, "https://ecs.example.com"),
        ({"host": "ecs.example.com", "port": 0}, "https://ecs.example.com"),
        ({"host": "https://ECS.example.com:443"}, "https://ecs.example.com"),
        ({"host": "http://ecs.example.com:80"}, "http://ecs.example.com"),
        ({"host": "https://gateway.example.com/ecs"}, "https://gateway.example.com/ecs"),
        ({"host": "http://[::1]:8899"}, "http://[::1]:8899"),
        ({"host": "::1", "schema": "http", "port": 8899}, "http://[::1]:8899"),  # a connection in the form of a URI
    ],
)
def test_a_host_replaces_the_endpoint(fields: dict[str, Any], endpoint: str) -> None:
    assert read(**fields).auth_config.endpoint == endpoint


def test_keys_lose_the_line_end_they_were_pasted_with() -> None:
    credentials = read(login=" AK\n", password="SK\r\n").auth_config.key
    assert credentials is not None
    assert (credentials.access_key, credentials.secret_key) == ("AK", "SK")


def test_the_environment_gives_keys_and_project() -> None:
    environment = {
        "HUAWEICLOUD_SDK_AK": "env-ak",
        "HUAWEICLOUD_SDK_SK": "env-sk",
        "HUAWEICLOUD_SDK_PROJECT_ID": "envproject",
        "HUAWEICLOUD_SDK_SECURITY_TOKEN": "env-token",
    }
    login = read(login="", password="", extra={"auth": "env", "project_id": ...}, environment=environment).auth_config
    assert login.key is not None
    assert login.key.access_key == "env-ak"
    assert login.key.security_token == "env-token"
    assert login.project_id == "envproject"
    assert login.iam_endpoint == ""


@pytest.mark.parametrize("auth", ["agency", "token"])
def test_agency_and_token_need_no_login(auth: str) -> None:
    settings = read(login="", password="", extra={"auth": auth, "token": "a-token"})
    assert settings.auth_config.key is None


def test_a_password_needs_iam_even_if_the_project_is_known() -> None:
    login = read(login="user", password=" p w ", extra={"auth": "password", "domain_name": "dom"}).auth_config
    assert login.iam_endpoint == "https://iam.cn-north-4.myhuaweicloud.com"
    assert login.password == " p w "  # spaces may belong to a password


@pytest.mark.parametrize(
    ("given", "field", "accepted"),
    [
        ({"login": ""}, "login", "access key"),
        ({"password": " "}, "password", "secret key"),
        ({"password": f"{CANARY} \u00e4"}, "password", "secret key"),
        ({"extra": {"auth": "oauth"}}, "'auth'", "'aksk', 'password', 'token', 'agency', 'env'"),
        ({"extra": {"auth": 5}}, "'auth'", "a string"),
        ({"extra": {"region": ...}}, "'region'", "cn-north-4"),
        ({"extra": {"region": "CN North"}}, "'region'", "cn-north-4"),
        ({"extra": {"region": "a.evil.com/"}}, "'region'", "cn-north-4"),
        ({"extra": {"project_id": "../admin"}}, "'project_id'", "32 hexadecimal digits"),
        ({"extra": {"auth": "password"}}, "'domain_name'", "name of the account"),
        ({"login": "", "extra": {"auth": "password", "domain_name": "d"}}, "login", "IAM user"),
        ({"password": "", "extra": {"auth": "password", "domain_name": "d"}}, "password", "password"),
        ({"extra": {"auth": "token"}}, "'token'", "project-scoped IAM token"),
        ({"extra": {"auth": "token", "token": f"{CANARY} x"}}, "'token'", "a token"),
        ({"extra": {"security_token": ["x"]}}, "'security_token'", "a string"),
        ({"extra": {"auth": "env"}}, "HUAWEICLOUD_SDK_AK", "access key"),
        ({"extra": {"connect_timeout": "soon"}}, "'connect_timeout'", "number of seconds from 0.1"),
        ({"extra": {"read_timeout": 0}}, "'read_timeout'", "to 600"),
        ({"extra": {"read_timeout": True}}, "'read_timeout'", "number of seconds"),
        ({"extra": {"read_timeout": "nan"}}, "'read_timeout'", "number of seconds"),
        ({"extra": {"requests_per_second": 0}}, "'requests_per_second'", "requests per second from 0.01 to 1000"),
        ({"extra": {"requests_per_second": 1001}}, "'requests_per_second'", "requests per second from 0.01 to 1000"),
        ({"extra": {"requests_per_second": "fast"}}, "'requests_per_second'", "requests per second from 0.01 to 1000"),
        ({"extra": {"requests_per_second": True}}, "'requests_per_second'", "requests per second from 0.01 to 1000"),
        ({"extra": {"requests_per_second": "nan"}}, "'requests_per_second'", "requests per second from 0.01 to 1000"),
        ({"extra": {"requests_per_second": [5]}}, "'requests_per_second'", "requests per second from 0.01 to 1000"),
        ({"extra": {"verify": "/no/such/file.pem"}}, "'verify'", "path of a CA bundle"),
        ({"extra": {"verify": 5}}, "'verify'", "true, false"),
        ({"extra": {"proxy": f"socks5://u:{CANARY}@h:1"}}, "'proxy'", "http://user:password@proxy"),
        ({"extra": {"proxy": f"http://u:{CANARY}@h:port"}}, "'proxy'", "a proxy such as"),
        ({"host": "ftp://x"}, "host", "'http' or 'https'"),
        ({"host": f"https://user:{CANARY}@ecs.example.com"}, "host", "a host, with or without"),
        ({"host": "https://ecs.example.com?x=1"}, "host", "a host, with or without"),
        ({"host": "ecs example.com"}, "host", "a host, with or without"),
        ({"host": "https://h:99999"}, "host", "a host, with or without"),
        ({"host": "ecs.otc.example.com", "extra": {"project_id": ...}}, "'iam_endpoint'", "the address of its IAM"),
        ({"host": "h", "extra": {"project_id": ..., "region": ...}}, "'project_id'", "one of the two"),
        ({"extra": {"project_id": ..., "iam_endpoint": "file:///etc"}}, "'iam_endpoint'", "'http' or 'https'"),
        ({"extra": {"auth": "agency", "metadata_endpoint": "a b"}}, "'metadata_endpoint'", "a host"),
    ],
)
def test_a_bad_field_is_named_with_what_is_accepted(given: dict[str, Any], field: str, accepted: str) -> None:
    with pytest.raises(EcsConfigError) as caught:
        read(**given)
    message = str(caught.value)
    assert message.startswith("Connection 'my_conn': ")
    assert field in message
    assert accepted in message
    assert CANARY not in message


def test_an_unknown_service_names_the_known_ones() -> None:
    with pytest.raises(EcsConfigError, match="'ecs', 'bms', 'eip', 'evs', 'ims', 'sdrs'"):
        read(service="cce")


@pytest.mark.parametrize(
    ("value", "expected"), [(False, False), ("false", False), ("True", True), ("", True), (None, True)]
)
def test_verify_is_read_as_people_write_it(value: Any, expected: bool) -> None:
    assert read(extra={"verify": value}).verify is expected


def test_numbers_may_come_as_text() -> None:
    assert read(extra={"read_timeout": "2.5", "connect_timeout": ""}).read_timeout == 2.5
    assert read(extra={"requests_per_second": "0.5"}).requests_per_second == 0.5
    assert read(extra={"requests_per_second": None}).requests_per_second == read().requests_per_second == 20


def test_a_proxy_keeps_its_credentials_apart() -> None:
    settings = read(extra={"proxy": f"http://user:{CANARY}%40@proxy:3128"})
    assert settings.proxy == Proxy("http://proxy:3128", "user", f"{CANARY}@")
    assert settings.proxy_for("https://ecs.example.com") is settings.proxy
    assert f"{CANARY}@" in settings.secrets


def test_the_environments_proxy_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", "internal.example.com")
    settings = read()
    assert settings.proxy_for("https://ecs.example.com") == Proxy("http://proxy:3128")
    assert settings.proxy_for("https://internal.example.com") is None


def test_no_secret_shows_in_a_repr() -> None:
    settings = read(
        password=CANARY, extra={"security_token": f"{CANARY}2", "proxy": f"http://u:{CANARY}3@h:1", "token": CANARY}
    )
    assert CANARY not in repr(settings)
    assert CANARY not in repr(ConnectionFields("c", password=CANARY, extra={"token": CANARY}))


@pytest.mark.parametrize(
    ("parameters", "source"),
    [
        ({"region": "cn north"}, "region is 'cn north'"),
        ({"project_id": "a/b"}, "project_id is 'a/b'"),
        ({"extra": {"region": "cn north"}}, "extra 'region' is 'cn north'"),
        ({"extra": {"project_id": "a/b"}}, "extra 'project_id' is 'a/b'"),
        (
            {"extra": {"auth": "env", "project_id": ...}, "environment": {"HUAWEICLOUD_SDK_PROJECT_ID": "a/b"}},
            "environment variable HUAWEICLOUD_SDK_PROJECT_ID is 'a/b'",
        ),
    ],
)
def test_a_message_names_where_a_wrong_value_comes_from(parameters: dict[str, Any], source: str) -> None:
    with pytest.raises(EcsConfigError, match=f"Connection 'my_conn': {source}"):
        read(**parameters)


def test_outer_spaces_of_a_parameter_do_no_harm() -> None:
    assert read(region=" cn-north-4 ", project_id=f" {PROJECT} ").auth_config == read().auth_config


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ({"connect_timeout": 10**400}, "extra 'connect_timeout' is"),
        ({"verify": "/tmp/\0x"}, "extra 'verify' is .* which can't be used"),
        ({"proxy": "http://user:12/3secret@proxy:3128"}, "extra 'proxy' is not the address of a proxy"),
        ({"proxy": "http://pro xy:3128"}, "extra 'proxy' is not the address of a proxy"),
    ],
)
def test_odd_extras_are_named(extra: dict[str, Any], said: str) -> None:
    with pytest.raises(EcsConfigError, match=f"Connection 'my_conn': {said}") as caught:
        read(extra=extra)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://user:canary@[bad:3128", "socks5://proxy:1080", "http://pro xy"])
@pytest.mark.parametrize("name", ["http_proxy", "https_proxy"])
def test_a_wrong_proxy_of_the_environment_is_named(name: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, url)
    with pytest.raises(EcsConfigError, match=f"environment variable {name.upper()} is not the address") as caught:
        read()
    assert "canary" not in str(caught.value)
    assert read(extra={"proxy": "http://proxy:3128"}).proxy == Proxy("http://proxy:3128")


@pytest.mark.parametrize("listed", ["::1", "[::1]", "localhost,::1"])
def test_the_environment_can_exempt_an_ipv6_address(listed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", listed)
    assert read().proxy_for("http://[::1]:8899/v1") is None
    assert read().proxy_for("http://[::2]:8899/v1") == Proxy("http://proxy:3128")
