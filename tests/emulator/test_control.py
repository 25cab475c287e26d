"""Control of the emulator over HTTP: jobs, faults, servers, orders, and what it reports."""

from __future__ import annotations

import inspect
import re

import pytest
import requests

from airflow_provider_ecsjobs.emulator import Emulator
from airflow_provider_ecsjobs.emulator.control_table import CONTROLS
from tests.emulator.create_body import CREATE
from tests.emulator.emulator_client import SignedClient
from tests.support.patience import A_MINUTE


@pytest.mark.parametrize("path", ["jobs", "servers", "faults", "rate_limit"])
def test_control_needs_no_body_where_all_keys_are_optional(path: str, ecs_emulator: Emulator) -> None:
    response = requests.post(f"{ecs_emulator.url}/_emulator/{path}", timeout=A_MINUTE)

    assert response.status_code == 200


def test_control_plants_and_starts_jobs(client: SignedClient, ecs_emulator: Emulator) -> None:
    control = f"{ecs_emulator.url}/_emulator"
    planted = requests.post(
        f"{control}/planted_jobs", json={"bodies": [{"status": "INIT"}, "<html>"], "job_id": "p"}, timeout=A_MINUTE
    )
    started = requests.post(
        f"{control}/jobs",
        json={"job_type": "deleteVMs", "sub_jobs": 2, "failing": 1, "run_seconds": 0, "init_seconds": 0},
        timeout=A_MINUTE,
    )

    assert planted.json() == {"job_id": "p"}
    assert client.show_job("p").json()["status"] == "INIT"
    assert client.show_job("p").text == "<html>"
    job = client.show_job(started.json()["job_id"]).json()
    assert (job["job_type"], job["status"], job["entities"]["sub_jobs_total"]) == ("deleteVMs", "FAIL", 2)


def test_control_reports_and_is_not_counted(client: SignedClient, ecs_emulator: Emulator) -> None:
    client.show_job("x")
    control = f"{ecs_emulator.url}/_emulator"

    assert requests.get(f"{control}/health", timeout=A_MINUTE).json() == {"status": "ok"}
    assert requests.get(f"{control}/counters", timeout=A_MINUTE).json() == ecs_emulator.counters
    assert requests.get(f"{control}/requests", timeout=A_MINUTE).json() == ecs_emulator.requests
    assert (ecs_emulator.counters["requests"], ecs_emulator.counters["connections"]) == (1, 1)


def test_control_sets_and_clears_faults(client: SignedClient, ecs_emulator: Emulator) -> None:
    faults = f"{ecs_emulator.url}/_emulator/faults"
    requests.post(faults, json={"status": 503, "times": 2, "path": "/jobs/"}, timeout=A_MINUTE).raise_for_status()
    assert client.show_job("x").status_code == 503

    requests.delete(faults, timeout=A_MINUTE).raise_for_status()

    assert client.show_job("x").status_code == 400


def test_control_adds_servers_fails_jobs_and_shows_submissions() -> None:
    with Emulator(init_seconds=0, run_seconds=0) as ecs_emulator:
        client = SignedClient(ecs_emulator)
        control = f"{ecs_emulator.url}/_emulator"
        volumes = {"name": "db", "status": "SHUTOFF", "volumes": ["v"], "nics": ["n"]}
        server_id = requests.post(f"{control}/servers", json=volumes, timeout=A_MINUTE).json()["server_id"]
        failure = {"job_type": "startVMs", "failing": 1, "reasons": [["Ecs.0319", "sold out"]], "times": 1}
        requests.post(f"{control}/failures", json=failure, timeout=A_MINUTE).raise_for_status()

        body = {"os-start": {"servers": [{"id": server_id}]}}
        job_id = client.request("POST", "/cloudservers/action", body=body).json()["job_id"]

        job = client.show_job(job_id).json()
        assert job["entities"]["sub_jobs"][0]["error_code"] == "Ecs.0319"
        assert requests.get(f"{control}/servers", timeout=A_MINUTE).json() == ecs_emulator.servers
        assert [ecs_emulator.servers[server_id][key] for key in ("name", "status", "volumes")] == [
            "db",
            "SHUTOFF",
            ["v"],
        ]
        [submission] = requests.get(f"{control}/submissions", timeout=A_MINUTE).json()
        assert submission == {
            "operation": "batch_start_servers",
            "job_id": job_id,
            "order_id": None,
            "server_ids": [server_id],
            "client_token": None,
            "replayed": False,
        }


