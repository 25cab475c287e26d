"""Writes what this version leaves in Airflow's database while waits are in flight: run once for each version.

For a new version, with each Airflow: ``python -m tests.upgrade.writing`` of its environment, in the root of the repo.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

HERE = Path(__file__).parent

JOB_ID = "2c9eb2c5544cbf6101544f0602af2b4f"
LATER = 4102444800.0  # 2100: a deadline that no test outlives
SERVER_ID = "bae51750-0089-41a1-9b18-5c777978ff6d"
TRIGGERS: dict[str, dict[str, Any]] = {
    "minimal": {"job_id": JOB_ID},
    "full": {
        "job_id": JOB_ID,
        "huawei_ecs_conn_id": "huawei_ecs_default",
        "region": "cn-north-4",
        "project_id": "0123456789abcdef0123456789abcdef",
        "service": "ecs",
        "poll_interval": 10.0,
        "max_poll_interval": 60.0,
        "deadline": LATER,
        "started": 1767225600.5,
        "payment_timeout": 3600.0,
        "seen_status": "RUNNING",
        "seen_sub_jobs_finished": 2,
        "not_found_grace": 60.0,
        "unreachable_timeout": 900.0,
    },
    "unpaid": {
        "job_id": JOB_ID,
        "deadline": LATER,
        "started": 1767225600.5,
        "payment_timeout": LATER,
        "pending_since": 1767225700.25,
        "seen_status": "PENDING_PAYMENT",
    },
    "overdue": {"job_id": JOB_ID, "deadline": 1767312000.0, "started": 1767225600.5},
}
TASKS: dict[str, dict[str, Any]] = {
    "create": {
        "operation": "create_post_paid_servers",
        "body": {
            "server": {
                "name": "web",
                "imageRef": "image",
                "flavorRef": "s6.small.1",
                "vpcid": "vpc",
                "nics": [{"subnet_id": "subnet"}],
                "root_volume": {"volumetype": "SSD"},
                "adminPass": "Secret-1",
            }
        },
    },
    "resize": {"operation": "resize_server", "server_id": SERVER_ID, "body": {"resize": {"flavorRef": "s6.large.2"}}},
    "delete": {"operation": "delete_servers", "body": {"servers": [{"id": SERVER_ID}]}},
}
ANSWERS: dict[str, dict[str, Any]] = {
    "answered": {"job_id": JOB_ID, "serverIds": [SERVER_ID]},
    "order only": {"order_id": "CS2601010000ABCDE"},
}


def task(name: str) -> Any:
    """Make one of the tasks whose records are kept."""
    from airflow_provider_ecsjobs.operators.ecs_jobs import EcsSubmitJobOperator

    return EcsSubmitJobOperator(task_id="task", retries=2, poll_interval=0.03, max_poll_interval=0.03, **TASKS[name])


def stored_trigger(kwargs: dict[str, Any]) -> dict[str, str]:
    """Give the row of a trigger as this Airflow writes it, with no encryption key set."""
    from airflow.models.trigger import Trigger

    from airflow_provider_ecsjobs.triggers.ecs_jobs import EcsJobTrigger

    class_path, sent = EcsJobTrigger(**kwargs).serialize()
    try:
        from airflow.sdk.serde import serialize
    except ImportError:  # Airflow 2.11 encodes as it encrypts
        pass
    else:
        sent = json.loads(json.dumps(serialize(sent)))  # type: ignore[arg-type] # from the worker to the API server
    row = Trigger(classpath=class_path, kwargs=sent)
    return {"classpath": row.classpath, "encrypted_kwargs": row.encrypted_kwargs}


def record_of(name: str, answer: dict[str, Any] | None) -> dict[str, Any]:
    """Give the record that a task leaves: of an answer, or of a worker that died before it."""
    from airflow_provider_ecsjobs.core.submit.submission import Submission
    from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook
    from airflow_provider_ecsjobs.operators.submit_once import STORE_KEY
    from tests.support.task_runs import Store, TaskRun

    store = Store()
    if answer is None:
        outcome: Any = {"side_effect": KeyboardInterrupt}
    else:
        servers = tuple(answer.get("serverIds", ()))
        outcome = {"return_value": Submission(answer.get("job_id"), answer.get("order_id"), servers)}
    with mock.patch.object(EcsJobsHook, "send", **outcome), contextlib.suppress(KeyboardInterrupt):
        TaskRun(lambda: task(name), store=store).start()
    record: dict[str, Any] = store.get(STORE_KEY)
    return record


async def events() -> dict[str, Any]:
    """Give the event of each outcome."""
    from airflow_provider_ecsjobs.emulator import Emulator, Fault
    from airflow_provider_ecsjobs.triggers.ecs_jobs import EcsJobTrigger

    part = {"status": "FAIL", "error_code": "Ecs.0219", "fail_reason": "No valid host was found"}
    success = {"status": "SUCCESS", "job_type": "createServer", "entities": {"server_id": SERVER_ID}}
    failed = {"status": "FAIL", "job_type": "createServer", "entities": {"sub_jobs_total": 1, "sub_jobs": [part]}}
    cases: dict[str, tuple[list[Any], Fault | None, dict[str, Any]]] = {
        "success": ([success], None, {}),
        "failure": ([failed], None, {}),
        "timeout": ([{"status": "RUNNING"}], None, {"deadline": 0}),
        "payment_timeout": ([{"status": "PENDING_PAYMENT"}], None, {"payment_timeout": 0}),
        "not_found": ([], None, {}),
        "unauthorized": ([], Fault(times=9, status=401, body={}), {}),
        "unreachable": ([], Fault(times=999, status=500), {"unreachable_timeout": 0.1}),
        "error": ([], Fault(status=403, body={}), {}),
    }
    written = {}
    for name, (answers, fault, kwargs) in cases.items():
        with Emulator() as emulator, mock.patch.dict(os.environ, [emulator.connection_env()]):
            if answers:
                emulator.plant_job(*answers, job_id=JOB_ID)
            if fault is not None:
                emulator.fault(fault)
            trigger = EcsJobTrigger(JOB_ID, poll_interval=0.05, max_poll_interval=0.05, **kwargs)
            (written[name],) = [event.payload async for event in trigger.run()]
    return written


def main() -> None:
    """Write the files of this version, for the Airflow that is installed here."""
    os.environ.update(AIRFLOW_HOME=tempfile.mkdtemp(), AIRFLOW__CORE__FERNET_KEY="")
    os.environ["AIRFLOW_CONN_HUAWEI_ECS_DEFAULT"] = json.dumps(
        {"conn_type": "huawei_ecs", "login": "AK", "password": "SK", "extra": {"region": "r", "project_id": "p"}}
    )
    from airflow import __version__ as airflow_version

    from airflow_provider_ecsjobs import __version__

    folder = HERE / __version__
    folder.mkdir(exist_ok=True)
    marks = {f"{name}, mark": record_of(name, None) for name in TASKS}
    answered = {
        f"{name}, {kind}": record_of(name, answer)
        for name in TASKS
        for kind, answer in ANSWERS.items()
        if not (name == "delete" and kind == "order only")
    }
    given_up = {"create, given up": {**answered["create, answered"], "is_given_up": True}}
    files = {
        f"triggers-airflow-{'.'.join(airflow_version.split('.')[:2])}": {
            name: stored_trigger(kwargs) for name, kwargs in TRIGGERS.items()
        },
        "records": {**marks, **answered, **given_up},
        "events": asyncio.run(events()),
    }
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
