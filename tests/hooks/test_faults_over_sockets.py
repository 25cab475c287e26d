"""What a network, a proxy or an overloaded API does to a wait: the same cases for the sync and the async path."""

from __future__ import annotations

import json
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs.emulator import Emulator, Fault
from tests.hooks.wait_paths import PATHS
from tests.support.held_back import HeldBack, give_up_what_is_held_back
from tests.support.patience import A_MINUTE

if TYPE_CHECKING:
    from collections.abc import Callable

RUNNING = {"status": "RUNNING", "job_type": "createServer"}
SUCCESS = {"status": "SUCCESS", "job_type": "createServer", "entities": {"server_id": "s-1"}}
HTML = "<html><body><h1>502 Bad Gateway</h1></body></html>"


def ecs_error(code: str, message: str = "said the API") -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


PASSING = {
    "429": Fault(status=429),
    "429 with Retry-After": Fault(status=429, headers={"Retry-After": "0.1"}),
    "429 with Retry-After that is nonsense": Fault(status=429, headers={"Retry-After": "soon"}),
    "429 of the gateway": Fault(status=429, body={"error_code": "APIGW.0308", "error_msg": "over ratelimit"}),
    "500": Fault(status=500),
    "503 Common.1503": Fault(status=503, body=ecs_error("Common.1503")),
    "501 Ecs.0603": Fault(status=501, body=ecs_error("Ecs.0603", "try again 1 minute later")),
    "400 Common.0025, a query that failed": Fault(status=400, body=ecs_error("Common.0025")),
    "a query error with HTTP 200": Fault(status=200, body={"code": "Common.0025", "message": "query failed"}),
    "an empty object with HTTP 200": Fault(status=200, body={}),
    "a list with HTTP 200": Fault(status=200, body="[]"),
    "no body at all": Fault(status=200, body=""),
    "HTML with HTTP 200": Fault(status=200, body=HTML),
    "HTML with HTTP 502": Fault(status=502, body=HTML),
    "HTML with HTTP 404": Fault(status=404, body=HTML),
    "HTML with HTTP 401": Fault(status=401, body=HTML),
    "401 without a code": Fault(status=401, body={}),
    "401 of the gateway, once": Fault(status=401, body={"error_code": "APIGW.0301", "error_msg": "wrong"}),
    "403 without a code": Fault(status=403, body={}),
    "404 of the gateway": Fault(status=404, body={"error_code": "APIGW.0103", "error_msg": "no backend"}),
    "404 of OpenStack": Fault(status=404, body={"itemNotFound": {"code": 404, "message": "no such job"}}),
    "404 of a proxy in JSON": Fault(status=404, body={"message": "no Route matched"}),
    "400 Common.0021, try again later": Fault(status=400, body=ecs_error("Common.0021")),
    "another job": Fault(status=200, body={"status": "SUCCESS", "job_id": "f" * 32}),
    "a redirect": Fault(status=302, headers={"Location": "https://login.example.com/?next=1"}, body=HTML),
    "a wrong content encoding": Fault(status=200, headers={"Content-Encoding": "gzip"}, body=json.dumps(SUCCESS)),
    "half an answer": Fault(truncate=True),
    "reset before": Fault(reset="before"),
    "reset during": Fault(reset="during"),
    "reset after": Fault(reset="after"),
    "slower than read_timeout": HeldBack(),
}
SOME_OF_ALL_KINDS = ("429 with Retry-After", "HTML with HTTP 502", "reset before", "half an answer", "500")

ENDING = {
    "401": (Fault(times=9, status=401, body=ecs_error("Common.0013")), "unauthorized"),
    "401 of the gateway": (
        Fault(times=9, status=401, body={"error_code": "APIGW.0301", "error_msg": "wrong"}),
        "unauthorized",
    ),
    "403": (Fault(status=403, body=ecs_error("Pdp.0001")), "error"),
    "400 of the wrong project": (Fault(status=400, body=ecs_error("Common.0018")), "error"),
    "400 of an unknown code": (Fault(status=400, body=ecs_error("Ecs.9999")), "error"),
    "400 Common.0011": (Fault(status=400, body=ecs_error("Common.0011")), "not_found"),
    "401 of a service, a missing permission": (Fault(status=401, body=ecs_error("EPS.0003")), "error"),
    "404 of ECS": (Fault(status=404, body=ecs_error("Common.0011")), "not_found"),
}

pytestmark = pytest.mark.usefixtures("quick_backoff")


@pytest.fixture(params=list(PATHS))
def wait(request: pytest.FixtureRequest) -> Callable[[str, float, float], tuple[str, str]]:
    return PATHS[request.param]


