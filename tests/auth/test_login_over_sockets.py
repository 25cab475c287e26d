"""Each way to log in waits for a job: in a worker and in the triggerer, over http and https, and by the hundred."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_ecsjobs.emulator import Emulator, Fault
from airflow_provider_ecsjobs.exceptions import EcsUnauthorizedError
from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook
from airflow_provider_ecsjobs.transport import client_pool
from airflow_provider_ecsjobs.transport.async_client import MAX_CONNECTIONS
from airflow_provider_ecsjobs.triggers.ecs_jobs import EcsJobTrigger
from tests.live.job_clock import JobClock
from tests.support.forward_proxy import ForwardProxy
from tests.support.patience import A_MINUTE, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

AUTHS = ["aksk", "password", "token", "agency", "env"]
QUICK = {"poll_interval": 0.05, "max_poll_interval": 0.1}
pytestmark = pytest.mark.usefixtures("quick_backoff")
LEAP = 200.0
"""In seconds; signatures may be 15 minutes off."""


@pytest.fixture(params=[False, True], ids=["http", "https"])
def cloud(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    with Emulator(tls=request.param, init_seconds=0.05, run_seconds=0.1) as emulator:
        yield emulator


@pytest.fixture
def slow_cloud() -> Iterator[Emulator]:
    with Emulator(init_seconds=0.1, run_seconds=1.5) as emulator:
        yield emulator


@pytest.fixture
def held_cloud() -> Iterator[tuple[Emulator, JobClock]]:
    """Give a cloud whose jobs run on until its clock leaps by a :data:`LEAP`."""
    clock = JobClock()
    with Emulator(run_seconds=LEAP, clock=clock) as emulator:
        yield emulator, clock


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def connect_to(emulator: Emulator, auth: str = "aksk", **changes: Any) -> None:
        extra = {"requests_per_second": 1000} | changes.pop("extra", {})
        fields = emulator.connection(auth, **extra) | changes
        monkeypatch.setenv("AIRFLOW_CONN_HUAWEI_ECS_DEFAULT", json.dumps(fields))
        for name, value in emulator.sdk_environment().items():
            monkeypatch.setenv(name, value)

    return connect_to


async def event_of(job_id: str, **kwargs: Any) -> dict[str, Any]:
    (event,) = [event.payload async for event in EcsJobTrigger(job_id, **(QUICK | kwargs)).run()]
    return event


async def events_of(job_ids: list[str], **kwargs: Any) -> list[dict[str, Any]]:
    return await asyncio.gather(*(event_of(job_id, **kwargs) for job_id in job_ids))


def jobs(count: int, cloud: Emulator, **kwargs: Any) -> list[str]:
    return [cloud.start_job(**kwargs) for _ in range(count)]


@pytest.mark.parametrize("project", ["given", "looked up"])
@pytest.mark.parametrize("auth", AUTHS)
def test_each_way_waits_in_worker_and_triggerer(
    cloud: Emulator, connect: Callable[..., None], auth: str, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(cloud, auth, extra={} if project == "given" else {"project_id": None})
    if project == "looked up":
        monkeypatch.delenv("HUAWEICLOUD_SDK_PROJECT_ID")
    job = EcsJobsHook().wait_for_job(cloud.start_job(), **QUICK)
    assert job.status == "SUCCESS"
    event = asyncio.run(event_of(cloud.start_job()))
    assert (event["outcome"], event["job"]["status"]) == ("finished", "SUCCESS")
    assert cloud.counters["unauthorized"] == 0


@pytest.mark.parametrize("auth", AUTHS)
def test_the_connection_test_names_project_region_endpoint_and_identity(
    cloud: Emulator, connect: Callable[..., None], auth: str
) -> None:
    connect(cloud, auth)
    works, text = EcsJobsHook().test_connection()
    assert works, text
    assert text.startswith(
        f"Reached project 0123456789abcdef0123456789abcdef in region emu-region-1 at {cloud.url} as "
    )


def test_hundreds_of_waits_share_one_login(slow_cloud: Emulator, connect: Callable[..., None], mocker: Any) -> None:
    connect(slow_cloud, "password", extra={"project_id": None})
    look_up = mocker.spy(BaseHook, "get_connection")
    events = asyncio.run(events_of(jobs(500, slow_cloud), poll_interval=0.5, max_poll_interval=0.5))
    assert {event["outcome"] for event in events} == {"finished"}
    counters = slow_cloud.counters
    assert counters["tokens"] == 1
    assert counters["project_lookups"] <= 1
    assert look_up.call_count == 1
    assert counters["connections"] <= 10


def test_a_token_revoked_while_waiting_is_replaced(
    held_cloud: tuple[Emulator, JobClock], connect: Callable[..., None]
) -> None:
    cloud, clock = held_cloud
    connect(cloud, "password")

    async def revoke_half_way() -> list[dict[str, Any]]:
        waits = asyncio.ensure_future(events_of(jobs(50, cloud)))
        await until(lambda: cloud.counters["job_queries"] > 50)
        cloud.revoke_tokens()
        clock.leap(LEAP)
        return await waits

    events = asyncio.run(revoke_half_way())
    assert {event["outcome"] for event in events} == {"finished"}
    assert cloud.counters["tokens"] == 2


def test_a_key_rotated_while_waiting_is_picked_up(
    held_cloud: tuple[Emulator, JobClock], connect: Callable[..., None]
) -> None:
    cloud, clock = held_cloud
    connect(cloud)

    async def rotate_half_way() -> list[dict[str, Any]]:
        waits = asyncio.ensure_future(events_of(jobs(50, cloud)))
        await until(lambda: cloud.counters["job_queries"] > 50)
        cloud.rotate_key()
        connect(cloud)
        clock.leap(LEAP)
        return await waits

    events = asyncio.run(rotate_half_way())
    assert {event["outcome"] for event in events} == {"finished"}


@pytest.mark.parametrize("auth", ["aksk", "password"])
def test_a_wrong_secret_is_tried_a_handful_of_times_by_200_waits(
    slow_cloud: Emulator, connect: Callable[..., None], auth: str
) -> None:
    connect(slow_cloud, auth, password="wrong-secret")
    events = asyncio.run(events_of(jobs(200, slow_cloud)))
    assert {event["outcome"] for event in events} == {"unauthorized"}
    who = "access key EMULATORACCESSKEY" if auth == "aksk" else "IAM user emulator-user"
    assert all(f"Connection 'huawei_ecs_default', {who}" in event["message"] for event in events)
    assert "wrong-secret" not in str(events)
    assert slow_cloud.counters["requests"] <= 4


def test_a_wrong_key_fails_a_worker_when_it_is_confirmed(slow_cloud: Emulator, connect: Callable[..., None]) -> None:
    connect(slow_cloud, login="NOSUCHKEY")
    with pytest.raises(EcsUnauthorizedError, match="access key NOSUCHKEY: check that the key exists"):
        EcsJobsHook().wait_for_job(slow_cloud.start_job(), **QUICK)
    assert slow_cloud.counters["requests"] == 2


def test_a_clock_that_is_off_is_said_to_be(connect: Callable[..., None]) -> None:
    with Emulator(clock=lambda: time.time() + 3630) as emulator:
        connect(emulator)
        works, text = EcsJobsHook().test_connection()
    assert not works
    assert "this machine's clock is 60 min behind the server's" in text


@pytest.mark.parametrize("driver", ["worker", "triggerer"])
def test_a_proxy_is_used_with_its_credentials_but_not_for_metadata(
    cloud: Emulator, connect: Callable[..., None], driver: str
) -> None:
    with ForwardProxy("proxy-user", "proxy-pa$$") as proxy:
        connect(cloud, "agency", extra={"proxy": proxy.url_with_credentials})
        if driver == "worker":
            assert EcsJobsHook().get_job(cloud.start_job()).status
        else:
            assert asyncio.run(event_of(cloud.start_job()))["outcome"] == "finished"
        assert len(proxy.requests) >= 1
        assert not any("securitykey" in str(request) for request in proxy.requests)
        assert cloud.counters["metadata"] == 1


def test_wrong_proxy_credentials_are_failures_that_show_none(cloud: Emulator, connect: Callable[..., None]) -> None:
    with ForwardProxy("proxy-user", "proxy-pa$$") as proxy:
        connect(cloud, extra={"proxy": proxy.url_with_credentials.replace("proxy-user", "other-user")})
        works, text = EcsJobsHook().test_connection()
    assert not works
    assert "pa$$" not in text
    assert "pa%24%24" not in text


def test_certificates_are_checked_unless_told_not_to(
    connect: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    with Emulator(tls=True, init_seconds=0, run_seconds=0.1) as emulator:
        connect(emulator, extra={"verify": None})
        works, text = EcsJobsHook().test_connection()
        assert not works
        assert "its certificate is not trusted (self" in text
        event = asyncio.run(event_of(emulator.start_job(), unreachable_timeout=0.0))
        assert event["outcome"] == "unreachable", event["message"]
        assert "its certificate is not trusted (self" in event["message"]

        connect(emulator, extra={"verify": False})
        assert asyncio.run(event_of(emulator.start_job()))["outcome"] == "finished"
        assert EcsJobsHook().test_connection()[0]


def test_a_failed_job_whose_query_goes_first_is_nobody_elses(
    slow_cloud: Emulator, connect: Callable[..., None]
) -> None:
    connect(slow_cloud)
    failed = slow_cloud.plant_job(
        {"status": "FAIL", "error_code": "Common.0021", "fail_reason": "CollectInfoTask-fail"}
    )
    running = [slow_cloud.start_job() for _ in range(20)]
    slow_cloud.fault(Fault(path=failed, delay=0.5))  # all others come while it is under way

    async def wait_for_all() -> list[dict[str, Any]]:
        first = asyncio.ensure_future(event_of(failed, poll_interval=0.05, max_poll_interval=0.05))
        await until(lambda: slow_cloud.counters["faults"])
        return await asyncio.gather(first, *(event_of(job_id) for job_id in running))

    events = asyncio.run(wait_for_all())
    assert [event["job"]["job_id"] for event in events] == [failed, *running]
    assert [event["job"]["status"] for event in events] == ["FAIL"] + ["SUCCESS"] * 20


def test_a_key_removed_while_waits_queue_is_sent_by_those_under_way_at_most(
    slow_cloud: Emulator, connect: Callable[..., None]
) -> None:
    connect(slow_cloud)
    slow_cloud.fault(Fault(path="/jobs/", times=10_000, delay=0.1))

    async def remove_half_way() -> list[dict[str, Any]]:
        waits = asyncio.ensure_future(events_of(jobs(100, slow_cloud, run_seconds=600)))
        await until(lambda: slow_cloud.counters["requests"] > 30)
        slow_cloud.remove_key("EMULATORACCESSKEY")
        return await waits

    events = asyncio.run(remove_half_way())
    assert {event["outcome"] for event in events} == {"unauthorized"}
    assert slow_cloud.counters["unauthorized"] <= MAX_CONNECTIONS + 1  # one more confirms it


def test_the_deadline_holds_while_the_endpoint_hangs(
    slow_cloud: Emulator, connect: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_ecsjobs.core.waiting.schedule.FINAL_POLL_SECONDS", 0.1)
    connect(slow_cloud)
    slow_cloud.fault(Fault(times=10_000, delay=3600))

    async def wait() -> list[dict[str, Any]]:
        async with asyncio.timeout(A_MINUTE):
            return await events_of(jobs(40, slow_cloud), deadline=time.time() + 0.3)

    events = asyncio.run(wait())
    assert {event["outcome"] for event in events} == {"timeout"}
    assert "its status was never seen" in events[0]["message"]


def test_a_connection_mended_meanwhile_serves_the_next_wait(
    slow_cloud: Emulator, connect: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_ecsjobs.transport.client_pool.SETTINGS_AGE", 0.0)

    async def wait() -> dict[str, Any]:
        connect(slow_cloud, host="http://127.0.0.1:9")
        lost = asyncio.ensure_future(event_of(slow_cloud.start_job()))
        await until(lambda: [lease for lease in leases() if lease.opening.done()])
        connect(slow_cloud)
        event = await event_of(slow_cloud.start_job())
        assert not lost.done()
        lost.cancel()
        await asyncio.wait([lost])
        assert leases() == []
        return event

    assert asyncio.run(wait())["outcome"] == "finished"


def test_a_connection_mended_after_its_credentials_were_rejected_serves_the_next_wait_at_once(
    slow_cloud: Emulator, connect: Callable[..., None]
) -> None:
    async def wait() -> tuple[str, str]:
        connect(slow_cloud, password="another-secret-key")
        asleep = asyncio.ensure_future(event_of(slow_cloud.start_job(), poll_interval=1000, max_poll_interval=1000))
        rejected = await event_of(slow_cloud.start_job())
        assert not asleep.done()
        connect(slow_cloud)
        event = await event_of(slow_cloud.start_job())
        asleep.cancel()
        await asyncio.wait([asleep])
        return rejected["outcome"], event["outcome"]

    assert asyncio.run(wait()) == ("unauthorized", "finished")


def leases() -> list[Any]:
    return list(client_pool._leases.get(asyncio.get_running_loop(), {}).values())
