"""Keys, tokens, projects, the metadata service and permissions, over sockets and by a clock that stands still."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs.core.auth.signing import AccessKey
from airflow_provider_ecsjobs.emulator import Emulator, Fault
from tests.emulator.emulator_client import SignedClient
from tests.support.patience import A_MINUTE

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

PROJECT = "0123456789abcdef0123456789abcdef"
FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ecs_emulator(clock: Clock) -> Iterator[Emulator]:
    with Emulator(clock=clock, token_seconds=3600, agency_seconds=1800) as emulator:
        yield emulator


@pytest.fixture
def client(ecs_emulator: Emulator, clock: Clock) -> Iterator[SignedClient]:
    client = SignedClient(ecs_emulator)
    client.now = lambda: datetime.fromtimestamp(clock(), UTC)
    with client.session:
        yield client


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


# Tokens


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
        return client.session.post(f"{client.url}/v3/auth/tokens", json=body, timeout=20)

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
    plain = client.session.post(f"{url}?nocatalog", json=login_body(), timeout=20)
    assert "catalog" not in plain.json()["token"]
    assert client.session.get(url, headers=headers, timeout=20).json() == answer.json()
    headers["X-Subject-Token"] = "made-up"
    assert client.session.get(url, headers=headers, timeout=20).status_code == 404


def test_versions_are_public_and_regions_and_projects_are_not(client: SignedClient) -> None:
    versions = client.session.get(f"{client.url}/", timeout=20)
    version = client.session.get(f"{client.url}/v3", timeout=20).json()["version"]
    assert versions.status_code == 300
    assert versions.json()["versions"]["values"] == [version]
    assert client.session.get(f"{client.url}/v3/regions", timeout=20).status_code == 401

    assert [region["id"] for region in client.call("GET", "/v3/regions").json()["regions"]] == ["emu-region-1"]
    assert client.call("GET", f"/v3/projects/{PROJECT}").json()["project"]["name"] == "emu-region-1"
    assert client.call("GET", "/v3/projects/none").status_code == 404


@pytest.mark.parametrize(
    ("query", "found"),
    [(("enabled", "true"), 1), (("enabled", "false"), 0), (("domain_id", "x"), 0), (("parent_id", "x"), 0)],
)
def test_projects_are_filtered(client: SignedClient, query: tuple[str, str], found: int) -> None:
    assert len(client.call("GET", "/v3/projects", query=[query]).json()["projects"]) == found


# Projects


def test_projects_are_listed_by_name_with_a_signature_or_a_token(client: SignedClient, ecs_emulator: Emulator) -> None:
    ecs_emulator.add_project("elsewhere-1", "other")
    token = {"X-Auth-Token": log_in(client).headers["X-Subject-Token"]}

    signed = client.call("GET", "/v3/projects", query=[("name", "emu-region-1")]).json()
    with_token = client.session.get(f"{client.url}/v3/projects", headers=token, timeout=A_MINUTE).json()

    [project] = signed["projects"]
    assert (project["id"], project["name"], project["enabled"]) == (PROJECT, "emu-region-1", True)
    assert project["domain_id"]
    assert [project["id"] for project in with_token["projects"]] == [PROJECT, "other"]
    assert "links" in signed
    assert (ecs_emulator.counters["project_lookups"], ecs_emulator.counters["authenticated"]) == (2, 0)


def test_a_region_may_have_several_projects_or_none(client: SignedClient, ecs_emulator: Emulator) -> None:
    def listed() -> list[str]:
        projects = client.call("GET", "/v3/projects", query=[("name", "emu-region-1")]).json()["projects"]
        return [project["id"] for project in projects]

    ecs_emulator.add_project("emu-region-1", "second")
    assert listed() == [PROJECT, "second"]

    for project in ecs_emulator.projects:
        ecs_emulator.remove_project(project["id"])
    assert (listed(), ecs_emulator.projects) == ([], [])
    assert client.show_job("x").json()["error"]["code"] == "Common.0018"
    with pytest.raises(KeyError):
        ecs_emulator.remove_project("second")


def test_iam_wants_credentials_for_projects(client: SignedClient) -> None:
    answer = client.session.get(f"{client.url}/v3/projects", timeout=A_MINUTE)

    assert "authorization header not found" in refusal(answer)


def test_a_project_of_another_region_is_the_wrong_one(client: SignedClient, ecs_emulator: Emulator) -> None:
    ecs_emulator.add_project("elsewhere-1", "other")
    ecs_emulator.add_project("emu-region-1_team", "sub-project")

    codes = [
        client.request("GET", "/jobs/x", project_id=project).json()["error"]["code"]
        for project in ("other", "sub-project")
    ]

    assert codes == ["Common.0018", "Common.0011"]


# The metadata service


def test_an_agencys_key_is_replaced_before_its_end_and_both_are_valid_meanwhile(
    client: SignedClient, ecs_emulator: Emulator, clock: Clock
) -> None:
    first = security_key(client).json()["credential"]
    assert datetime.strptime(first["expires_at"], FORMAT).replace(tzinfo=UTC).timestamp() == clock() + 1800
    clock.now += 1199
    assert security_key(client).json()["credential"] == first
    clock.now += 1
    second = security_key(client).json()["credential"]

    assert set(first) == {"access", "secret", "securitytoken", "expires_at"}
    assert not set(first.values()) & set(second.values())
    for key in (first, second):
        client.credentials = AccessKey(key["access"], key["secret"], key["securitytoken"])
        assert client.show_job("x").status_code == 400
    assert ecs_emulator.counters["metadata"] == 3


@pytest.mark.parametrize(
    ("token", "reason"), [("", "Get secretKey failed,ak:{},err:ak not exist"), ("wrong", "decrypt token fail")]
)
def test_a_temporary_key_needs_its_security_token(
    client: SignedClient, ecs_emulator: Emulator, token: str, reason: str
) -> None:
    key = AccessKey(*ecs_emulator.temporary_key())
    client.credentials = replace(key, security_token=token)

    assert refusal(client.show_job("x")).endswith(f"information: {reason.format(key.access_key)}")


def test_a_temporary_key_ends(client: SignedClient, ecs_emulator: Emulator, clock: Clock) -> None:
    client.credentials = AccessKey(*ecs_emulator.temporary_key())
    clock.now += 1799
    assert client.show_job("x").status_code == 400

    clock.now += 1

    assert "token expires, expires_at:2026-03-01T12:30:00.000Z" in refusal(client.show_job("x"))


def test_a_server_without_an_agency_has_no_key(client: SignedClient, ecs_emulator: Emulator) -> None:
    ecs_emulator.set_agency(False)
    answer = security_key(client)
    assert (answer.status_code, answer.text) == (401, "Please configure Cloud Service Agency first\n")

    ecs_emulator.set_agency(True)
    assert security_key(client).status_code == 200


def metadata_token(client: SignedClient, seconds: str = "60") -> requests.Response:
    headers = {"X-Metadata-Token-Ttl-Seconds": seconds}
    return client.session.put(f"{client.url}/meta-data/latest/api/token", headers=headers, timeout=20)


def test_a_token_of_imdsv2_is_heeded_and_may_be_required(
    client: SignedClient, ecs_emulator: Emulator, clock: Clock
) -> None:
    token = metadata_token(client).text

    def status(**headers: str) -> int:
        url = f"{client.url}/openstack/latest/securitykey"
        return client.session.get(url, headers=headers, timeout=20).status_code

    assert (status(), status(**{"X-Metadata-Token": token}), status(**{"X-Metadata-Token": "x"})) == (200, 200, 401)
    ecs_emulator.require_metadata_tokens(True)
    assert (status(), status(**{"X-Metadata-Token": token})) == (401, 200)
    clock.now += 60
    assert status(**{"X-Metadata-Token": token}) == 401
    assert ecs_emulator.counters["metadata_tokens"] == 1


@pytest.mark.parametrize("seconds", ["", "0", "21601", "a day"])
def test_a_token_of_imdsv2_is_valid_for_at_most_six_hours(client: SignedClient, seconds: str) -> None:
    assert metadata_token(client, seconds).status_code == 400


# Keys


def test_a_rotated_key_is_refused_and_the_new_one_taken(client: SignedClient, ecs_emulator: Emulator) -> None:
    old = client.credentials

    client.credentials = AccessKey(*ecs_emulator.rotate_key())

    assert client.show_job("x").status_code == 400
    connection = ecs_emulator.connection()
    assert (connection["login"], connection["password"]) == (
        client.credentials.access_key,
        client.credentials.secret_key,
    )
    client.credentials = old
    assert f"Get secretKey failed,ak:{old.access_key},err:ak not exist" in refusal(client.show_job("x"))


def test_keys_can_be_added_and_removed(client: SignedClient, ecs_emulator: Emulator) -> None:
    ecs_emulator.add_key("SECOND", "its secret")
    client.credentials = AccessKey("SECOND", "its secret")
    assert client.show_job("x").status_code == 400

    ecs_emulator.remove_key("SECOND")

    assert "ak not exist" in refusal(client.show_job("x"))
    with pytest.raises(KeyError):
        ecs_emulator.remove_key("SECOND")


def test_more_than_five_wrong_signatures_in_a_row_lock_the_key_for_five_minutes(
    client: SignedClient, clock: Clock
) -> None:
    right = client.credentials
    client.credentials = replace(right, secret_key="wrong")
    reasons = [refusal(client.show_job("x")) for _ in range(7)]

    assert all("verify aksk signature fail" in reason for reason in reasons[:6])
    locked = "APIGW.0301 Incorrect IAM authentication information: AK access failed to reach the limit,forbidden."
    assert reasons[6] == locked
    client.credentials = right
    assert refusal(client.show_job("x")) == locked
    clock.now += 299.9
    assert refusal(client.show_job("x")) == locked
    clock.now += 0.1
    assert client.show_job("x").status_code == 400


def test_a_right_signature_resets_the_count(client: SignedClient) -> None:
    right, wrong = client.credentials, replace(client.credentials, secret_key="wrong")
    for _ in range(3):
        client.credentials = wrong
        for _ in range(5):
            refusal(client.show_job("x"))
        client.credentials = right
        assert client.show_job("x").status_code == 400


def test_a_lock_is_for_one_key(client: SignedClient, ecs_emulator: Emulator) -> None:
    ecs_emulator.add_key("SECOND", "its secret")
    client.credentials = AccessKey("SECOND", "wrong")
    for _ in range(7):
        refusal(client.show_job("x"))

    client.credentials = AccessKey(*list(ecs_emulator.connection().values())[1:3])

    assert client.show_job("x").status_code == 400


# Clock, permissions, what is remembered


def test_every_answer_has_the_emulators_date(client: SignedClient, ecs_emulator: Emulator, clock: Clock) -> None:
    ecs_emulator.fault(Fault(status=503, path="faulty"))
    behind = datetime.fromtimestamp(clock() - 1200, UTC)
    answers = [
        client.show_job("x"),
        client.show_job("faulty"),
        client.request("GET", "/jobs/x", when=behind),
        log_in(client),
        security_key(client),
    ]

    assert [answer.status_code for answer in answers] == [400, 503, 401, 201, 200]
    assert {parsedate_to_datetime(answer.headers["Date"]).timestamp() for answer in answers} == {clock()}
    assert refusal(answers[2]).endswith(
        "calc aksk signature fail:signature expired, signature time:20260301T114000Z,server time:20260301T120000Z"
    )


def test_a_fault_may_set_the_date(client: SignedClient, ecs_emulator: Emulator) -> None:
    ecs_emulator.fault(Fault(headers={"Date": "Thu, 01 Jan 1970 00:00:00 GMT"}))

    assert client.show_job("x").headers["Date"] == "Thu, 01 Jan 1970 00:00:00 GMT"


@pytest.mark.parametrize("code", ["Pdp.0001", "Ecs.0003"])
def test_job_queries_can_be_forbidden(client: SignedClient, ecs_emulator: Emulator, code: str) -> None:
    ecs_emulator.forbid(code=code)
    answer = client.show_job("x")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, code)
    assert client.request("POST", "/cloudservers", body={}).status_code == 400

    ecs_emulator.forbid(False)
    assert client.show_job("x").status_code == 400


def test_paths_can_be_forbidden(client: SignedClient, ecs_emulator: Emulator) -> None:
    ecs_emulator.forbid({r"/cloudservers$", r"/jobs/secret"})

    assert client.request("POST", "/cloudservers", body={}).status_code == 403
    assert [client.show_job(job_id).status_code for job_id in ("secret", "x")] == [403, 400]
    with pytest.raises(ValueError, match=r"Pdp\.0001, Ecs\.0003"):
        ecs_emulator.forbid(code="Ecs.0004")
    with pytest.raises(TypeError, match="one text"):
        ecs_emulator.forbid("/jobs/")


def test_no_secret_is_remembered_logged_or_shown(
    client: SignedClient, ecs_emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    token = log_in(client).headers["X-Subject-Token"]
    log_in(client, password="canary-password")
    show_job(client, token)
    show_job(client, "canary-token")
    given = security_key(client).json()["credential"]
    key = client.credentials = AccessKey(given["access"], given["secret"], given["securitytoken"])
    client.show_job("x")

    seen = json.dumps([ecs_emulator.requests, ecs_emulator.counters]) + caplog.text + repr(vars(ecs_emulator))

    secrets = (token, key.secret_key, key.security_token, "canary", "emulator-password", "emulator-secret-key")
    assert not [secret for secret in secrets if secret in seen]


@pytest.mark.parametrize("name", ["token_seconds", "agency_seconds"])
@pytest.mark.parametrize("seconds", [0, -1, float("inf"), float("nan")])
def test_a_validity_is_a_time(name: str, seconds: float) -> None:
    with pytest.raises(ValueError, match=name):
        Emulator(**{name: seconds})
