"""Responses that ended waits though the job went on, or were told wrongly: real sockets, the three ways to wait."""

from __future__ import annotations

import asyncio
import json
import re
import time
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs.emulator import Emulator, Fault
from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook
from airflow_provider_ecsjobs.sensors.ecs_jobs import EcsJobSensor
from airflow_provider_ecsjobs.triggers.ecs_jobs import EcsJobTrigger
from tests.hooks.wait_paths import PATHS, POLL, events_of
from tests.support.patience import A_MINUTE

if TYPE_CHECKING:
    from collections.abc import Callable

HTML = "<html>proxy login</html>"
REFUSED = {"error_code": "APIGW.0301", "error_msg": "Incorrect IAM authentication information"}
ANOTHER = "f" * 32

PASSING = {
    "gateway backend missing": Fault(status=404, body={"error_code": "APIGW.0103", "error_msg": "no backend"}),
    "no host of the gateway": Fault(status=404, body={"error_code": "APIGW.0108", "error_msg": "no host"}),
    "json 404 that is not of ECS": Fault(status=404, body={"message": "no route"}),
    "itemNotFound of another service": Fault(status=404, body={"itemNotFound": {"code": 404, "message": "none"}}),
    "404 of IAM": Fault(status=404, body={"error": {"code": 404, "message": "none", "title": "Not Found"}}),
    "query error, coded, 400": Fault(status=400, body={"error": {"code": "Common.0021", "message": "later"}}),
    "try again later": Fault(status=400, body={"error": {"code": "Ecs.1200", "message": "later"}}),
    "401 of a proxy": Fault(status=401, headers={"Content-Type": "text/html"}, body=HTML),
    "401 of a proxy, often": Fault(times=7, status=401, headers={"Content-Type": "text/html"}, body=HTML),
    "401 APIGW.0301, once": Fault(status=401, body=REFUSED),
    "an answer about another job": Fault(
        status=200, body={"status": "SUCCESS", "job_id": ANOTHER, "job_type": "createServer", "entities": {}}
    ),
    **{f"json {status} without a code": Fault(status=status, body={"message": "no"}) for status in (400, 403, 405)},
    **{f"json {status} without a code": Fault(status=status, body={"message": "no"}) for status in (409, 410, 421)},
    "deeply nested": Fault(status=200, body='{"status":' + "[" * 200_000),
}

pytestmark = pytest.mark.usefixtures("quick_backoff")


@pytest.fixture(params=list(PATHS))
def wait(request: pytest.FixtureRequest) -> Callable[[str, float, float], tuple[str, str]]:
    return PATHS[request.param]


@pytest.mark.parametrize("seen_before", [True, False], ids=["seen before", "at first"])
@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_what_carries_no_known_code_passes(
    wait: Callable[..., tuple[str, str]], connected: Emulator, fault: Fault, seen_before: bool
) -> None:
    running = [{"status": "RUNNING"}] if seen_before else []
    job = connected.plant_job(*running, {"status": "SUCCESS"})
    connected.fault(fault)

    assert wait(job, A_MINUTE, A_MINUTE)[0] == "finished"
    assert connected.counters["faults"] == fault.times


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (HTML, "HTTP 403"),
        ({"message": "no Route matched"}, "no Route matched (HTTP 403"),
        ({"itemNotFound": {"code": 404, "message": "none"}}, "404 none (HTTP 403"),
    ],
)
def test_what_does_not_pass_in_time_is_told_with_the_last_response(
    wait: Callable[..., tuple[str, str]], connected: Emulator, body: Any, said: str
) -> None:
    job = connected.plant_job({"status": "SUCCESS"})
    connected.fault(Fault(times=100_000, status=403, body=body))

    outcome, message = wait(job, A_MINUTE, 0.2)

    assert outcome == "unreachable"
    assert said in message
    assert "request id" in message


def test_a_service_that_refuses_with_401_is_a_missing_permission(
    wait: Callable[..., tuple[str, str]], connected: Emulator
) -> None:
    job = connected.plant_job({"status": "SUCCESS"})
    connected.fault(Fault(status=401, body={"error": {"code": "EPS.0003", "message": "policy doesn't allow it"}}))

    outcome, message = wait(job, A_MINUTE, A_MINUTE)

    assert outcome == "error"
    assert "permission is missing: EPS.0003 policy doesn't allow it" in message
    assert connected.counters["requests"] == 1


def eight_waits(connected: Emulator, **limits: Any) -> list[dict[str, Any]]:
    async def together() -> list[dict[str, Any]]:
        jobs = [connected.plant_job({"status": "RUNNING"}, {"status": "SUCCESS"}) for _ in range(8)]
        triggers = [EcsJobTrigger(job, poll_interval=POLL, max_poll_interval=POLL, **limits) for job in jobs]
        return [events[0] for events in await asyncio.gather(*map(events_of, triggers))]

    return asyncio.run(together())


