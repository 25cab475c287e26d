"""The settings of a connection, checked, in one frozen object."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from airflow_provider_ecsjobs.core.auth.credentials import AUTHS, DEFAULT_METADATA_ENDPOINT, AuthConfig
from airflow_provider_ecsjobs.core.services import HOST_OF_SERVICE
from airflow_provider_ecsjobs.transport.config_fields import FieldChecker, checked_proxy

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_CONNECT_TIMEOUT = 10.0
DEFAULT_READ_TIMEOUT = 30.0
DEFAULT_REQUESTS_PER_SECOND = 20.0
SDK_ENVIRONMENT = {
    "login": "HUAWEICLOUD_SDK_AK",
    "password": "HUAWEICLOUD_SDK_SK",
    "project_id": "HUAWEICLOUD_SDK_PROJECT_ID",
    "security_token": "HUAWEICLOUD_SDK_SECURITY_TOKEN",
}
"""The environment variables that the official SDK reads."""

# The one public region of Huawei Cloud under another top-level domain.
_DOMAIN_OF_REGION = {"eu-west-101": "myhuaweicloud.eu"}
_DOMAIN = "myhuaweicloud.com"


@dataclass(frozen=True, slots=True)
class ConnectionFields:
    """The fields of an Airflow connection, without Airflow's classes.

    :param conn_id: the connection's id, for messages.
    :param login: the access key, or the IAM user.
    :param password: the secret key, or the IAM user's password.
    :param host: an endpoint that replaces the region's endpoint, with or without scheme and port.
    :param schema: the endpoint's scheme, if ``host`` has none.
    :param port: the endpoint's port, if ``host`` has none.
    :param extra: the extra fields.
    """

    conn_id: str
    login: str = ""
    password: str = field(default="", repr=False)
    host: str = ""
    schema: str = ""
    port: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Proxy:
    """A forward proxy.

    :param url: its URL, without credentials.
    :param user: the user to log in with; empty for none.
    :param password: the user's password.
    """

    url: str
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, url: str) -> Proxy:
        """Return the proxy of a URL, with the credentials apart."""
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        return cls(f"{parts.scheme}://{host}", unquote(parts.username or ""), unquote(parts.password or ""))

    @property
    def basic_credentials(self) -> str:
        """User and password in the form of the ``Proxy-Authorization`` header; empty if there are none."""
        return base64.b64encode(f"{self.user}:{self.password}".encode()).decode() if self.user else ""

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that must never appear in a log, message or URL."""
        return (self.password, self.basic_credentials) if self.password else ()

    @property
    def url_with_credentials(self) -> str:
        """The URL in the form that ``requests`` expects. It is a secret if there is a password."""
        if not self.user:
            return self.url
        scheme, _, host = self.url.partition("://")
        return f"{scheme}://{quote(self.user, safe='')}:{quote(self.password, safe='')}@{host}"


