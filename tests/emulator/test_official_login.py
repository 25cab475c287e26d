"""The official SDK, unchanged, logs in to the emulator: with keys, temporary keys and an agency, http and https."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials, GlobalCredentials
from huaweicloudsdkcore.auth.internal import MetadataAccessor
from huaweicloudsdkcore.auth.provider import EnvCredentialProvider, MetadataCredentialProvider
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException, SdkException
from huaweicloudsdkcore.http.http_client import HttpClient
from huaweicloudsdkcore.http.http_config import HttpConfig
from huaweicloudsdkcore.http.http_handler import HttpHandler
from huaweicloudsdkcore.region.region import Region
from huaweicloudsdkecs.v2 import EcsClient, ShowJobRequest

from airflow_provider_ecsjobs.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(params=[False, True], ids=["http", "https"])
def ecs_emulator(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    # The SDK remembers projects by key and region for the whole process.
    BasicCredentials._CACHE.clear()
    with Emulator(tls=request.param) as emulator:
        yield emulator


def config(emulator: Emulator) -> HttpConfig:
    config = HttpConfig.get_default_config()
    if emulator.ca_file is not None:
        config.ssl_ca_cert = emulator.ca_file
    return config


def status(emulator: Emulator, credentials: BasicCredentials) -> str:
    job_id = emulator.start_job(init_seconds=0, run_seconds=0)
    credentials.with_iam_endpoint(emulator.url)
    client = (
        EcsClient.new_builder()
        .with_http_config(config(emulator))
        .with_credentials(credentials)
        .with_region(Region(emulator.region, emulator.url))
        .build()
    )
    return client.show_job(ShowJobRequest(job_id=job_id)).status


def permanent(emulator: Emulator) -> BasicCredentials:
    connection = emulator.connection()
    return BasicCredentials(connection["login"], connection["password"])


def temporary(emulator: Emulator) -> BasicCredentials:
    access_key, secret_key, security_token = emulator.temporary_key()
    return BasicCredentials(access_key, secret_key).with_security_token(security_token)


@pytest.mark.parametrize("kind", [permanent, temporary])
@pytest.mark.parametrize("project_given", [True, False], ids=["project-given", "project-by-region"])
def test_logs_in(ecs_emulator: Emulator, kind: object, project_given: bool) -> None:
    credentials = kind(ecs_emulator)
    if project_given:
        credentials.with_project_id(ecs_emulator.projects[0]["id"])

    assert status(ecs_emulator, credentials) == "SUCCESS"
    assert credentials.project_id == ecs_emulator.projects[0]["id"]
    assert ecs_emulator.counters["project_lookups"] == (0 if project_given else 1)
    assert (ecs_emulator.counters["authenticated"], ecs_emulator.counters["unauthorized"]) == (1, 0)


@pytest.mark.parametrize("temporary", [True, False])
def test_logs_in_from_the_environment(ecs_emulator: Emulator, monkeypatch: pytest.MonkeyPatch, temporary: bool) -> None:
    for name, value in ecs_emulator.sdk_environment(temporary=temporary).items():
        monkeypatch.setenv(name, value)

    credentials = EnvCredentialProvider.get_basic_credential_env_provider().get_credentials()

    assert status(ecs_emulator, credentials) == "SUCCESS"
    assert ecs_emulator.counters["project_lookups"] == 0


def test_logs_in_with_the_agency_of_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    BasicCredentials._CACHE.clear()
    with Emulator() as emulator:  # metadata is plain http, always
        monkeypatch.setattr(MetadataAccessor, "_METADATA_ENDPOINT", emulator.url)

        credentials = MetadataCredentialProvider.get_basic_credential_metadata_provider().get_credentials()

        assert status(emulator, credentials) == "SUCCESS"
        assert emulator.counters["metadata"] == 1
        emulator.set_agency(False)
        with pytest.raises(ClientRequestException) as caught:
            MetadataAccessor().get_credential()
        assert caught.value.status_code == 401


def test_several_projects_of_a_region_are_an_error(ecs_emulator: Emulator) -> None:
    ecs_emulator.add_project(ecs_emulator.region, "second")

    with pytest.raises(SdkException, match=r"Multiple project ids found: .*,second"):
        status(ecs_emulator, permanent(ecs_emulator))


def test_no_project_of_a_region_is_an_error(ecs_emulator: Emulator) -> None:
    ecs_emulator.remove_project(ecs_emulator.projects[0]["id"])

    with pytest.raises(SdkException, match="Failed to get project id of region"):
        status(ecs_emulator, permanent(ecs_emulator))


def test_a_missing_security_token_is_refused(ecs_emulator: Emulator) -> None:
    credentials = BasicCredentials(*ecs_emulator.temporary_key()[:2], ecs_emulator.projects[0]["id"])

    with pytest.raises(ClientRequestException) as caught:
        status(ecs_emulator, credentials)

    assert (caught.value.status_code, caught.value.error_code) == (401, "APIGW.0301")
    assert caught.value.error_msg.endswith("err:ak not exist")


def test_a_rotated_key_is_refused(ecs_emulator: Emulator) -> None:
    old = permanent(ecs_emulator)
    assert status(ecs_emulator, old) == "SUCCESS"

    ecs_emulator.rotate_key()

    with pytest.raises(ClientRequestException, match="ak not exist"):
        status(ecs_emulator, old)
    assert status(ecs_emulator, permanent(ecs_emulator)) == "SUCCESS"


def test_a_missing_permission_has_its_code(ecs_emulator: Emulator) -> None:
    ecs_emulator.forbid()

    with pytest.raises(ClientRequestException) as caught:
        status(ecs_emulator, permanent(ecs_emulator))

    assert (caught.value.status_code, caught.value.error_code) == (403, "Pdp.0001")


def test_finds_the_domain_of_global_credentials(ecs_emulator: Emulator) -> None:
    connection = ecs_emulator.connection()
    credentials = GlobalCredentials(connection["login"], connection["password"]).with_iam_endpoint(ecs_emulator.url)

    http = HttpClient(config(ecs_emulator), HttpHandler(), None, logging.getLogger(__name__))
    credentials.process_auth_params(http, ecs_emulator.region)

    assert len(credentials.domain_id) == 32
