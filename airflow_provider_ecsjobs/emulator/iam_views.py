"""Tokens, projects, regions and versions as IAM's responses show them. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_ecsjobs.emulator.account import Project

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.emulator.account import Account, Token

# Type, name and path of each service in the catalog.
_SERVICES = (
    ("ecs", "ecs", "/v1/{project_id}"),
    ("compute", "nova", "/v2.1/{project_id}"),
    ("evs", "evs", "/v2/{project_id}"),
    ("vpc", "vpc", "/v1/{project_id}"),
    ("ims", "ims", "/v2"),
    ("identity", "iam", "/v3"),
)


def token(account: Account, shown: Token, origin: str, *, catalog: bool) -> dict[str, Any]:
    """Return a token as IAM shows it.

    :param origin: scheme and host of the emulator, which stands for every service in the catalog.
    :param catalog: include the catalog of services.
    """
    domain = account.domain._asdict()
    described = {
        "expires_at": microseconds(shown.expires_at),
        "issued_at": microseconds(shown.issued_at),
        "methods": list(shown.methods),
        "roles": [{"id": "0", "name": "te_admin"}],
        "user": {"id": account.user_id, "name": account.user_name, "domain": domain, "password_expires_at": ""},
    }
    if isinstance(shown.scope, Project):
        described["project"] = {"id": shown.scope.id, "name": shown.scope.name, "domain": domain}
    elif shown.scope is not None:
        described["domain"] = domain
    if catalog and shown.scope is not None:
        described["catalog"] = _catalog(account, shown.scope.id, origin)
    return described


def _catalog(account: Account, project_id: str, origin: str) -> list[dict[str, Any]]:
    return [
        {
            "id": f"{name}-service",
            "name": name,
            "type": kind,
            "endpoints": [
                {
                    "id": f"{name}-endpoint",
                    "interface": "public",
                    "region": account.region,
                    "region_id": account.region,
                    "url": origin + path.format(project_id=project_id),
                }
            ],
        }
        for kind, name, path in _SERVICES
    ]


def project(account: Account, shown: Project) -> dict[str, Any]:
    """Return a project as IAM shows it."""
    return {
        "id": shown.id,
        "name": shown.name,
        "domain_id": account.domain.id,
        "parent_id": account.domain.id,
        "is_domain": False,
        "enabled": True,
        "description": "",
        "links": {},
    }


def domain(account: Account) -> dict[str, Any]:
    """Return the account as IAM shows it."""
    return {**account.domain._asdict(), "enabled": True, "description": ""}


def region(account: Account) -> dict[str, Any]:
    """Return the region as IAM shows it."""
    return {
        "id": account.region,
        "description": "",
        "locales": {"en-us": account.region},
        "type": "public",
        "parent_region_id": None,
        "links": {},
    }


def version(origin: str) -> dict[str, Any]:
    """Return IAM's version of Keystone's API."""
    return {
        "id": "v3.6",
        "status": "stable",
        "updated": "2016-04-04T00:00:00Z",
        "links": [{"rel": "self", "href": f"{origin}/v3/"}],
        "media-types": [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}],
    }


def nova_version(origin: str) -> dict[str, Any]:
    """Return the version of Nova's API, without microversions."""
    return {
        "id": "v2.1",
        "status": "CURRENT",
        "version": "",
        "min_version": "",
        "updated": "2013-07-23T11:33:21Z",
        "links": [{"rel": "self", "href": f"{origin}/v2.1/"}],
        "media-types": [{"base": "application/json", "type": "application/vnd.openstack.compute+json;version=2.1"}],
    }


def microseconds(seconds: float) -> str:
    """Return a time in IAM's format: ``2020-01-04T09:05:22.701000Z``."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
