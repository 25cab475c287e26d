"""The gateway's rate limit: so many requests in a window of time, and 429 for the others."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs.emulator.errors import ApiError
from airflow_provider_ecsjobs.emulator.rate_limit import RateLimit
from airflow_provider_ecsjobs.transport.rate_limit import Limit, stated_limit

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.emulator import Emulator
    from tests.emulator.emulator_client import SignedClient


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def admitted(limit: RateLimit, count: int) -> list[bool]:
    def is_admitted() -> bool:
        try:
            limit.admit("id")
        except ApiError:
            return False
        return True

    return [is_admitted() for _ in range(count)]


def test_it_counts_in_windows_that_begin_with_their_first_request() -> None:
    clock = Clock()
    limit = RateLimit(clock)
    limit.set(2, 10)
    assert admitted(limit, 3) == [True, True, False]
    clock.now += 9.9
    assert admitted(limit, 1) == [False]
    clock.now += 5  # one begins with this request
    assert admitted(limit, 3) == [True, True, False]
    clock.now += 9.9
    assert admitted(limit, 1) == [False]


def test_without_one_all_are_admitted() -> None:
    limit = RateLimit(Clock())
    assert admitted(limit, 1000) == [True] * 1000
    limit.set(1, 60)
    limit.set(None)
    assert admitted(limit, 1000) == [True] * 1000


@pytest.mark.parametrize(
    ("requests", "seconds", "said"),
    [
        (200, 300, "policy user over ratelimit,limit:200,time:5 minute"),
        (10, 1, "limit:10,time:1 second"),
        (10, 90, "limit:10,time:90 second"),
        (5, 7200.0, "limit:5,time:2 hour"),
        (5, 86400, "limit:5,time:1 day"),
    ],
)
def test_the_response_states_the_limit(requests: int, seconds: float, said: str) -> None:
    limit = RateLimit(Clock())
    limit.set(requests, seconds)
    admitted(limit, requests)
    with pytest.raises(ApiError) as caught:
        limit.admit("req-1")
    assert caught.value.status == 429
    assert caught.value.body["error_code"] == "APIGW.0308"
    assert caught.value.body["request_id"] == "req-1"
    assert caught.value.body["error_msg"].endswith(said)
    assert stated_limit(caught.value.body["error_msg"]) == Limit(requests, seconds)


@pytest.mark.parametrize("wrong", [(0, 1), (-1, 1), (True, 1), (1.5, 1), (1, 0), (1, -1), (1, float("inf")), (1, "5")])
def test_a_wrong_limit_is_refused(wrong: tuple[Any, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        RateLimit(Clock()).set(*wrong)


def test_ecs_is_limited_and_iam_is_not(client: SignedClient, ecs_emulator: Emulator) -> None:
    ecs_emulator.limit_rate(2, 3600)
    job_id = ecs_emulator.start_job()

    statuses = [client.show_job(job_id).status_code for _ in range(3)]
    ecs_emulator.connection("token")

    assert statuses == [200, 200, 429]
    assert (ecs_emulator.counters["throttled"], ecs_emulator.counters["job_queries"]) == (1, 2)
    ecs_emulator.limit_rate(None)
    assert client.show_job(job_id).status_code == 200


def test_it_is_set_over_http(client: SignedClient, ecs_emulator: Emulator) -> None:
    def post(body: dict[str, Any]) -> int:
        request = urllib.request.Request(f"{ecs_emulator.url}/_emulator/rate_limit", json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    assert post({"requests": 1, "seconds": 3600}) == 200
    assert [client.show_job("x").status_code for _ in range(2)] == [400, 429]
    assert post({}) == 200
    assert client.show_job("x").status_code == 400
    assert post({"requests": 0}) == post({"requests": "many"}) == post({"limit": 5}) == 400
