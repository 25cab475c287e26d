"""Obtains credentials and the project: from the connection, from IAM, or from the metadata service.

API pages: IAM *Obtaining a User Token Through Password Authentication*, *Querying Project Information*; ECS *Obtaining
the Temporary Credentials of an Agency*.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeGuard
from urllib.parse import urlsplit

from airflow_provider_ecsjobs.core.auth.credentials import ApiRequest, Credentials, authorized_request
from airflow_provider_ecsjobs.core.auth.signing import AccessKey
from airflow_provider_ecsjobs.core.errors import ApiError, ErrorKind, Source
from airflow_provider_ecsjobs.core.job import parse_time
from airflow_provider_ecsjobs.core.response_table import LOGIN_TABLE
from airflow_provider_ecsjobs.core.responses import object_in, parse_http_date, read_error
from airflow_provider_ecsjobs.core.steps import HttpRequest, Response, TransportFailure
from airflow_provider_ecsjobs.core.text import clean, join_limited

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.core.auth.credentials import AuthConfig
    from airflow_provider_ecsjobs.core.redaction import Redactor
    from airflow_provider_ecsjobs.core.steps import Clock, Flow

_PROJECT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SECRET = re.compile(r"[!-~]+")
_TAG = re.compile(r"<[^>]*>")
_NO_IMDSV2 = frozenset({404, 405, 503})
_NO_AGENCY = "Please configure Cloud Service Agency first"
_METADATA_TOKEN_SECONDS = "21600"  # noqa: S105 - a length of time
_METADATA_TRIES = 2
_MAX_METADATA_TEXT = 10_000
REFRESH_MARGIN = 600.0
"""How many seconds before it expires a token or temporary key is replaced; a tenth of its lifetime, if that is less."""


def new_credentials(config: AuthConfig, clock: Clock, redactor: Redactor) -> Flow[Credentials | ApiError]:
    """Obtain credentials from the connection itself, from IAM, or from the metadata service."""
    if config.auth == "password":
        return (yield from _new_token(config, clock, redactor))
    if config.auth == "agency":
        return (yield from _new_temporary_key(config, clock, redactor))
    return Credentials(key=config.key, iam_token=config.iam_token)


def _new_token(config: AuthConfig, clock: Clock, redactor: Redactor) -> Flow[Credentials | ApiError]:
    user = {"name": config.user_name, "password": config.password, "domain": {"name": config.domain_name}}
    project = {"id": config.project_id} if config.project_id else {"name": config.region}
    body = {
        "auth": {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": project},
        }
    }
    # Without the catalog of services, response and token are shorter.
    url = f"{config.iam_endpoint}/v3/auth/tokens?nocatalog=true"
    response = yield HttpRequest("POST", url, {"Content-Type": "application/json"}, json.dumps(body).encode())
    what = f"asking IAM at {_host(url)} for a token"
    parsed = _read(response, Source.IAM_TOKEN, what, redactor, now=clock.now())
    if isinstance(parsed, ApiError):
        return parsed
    iam_token = response.headers.get("x-subject-token", "")
    if not _SECRET.fullmatch(iam_token):
        return ApiError(
            ErrorKind.TRANSIENT, f"{what}: the response has none", status=response.status, source=Source.IAM_TOKEN
        )
    described = _mapping(parsed.get("token"))
    project_id = _mapping(described.get("project")).get("id")
    credentials = Credentials(iam_token=iam_token, project_id=project_id if _is_project_id(project_id) else "")
    return _expiring(credentials, described.get("expires_at"), clock.now())


def _new_temporary_key(config: AuthConfig, clock: Clock, redactor: Redactor) -> Flow[Credentials | ApiError]:
    """Request the agency's key from the metadata service, with an IMDSv2 token if the service issues one."""
    url = f"{config.metadata_endpoint}/openstack/latest/securitykey"
    for _ in range(_METADATA_TRIES):
        token, token_error = yield from _metadata_token(config, redactor)
        response = yield HttpRequest("GET", url, {"X-Metadata-Token": token} if token else {}, is_direct=True)
        if not token or not _is_stale_token(response):
            break
    what = f"asking the metadata service at {_host(url)} for the agency's key"
    parsed = _read(response, Source.METADATA, what, redactor, now=clock.now())
    if isinstance(parsed, ApiError):
        # If the service can't be reached, there is nothing to add.
        said = [parsed.message, redactor.text(_text_of(response)), token_error if parsed.status else ""]
        return replace(parsed, message="; ".join(filter(None, said)), kind=_kind_of_metadata_error(parsed, response))
    key = _mapping(parsed.get("credential"))
    fields = [key.get(name) for name in ("access", "secret", "securitytoken")]
    # They become headers. An HTTP client that rejects a header shows all of it.
    texts = [text for text in fields if isinstance(text, str) and _SECRET.fullmatch(text)]
    if len(texts) != len(fields):
        no_key = f"{what}: there is no key in the response"
        return ApiError(ErrorKind.REJECTED, no_key, status=response.status, source=Source.METADATA)
    return _expiring(Credentials(AccessKey(*texts)), key.get("expires_at"), clock.now())


