"""TLS on request, and the connection to an emulator for each way to log in."""

from __future__ import annotations

import json
import socket
import ssl
from pathlib import Path
from threading import Thread

import pytest
import requests
from cryptography import x509

from airflow_provider_ecsjobs.core.auth.signing import AccessKey
from airflow_provider_ecsjobs.emulator import Emulator
from airflow_provider_ecsjobs.emulator.tls import Certificate
from tests.emulator.emulator_client import SignedClient
from tests.support.patience import A_MINUTE

PROJECT = "0123456789abcdef0123456789abcdef"


def test_clients_that_trust_the_ca_file_are_served() -> None:
    with Emulator(tls=True) as emulator:
        client = SignedClient(emulator)
        with client.session:
            job_id = emulator.start_job()
            statuses = {client.show_job(job_id).status_code for _ in range(3)}

            assert emulator.url.startswith("https://127.0.0.1:")
            assert statuses == {200}
            assert (emulator.counters["tls_handshakes"], emulator.counters["connections"]) == (1, 1)


def test_clients_that_do_not_trust_it_refuse_and_nothing_is_asked() -> None:
    with Emulator(tls=True) as emulator:
        with pytest.raises(requests.exceptions.SSLError, match="self-signed certificate"):
            requests.get(f"{emulator.url}/_emulator/health", timeout=A_MINUTE)

        assert (emulator.counters["tls_handshakes"], emulator.counters["requests"]) == (1, 0)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_the_certificate_stands_up_to_strict_checks(name: str) -> None:
    with Emulator(tls=True) as emulator:
        context = ssl.create_default_context(cafile=emulator.ca_file)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        address = ("127.0.0.1", int(emulator.url.rpartition(":")[2]))
        with (
            socket.create_connection(address, timeout=A_MINUTE) as plain,
            context.wrap_socket(plain, server_hostname=name) as secure,
        ):
            assert secure.version() == "TLSv1.3"


def test_the_files_are_gone_at_stop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    emulator = Emulator(tls=True)
    assert emulator.ca_file is None

    with emulator:
        assert [str(path) for path in tmp_path.iterdir()] == [emulator.ca_file]
        assert "PRIVATE KEY" not in Path(emulator.ca_file).read_text()

    assert list(tmp_path.iterdir()) == []


def test_an_address_in_use_leaves_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Emulator() as emulator:
        second = Emulator(port=int(emulator.url.rpartition(":")[2]), tls=True)
        with pytest.raises(OSError, match="in use"):
            second.start()

    assert list(tmp_path.iterdir()) == []


def test_a_host_outside_ascii_stands_in_the_certificate_as_in_the_dns() -> None:
    certificate = Certificate("b\u00fccher.invalid")
    decoded = x509.load_pem_x509_certificate(certificate.ca_file.read_bytes())
    names = decoded.extensions.get_extension_for_class(x509.SubjectAlternativeName).value

    assert "xn--bcher-kva.invalid" in names.get_values_for_type(x509.DNSName)
    certificate.remove()


def test_plain_http_has_no_ca_file(ecs_emulator: Emulator) -> None:
    assert ecs_emulator.ca_file is None
    assert "verify" not in ecs_emulator.connection()["extra"]


def test_the_connection_verifies_with_the_ca_file() -> None:
    with Emulator(tls=True) as emulator:
        connection = emulator.connection()

        assert connection["host"] == connection["extra"]["iam_endpoint"] == emulator.url
        assert connection["extra"]["verify"] == emulator.ca_file
        assert emulator.connection(verify=False)["extra"]["verify"] is False


@pytest.mark.parametrize(
    ("auth", "login", "password", "more"),
    [
        ("aksk", "EMULATORACCESSKEY", "emulator-secret-key", {}),
        ("password", "emulator-user", "emulator-password", {"auth": "password", "domain_name": "emulator-domain"}),
        ("agency", None, None, {"auth": "agency"}),
        ("env", None, None, {"auth": "env"}),
    ],
)
def test_there_is_a_connection_for_each_way_to_log_in(
    ecs_emulator: Emulator, auth: str, login: str | None, password: str | None, more: dict[str, str]
) -> None:
    connection = ecs_emulator.connection(auth, project_id=None)

    assert (connection.get("login"), connection.get("password")) == (login, password)
    assert connection["extra"] == {
        "region": "emu-region-1",
        "iam_endpoint": ecs_emulator.url,
        "metadata_endpoint": ecs_emulator.url,
        **more,
    }
    name, value = ecs_emulator.connection_env("other", auth=auth, project_id="p")
    assert (name, json.loads(value)["extra"]["project_id"]) == ("AIRFLOW_CONN_OTHER", "p")


def test_a_token_connection_has_a_fresh_valid_token(ecs_emulator: Emulator) -> None:
    first, second = (ecs_emulator.connection("token")["extra"]["token"] for _ in range(2))

    assert first != second
    answer = requests.get(f"{ecs_emulator.url}/v1/{PROJECT}/jobs/x", headers={"X-Auth-Token": first}, timeout=A_MINUTE)
    assert answer.json()["error"]["code"] == "Common.0011"
    assert ecs_emulator.counters["tokens"] == 0
    ecs_emulator.remove_project(PROJECT)
    with pytest.raises(ValueError, match="no project"):
        ecs_emulator.connection("token")


def test_the_sdk_environment_names_what_the_sdk_reads(ecs_emulator: Emulator) -> None:
    permanent = ecs_emulator.sdk_environment()

    assert permanent == {
        "HUAWEICLOUD_SDK_AK": "EMULATORACCESSKEY",
        "HUAWEICLOUD_SDK_SK": "emulator-secret-key",
        "HUAWEICLOUD_SDK_PROJECT_ID": PROJECT,
    }
    assert ecs_emulator.sdk_environment(temporary=True).keys() - permanent.keys() == {"HUAWEICLOUD_SDK_SECURITY_TOKEN"}


def test_keys_rotate_while_requests_are_served(ecs_emulator: Emulator) -> None:
    statuses: list[int] = []

    def ask() -> None:
        client = SignedClient(ecs_emulator)
        with client.session:
            for _ in range(20):
                client.credentials = AccessKey(*ecs_emulator.rotate_key())
                ecs_emulator.add_key(client.credentials.access_key, client.credentials.secret_key)
                statuses.append(client.show_job("x").status_code)

    threads = [Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    # Another thread may rotate a key away between its making and its use; nothing else can go wrong.
    assert len(statuses) == 80
    assert set(statuses) <= {400, 401}
