"""Requests to IAM and to the metadata service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.patience import A_MINUTE

if TYPE_CHECKING:
    import requests

    from tests.emulator.emulator_client import SignedClient

PROJECT = "0123456789abcdef0123456789abcdef"

FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"


def login_body(
    user: str = "emulator-user", password: str = "emulator-password", domain: str = "emulator-domain", **scope: str
) -> dict[str, Any]:
    user_part = {"name": user, "password": password, "domain": {"name": domain}}
    return {
        "auth": {
            "identity": {"methods": ["password"], "password": {"user": user_part}},
            "scope": {"project": scope or {"name": "emu-region-1"}},
        }
    }


def log_in(client: SignedClient, **changes: str) -> requests.Response:
    return client.session.post(f"{client.url}/v3/auth/tokens", json=login_body(**changes), timeout=A_MINUTE)


def show_job(client: SignedClient, token: str, project_id: str = PROJECT) -> requests.Response:
    url = f"{client.url}/v1/{project_id}/jobs/x"
    return client.session.get(url, headers={"X-Auth-Token": token}, timeout=A_MINUTE)


def security_key(client: SignedClient) -> requests.Response:
    return client.session.get(f"{client.url}/openstack/latest/securitykey", timeout=A_MINUTE)


def refusal(answer: requests.Response) -> str:
    assert answer.status_code == 401
    assert answer.json()["request_id"] == answer.headers["X-Request-Id"]
    return f"{answer.json()['error_code']} {answer.json()['error_msg']}"