def test_control_pays_and_cancels_orders(client: SignedClient, ecs_emulator: Emulator) -> None:
    orders = f"{ecs_emulator.url}/_emulator/orders"
    extendparam = {"chargingMode": "prePaid", "periodType": "month", "periodNum": 1}
    body = {"server": {**CREATE["server"], "extendparam": extendparam}}
    paid, cancelled = (
        client.request("POST", "/cloudservers", version="v1.1", body=body).json()["order_id"] for _ in range(2)
    )

    requests.post(f"{orders}/{paid}/pay", timeout=A_MINUTE).raise_for_status()
    requests.post(f"{orders}/{cancelled}/cancel", timeout=A_MINUTE).raise_for_status()

    shown = requests.get(orders, timeout=A_MINUTE).json()
    assert shown == ecs_emulator.orders
    assert {order_id: order["status"] for order_id, order in shown.items()} == {paid: "paid", cancelled: "cancelled"}
    again = requests.post(f"{orders}/{cancelled}/pay", timeout=A_MINUTE)
    assert (again.status_code, again.text) == (400, f"order {cancelled} is cancelled already\n")
    unknown = requests.post(f"{orders}/CS0/pay", timeout=A_MINUTE)
    assert (unknown.status_code, unknown.text.startswith("there is no order 'CS0'")) == (404, True)


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        ("jobs", b"{", "not JSON"),
        ("jobs", b"[]", "not a JSON object"),
        ("planted_jobs", b'{"bodies": []}', "at least one body"),
        ("planted_jobs", b'{"bodies": [1]}', "bodies must hold objects"),
        ("planted_jobs", b'{"bodies": {}}', "bodies must be list"),
        ("planted_jobs", b'{"bodies": [{}], "http_status": 1}', "http_status"),
        ("jobs", b'{"sub_job": 1}', "unknown key 'sub_job'"),
        ("jobs", b'{"sub_jobs": "many"}', "sub_jobs must be int"),
        ("jobs", b'{"sub_jobs": true}', "sub_jobs must be int"),
        ("jobs", b'{"failing": 9}', "failing must be between"),
        ("faults", b'{"times": 0}', "times must be"),
        ("faults", b'{"reset": "sometimes"}', "reset must be"),
        ("faults", b'{"path": "("}', "path is not a regular expression"),
        ("faults", b'{"headers": {"Retry-After": 1}}', "headers must be"),
        ("faults", b'{"status": 99}', "status must be"),
        ("faults", b'{"delay": -1}', "delay must be"),
        ("faults", b'{"stall": -1}', "stall must be"),
        ("faults", b'{"method": 1}', "method must be str"),
        ("faults", b'{"speed": 1}', "unknown key 'speed'"),
        ("failures", b'{"job_type": "x"}', "job_type must be one of"),
        ("failures", b'{"failing": 0}', "failing must be"),
        ("failures", b'{"reasons": [["code"]]}', "reasons must be pairs"),
        ("failures", b'{"reasons": [1]}', "reasons must be pairs"),
        ("servers", b'{"charging_mode": "free"}', "charging_mode must be"),
        ("servers", b'{"volumes": [1]}', "volumes must hold ids"),
        ("servers", b'{"status": "BUILD"}', "status must be one of ACTIVE, SHUTOFF"),
        ("servers", b'{"volumes": ["\\ud800"]}', "half of a surrogate pair"),
        ("permissions", b'{"what": ["["]}', "what is not a regular expression"),
        ("permissions", b'{"what": [1]}', "what is not a regular expression"),
        ("faults", b'{"delay": NaN}', "delay must be"),
        ("faults", b'{"stall": 1e999}', "stall must be"),
        ("faults", b'{"delay": 1%s}' % (b"0" * 400), "delay must be"),
        ("faults", b'{"headers": {"X": "a\\nb"}}', "values of headers must be text without control characters"),
        ("faults", b'{"headers": {"X Y": "a"}}', "names of headers must be tokens"),
        ("faults", b'{"headers": {"content-length": "9"}}', "names of headers must be tokens"),
        ("faults", b'{"body": "\\ud800"}', "half of a surrogate pair"),
        ("planted_jobs", b'{"bodies": ["\\ud800"]}', "half of a surrogate pair"),
        ("planted_jobs", b'{"bodies": [{}], "job_id": ""}', "job_id must be a part of a path"),
        ("planted_jobs", b'{"bodies": [{"job_id": "a/b"}]}', "job_id must be a part of a path"),
        ("jobs", b'{"run_seconds": 1e300}', "run_seconds must be"),
        ("rate_limit", b'{"requests": 1, "seconds": 1%s}' % (b"0" * 400), "seconds must be"),
        ("keys", b"{}", "missing key access_key, secret_key"),
        ("keys", b'{"access_key": "a b", "secret_key": "s"}', "access_key must be text without spaces"),
        ("keys", b'{"access_key": "a", "secret_key": ""}', "secret_key must be text that is not empty"),
        ("agency", b'{"assigned": null}', "missing key assigned"),
        ("metadata_tokens", b"", "missing key required"),
        ("projects", b'{"name": "n"}', "missing key project_id"),
        ("projects", b'{"name": "n", "project_id": "a/b"}', "project_id must be a part of a path"),
        ("reset", b'{"x": 1}', "known are none"),
    ],
)
def test_control_says_what_is_wrong(ecs_emulator: Emulator, path: str, body: bytes, reason: str) -> None:
    answer = requests.post(f"{ecs_emulator.url}/_emulator/{path}", data=body, timeout=A_MINUTE)

    assert answer.status_code == 400
    assert reason in answer.text


