"""What a user may not do, and what is never shown."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import pytest

from airflow_provider_ecsjobs.core.auth.signing import AccessKey
from tests.emulator.account.account_client import log_in, security_key, show_job

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.emulator import Emulator
    from tests.emulator.emulator_client import SignedClient


@pytest.mark.parametrize("code", ["Pdp.0001", "Ecs.0003", "Ecs.0110"])
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
    with pytest.raises(ValueError, match=r"Pdp\.0001, Ecs\.0003, Ecs\.0110"):
        ecs_emulator.forbid(code="Ecs.0004")
    with pytest.raises(TypeError, match="one text"):
        ecs_emulator.forbid("/jobs/")
    with pytest.raises(ValueError, match="what is not a regular expression"):
        ecs_emulator.forbid(["/jobs/", "["])


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
