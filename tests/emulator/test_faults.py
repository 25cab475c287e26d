"""Faults over real sockets: what a client sees, and whether the request had its effect."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pytest
import requests

from airflow_provider_ecsjobs.emulator import Emulator, Fault
from tests.support.patience import A_MINUTE, wait_until

if TYPE_CHECKING:
    from tests.emulator.emulator_client import SignedClient

HTML = "<html><body><h1>502 Bad Gateway</h1></body></html>"


def create_body() -> dict[str, Any]:
    return {
        "server": {
            "name": "web",
            "imageRef": "image",
            "flavorRef": "s6.small.1",
            "vpcid": "vpc",
            "nics": [{"subnet_id": "subnet"}],
            "root_volume": {"volumetype": "SSD"},
        }
    }


def test_a_status_without_a_body_gets_an_ecs_error(client: SignedClient, ecs_emulator: Emulator) -> None:
    job_id = ecs_emulator.start_job()
    ecs_emulator.fault(Fault(status=429, headers={"Retry-After": "7"}))

    answer = client.show_job(job_id)

    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert answer.json()["error"]["code"] == "Common.1503"
    assert answer.headers["X-Request-Id"] == ecs_emulator.requests[-1]["request_id"]
    assert (ecs_emulator.counters["faults"], ecs_emulator.counters["job_queries"]) == (1, 0)
    assert client.show_job(job_id).status_code == 200


def test_a_fault_happens_as_often_as_said_and_only_where_it_matches(
    client: SignedClient, ecs_emulator: Emulator
) -> None:
    first, second = ecs_emulator.start_job(), ecs_emulator.start_job()
    ecs_emulator.fault(Fault(path=first, status=503, times=2))

    statuses = [client.show_job(job_id).status_code for job_id in (second, first, first, first)]

    assert statuses == [200, 503, 503, 200]


def test_faults_happen_in_the_order_given(client: SignedClient, ecs_emulator: Emulator) -> None:
    for status in (500, 502):
        ecs_emulator.fault(Fault(status=status))

    assert [client.show_job("x").status_code for _ in range(3)] == [500, 502, 400]


def test_a_proxy_answers_html(client: SignedClient, ecs_emulator: Emulator) -> None:
    ecs_emulator.fault(Fault(status=502, body=HTML))

    answer = client.show_job("x")

    assert (answer.status_code, answer.text) == (502, HTML)
    assert answer.headers["Content-Type"] == "text/html"


def test_a_body_alone_is_an_ok_and_headers_alone_decorate_the_real_response(
    client: SignedClient, ecs_emulator: Emulator
) -> None:
    ecs_emulator.fault(Fault(body={"code": "Common.0025", "message": "query error"}))
    ecs_emulator.fault(Fault(headers={"X-Seen": "yes"}))

    faked, real = client.show_job("x"), client.show_job("x")

    assert (faked.status_code, faked.json()["code"]) == (200, "Common.0025")
    assert (real.status_code, real.headers["X-Seen"]) == (400, "yes")


def test_control_is_never_befallen(ecs_emulator: Emulator) -> None:
    ecs_emulator.fault(Fault(status=500))

    assert requests.get(f"{ecs_emulator.url}/_emulator/health", timeout=A_MINUTE).status_code == 200
    assert ecs_emulator.counters["faults"] == 0


def test_a_truncated_response_is_complete_http_with_half_the_json(client: SignedClient, ecs_emulator: Emulator) -> None:
    job_id = ecs_emulator.start_job(init_seconds=3600)
    whole = client.show_job(job_id).content
    ecs_emulator.fault(Fault(truncate=True))

    answer = client.show_job(job_id)

    assert answer.status_code == 200
    assert 0 < len(answer.content) == int(answer.headers["Content-Length"]) < len(whole)
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.content)


@pytest.mark.parametrize(("reset", "effects"), [("before", 0), ("after", 1)])
def test_a_reset_leaves_no_response(client: SignedClient, ecs_emulator: Emulator, reset: str, effects: int) -> None:
    ecs_emulator.fault(Fault(reset=reset))

    with pytest.raises(requests.ConnectionError, match="Connection aborted"):
        client.request("POST", "/cloudservers", body=create_body())

    assert ecs_emulator.counters["submits"] == effects
    assert ecs_emulator.requests[-1]["status"] is None
    assert client.show_job("x").status_code == 400


@pytest.mark.parametrize("reset", ["before", "after"])
def test_a_reset_is_a_tcp_reset(client: SignedClient, ecs_emulator: Emulator, reset: str) -> None:
    ecs_emulator.fault(Fault(reset=reset))

    with pytest.raises(requests.ConnectionError, match="reset by peer"):
        client.show_job("x")


def test_a_reset_during_the_response_leaves_half_a_body(client: SignedClient, ecs_emulator: Emulator) -> None:
    job_id = ecs_emulator.start_job(init_seconds=3600)
    whole = client.show_job(job_id).content
    ecs_emulator.fault(Fault(reset="during"))

    half = len(whole) // 2
    broken = rf"IncompleteRead\({half} bytes read, {len(whole) - half} more expected\)"
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match=broken):
        client.show_job(job_id)


def test_a_delay_holds_the_response_back_and_stopping_does_not_wait_for_it(
    client: SignedClient, ecs_emulator: Emulator
) -> None:
    ecs_emulator.fault(Fault(delay=3600))
    failures: list[Exception] = []

    def ask() -> None:
        try:
            client.show_job("x")
        except requests.ConnectionError as error:
            failures.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    wait_until(lambda: ecs_emulator.counters["faults"])

    ecs_emulator.stop()
    asking.join(timeout=A_MINUTE)

    assert len(failures) == 1


def test_a_stall_holds_the_response_back_once_the_request_had_its_effect(
    client: SignedClient, ecs_emulator: Emulator
) -> None:
    ecs_emulator.fault(Fault(method="post", stall=3600))
    failures: list[Exception] = []

    def create() -> None:
        try:
            client.request("POST", "/cloudservers", body=create_body())
        except requests.ConnectionError as error:
            failures.append(error)

    asking = threading.Thread(target=create)
    asking.start()
    wait_until(lambda: ecs_emulator.submissions)
    assert failures == []

    ecs_emulator.stop()
    asking.join(timeout=A_MINUTE)

    assert len(failures) == 1
    assert ecs_emulator.counters["submits"] == 1


def test_a_client_that_gives_up_during_a_stall_finds_its_job(client: SignedClient, ecs_emulator: Emulator) -> None:
    ecs_emulator.fault(Fault(path="/cloudservers$", stall=3600))

    with pytest.raises(requests.ReadTimeout):
        client.request("POST", "/cloudservers", body=create_body(), timeout=(A_MINUTE, 0.2))

    wait_until(lambda: ecs_emulator.submissions)
    [submission] = ecs_emulator.submissions
    assert client.show_job(submission["job_id"]).status_code == 200


def test_a_short_stall_is_followed_by_the_real_response(client: SignedClient, ecs_emulator: Emulator) -> None:
    job_id = ecs_emulator.start_job()
    ecs_emulator.fault(Fault(stall=0.01))

    assert client.show_job(job_id).json()["job_id"] == job_id


@pytest.mark.parametrize("body", ["\ud800", {"a": object()}, 1])
def test_a_body_that_cannot_be_sent_is_refused(ecs_emulator: Emulator, body: Any) -> None:
    with pytest.raises(ValueError, match="body"):
        Fault(body=body)
    with pytest.raises(ValueError, match="body"):
        ecs_emulator.plant_job(body)


def test_a_fault_may_be_for_one_method(client: SignedClient, ecs_emulator: Emulator) -> None:
    ecs_emulator.fault(Fault(method="POST", status=503))

    shown = client.show_job("x").status_code
    created = [client.request("POST", "/cloudservers", body=create_body()).status_code for _ in range(2)]

    assert (shown, created) == (400, [503, 200])


def test_a_short_delay_is_followed_by_the_real_response(client: SignedClient, ecs_emulator: Emulator) -> None:
    job_id = ecs_emulator.start_job()
    ecs_emulator.fault(Fault(delay=0.01))

    assert client.show_job(job_id).json()["job_id"] == job_id
    assert ecs_emulator.counters["faults"] == 1
