"""What a connection says, checked and in one frozen object."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_ecsjobs.core.errors import EcsConfigError
from airflow_provider_ecsjobs.core.flows import Target
from airflow_provider_ecsjobs.core.signing import Credentials
from airflow_provider_ecsjobs.core.text import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

HOST_OF_SERVICE = {"ecs": "ecs", "bms": "bms", "eip": "vpc", "evs": "evs", "ims": "ims", "sdrs": "sdrs"}
"""The services whose jobs have the same path and shape, and the first part of their hosts."""
AUTHS = ("aksk",)
DEFAULT_CONNECT_TIMEOUT = 10.0
DEFAULT_READ_TIMEOUT = 30.0
MAX_TIMEOUT = 600.0

# The one public region of Huawei Cloud under another top-level domain.
_DOMAIN_OF_REGION = {"eu-west-101": "myhuaweicloud.eu"}
_DOMAIN = "myhuaweicloud.com"
_REGION = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_PROJECT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")
_TRUE = frozenset({"true", "yes", "1", "on"})
_FALSE = frozenset({"false", "no", "0", "off"})


@dataclass(frozen=True, slots=True)
class ConnectionFields:
    """An Airflow connection's fields, as the transport needs them and without Airflow.

    :param conn_id: the connection's id, for messages.
    :param login: the access key.
    :param password: the secret key.
    :param host: an endpoint that replaces the region's own, with or without scheme and port.
    :param schema: the endpoint's scheme, where ``host`` has none.
    :param port: the endpoint's port, where ``host`` has none.
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
class Settings:
    """Endpoint, project, credentials and limits. The ``repr`` holds no secret.

    :param target: where requests go, and in whose name.
    :param region: the region; empty where only an endpoint was given.
    :param connect_timeout: seconds to connect in, TLS included.
    :param read_timeout: seconds that the whole answer may take.
    :param verify: whether to check the server's certificate, or the path of a CA bundle to check it with.
    """

    target: Target
    region: str = ""
    connect_timeout: float = DEFAULT_CONNECT_TIMEOUT
    read_timeout: float = DEFAULT_READ_TIMEOUT
    verify: bool | str = True

    @classmethod
    def from_connection(
        cls,
        fields: ConnectionFields,
        *,
        region: str | None = None,
        project_id: str | None = None,
        service: str = "ecs",
    ) -> Settings:
        """Read and check a connection.

        :param fields: the connection.
        :param region: used in place of the connection's.
        :param project_id: used in place of the connection's.
        :param service: one of :data:`HOST_OF_SERVICE`.
        :raises EcsConfigError: a field is missing or wrong; the message names connection, field and accepted values.
        """
        check = _Checker(fields)
        check.choice("auth", AUTHS, default="aksk")
        credentials = Credentials(
            check.required("login", fields.login, "the access key (AK)"),
            check.required("password", fields.password, "the secret key (SK)"),
            check.text("security_token"),
        )
        region = check.pattern("region", region or check.text("region"), _REGION, "a region such as 'cn-north-4'")
        project = project_id or check.text("project_id")
        if not project:
            check.fail("extra 'project_id'", "is missing", "the id of the project, 32 hexadecimal digits")
        check.pattern("project_id", project, _PROJECT_ID, "a project's id, 32 hexadecimal digits")
        return cls(
            target=Target(check.endpoint(region, service), project, credentials),
            region=region,
            connect_timeout=check.seconds("connect_timeout", DEFAULT_CONNECT_TIMEOUT),
            read_timeout=check.seconds("read_timeout", DEFAULT_READ_TIMEOUT),
            verify=check.verify(),
        )


