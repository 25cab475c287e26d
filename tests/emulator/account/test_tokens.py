"""IAM tokens: who gets one, what it holds, how long it is valid, and what locks a user."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator.account.account_client import FORMAT, PROJECT, log_in, login_body, refusal, show_job
from tests.support.patience import A_MINUTE

if TYPE_CHECKING:
    import requests

    from airflow_provider_ecsjobs.emulator import Emulator
    from tests.emulator.account.clock import Clock
    from tests.emulator.emulator_client import SignedClient


@pytest.mark.parametrize("scope", [{"name": "emu-region-1"}, {"id": PROJECT}])
def test_the_iam_user_gets_a_token_for_the_project(
    client: SignedClient, ecs_emulator: Emulator, clock: Clock, scope: dict[str, str]
) -> None:
    answer = log_in(client, **scope)

    token, described = answer.headers["X-Subject-Token"], answer.json()["token"]
    assert (answer.status_code, described["methods"]) == (201, ["password"])
    assert (described["project"]["id"], described["project"]["name"]) == (PROJECT, "emu-region-1")
    assert described["project"]["domain"]["name"] == "emulator-domain"
    assert described["user"]["name"] == "emulator-user"
    assert datetime.strptime(described["issued_at"], FORMAT).replace(tzinfo=UTC).timestamp() == clock()
    assert datetime.strptime(described["expires_at"], FORMAT).replace(tzinfo=UTC).timestamp() == clock() + 3600
    assert len(token) > 1000
    assert log_in(client).headers["X-Subject-Token"] != token
    assert show_job(client, token).json()["error"]["code"] == "Common.0011"
    assert (ecs_emulator.counters["tokens"], ecs_emulator.counters["authenticated"]) == (2, 1)


@pytest.mark.parametrize("wrong", [{"user": "nobody"}, {"password": "wrong"}, {"domain": "another"}])
def test_a_wrong_user_password_or_domain_gets_no_token(
    client: SignedClient, ecs_emulator: Emulator, wrong: dict[str, str]
) -> None:
    answer = log_in(client, **wrong)

    assert answer.status_code == 401
    assert answer.json() == {
        "error": {"code": 401, "message": "The username or password is wrong.", "title": "Unauthorized"}
    }
    assert "X-Subject-Token" not in answer.headers
    assert (ecs_emulator.counters["unauthorized"], ecs_emulator.counters["authenticated"]) == (1, 0)


@pytest.mark.parametrize("scope", [{"name": "nowhere"}, {"id": "nothing"}])
def test_there_is_no_token_for_an_unknown_project(client: SignedClient, scope: dict[str, str]) -> None:
    answer = log_in(client, **scope)

    assert (answer.status_code, answer.json()["error"]["title"]) == (401, "Unauthorized")
    assert "requires authentication" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"{", "Malformed"),
        (b"[]", "auth"),
        (b"{}", "auth"),
        ({"auth": {"identity": {"methods": ["totp"]}}}, "method"),
        ({"auth": {"identity": {"methods": ["token"]}}}, "token"),
        ({"auth": {"identity": {"methods": ["password"], "password": {"user": {"password": "p"}}}}}, "domain"),
        ({"auth": {**login_body()["auth"], "scope": {"domain": {}}}}, "name"),
        ({"auth": {**login_body()["auth"], "scope": {"project": {"id": 1}}}}, "id"),
    ],
)
def test_a_bad_login_says_what_is_missing(client: SignedClient, body: Any, named: str) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body)

    answer = client.session.post(f"{client.url}/v3/auth/tokens", data=content, timeout=A_MINUTE)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 400)
    assert named in answer.json()["error"]["message"]


def test_a_token_ends(client: SignedClient, clock: Clock) -> None:
    token = log_in(client).headers["X-Subject-Token"]
    clock.now += 3599.9
    assert show_job(client, token).status_code == 400

    clock.now += 0.1

    assert refusal(show_job(client, token)) == (
        "APIGW.0301 Incorrect IAM authentication information: token expires, expires_at:2026-03-01T13:00:00.000Z"
    )


def test_revoked_tokens_must_be_updated_and_new_ones_work(client: SignedClient, ecs_emulator: Emulator) -> None:
    token = log_in(client).headers["X-Subject-Token"]

    ecs_emulator.revoke_tokens()

    assert refusal(show_job(client, token)) == "APIGW.0307 The token must be updated."
    assert show_job(client, log_in(client).headers["X-Subject-Token"]).status_code == 400


def test_an_unknown_token_cannot_be_decrypted(client: SignedClient, ecs_emulator: Emulator) -> None:
    assert refusal(show_job(client, "made-up")) == (
        "APIGW.0301 Incorrect IAM authentication information: decrypt token fail"
    )
    assert (ecs_emulator.counters["authenticated"], ecs_emulator.counters["unauthorized"]) == (1, 1)


def test_a_token_is_for_its_project_only(client: SignedClient, ecs_emulator: Emulator) -> None:
    ecs_emulator.add_project("emu-region-1", "second")
    token = log_in(client, id="second").headers["X-Subject-Token"]

    assert show_job(client, token, "second").json()["error"]["code"] == "Common.0011"
    assert show_job(client, token).json()["error"]["code"] == "Common.0018"


def test_more_than_five_wrong_passwords_lock_the_user_for_fifteen_minutes(client: SignedClient, clock: Clock) -> None:
    said = [log_in(client, password="wrong").json()["error"]["message"] for _ in range(7)]

    assert said == ["The username or password is wrong."] * 6 + ["The account is locked."]
    clock.now += 899.9
    locked = log_in(client)
    assert locked.status_code == 401
    assert locked.json()["error"] == {"code": 401, "message": "The account is locked.", "title": "Unauthorized"}
    clock.now += 0.1
    assert log_in(client).status_code == 201


def test_a_user_logs_in_by_id_for_the_account_or_for_nothing_and_takes_another_scope_later(
    client: SignedClient,
) -> None:
    def log_in_with(identity: dict[str, Any], scope: dict[str, Any] | None = None) -> requests.Response:
        body = {"auth": {"identity": identity, **({"scope": scope} if scope else {})}}
        return client.session.post(f"{client.url}/v3/auth/tokens", json=body, timeout=A_MINUTE)

    user_id = log_in(client).json()["token"]["user"]["id"]
    by_id = {"methods": ["password"], "password": {"user": {"id": user_id, "password": "emulator-password"}}}
    unscoped, domain = (log_in_with(by_id, scope) for scope in (None, {"domain": {"name": "emulator-domain"}}))
    assert not {"project", "domain", "catalog"} & unscoped.json()["token"].keys()
    assert domain.json()["token"]["domain"]["name"] == "emulator-domain"
    assert log_in_with(by_id, {"domain": {"name": "another"}}).status_code == 401
    assert show_job(client, unscoped.headers["X-Subject-Token"]).json()["error"]["code"] == "Common.0018"

    with_token = {"methods": ["token"], "token": {"id": unscoped.headers["X-Subject-Token"]}}
    scoped = log_in_with(with_token, {"project": {"id": PROJECT}})
    assert (scoped.status_code, scoped.json()["token"]["methods"]) == (201, ["token"])
    assert show_job(client, scoped.headers["X-Subject-Token"]).json()["error"]["code"] == "Common.0011"
    assert log_in_with({"methods": ["token"], "token": {"id": "made-up"}}).status_code == 401


def test_a_token_has_a_catalog_unless_none_is_wanted_and_can_be_shown(client: SignedClient) -> None:
    url = f"{client.url}/v3/auth/tokens"
    answer = log_in(client)
    token = answer.headers["X-Subject-Token"]
    headers = {"X-Auth-Token": token, "X-Subject-Token": token}

    endpoints = {service["type"]: service["endpoints"][0]["url"] for service in answer.json()["token"]["catalog"]}
    assert list(endpoints) == ["ecs", "compute", "evs", "vpc", "ims", "identity"]
    assert (endpoints["ecs"], endpoints["compute"]) == (f"{client.url}/v1/{PROJECT}", f"{client.url}/v2.1/{PROJECT}")
    plain = client.session.post(f"{url}?nocatalog", json=login_body(), timeout=A_MINUTE)
    assert "catalog" not in plain.json()["token"]
    assert client.session.get(url, headers=headers, timeout=A_MINUTE).json() == answer.json()
    headers["X-Subject-Token"] = "made-up"
    assert client.session.get(url, headers=headers, timeout=A_MINUTE).status_code == 404
