"""Checks the fields of one connection. Every error names the connection, the field and the accepted values."""

from __future__ import annotations

import math
import re
import ssl
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import SplitResult, urlsplit

from airflow_provider_ecsjobs.core.auth.signing import ACCESS_KEY_LENGTH, SECRET_KEY_LENGTH, AccessKey
from airflow_provider_ecsjobs.core.errors import EcsConfigError
from airflow_provider_ecsjobs.core.text import clean, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# The connection form uses the same limits.
MIN_TIMEOUT = 0.1
MAX_TIMEOUT = 600.0
MIN_RATE = 0.01
MAX_RATE = 1000.0

EXTRA_FIELDS = (
    *("region", "auth", "project_id", "domain_name", "security_token", "token", "iam_endpoint", "metadata_endpoint"),
    *("verify", "proxy", "connect_timeout", "read_timeout", "requests_per_second"),
)
"""The supported extra fields."""

_REGION = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_SUB_PROJECT = re.compile(r"([a-z0-9]+(?:-[a-z0-9]+)+)_.+", re.DOTALL)
_PROJECT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")
_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*")
_TRUE = frozenset({"true", "yes", "1", "on"})
_FALSE = frozenset({"false", "no", "0", "off"})
_ADDRESS = "a host, with or without scheme and port, such as 'https://ecs.cn-north-4.myhuaweicloud.com'"
_PROXY = "a proxy such as 'http://proxy.example.com:3128' or 'http://user:password@proxy.example.com:3128'"


