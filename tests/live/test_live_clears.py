"""Tasks that submit are killed, edited and cleared by a user in a real Airflow: the cloud does each thing once.

All ways that were found are in ``tests/submits/test_submit_found.py``. Airflow itself takes part in these.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

import pytest

from airflow_provider_ecsjobs.emulator import Emulator
from tests.live.kills import STAND
from tests.live.standalone import LiveAirflow

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.live, pytest.mark.timeout(1500)]
STEP_SECONDS = 300.0
DAG_ID = "cleared"
DAG = """
from airflow.providers.common.compat.sdk import DAG, BaseOperator, task
from airflow_provider_ecsjobs.operators.ecs_jobs import EcsSubmitJobOperator

QUICK = {{"poll_interval": 1, "max_poll_interval": 1, "retry_delay": 1, "deferrable": True}}
SERVER = {{"name": "web", "imageRef": "i", "flavorRef": "f", "vpcid": "v", "nics": [{{"subnet_id": "s"}}]}}
SERVER["root_volume"] = {{"volumetype": "SSD"}}


class Other(BaseOperator):
    def execute(self, context):
        return None


class KilledAsItResumes(EcsSubmitJobOperator):
    def execute_complete(self, context, event=None):
        stand(self.task_id)
        return super().execute_complete(context, event)


class KilledWhileItsRequestIsOut(EcsSubmitJobOperator):
    def execute(self, context):
        send = self.hook.send

        def sent(*arguments, **options):
            answer = send(*arguments, **options)
            stand(self.task_id)
            return answer

        self.hook.send = sent
        return super().execute(context)


def reboot(server, kind="SOFT"):
    body = {{"reboot": {{"type": kind, "servers": [{{"id": server}}]}}}}
    return {{"operation": "batch_reboot_servers", "body": body}}


with DAG({dag_id!r}, schedule=None, catchup=False):
    Other(task_id="another")
    create = {{"operation": "create_servers", "body": {{"server": SERVER}}}}
    KilledAsItResumes(task_id="edited", retries={retries}, **create, **QUICK)
    kind = "{{{{ 'SOFT' if ti.try_number == 1 else 'HARD' }}}}"
    KilledAsItResumes(task_id="renders_anew", retries=1, **reboot({renders_anew!r}, kind), **QUICK)
    KilledWhileItsRequestIsOut(task_id="rebooted", retries=0, **reboot({rebooted!r}), **QUICK)

    @task.ecs_job(retries=1, **QUICK)
    def function(client_token=""):
        from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook

        body = {{"server": SERVER}}
        submission = EcsJobsHook().submit("create_post_paid_servers", body=body, client_token=client_token)
        stand("function")
        return submission

    function()
"""


def kill(notes: Path, point: str) -> None:
    """Kill the process of a task, as the kernel does that is out of memory. Airflow notices at once."""
    os.kill(int((notes / point).read_text()), signal.SIGKILL)


def test_a_user_who_clears_and_edits_has_each_thing_done_once(tmp_path: Path) -> None:
    dags, notes = tmp_path / "dags", tmp_path / "notes"
    dags.mkdir()
    notes.mkdir()
    with Emulator(init_seconds=0.5, run_seconds=3) as emulator:
        servers = {task_id: emulator.add_server(task_id) for task_id in ("renders_anew", "rebooted")}
        text = partial((STAND + DAG).format, notes=str(notes), dag_id=DAG_ID, **servers)
        (dags / "cleared.py").write_text(text(retries=1))
        environment = dict([emulator.connection_env()])
        environment["AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL"] = "2"
        with LiveAirflow(tmp_path / "airflow", dags, parallelism=6, environment=environment) as airflow:
            run_id = airflow.trigger(DAG_ID)

            def until_it_is(task_id: str, state: str, try_number: int = 0) -> None:
                def is_so() -> bool:
                    (one,) = [one for one in airflow.task_instances(DAG_ID, run_id) if one["task_id"] == task_id]
                    return one["state"] == state and one["try_number"] >= try_number

                airflow.wait_until(is_so, STEP_SECONDS, f"{task_id} to be {state}")

            def until_it_stands(point: str) -> None:
                airflow.wait_until((notes / point).exists, STEP_SECONDS, f"{point} to stand")

            def made() -> Counter[str]:
                return Counter(one["operation"] for one in emulator.submissions if not one["replayed"])

            for point in ("rebooted", "function", "edited", "renders_anew"):
                until_it_stands(point)
            assert made() == {"create_servers": 1, "create_post_paid_servers": 1, "batch_reboot_servers": 2}

            # The DAG gets more retries, another task is cleared, and the worker dies as it resumes after a success.
            until_it_is("another", "success")
            (dags / "cleared.py").write_text(text(retries=3))
            airflow.clear(DAG_ID, run_id, "another")
            kill(notes, "edited")
            kill(notes, "renders_anew")  # whose body names the number of the try
            kill(notes, "rebooted")  # has no retries: a user has to clear it
            # A user clears the function while its create is out. Airflow ends it, if it is still there.
            airflow.clear(DAG_ID, run_id, "function")
            with contextlib.suppress(ProcessLookupError):
                kill(notes, "function")

            for task_id in ("edited", "renders_anew", "function"):
                until_it_is(task_id, "success")
            assert made() == {"create_servers": 1, "create_post_paid_servers": 1, "batch_reboot_servers": 2}

            # A clear before the user was told tells them; the next one reboots again.
            until_it_is("rebooted", "failed")
            airflow.clear(DAG_ID, run_id, "rebooted")
            until_it_is("rebooted", "failed", try_number=2)
            assert "Check whether the servers have rebooted" in airflow.log(DAG_ID, run_id, "rebooted", 2)
            assert made()["batch_reboot_servers"] == 2
            airflow.clear(DAG_ID, run_id, "rebooted")
            until_it_is("rebooted", "success")
            assert made() == {"create_servers": 1, "create_post_paid_servers": 1, "batch_reboot_servers": 3}
        assert len(emulator.servers) == len(servers) + 2
