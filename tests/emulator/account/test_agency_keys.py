"""The temporary keys of an agency, from the metadata service."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from airflow_provider_ecsjobs.core.auth.signing import AccessKey
from tests.emulator.account.account_client import FORMAT, refusal, security_key
from tests.support.patience import A_MINUTE

if TYPE_CHECKING:
    import requests

    from airflow_provider_ecsjobs.emulator import Emulator
    from tests.emulator.account.clock import Clock
    from tests.emulator.emulator_client import SignedClient


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
    return client.session.put(f"{client.url}/meta-data/latest/api/token", headers=headers, timeout=A_MINUTE)


def test_a_token_of_imdsv2_is_heeded_and_may_be_required(
    client: SignedClient, ecs_emulator: Emulator, clock: Clock
) -> None:
    token = metadata_token(client).text

    def status(**headers: str) -> int:
        url = f"{client.url}/openstack/latest/securitykey"
        return client.session.get(url, headers=headers, timeout=A_MINUTE).status_code

    assert (status(), status(**{"X-Metadata-Token": token}), status(**{"X-Metadata-Token": "x"})) == (200, 200, 401)
    ecs_emulator.require_metadata_tokens(True)
    assert (status(), status(**{"X-Metadata-Token": token})) == (401, 200)
    clock.now += 60
    assert status(**{"X-Metadata-Token": token}) == 401
    assert ecs_emulator.counters["metadata_tokens"] == 1


@pytest.mark.parametrize("seconds", ["", "0", "21601", "a day"])
def test_a_token_of_imdsv2_is_valid_for_at_most_six_hours(client: SignedClient, seconds: str) -> None:
    assert metadata_token(client, seconds).status_code == 400