@dataclass(frozen=True, slots=True)
class Settings:
    """Endpoint, project, login and limits. The ``repr`` holds no secret.

    :param auth_config: how and where to log in.
    :param connect_timeout: maximum time to connect, TLS included, in seconds.
    :param read_timeout: maximum time for the whole response, in seconds.
    :param verify: whether to check the server's certificate, or the path of a CA bundle to check it with.
    :param proxy: the proxy for all requests; ``None`` to use the environment's proxies.
    :param requests_per_second: the rate limit of all waits in a process together.
    :param warnings: warnings about fields that look wrong.
    """

    auth_config: AuthConfig
    connect_timeout: float = DEFAULT_CONNECT_TIMEOUT
    read_timeout: float = DEFAULT_READ_TIMEOUT
    verify: bool | str = True
    proxy: Proxy | None = None
    requests_per_second: float = DEFAULT_REQUESTS_PER_SECOND
    warnings: tuple[str, ...] = ()

    @classmethod
    def from_connection(
        cls,
        fields: ConnectionFields,
        *,
        region: str | None = None,
        project_id: str | None = None,
        service: str = "ecs",
        environment: Mapping[str, str] = os.environ,
    ) -> Settings:
        """Return the checked settings of a connection.

        :param fields: the connection.
        :param region: replaces the connection's region.
        :param project_id: used in place of the connection's.
        :param service: one of :data:`~airflow_provider_ecsjobs.core.services.HOST_OF_SERVICE`.
        :param environment: where ``auth`` ``env`` looks.
        :raises EcsConfigError: a field is missing or wrong; the message names connection, field and what is accepted.
        """
        check = FieldChecker(fields.conn_id, fields.extra)
        proxy = check.proxy("proxy")
        if not proxy:
            _environment_proxies()  # a wrong one is found before anything is sent
        return cls(
            auth_config=_auth_config(check, fields, region, project_id, service, environment),
            connect_timeout=check.seconds("connect_timeout", DEFAULT_CONNECT_TIMEOUT),
            read_timeout=check.seconds("read_timeout", DEFAULT_READ_TIMEOUT),
            verify=check.verify("verify"),
            proxy=Proxy.parse(proxy) if proxy else None,
            requests_per_second=check.rate("requests_per_second", DEFAULT_REQUESTS_PER_SECOND),
            warnings=check.warnings,
        )

    def login_of(self, changed: Settings | None) -> AuthConfig | None:
        """Return the login of the connection as it was read again.

        :param changed: the settings now; ``None`` if they could not be read.
        :return: the login; ``None`` if it is for other servers, or for another way to them: that takes a new client.
        """
        if changed is None or changed.way != self.way:
            return None
        return changed.auth_config

    @property
    def way(self) -> tuple[object, ...]:
        """The servers, and the way to them. A client has one way: TLS and proxy belong to its connections."""
        login = self.auth_config
        endpoints = (login.endpoint, login.iam_endpoint, login.metadata_endpoint)
        return (*endpoints, self.verify, self.proxy)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that must never appear in a log, message or URL."""
        given = _environment_proxies().values() if self.proxy is None else [self.proxy]
        return (*self.auth_config.secrets, *(secret for proxy in given for secret in proxy.secrets))

    @property
    def ca_file(self) -> str | None:
        """The CA bundle to trust: the connection's, else the one of the environment variables ``requests`` reads.

        It may be a directory, as there. It is ``None`` if certificates are not checked.
        """
        if self.verify is False or isinstance(self.verify, str):
            return self.verify or None
        return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or None

    def proxy_for(self, url: str) -> Proxy | None:
        """Return the proxy for a URL: the connection's, else the environment's."""
        if self.proxy is not None:
            return self.proxy
        parts = urlsplit(url)
        # The environment may name an IPv6 address without its brackets.
        if any(proxy_bypass(host) for host in {parts.netloc, parts.hostname or ""}):
            return None
        return _environment_proxies().get(parts.scheme)


def _environment_proxies() -> dict[str, Proxy]:
    """Return the environment's proxies, by the scheme of the URLs they are for.

    :raises EcsConfigError: a variable does not hold the address of a proxy.
    """
    found: dict[str, Proxy] = {}
    for scheme in ("http", "https"):
        if url := getproxies().get(scheme):
            url = url if "://" in url else f"http://{url}"  # it may be named without a scheme
            found[scheme] = Proxy.parse(checked_proxy(f"The environment variable {scheme.upper()}_PROXY", url))
    return found


def _auth_config(
    check: FieldChecker,
    fields: ConnectionFields,
    region: str | None,
    project_id: str | None,
    service: str,
    environment: Mapping[str, str],
) -> AuthConfig:
    auth = check.choice("auth", AUTHS, default="aksk")
    region = check.region("region", region) if region else check.region("extra 'region'", check.text("region"))
    if project_id:
        project = check.project_id("project_id", project_id)
    else:
        project = check.project_id("extra 'project_id'", check.text("project_id"))
    if auth == "env" and not project:
        variable = SDK_ENVIRONMENT["project_id"]
        project = check.project_id(f"environment variable {variable}", environment.get(variable, ""))
    host = check.text_field("host", fields.host)
    endpoint = check.endpoint("host", host, schema=fields.schema, port=fields.port) if host else ""
    public = check.service_host(service, HOST_OF_SERVICE)
    if not endpoint:
        if not region:
            check.fail("extra 'region'", "is missing, and no host is set", "a region such as 'cn-north-4', or a host")
        endpoint = f"https://{public}.{region}.{_DOMAIN_OF_REGION.get(region, _DOMAIN)}"
    needs_iam = auth == "password" or not project
    if needs_iam and not region and not (project and auth == "password"):
        check.fail("extra 'project_id'", "is missing, and so is 'region' to look it up by", "one of the two")
    return AuthConfig(
        conn_id=fields.conn_id,
        auth=auth,
        endpoint=endpoint,
        iam_endpoint=_iam_endpoint(check, endpoint, region) if needs_iam else "",
        metadata_endpoint=check.endpoint_or("metadata_endpoint", DEFAULT_METADATA_ENDPOINT),
        region=region,
        project_id=project,
        **_login_fields(check, fields, auth, environment),
    )


def _login_fields(
    check: FieldChecker, fields: ConnectionFields, auth: str, environment: Mapping[str, str]
) -> dict[str, Any]:
    """Return the fields that this ``auth`` needs, and no others."""
    if auth == "aksk":
        key = check.access_key("login", fields.login, "password", fields.password)
        return {"key": replace(key, security_token=check.secret("security_token"))}
    if auth == "env":
        found = {name: environment.get(variable, "") for name, variable in SDK_ENVIRONMENT.items()}
        names = {name: f"environment variable {variable}" for name, variable in SDK_ENVIRONMENT.items()}
        key = check.access_key(names["login"], found["login"], names["password"], found["password"])
        token = check.optional_key(names["security_token"], found["security_token"], "a token")
        return {"key": replace(key, security_token=token)}
    if auth == "password":
        return {
            "user_name": check.required("login", fields.login, "the name of the IAM user"),
            "password": check.required("password", fields.password, "the IAM user's password"),
            "domain_name": check.required(
                "extra 'domain_name'", check.text("domain_name"), "the name of the account that the IAM user belongs to"
            ),
        }
    if auth == "token":
        return {"iam_token": check.key("extra 'token'", check.secret("token"), "a project-scoped IAM token")}
    return {}


def _iam_endpoint(check: FieldChecker, endpoint: str, region: str) -> str:
    given = check.endpoint_or("iam_endpoint", "")
    if given:
        return given
    host = urlsplit(endpoint).hostname or ""
    for domain in (_DOMAIN, *_DOMAIN_OF_REGION.values()):
        if host.endswith(f".{domain}"):
            return f"https://iam.{region}.{domain}" if region else f"https://iam.{domain}"
    # Credentials of another cloud must not be sent to Huawei's IAM.
    check.fail(
        "extra 'iam_endpoint'", f"is missing, and it can't be derived from the host {host}", "the address of its IAM"
    )
    raise AssertionError("unreachable: fail() raises")