class FieldChecker:
    """Reads and checks the fields of one connection.

    :param conn_id: the connection's id, for messages.
    :param extra: its extra fields.
    """

    def __init__(self, conn_id: str, extra: Mapping[str, Any]) -> None:
        self._conn_id = conn_id
        self._extra = extra
        self.warnings = tuple(self._unknown_fields())

    def _unknown_fields(self) -> Iterator[str]:
        """Return a warning for each unsupported extra field. It may be a typing error, or a field of another tool."""
        from difflib import get_close_matches

        for name in self._extra:
            if name in EXTRA_FIELDS or name.startswith("__"):
                continue
            near = get_close_matches(clean(name, 100).lower(), EXTRA_FIELDS, 1)
            meant = f" Is '{near[0]}' meant?" if near else ""
            yield f"Connection '{self._conn_id}': extra {shown(name)} is not known here, and not used.{meant}"

    def fail(self, name: str, problem: str, accepted: str) -> NoReturn:
        """Raise an error about a field. It also names unknown fields, as one of them may be meant."""
        error = f"Connection '{self._conn_id}': {name} {problem}; expected {accepted}."
        raise EcsConfigError(" ".join((error, *self.warnings)))

    def required(self, name: str, value: str, meaning: str) -> str:
        """Return a required string."""
        return value or self.fail(name, "is empty", meaning)

    def key(self, name: str, value: str, meaning: str) -> str:
        """Return a required key or token."""
        # A key pasted with a line break at its end would only ever cause "signature does not match".
        value = value.strip()
        if not value:
            self.fail(name, "is empty", meaning)
        if not value.isascii() or not value.isprintable() or " " in value:
            self.fail(name, "has a character that no key has", meaning)
        return value

    def text(self, name: str) -> str:
        """Return an extra field that is a string; empty if it is missing."""
        return self.text_field(f"extra '{name}'", self._extra.get(name))

    def secret(self, name: str) -> str:
        """Return an extra field that is a secret; empty if it is missing."""
        return self.optional_key(f"extra '{name}'", self.text(name), "a token")

    def optional_key(self, name: str, value: str, meaning: str) -> str:
        """Return a key or token that may be missing; empty if it is."""
        return self.key(name, value, meaning) if value.strip() else ""

    def text_field(self, name: str, value: Any) -> str:
        """Return a field that is a string; empty if it is missing."""
        if value is None:
            return ""
        if not isinstance(value, str):
            self.fail(name, f"is of type {type(value).__name__}", "a string")
        return value.strip()

    def choice(self, name: str, accepted: tuple[str, ...], default: str) -> str:
        """Return an extra field that is one of several choices."""
        value = self.text(name) or default
        if value not in accepted:
            self.fail(f"extra '{name}'", f"is {shown(value)}", "one of " + ", ".join(map(repr, accepted)))
        return value

    def access_key(self, name: str, access_key: str, secret_name: str, secret_key: str) -> AccessKey:
        """Return an access key with its secret key. The messages hold neither.

        :param name: the field of the access key.
        :param access_key: its value.
        :param secret_name: the field of the secret key.
        :param secret_key: its value.
        """
        access_key = self.key(name, access_key, "the access key (AK)")
        secret_key = self.key(secret_name, secret_key, "the secret key (SK)")
        if len(access_key) == SECRET_KEY_LENGTH and len(secret_key) == ACCESS_KEY_LENGTH:
            self.fail(name, f"and {secret_name} look swapped", "the access key (AK) in the former")
        return AccessKey(access_key, secret_key)

    def region(self, name: str, value: str) -> str:
        """Return a region in lower case. It becomes part of a host name."""
        region = value.strip().lower()
        if region and not _REGION.fullmatch(region):
            project = _SUB_PROJECT.fullmatch(region)
            accepted = "a region such as 'cn-north-4'"
            if project is not None:
                accepted = f"the region '{project[1]}', and the id of that project in extra 'project_id'"
            self.fail(name, f"is {shown(value)}", accepted)
        return region

    def project_id(self, name: str, value: str) -> str:
        """Return a checked project id. It becomes part of a path."""
        value = value.strip()
        if value and not _PROJECT_ID.fullmatch(value):
            self.fail(name, f"is {shown(value)}", "a project's id, 32 hexadecimal digits")
        return value

    def service_host(self, service: str, known: Mapping[str, str]) -> str:
        """Return the first part of a service's host name."""
        if service not in known:
            raise EcsConfigError(f"service is {shown(service)}; expected one of {', '.join(map(repr, known))}.")
        return known[service]

    def seconds(self, name: str, default: float) -> float:
        """Return an extra field that is a number of seconds."""
        number = self._number(name, default)
        if not MIN_TIMEOUT <= number <= MAX_TIMEOUT:
            accepted = f"a number of seconds from {MIN_TIMEOUT:g} to {MAX_TIMEOUT:g}"
            self.fail(f"extra '{name}'", f"is {shown(self._extra.get(name))}", accepted)
        return number

    def rate(self, name: str, default: float) -> float:
        """Return an extra field that is a number of requests per second."""
        number = self._number(name, default)
        if not MIN_RATE <= number <= MAX_RATE:
            accepted = f"a number of requests per second from {MIN_RATE:g} to {MAX_RATE:g}"
            self.fail(f"extra '{name}'", f"is {shown(self._extra.get(name))}", accepted)
        return number

    def _number(self, name: str, default: float) -> float:
        """Return an extra field that is a number; NaN if it is not a number."""
        value = self._extra.get(name)
        if value is None or value == "":
            return default
        try:
            return math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError, OverflowError):
            return math.nan

    def verify(self, name: str) -> bool | str:
        """Return whether to check certificates, or the path of the CA bundle to check them with."""
        value = self._extra.get(name)
        if isinstance(value, bool):
            return value
        accepted = "true, false, or the path of a CA bundle"
        if value is not None and not isinstance(value, str):
            self.fail(f"extra '{name}'", f"is {shown(value)}", accepted)
        text = self.text(name)
        if text.lower() in _TRUE | _FALSE:
            return text.lower() in _TRUE
        if text:
            try:
                ssl.create_default_context(cafile=text)
            except (OSError, ValueError) as error:  # an SSLError is an OSError
                reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
                self.fail(f"extra '{name}'", f"is {shown(text)}, which can't be used ({reason})", accepted)
        return text or True

    def endpoint_or(self, name: str, default: str) -> str:
        """Return an extra field that is an endpoint; ``default`` if it is missing."""
        value = self.text(name)
        return self.endpoint(f"extra '{name}'", value) if value else default

    def endpoint(self, name: str, value: str, *, schema: str | None = "", port: int | None = None) -> str:
        """Return a checked endpoint in one form: scheme, host, port unless it is the scheme's default, path.

        :param name: the field.
        :param value: the address.
        :param schema: the scheme if the address has none; https if this is empty too.
        :param port: the port if the address has none.
        """
        if value.count(":") > 1 and "[" not in value and "://" not in value:
            value = f"[{value}]"  # an IPv6 address: Airflow drops its brackets where the connection is a URI
        given = value if "://" in value else f"{(schema or 'https').strip()}://{value}"
        address = shown(value.rpartition("@")[2])
        try:
            parts = urlsplit(given.rstrip("/"))
            port = parts.port or port or None
        except ValueError:
            self.fail(name, f"is {address}", _ADDRESS)
        if parts.scheme not in ("http", "https"):
            self.fail(name, f"has the scheme {shown(parts.scheme)}", "'http' or 'https'")
        if "@" in parts.netloc or parts.query or parts.fragment:
            self.fail(name, "holds credentials, a query or a fragment", _ADDRESS)
        host = _host_of(parts)
        if not _HOST.fullmatch(host) or not _PATH.fullmatch(parts.path):
            self.fail(name, f"is {address}", _ADDRESS)
        # The Host header is signed, and HTTP clients omit the scheme's default port in it.
        suffix = "" if port in (None, 443 if parts.scheme == "https" else 80) else f":{port}"
        return f"{parts.scheme}://{host}{suffix}{parts.path}"

    def proxy(self, name: str) -> str:
        """Return an extra field that is a proxy's URL. It may hold credentials, so it is never shown."""
        value = self.text(name)
        return checked_proxy(f"Connection '{self._conn_id}': extra '{name}'", value) if value else ""


def _host_of(parts: SplitResult) -> str:
    """Return the host of a URL as it stands in one: an IPv6 address in brackets. Empty if there is none."""
    host = parts.hostname or ""
    return f"[{host}]" if ":" in host else host


def checked_proxy(name: str, url: str) -> str:
    """Return the URL of a proxy. It may hold credentials, so no message shows it.

    :param name: where it comes from, for the message.
    :param url: the URL.
    :raises EcsConfigError: it is not the address of a proxy.
    """
    try:
        parts = urlsplit(url)
        host = _host_of(parts)
        _ = parts.port  # raises an error if it is wrong
    except ValueError:
        host = ""
    else:
        is_plain = parts.path in ("", "/") and not parts.query and not parts.fragment
        host = host if is_plain and parts.scheme in ("http", "https") else ""
    if not _HOST.fullmatch(host):
        raise EcsConfigError(f"{name} is not the address of a proxy; expected {_PROXY}.")
    return url