@pytest.mark.parametrize("passed_before", [0, 1, 5])
@pytest.mark.parametrize("body", [HTML, REFUSED], ids=["of a proxy", "APIGW.0301"])
def test_one_401_fails_none_of_eight_waits(connected: Emulator, body: Any, passed_before: int) -> None:
    if passed_before:
        connected.fault(Fault(times=passed_before, headers={"X-Good": "1"}))
    connected.fault(Fault(status=401, body=body))

    events = eight_waits(connected)

    assert [(event["outcome"], event["job"]["status"]) for event in events] == [("finished", "SUCCESS")] * 8
    assert connected.counters["faults"] == passed_before + 1


def test_refused_waits_quote_their_own_request_or_say_whose_it_was(connected: Emulator) -> None:
    connected.fault(Fault(times=100, status=401, body=REFUSED))

    messages = [event["message"] for event in eight_waits(connected)]

    assert connected.counters["requests"] <= 3
    quoted = [re.search(r"HTTP 401, (to another request of this connection, )?request id ([^)]+)", m) for m in messages]
    own = [found[2] for found in quoted if found and not found[1]]
    assert all(quoted)
    assert len(own) == len(set(own)) <= connected.counters["requests"]


def test_the_test_button_is_green_on_an_answer_of_ecs_only(connected: Emulator) -> None:
    assert EcsJobsHook().test_connection()[0]
    for fault in (PASSING["gateway backend missing"], PASSING["json 404 that is not of ECS"]):
        connected.fault(fault)
        works, text = EcsJobsHook().test_connection()
        assert not works
        assert "HTTP 404" in text


class TestReservedKeys:
    BODY: dict[str, Any] = {  # noqa: RUF012 - it is not changed
        "status": "SUCCESS",
        "job_type": "createServer",
        "entities": {
            "server_id": "aaaaaaaa",
            "__classname__": "x",
            "__id__": "y",
            "nested": [{"__type": "z", "__var": 1, "__classname__": "airflow.Dataset", "__version__": 1}],
        },
    }
    KEPT: dict[str, Any] = {  # noqa: RUF012
        "server_id": "aaaaaaaa",
        "___classname__": "x",
        "___id__": "y",
        "nested": [{"___type": "z", "___var": 1, "___classname__": "airflow.Dataset", "__version__": 1}],
    }

    def test_an_event_with_them_can_be_stored(self, connected: Emulator) -> None:
        trigger = EcsJobTrigger(connected.plant_job(self.BODY), poll_interval=POLL, max_poll_interval=POLL)
        (event,) = asyncio.run(events_of(trigger))
        assert event["job"]["entities"] == self.KEPT
        assert through_airflow(event) == event

    def test_a_result_with_them_can_be_stored(self, connected: Emulator) -> None:
        sensor = EcsJobSensor(task_id="wait", job_id=connected.plant_job(self.BODY), deferrable=True)
        result = sensor.execute({})  # type: ignore[arg-type]
        assert result["entities"] == self.KEPT
        assert through_airflow(result) == result

    @pytest.mark.parametrize("key", [r"__\u0069d__", "__id__"])
    def test_however_they_are_written(self, connected: Emulator, key: str) -> None:
        job = connected.plant_job({"status": "SUCCESS"})
        connected.fault(Fault(status=200, body='{"status":"SUCCESS","entities":{"' + key + '":1}}'))
        assert EcsJobsHook().get_job(job).entities == {"___id__": 1}


def through_airflow(value: Any) -> Any:
    """Take a value the way that an event and an XCom go."""
    try:
        from airflow.sdk.serde import deserialize, serialize
    except ImportError:
        from airflow.serialization.serde import deserialize, serialize
    return deserialize(json.loads(json.dumps(serialize(value))))


def test_a_job_seen_before_a_restart_is_not_called_unknown(connected: Emulator) -> None:
    job = connected.plant_job({"status": "RUNNING"})
    sensor = EcsJobSensor(task_id="wait", job_id=job, deferrable=True, poke_interval=POLL, max_wait=POLL)
    with pytest.raises(BaseException) as deferred:
        sensor.execute({})  # type: ignore[arg-type]
    _, kwargs = deferred.value.trigger.serialize()  # type: ignore[attr-defined]
    connected.purge_job(job)

    kwargs = json.loads(json.dumps(kwargs)) | {"started": time.time() - 7200}
    (event,) = asyncio.run(events_of(EcsJobTrigger(**kwargs)))

    assert event["outcome"] == "not_found"
    assert "no longer knows it, 2 h 0 min into the wait (last status RUNNING" in event["message"]
    assert "Check the job id" not in event["message"]
    assert event["job"]["status"] == "RUNNING"
