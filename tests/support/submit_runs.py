"""Runs of tasks that submit, in which workers are killed and tasks cleared."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook
from tests.support.task_runs import STARTED, TaskRun

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.emulator import Emulator

BODY = {
    "server": {
        "name": "web",
        "imageRef": "i",
        "flavorRef": "f",
        "vpcid": "v",
        "nics": [{"subnet_id": "s"}],
        "root_volume": {"volumetype": "SSD"},
    }
}


class Killed(BaseException):
    """The worker is killed."""


class Run(TaskRun):
    """A task of a run in which other tasks are cleared, too."""

    clears = 0

    @property
    def context(self) -> Any:
        return {**super().context, "dag_run": SimpleNamespace(start_date=STARTED, clear_number=self.clears)}

    def clear(self) -> None:
        self.clears += 1
        super().clear()

    def is_killed_while_its_request_is_out(self, cloud: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
        """Start the task, and kill it when the cloud has carried out the request."""
        send = EcsJobsHook.send

        def killed(*args: Any, **kwargs: Any) -> Any:
            send(*args, **kwargs)
            raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(EcsJobsHook, "send", killed)
            with pytest.raises(Killed):
                self.start()
