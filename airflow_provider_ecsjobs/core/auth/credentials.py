"""How a connection logs in, and how its requests are authorized: by a signature, or by a token.

API pages: *API Request Signing Guide*; IAM *Obtaining a User Token Through Password Authentication*.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urlsplit

from airflow_provider_ecsjobs.core.auth.signing import AccessKey, sign
from airflow_provider_ecsjobs.core.steps import HttpRequest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


AUTHS = ("aksk", "password", "token", "agency", "env")
DEFAULT_METADATA_ENDPOINT = "http://169.254.169.254"


@dataclass(frozen=True, slots=True)
class AuthConfig:
    """How and where to log in. Two are equal if the connection has not changed. The ``repr`` holds no secret.

    :param conn_id: the Airflow connection, for messages.
    :param auth: one of :data:`AUTHS`.
    :param endpoint: scheme, host, port and path prefix of the service, without a slash at the end.
    :param iam_endpoint: the endpoint of IAM; empty if IAM is not needed.
    :param metadata_endpoint: the endpoint of the metadata service.
    :param region: the region. It is the project's name if no project id is given.
    :param project_id: the project; empty to look it up by region.
    :param key: the key, for ``aksk`` and ``env``.
    :param user_name: the IAM user, for ``password``.
    :param domain_name: the account that the IAM user belongs to, for ``password``.
    :param password: the IAM user's password.
    :param iam_token: an existing token, for ``token``.
    """

    conn_id: str
    auth: str
    endpoint: str
    iam_endpoint: str = ""
    metadata_endpoint: str = DEFAULT_METADATA_ENDPOINT
    region: str = ""
    project_id: str = ""
    key: AccessKey | None = None
    user_name: str = ""
    domain_name: str = ""
    password: str = field(default="", repr=False)
    iam_token: str = field(default="", repr=False)

    @property
    def is_renewable(self) -> bool:
        """Whether the cloud issues new credentials at any time: a token, or a temporary key."""
        return self.auth in ("password", "agency")

    def describe(self) -> str:
        """Return who logs in, without secrets."""
        if self.key is not None:
            return f"access key {self.key.shown}"
        if self.auth == "password":
            return f"IAM user {self.user_name} of {self.domain_name}"
        return "the agency of this server" if self.auth == "agency" else "the given token"

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that must never appear in a log, message or URL."""
        keys = self.key.secrets if self.key else ()
        return tuple(secret for secret in (*keys, self.password, self.iam_token) if secret)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What authorizes a request: a key that signs it, or a token.

    :param key: the key; ``None`` if there is a token.
    :param iam_token: the token; empty if there is a key.
    :param project_id: the project of a token; empty for a key, which is not bound to a project.
    :param refresh_at: when to replace the credentials, in seconds since the epoch.
    :param expires_at: when the credentials expire, in seconds since the epoch.
    """

    key: AccessKey | None = None
    iam_token: str = field(default="", repr=False)
    project_id: str = ""
    refresh_at: float = math.inf
    expires_at: float = math.inf

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that must never appear in a log, message or URL."""
        return tuple(filter(None, (self.iam_token, *(self.key.secrets if self.key else ()))))


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request to be authorized.

    :param method: the HTTP method.
    :param path: the path below the endpoint, quoted; ``{project_id}`` stands for the project.
    :param query: the query parameters.
    :param body: the JSON body.
    :param headers: further headers.
    :param secrets: values in the body that must never appear in a log, message or URL.
    """

    method: str
    path: str
    query: Sequence[tuple[str, str]] = ()
    body: bytes = field(default=b"", repr=False)
    headers: Sequence[tuple[str, str]] = ()
    secrets: frozenset[str] = field(default=frozenset(), repr=False)


def authorized_request(
    endpoint: str, credentials: Credentials, request: ApiRequest, *, now: float, project_id: str = ""
) -> HttpRequest:
    """Return a request with its authorization.

    :param endpoint: scheme, host, port and path prefix.
    :param credentials: the key or token.
    :param request: the request to authorize.
    :param now: the time, in seconds since the epoch.
    :param project_id: the project of the request; empty for none.
    """
    base = urlsplit(endpoint)
    headers = {"Content-Type": "application/json", **dict(request.headers)}
    if project_id:
        headers["X-Project-Id"] = project_id
    path = base.path + request.path.replace("{project_id}", quote(project_id, safe=""))
    headers = authorization_headers(
        credentials,
        method=request.method,
        host=base.netloc,
        path=path,
        query=request.query,
        headers=headers,
        body=request.body,
        now=now,
    )
    query = "?" + urlencode(request.query, quote_via=quote, safe="~") if request.query else ""
    return HttpRequest(request.method, f"{base.scheme}://{base.netloc}{path}{query}", headers, request.body)


def authorization_headers(
    credentials: Credentials,
    *,
    method: str,
    host: str,
    path: str,
    query: Sequence[tuple[str, str]],
    headers: Mapping[str, str],
    body: bytes,
    now: float,
) -> dict[str, str]:
    """Return a request's headers with its authorization: a signature, or the token."""
    if credentials.key is None:
        return {**headers, "X-Auth-Token": credentials.iam_token}
    security_token = credentials.key.security_token
    return sign(
        credentials.key,
        method=method,
        host=host,
        path=path,
        query=query,
        headers={**headers, "X-Security-Token": security_token} if security_token else headers,
        body=body,
        when=datetime.fromtimestamp(now, UTC),
    )
