"""What the emulator answers over HTTP: jobs, errors of each family, and what it remembers."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests

from airflow_provider_ecsjobs.emulator import Emulator
from tests.emulator.create_body import CREATE
from tests.support.patience import A_MINUTE

if TYPE_CHECKING:
    from tests.emulator.emulator_client import SignedClient


def test_a_started_job_runs_to_its_end(client: SignedClient, ecs_emulator: Emulator) -> None:
    job_id = ecs_emulator.start_job(init_seconds=0, run_seconds=0)

    answer = client.show_job(job_id)

    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("application/json")
    assert (answer.json()["status"], answer.json()["job_id"]) == ("SUCCESS", job_id)


def test_planted_bodies_are_sent_as_they_are(client: SignedClient, ecs_emulator: Emulator) -> None:
    job_id = ecs_emulator.plant_job("not json {", b"\xff\x00", {"status": "INIT", "extra": [1]}, http_status=203)

    answers = [client.show_job(job_id) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [203] * 3
    assert [answer.content for answer in answers[:2]] == [b"not json {", b"\xff\x00"]
    assert answers[2].json() == {"status": "INIT", "extra": [1], "job_id": job_id}


@pytest.mark.parametrize("job_id", ["0" * 32, "not-an-id", "%20"])
def test_an_unknown_job_is_common_0011(client: SignedClient, job_id: str) -> None:
    answer = client.show_job(job_id)

    assert answer.status_code == 400
    said = {"code": "Common.0011", "message": "Failed to query system tasks."}
    assert answer.json() == {"error": {**said, "details": [said]}}


def test_a_purged_job_is_unknown(client: SignedClient, ecs_emulator: Emulator) -> None:
    job_id = ecs_emulator.start_job()
    assert client.show_job(job_id).status_code == 200

    ecs_emulator.purge_job(job_id)

    assert client.show_job(job_id).json()["error"]["code"] == "Common.0011"


def test_query_parameters_are_signed(client: SignedClient, ecs_emulator: Emulator) -> None:
    job_id = ecs_emulator.start_job()
    query = [("b", "2"), ("a", "x y+z&ü"), ("a", "1")]

    assert client.request("GET", f"/jobs/{job_id}", query=query).status_code == 200


def test_an_unsigned_request_gets_the_gateways_401(ecs_emulator: Emulator) -> None:
    answer = requests.get(f"{ecs_emulator.url}/v1/project/jobs/1", timeout=A_MINUTE)

    assert answer.status_code == 401
    assert answer.json() == {
        "error_code": "APIGW.0301",
        "error_msg": "Incorrect IAM authentication information: authorization header not found",
        "request_id": answer.headers["X-Request-Id"],
    }
    assert ecs_emulator.counters["unauthorized"] == 1


def test_a_skewed_clock_is_refused(client: SignedClient) -> None:
    answer = client.request("GET", "/jobs/1", when=datetime.now(UTC) - timedelta(minutes=20))

    assert answer.status_code == 401
    assert "signature expired" in answer.json()["error_msg"]


def test_the_project_of_the_path_must_be_the_keys(client: SignedClient) -> None:
    answer = client.request("GET", "/jobs/1", project_id="another")

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "Common.0018")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/nothing"), ("DELETE", "/jobs/1"), ("PUT", "/cloudservers/action")]
)
def test_what_is_not_emulated_says_so_and_is_counted(
    client: SignedClient, ecs_emulator: Emulator, method: str, path: str
) -> None:
    answer = client.request(method, path)

    assert (answer.status_code, answer.json()["error_code"]) == (404, "Emulator.0404")
    assert f"The ECS emulator does not emulate {method} /v1/{client.project_id}{path}." in answer.json()["error_msg"]
    assert ecs_emulator.counters["not_emulated"] == 1


def without(key: str) -> dict[str, Any]:
    return {"server": {name: value for name, value in CREATE["server"].items() if name != key}}


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        ("/cloudservers", {}, "server is required"),
        *(
            ("/cloudservers", without(key), f"server.{key} is required")
            for key in ("name", "imageRef", "flavorRef", "vpcid", "nics", "root_volume")
        ),
        ("/cloudservers/delete", {"servers": []}, "servers"),
        ("/cloudservers/delete", {"servers": ["id"]}, "servers[].id"),
        ("/cloudservers/action", {}, "os-start, os-stop, reboot"),
        ("/cloudservers/action", {"explode": {}}, "os-start, os-stop, reboot"),
        ("/cloudservers/action", {"os-start": []}, "os-start"),
        ("/cloudservers/action", {"reboot": {"servers": [{"id": "x"}]}}, "reboot.type"),
        ("/cloudservers/action", {"os-stop": {"type": "SLOW", "servers": [{"id": "x"}]}}, "os-stop.type"),
    ],
)
def test_an_incomplete_request_is_refused(
    client: SignedClient, ecs_emulator: Emulator, path: str, body: dict[str, Any], named: str
) -> None:
    answer = client.request("POST", path, body=body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "Ecs.0005")
    assert named in answer.json()["error"]["message"]
    assert ecs_emulator.counters["submits"] == 0


@pytest.mark.parametrize(
    ("body", "code"), [(b"{", "Ecs.0005"), (b"[]", "Ecs.0005"), (b"[" * 100_000, "Ecs.0005"), (b"", "Common.0002")]
)
def test_an_unreadable_body_is_refused(client: SignedClient, body: bytes, code: str) -> None:
    answer = client.request("POST", "/cloudservers", body=body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


def test_a_body_over_12_mb_is_refused(client: SignedClient) -> None:
    answer = client.request("POST", "/cloudservers", body=b" " * (12 * 1024 * 1024 + 1))

    assert (answer.status_code, answer.json()["error_code"]) == (413, "APIGW.0201")


@pytest.mark.parametrize("action", ["os-start", "os-stop", "reboot"])
def test_an_action_on_an_unknown_server_is_not_found(client: SignedClient, action: str) -> None:
    body = {action: {"servers": [{"id": "nobody"}], **({"type": "SOFT"} if action == "reboot" else {})}}

    answer = client.request("POST", "/cloudservers/action", body=body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "Ecs.0114")


def test_each_response_has_a_request_id_of_its_own(client: SignedClient, ecs_emulator: Emulator) -> None:
    request_ids = [client.show_job(job_id).headers["X-Request-Id"] for job_id in (ecs_emulator.start_job(), "x")]

    assert len(set(request_ids)) == 2
    assert [record["request_id"] for record in ecs_emulator.requests] == request_ids


def test_it_counts_requests_connections_submits_and_queries(client: SignedClient, ecs_emulator: Emulator) -> None:
    submitted = client.request("POST", "/cloudservers", body=CREATE).json()
    for _ in range(3):
        client.show_job(submitted["job_id"])

    assert ecs_emulator.counters == {
        "requests": 4,
        "connections": 1,
        "tls_handshakes": 0,
        "authenticated": 4,
        "unauthorized": 0,
        "tokens": 0,
        "project_lookups": 0,
        "metadata": 0,
        "metadata_tokens": 0,
        "submits": 1,
        "replays": 0,
        "job_queries": 3,
        "faults": 0,
        "throttled": 0,
        "not_emulated": 0,
    }
    client.session.close()
    client.show_job(submitted["job_id"])
    assert ecs_emulator.counters["connections"] == 2

    ecs_emulator.reset_counters()
    assert set(ecs_emulator.counters.values()) == {0}
    assert ecs_emulator.requests == []
    client.show_job(submitted["job_id"])
    assert (ecs_emulator.counters["requests"], ecs_emulator.counters["connections"]) == (1, 1)


def test_it_remembers_requests_without_secrets(client: SignedClient, ecs_emulator: Emulator) -> None:
    secrets = {"X-Auth-Token": "t-secret", "X-Security-Token": "s-secret", "Cookie": "c-secret"}
    client.request("POST", "/cloudservers", body=CREATE, headers=secrets, query=[("a", "1")])

    [record] = ecs_emulator.requests

    path = f"/v1/{client.project_id}/cloudservers"
    assert [record[key] for key in ("method", "path", "query", "status")] == ["POST", path, {"a": "1"}, 200]
    assert {record["headers"][name] for name in (*secrets, "Authorization")} == {"***"}
    assert record["headers"]["Host"] == client.url.removeprefix("http://")
    text = json.dumps(record)
    assert not [word for word in ("secret", "Signature", "Never-recorded") if word in text]


def test_the_connection_is_one_airflow_understands(ecs_emulator: Emulator) -> None:
    name, value = ecs_emulator.connection_env("my_ecs")

    assert name == "AIRFLOW_CONN_MY_ECS"
    assert json.loads(value) == ecs_emulator.connection()
    assert re.fullmatch(r"http://127\.0\.0\.1:[1-9]\d+", ecs_emulator.connection()["host"])
    assert ecs_emulator.connection(read_timeout=5)["extra"] == {
        "region": "emu-region-1",
        "project_id": "0123456789abcdef0123456789abcdef",
        "iam_endpoint": ecs_emulator.url,
        "metadata_endpoint": ecs_emulator.url,
        "read_timeout": 5,
    }


def test_it_can_be_started_only_once(ecs_emulator: Emulator) -> None:
    with pytest.raises(RuntimeError, match="once"):
        ecs_emulator.start()


def test_it_stops_with_open_connections(client: SignedClient, ecs_emulator: Emulator, vanish: Any) -> None:
    assert client.show_job(ecs_emulator.start_job()).status_code == 200

    vanish(ecs_emulator)

    with pytest.raises(requests.ConnectionError):
        client.show_job("any")


def test_while_unreachable_it_refuses_connections_and_its_jobs_go_on(
    client: SignedClient, ecs_emulator: Emulator
) -> None:
    job_id = ecs_emulator.start_job(init_seconds=0, run_seconds=0.2)
    assert client.show_job(job_id).status_code == 200
    url = ecs_emulator.url

    with ecs_emulator.unreachable(), pytest.raises(requests.ConnectionError):
        client.show_job(job_id)

    assert ecs_emulator.url == url
    assert client.show_job(job_id).json()["job_id"] == job_id
    assert ecs_emulator.counters["job_queries"] == 2


def test_what_is_not_started_cannot_become_unreachable() -> None:
    with pytest.raises(RuntimeError, match="not started"), Emulator().unreachable():
        pass


def test_an_address_in_use_is_the_callers_error(ecs_emulator: Emulator) -> None:
    port = int(ecs_emulator.url.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"):
        Emulator(port=port).start()


def test_it_does_not_import_airflow() -> None:
    code = "import sys, airflow_provider_ecsjobs.emulator.emulator; print('airflow' in sys.modules)"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert output.stdout == "False\n"