class _Checker:
    """Reads one connection's fields; every complaint names the connection, the field and what is accepted."""

    def __init__(self, fields: ConnectionFields) -> None:
        self.fields = fields

    def fail(self, name: str, problem: str, accepted: str) -> None:
        raise EcsConfigError(f"Connection '{self.fields.conn_id}': {name} {problem}; expected {accepted}.")

    def required(self, name: str, value: str, meaning: str) -> str:
        # A key pasted with a line end behind it would only ever give "signature does not match".
        value = (value or "").strip()
        if not value:
            self.fail(name, "is empty", meaning)
        if not value.isascii() or not value.isprintable():
            self.fail(name, "has characters that no key has", meaning)
        return value

    def text(self, name: str) -> str:
        value = self.fields.extra.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            self.fail(f"extra '{name}'", f"is a {type(value).__name__}", "a text")
        return str(value).strip()

    def pattern(self, name: str, value: str, pattern: re.Pattern[str], accepted: str) -> str:
        if value and not pattern.fullmatch(value):
            self.fail(f"'{name}'", f"is {clean(repr(value), 100)}", accepted)
        return value

    def choice(self, name: str, accepted: tuple[str, ...], default: str) -> str:
        value = self.text(name) or default
        if value not in accepted:
            self.fail(f"extra '{name}'", f"is {clean(repr(value), 100)}", "one of " + ", ".join(map(repr, accepted)))
        return value

    def seconds(self, name: str, default: float) -> float:
        value = self.fields.extra.get(name)
        if value is None or value == "":
            return default
        accepted = f"a number of seconds above 0, {MAX_TIMEOUT:g} at most"
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not 0 < number <= MAX_TIMEOUT:
            self.fail(f"extra '{name}'", f"is {clean(repr(value), 100)}", accepted)
        return number

    def verify(self) -> bool | str:
        value = self.fields.extra.get("verify")
        if value is None or value == "":
            return True
        if isinstance(value, bool):
            return value
        if not isinstance(value, str):
            self.fail("extra 'verify'", f"is a {type(value).__name__}", "true, false, or the path of a CA bundle")
        lowered = str(value).strip().lower()
        if lowered in _TRUE | _FALSE:
            return lowered in _TRUE
        return str(value).strip()

    def endpoint(self, region: str, service: str) -> str:
        if service not in HOST_OF_SERVICE:
            raise EcsConfigError(
                f"service is {clean(repr(service), 100)}; expected one of {', '.join(HOST_OF_SERVICE)}."
            )
        host = (self.fields.host or "").strip().rstrip("/")
        if host:
            return self._given_endpoint(host)
        if not region:
            self.fail("extra 'region'", "is missing, and no host is set", "a region such as 'cn-north-4', or a host")
        domain = _DOMAIN_OF_REGION.get(region, _DOMAIN)
        return f"https://{HOST_OF_SERVICE[service]}.{region}.{domain}"

    def _given_endpoint(self, host: str) -> str:
        accepted = "a host, with or without scheme and port, such as 'https://ecs.cn-north-4.myhuaweicloud.com'"
        given = host if "://" in host else f"{(self.fields.schema or 'https').strip()}://{host}"
        shown = clean(repr(given.rpartition("@")[2]), 200)
        try:
            parts = urlsplit(given)
            port = parts.port or self.fields.port
        except ValueError:
            self.fail("host", f"is {shown}", accepted)
            raise  # unreachable; `fail` raises
        if parts.scheme not in ("http", "https"):
            self.fail("host", f"has the scheme {clean(repr(parts.scheme), 50)}", "http or https")
        if "@" in parts.netloc or parts.query or parts.fragment:
            self.fail("host", "holds credentials, a query or a fragment", accepted)
        name = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else (parts.hostname or "")
        if not _HOST.fullmatch(name) or not re.fullmatch(r"(/[A-Za-z0-9._~-]+)*", parts.path):
            self.fail("host", f"is {shown}", accepted)
        # The Host header is signed, and clients leave the scheme's own port out of it.
        default_port = 443 if parts.scheme == "https" else 80
        suffix = "" if port in (None, default_port) else f":{port}"
        return f"{parts.scheme}://{name}{suffix}{parts.path}"
