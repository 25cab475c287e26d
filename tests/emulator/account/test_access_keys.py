"""Access keys: rotation, removal, and what locks one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from airflow_provider_ecsjobs.core.auth.signing import AccessKey
from tests.emulator.account.account_client import refusal

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.emulator import Emulator
    from tests.emulator.account.clock import Clock
    from tests.emulator.emulator_client import SignedClient


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