def _metadata_token(config: AuthConfig, redactor: Redactor) -> Flow[tuple[str, str]]:
    """Request an IMDSv2 token from the metadata service.

    Without a token, the key is requested all the same: the service may not need one.

    :return: the token, empty if there is none; and the error, empty if the service does not support IMDSv2.
    """
    url = f"{config.metadata_endpoint}/meta-data/latest/api/token"
    response = yield HttpRequest("PUT", url, {"X-Metadata-Token-Ttl-Seconds": _METADATA_TOKEN_SECONDS}, is_direct=True)
    if isinstance(response, TransportFailure):
        return "", f"it issued no IMDSv2 token: {redactor.text(response.reason)}"
    if response.status in _NO_IMDSV2:
        return "", ""
    token = response.body.decode("latin-1").strip()
    if response.status != 200 or not _SECRET.fullmatch(token):
        return "", f"it issued no IMDSv2 token (HTTP {response.status})"
    redactor.add_handed_out([token])
    return token, ""


def _is_stale_token(response: Response | TransportFailure) -> bool:
    """Return whether the metadata service rejected its token: a 401 that is not about a missing agency."""
    return isinstance(response, Response) and response.status == 401 and not _has_no_agency(response)


def _has_no_agency(response: Response | TransportFailure) -> bool:
    return isinstance(response, Response) and _NO_AGENCY.encode() in response.body


def _kind_of_metadata_error(error: ApiError, response: Response | TransportFailure) -> ErrorKind:
    """Return what an error of the metadata service means. It takes no credentials, and no proxy is used."""
    if error.status == 404 or _has_no_agency(response):  # it is about the server itself
        return ErrorKind.REJECTED
    return ErrorKind.TRANSIENT if error.status == 401 else error.kind  # its own token expired, or could not be issued


def _text_of(response: Response | TransportFailure) -> str:
    """Return the text of a response of the metadata service in one line; empty if it is JSON."""
    if isinstance(response, TransportFailure) or object_in(response) is not None:
        return ""
    return clean(_TAG.sub(" ", response.body[:_MAX_METADATA_TEXT].decode("utf-8", "replace")), 300)


def _expiring(credentials: Credentials, expires_at: Any, now: float) -> Credentials:
    end = parse_time(expires_at)
    if end is None:
        return credentials
    lifetime = max(end.timestamp() - now, 0.0)
    return replace(
        credentials,
        expires_at=end.timestamp(),
        # A token that seems to have expired already is used all the same: our clock may be wrong. A 401 would show it.
        refresh_at=end.timestamp() - min(REFRESH_MARGIN, lifetime / 10) if lifetime else math.inf,
    )


def find_project(
    config: AuthConfig, credentials: Credentials, clock: Clock, redactor: Redactor
) -> Flow[str | ApiError]:
    """Find the project by the region's name.

    :return: the project's id, or an error that lists the projects.
    """
    projects = yield from _projects(config, credentials, [("name", config.region)], clock, redactor)
    if isinstance(projects, ApiError):
        return projects
    # Its subprojects, such as 'cn-north-4_team', begin with the same name.
    named = [project for project in projects if project[1] == config.region]
    if len(named) == 1:
        return named[0][0]
    what = f"Connection '{config.conn_id}': {config.describe()} sees"
    if named:
        message = f"{what} several projects named '{config.region}': {_listed(named)}. Set extra 'project_id'"
        return ApiError(ErrorKind.REJECTED, message)
    seen = yield from _projects(config, credentials, [], clock, redactor)
    found = "" if isinstance(seen, ApiError) else _listed(seen)
    message = f"{what} no project named '{config.region}', only: {found or 'none at all'}."
    return ApiError(ErrorKind.REJECTED, f"{message} Check extra 'region', or set 'project_id'")


def _projects(
    config: AuthConfig, credentials: Credentials, query: list[tuple[str, str]], clock: Clock, redactor: Redactor
) -> Flow[list[tuple[str, str]] | ApiError]:
    call = ApiRequest("GET", "/v3/projects", query)
    response = yield authorized_request(config.iam_endpoint, credentials, call, now=clock.now())
    what = f"looking up the project at {_host(config.iam_endpoint)}"
    parsed = _read(redactor.response(response), Source.IAM_PROJECTS, what, redactor, now=clock.now())
    if isinstance(parsed, ApiError):
        return parsed
    listed = parsed.get("projects")
    return [
        (project["id"], clean(project.get("name"), 200))
        for project in (listed if isinstance(listed, list) else [])
        if isinstance(project, Mapping) and _is_project_id(project.get("id"))
    ]


def _is_project_id(value: Any) -> TypeGuard[str]:
    """Return whether a value can be used as a project id, in a path and in a header."""
    return isinstance(value, str) and _PROJECT_ID.fullmatch(value) is not None


def _listed(projects: list[tuple[str, str]]) -> str:
    return join_limited([f"{name} ({project_id})" for project_id, name in projects], 10)


def _read(
    response: Response | TransportFailure,
    source: Source,
    what: str,
    redactor: Redactor,
    *,
    now: float,
) -> dict[str, Any] | ApiError:
    """Return the JSON object in a response, not redacted; or the error, redacted."""
    if isinstance(response, Response) and response.is_success:
        body = object_in(response)
        if body is not None:
            return body
    response = redactor.response(response)
    if isinstance(response, TransportFailure):
        return ApiError(ErrorKind.TRANSIENT, f"{what}: {response.reason}", source=source)
    error = read_error(response, object_in(response), now=now, table=LOGIN_TABLE)
    return replace(error, message=f"{what}: {error.message}", skew=clock_skew(response, now), source=source)


def clock_skew(response: Response, now: float) -> float:
    """Return how far our clock is ahead of the server's, in seconds; 0 if the response has no date."""
    date = parse_http_date(response.headers.get("date", ""))
    return 0.0 if date is None else now - date


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _host(url: str) -> str:
    return urlsplit(url).netloc