def test_the_required_keys_are_the_parameters_without_a_default(ecs_emulator: Emulator) -> None:
    for control in CONTROLS:
        member = inspect.getattr_static(Emulator, control.name)
        if inspect.isfunction(member) and control.name not in ("fault", "limit_rate"):
            parameters = list(inspect.signature(member).parameters.values())[1:]
            needed = {one.name for one in parameters if one.default is one.empty and one.kind != one.VAR_POSITIONAL}
            assert {*control.required, *re.findall(r"{(\w+)}", control.path)} == needed, control.name


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("jobs/x", "there is no job 'x'; known are none"),
        ("keys/x", "there is no key 'x'; known are EMULATORACCESSKEY"),
        ("projects/x", "there is no project 'x'; known are 0123456789abcdef0123456789abcdef"),
    ],
)
def test_control_names_what_there_is(ecs_emulator: Emulator, path: str, reason: str) -> None:
    answer = requests.delete(f"{ecs_emulator.url}/_emulator/{path}", timeout=A_MINUTE)

    assert (answer.status_code, answer.text) == (404, f"{reason}\n")


def test_control_names_ten_of_many(ecs_emulator: Emulator) -> None:
    names = [ecs_emulator.start_job() for _ in range(12)]

    with pytest.raises(KeyError, match=f"known are {', '.join(names[:10])}, 2 more"):
        ecs_emulator.purge_job("x")


@pytest.mark.parametrize("path", ["jobs", "nope", "%FF"])
def test_an_unknown_control_request_names_those_there_are(ecs_emulator: Emulator, path: str) -> None:
    answer = requests.get(f"{ecs_emulator.url}/_emulator/{path}", timeout=A_MINUTE)

    assert answer.status_code == 404
    assert answer.text.startswith("there is no GET /_emulator/")
    for control in CONTROLS:
        assert f"\n{control.method} /_emulator/{control.path}\n" in answer.text
    assert ecs_emulator.counters["not_emulated"] == 0
