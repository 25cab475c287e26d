"""The hook's own calls: one question, a wait in this process, a session that signs."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs.core.job import JobStatus
from airflow_provider_ecsjobs.emulator import Fault
from airflow_provider_ecsjobs.exceptions import (
    EcsApiError,
    EcsInvalidJobIdError,
    EcsJobFailed,
    EcsJobNotFound,
    EcsJobPaymentTimeout,
    EcsJobTimeout,
    ErrorKind,
)
from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook
from tests.support.patience import A_MINUTE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_ecsjobs.emulator import Emulator

pytestmark = pytest.mark.usefixtures("quick_backoff")


@pytest.fixture
def hook(connected: Emulator) -> Iterator[EcsJobsHook]:
    hook = EcsJobsHook()
    yield hook
    hook.close()


@pytest.mark.parametrize("status", ["INIT", "RUNNING", "SUCCESS", "FAIL", "PENDING_PAYMENT", "NEW_ONE"])
def test_get_job_gives_any_status(hook: EcsJobsHook, connected: Emulator, status: str) -> None:
    job = hook.get_job(connected.plant_job({"status": status}, job_id="job-1"))

    assert (job.job_id, job.status.value) == ("job-1", status)
    assert connected.counters["requests"] == 1


def test_get_job_asks_three_times_through_failures(hook: EcsJobsHook, connected: Emulator) -> None:
    job_id = connected.plant_job({"status": "SUCCESS"})
    connected.fault(Fault(times=2, status=503))

    assert hook.get_job(job_id).status is JobStatus.SUCCESS
    assert connected.counters["requests"] == 3


def test_get_job_gives_up_after_three(hook: EcsJobsHook, connected: Emulator) -> None:
    job_id = connected.plant_job({"status": "SUCCESS"})
    connected.fault(Fault(times=3, status=500))

    with pytest.raises(EcsApiError, match=job_id) as caught:
        hook.get_job(job_id)

    assert caught.value.error is not None
    assert (caught.value.error.kind, caught.value.error.status) == (ErrorKind.TRANSIENT, 500)
    assert caught.value.error.request_id == connected.requests[-1]["request_id"]
    assert connected.counters["requests"] == 3


def test_get_job_of_an_unknown_job(hook: EcsJobsHook, connected: Emulator) -> None:
    with pytest.raises(EcsJobNotFound, match=r"job-1 .*Common\.0011"):
        hook.get_job("job-1")
    assert connected.counters["requests"] == 1


BAD_JOB_IDS = [
    *("", " ", "None", "a/b", "a\\b", "../x", "..", ".", "a?b", "a#b", "%2e%2e", "a b", "a\n", "a\nb", "é", "\u0661"),
    *("x" * 129, None, 5, {"job_id": 1}),
]


@pytest.mark.parametrize("call", ["poll_once", "get_job", "wait_for_job"])
def test_a_bad_job_id_sends_no_request(hook: EcsJobsHook, connected: Emulator, call: str) -> None:
    for job_id in BAD_JOB_IDS:
        with pytest.raises(EcsInvalidJobIdError, match="job_id"):
            getattr(hook, call)(job_id)
    assert connected.counters["requests"] == 0


def test_wait_for_job_gives_the_finished_job(hook: EcsJobsHook, connected: Emulator) -> None:
    job_id = connected.start_job("createServer", sub_jobs=2, init_seconds=0.1, run_seconds=0.1)

    job = hook.wait_for_job(job_id, poll_interval=0.05, max_poll_interval=0.05)

    assert job.status is JobStatus.SUCCESS
    assert set(job.server_ids) == set(connected.servers)


def test_wait_for_job_raises_the_reason(hook: EcsJobsHook, connected: Emulator) -> None:
    job_id = connected.start_job("createServer", sub_jobs=3, failing=1, init_seconds=0, run_seconds=0)

    with pytest.raises(EcsJobFailed, match=r"Common\.0021(.|\n)*Ecs\.0219 No valid host was found") as caught:
        hook.wait_for_job(job_id)

    assert caught.value.job is not None
    assert caught.value.job.job_id == job_id
    assert len(caught.value.job.sub_jobs) == 3


def test_wait_for_job_times_out(hook: EcsJobsHook, connected: Emulator) -> None:
    job_id = connected.plant_job({"status": "RUNNING"})

    with pytest.raises(EcsJobTimeout, match=f"{job_id} .*RUNNING") as caught:
        hook.wait_for_job(job_id, poll_interval=0.05, max_poll_interval=0.05, timeout=0.2)

    assert caught.value.job is not None
    assert caught.value.job.status is JobStatus.RUNNING


def test_wait_for_job_with_a_timeout_of_0_looks_once(hook: EcsJobsHook, connected: Emulator) -> None:
    with pytest.raises(EcsJobTimeout):
        hook.wait_for_job(connected.plant_job({"status": "RUNNING"}), timeout=0)
    assert connected.counters["requests"] == 1


def test_wait_for_job_does_not_wait_for_a_payment_unless_asked(hook: EcsJobsHook, connected: Emulator) -> None:
    job_id = connected.plant_job({"status": "PENDING_PAYMENT", "entities": {"order_id": "CS123"}})

    with pytest.raises(EcsJobPaymentTimeout, match="CS123"):
        hook.wait_for_job(job_id, payment_timeout=0)
    assert connected.counters["requests"] == 1


def test_not_found_is_waited_for_within_its_grace(hook: EcsJobsHook, connected: Emulator) -> None:
    job_id = connected.plant_job({"status": "SUCCESS"})
    connected.fault(Fault(times=2, status=400, body={"error": {"code": "Common.0011", "message": "not yet"}}))

    job = hook.wait_for_job(job_id, poll_interval=0.05, max_poll_interval=0.05, not_found_grace=A_MINUTE)

    assert job.status is JobStatus.SUCCESS
    assert connected.counters["requests"] == 3


@pytest.mark.parametrize("value", [-1, "10", float("nan"), True], ids=repr)
@pytest.mark.parametrize(
    "name",
    ["poll_interval", "max_poll_interval", "timeout", "payment_timeout", "not_found_grace", "unreachable_timeout"],
)
def test_a_bad_number_asks_nothing(hook: EcsJobsHook, connected: Emulator, name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{name} is"):
        hook.wait_for_job("job-1", **{name: value})
    assert connected.counters["requests"] == 0


def test_the_session_signs(hook: EcsJobsHook, connected: Emulator) -> None:
    job_id = connected.plant_job({"status": "RUNNING"})
    client = hook.get_conn()
    project = connected.connection()["extra"]["project_id"]

    answer = client.session.get(
        f"{connected.url}/v1/{project}/jobs/{job_id}", params={"a b": "c/d~ü"}, timeout=A_MINUTE
    )

    assert (answer.status_code, answer.json()["status"]) == (200, "RUNNING")
    assert connected.counters["unauthorized"] == 0


def test_a_hook_looks_its_connection_up_once_and_keeps_one_tcp_connection(
    hook: EcsJobsHook, connected: Emulator, lookups: list[str]
) -> None:
    job_id = connected.plant_job({"status": "RUNNING"})

    for _ in range(3):
        hook.get_job(job_id)
    hook.poll_once(job_id)

    assert lookups == ["huawei_ecs_default"]
    assert connected.counters["connections"] == 1


def test_a_closed_hook_opens_again(hook: EcsJobsHook, connected: Emulator) -> None:
    job_id = connected.plant_job({"status": "RUNNING"})
    hook.get_job(job_id)
    hook.close()
    hook.close()

    assert hook.get_job(job_id).status is JobStatus.RUNNING
    assert connected.counters["connections"] == 2


def test_a_timeout_may_be_a_timedelta(connected: Emulator) -> None:
    job_id = connected.plant_job({"status": "RUNNING"})

    with pytest.raises(EcsJobTimeout, match="timeout=0 s"):
        EcsJobsHook().wait_for_job(job_id, timeout=timedelta(0))  # type: ignore[arg-type]