@pytest.fixture
def impatient(connected: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """Give an emulator that the default connection leads to; what it holds back is soon given up."""
    give_up_what_is_held_back(connected, monkeypatch)
    return connected


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_failures_pass(wait: Callable[..., tuple[str, str]], impatient: Emulator, fault: Fault) -> None:
    job = impatient.plant_job(RUNNING, SUCCESS)
    impatient.fault(fault)

    outcome, message = wait(job, A_MINUTE, A_MINUTE)

    assert (outcome, message if outcome != "finished" else "") == ("finished", "")
    assert impatient.counters["faults"] == 1
    # "after" answers, and uses up the job's first answer
    assert 2 <= impatient.counters["requests"] <= 3


def test_failures_of_all_kinds_in_a_row_pass(wait: Callable[..., tuple[str, str]], impatient: Emulator) -> None:
    job = impatient.plant_job(RUNNING, SUCCESS)
    for kind in SOME_OF_ALL_KINDS:
        impatient.fault(PASSING[kind])

    assert wait(job, A_MINUTE, A_MINUTE)[0] == "finished"
    assert impatient.counters["requests"] <= len(SOME_OF_ALL_KINDS) + 2


def test_a_host_that_refuses_connections_for_a_while(
    wait: Callable[..., tuple[str, str]], set_connection: Callable[..., None]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    emulator = Emulator(port=port)
    job = emulator.plant_job(SUCCESS)
    set_connection(**{**emulator.connection(), "host": f"http://127.0.0.1:{port}"})
    later = threading.Timer(0.3, emulator.start)
    later.start()
    try:
        assert wait(job, A_MINUTE, A_MINUTE)[0] == "finished"
        assert emulator.counters["requests"] == 1
    finally:
        later.join()
        emulator.stop()


@pytest.mark.parametrize(
    "fault", [Fault(times=10_000, status=500), Fault(times=10_000, reset="before")], ids=["500", "reset"]
)
def test_failures_that_do_not_pass(wait: Callable[..., tuple[str, str]], connected: Emulator, fault: Fault) -> None:
    job = connected.plant_job(SUCCESS)
    connected.fault(fault)

    outcome, message = wait(job, A_MINUTE, 0.4)

    assert outcome == "unreachable"
    assert job in message
    assert "the job itself may well go on" in message
    assert 3 <= connected.counters["requests"] <= 40


def test_failures_up_to_the_deadline(wait: Callable[..., tuple[str, str]], connected: Emulator) -> None:
    job = connected.plant_job(SUCCESS)
    connected.fault(Fault(times=10_000, status=500))

    outcome, message = wait(job, 0.4, A_MINUTE)

    assert outcome == "timeout"
    assert job in message
    assert "its status was never seen" in message
    assert "HTTP 500" in message


@pytest.mark.parametrize(("fault", "expected"), ENDING.values(), ids=ENDING)
def test_what_cannot_pass_ends_the_wait(
    wait: Callable[..., tuple[str, str]], connected: Emulator, fault: Fault, expected: str
) -> None:
    job = connected.plant_job(SUCCESS)
    connected.fault(fault)

    outcome, message = wait(job, A_MINUTE, A_MINUTE)

    assert outcome == expected
    assert job in message
    assert f"HTTP {fault.status}" in message
    assert "request id" in message
    # Five failures lock an access key: a 401 may be asked again once, with the connection read anew.
    assert connected.counters["requests"] <= (2 if expected == "unauthorized" else 1)


def test_a_wrong_key_asks_twice_at_most(
    wait: Callable[..., tuple[str, str]], connected: Emulator, set_connection: Callable[..., None]
) -> None:
    job = connected.plant_job(SUCCESS)
    set_connection(**{**connected.connection(), "password": "another"})

    outcome, message = wait(job, A_MINUTE, A_MINUTE)

    assert outcome == "unauthorized"
    assert "another" not in message
    assert connected.counters["unauthorized"] <= 2


def test_a_job_purged_in_the_middle_of_a_wait(wait: Callable[..., tuple[str, str]], connected: Emulator) -> None:
    job = connected.plant_job(RUNNING)
    seen = threading.Event()

    def purge_when_seen() -> None:
        while not seen.wait(0.01):
            if connected.counters["job_queries"] >= 2:
                connected.purge_job(job)
                return

    purging = threading.Thread(target=purge_when_seen)
    purging.start()
    try:
        outcome, message = wait(job, A_MINUTE, A_MINUTE)
    finally:
        seen.set()
        purging.join()

    assert outcome == "not_found"
    assert "last status RUNNING" in message
    assert "purged after a day" in message


def test_an_unknown_status_is_waited_for(wait: Callable[..., tuple[str, str]], connected: Emulator) -> None:
    job = connected.plant_job({"status": "HIBERNATING"}, {"status": "HIBERNATING"}, SUCCESS)

    assert wait(job, A_MINUTE, A_MINUTE)[0] == "finished"
    assert connected.counters["requests"] == 3


def test_a_failed_job_is_a_finished_wait(wait: Callable[..., tuple[str, str]], connected: Emulator) -> None:
    job = connected.plant_job(RUNNING, {"status": "FAIL", "error_code": "Ecs.0319", "fail_reason": "sold out"})

    assert wait(job, A_MINUTE, A_MINUTE)[0] == "finished"
    assert connected.counters["requests"] == 2


def test_the_deadline_of_a_job_that_runs_on(wait: Callable[..., tuple[str, str]], connected: Emulator) -> None:
    job = connected.plant_job(RUNNING)

    outcome, message = wait(job, 0.3, A_MINUTE)

    assert outcome == "timeout"
    assert job in message
    assert "last status RUNNING" in message
    assert "no API that cancels" in message
    assert connected.counters["requests"] <= 15


def test_an_unpaid_order_ends_at_the_deadline(wait: Callable[..., tuple[str, str]], connected: Emulator) -> None:
    job = connected.plant_job({"status": "PENDING_PAYMENT", "entities": {"order_id": "CS1"}})

    outcome, message = wait(job, 0.2, A_MINUTE)

    assert outcome == "timeout"
    assert "PENDING_PAYMENT" in message
