"""An emulator by a clock that stands still, with the official SDK as its client."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException
from huaweicloudsdkecs.v2 import EcsClient, ShowJobRequest, ShowJobResponse

from airflow_provider_ecsjobs.emulator import Emulator
from tests.support import official_submits as submits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.official_submits import Ids


@dataclass
class Clock:
    now: float

    def __call__(self) -> float:
        return self.now


@dataclass
class ClockedCloud:
    """The cloud, its clock, its client, and what exists there from the beginning."""

    clock: Clock
    emulator: Emulator
    client: EcsClient
    ids: Ids

    def servers(self) -> dict[str, dict[str, Any]]:
        return self.emulator.servers

    def server(self) -> dict[str, Any]:
        return self.emulator.servers[self.ids.server_id]

    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    def show(self, job_id: str) -> ShowJobResponse:
        return self.client.show_job(ShowJobRequest(job_id=job_id))

    def finished(self, job_id: str) -> ShowJobResponse:
        self.wait(1000)
        return self.show(job_id)


@contextmanager
def clocked_cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[ClockedCloud]:
    # The SDK signs with the real time, whatever the emulator's clock says.
    monkeypatch.setattr("airflow_provider_ecsjobs.emulator.signature_check.MAX_SKEW_SECONDS", 30 * 86_400)
    clock = Clock(time.time())
    with Emulator(init_seconds=10, run_seconds=100, recycle_bin=True, clock=clock) as emulator:
        yield ClockedCloud(clock, emulator, submits.ecs_client(emulator), submits.prepare(emulator))


def refusal(call: Callable[[], Any]) -> tuple[int, str]:
    """Return the status and code of the error that a call raises."""
    with pytest.raises(ClientRequestException) as caught:
        call()
    return caught.value.status_code, caught.value.error_code
