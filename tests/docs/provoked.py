"""Provokes the messages that docs/troubleshooting.md explains."""

from __future__ import annotations

import json
import os
import time
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from airflow_provider_ecsjobs.core.waiting.policy import WaitPolicy
from airflow_provider_ecsjobs.core.waiting.wait import Wait
from airflow_provider_ecsjobs.emulator import Emulator, Fault
from airflow_provider_ecsjobs.exceptions import ApiError, EcsJobsError, ErrorKind
from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook
from airflow_provider_ecsjobs.operators.servers import EcsDeleteServersOperator
from tests.support.held_back import HeldBack

if TYPE_CHECKING:
    from collections.abc import Iterator

JOB_ID = "f" * 32


def provoked_messages() -> Iterator[str]:
    """Yield what users see when things go wrong."""
    with Emulator() as emulator:
        yield from _of_jobs(emulator)
        yield from _of_submits(emulator)
        yield from _of_connections(emulator)
    yield from _of_parameters()
    with Emulator(clock=lambda: time.time() - 3600) as late:
        yield _tested(late.connection())
    with Emulator(tls=True) as secure:
        yield _tested({**secure.connection(verify=None)})
        yield _tested({**secure.connection(), "host": secure.url.replace("https", "http")})


def _of_jobs(emulator: Emulator) -> Iterator[str]:
    good = emulator.connection()
    unpaid = {"status": "PENDING_PAYMENT", "job_type": "createServer", "entities": {"order_id": "CS123"}}
    running = emulator.start_job(run_seconds=1000)
    yield _waited(good, "None")
    yield _waited(good, {"job_id": JOB_ID})
    yield _waited(good, [JOB_ID])
    yield _waited(good, JOB_ID)
    yield _waited(good, running, timeout=0)
    silence = Wait(JOB_ID, WaitPolicy(started=0.0))
    for minutes in (0, 8, 16):
        end = silence.receive(ApiError(ErrorKind.TRANSIENT, "the connection was refused"), minutes * 60.0)
    assert end is not None
    yield end.message
    yield Wait(JOB_ID, WaitPolicy(started=0.0, deadline=3600.0)).give_up(3660.0).message
    with _connection(good):
        wait = Wait(emulator.plant_job(unpaid), WaitPolicy(started=time.time(), payment_timeout=0))
        wait.receive(EcsJobsHook().get_job(wait.job_id), time.time())
        yield from (report.message for report in wait.take_logs())


def _of_submits(emulator: Emulator) -> Iterator[str]:
    token = str(uuid.uuid4())
    attach = {"volumeAttachment": {"volumeId": "a-volume"}}
    server = {"name": "web", "imageRef": "img", "flavorRef": "s6.small.1", "vpcid": "vpc"}
    server |= {"nics": [{"subnet_id": "subnet"}], "root_volume": {"volumetype": "SSD"}}
    emulator.fault(Fault(path="/attachvolume", reset="after"))
    requests: list[tuple[str, dict[str, Any]]] = [
        ("resize_server", {}),
        ("attach_server_volume", {"server_id": emulator.add_server(), "body": attach}),
        ("create_servers", {"body": {"server": server}, "client_token": token}),
        ("create_servers", {"body": {"server": {**server, "name": "other"}}, "client_token": token}),
    ]
    with _connection(emulator.connection()):
        for operation, options in requests:
            try:
                EcsJobsHook().submit(operation, **options)
            except EcsJobsError as error:
                yield str(error)


def _of_parameters() -> Iterator[str]:
    for options in ({"delete_volumes": "perhaps"}, {"deferrable": "{{ params.x }}"}):
        try:
            EcsDeleteServersOperator(task_id="delete", server_ids="a-server", **options)
        except ValueError as error:
            yield str(error)


def _of_connections(emulator: Emulator) -> Iterator[str]:
    good = emulator.connection()
    extra = good["extra"]
    yield _tested({**good, "password": "wrong"})
    yield _tested({**good, "host": "", "extra": {}})
    yield _tested({**good, "extra": {**extra, "auth": "AKSK2"}})
    yield _tested({**good, "extra": {"region": "eu-de"}})
    yield _tested({**good, "extra": {**extra, "project_id": None, "region": "cn-north-99"}})
    yield _tested({**good, "extra": {**extra, "project_id": "1" * 32}})
    yield _tested({**good, "host": "http://no-such-host.invalid"})
    yield _tested({**good, "host": "http://127.0.0.1:1"})
    yield _tested({**good, "host": emulator.url.replace("http", "https")})
    yield _tested({**good, "extra": {**extra, "auth": "agency", "metadata_endpoint": "http://127.0.0.1:1"}})
    yield _tested({**good, "extra": {**extra, "verify": "/no/such/ca.pem"}})
    yield _tested({**good, "extra": {**extra, "regoin": "cn-north-4"}})
    forbidden = {"error": {"code": 403, "message": "You are not authorized", "title": "Forbidden"}}
    emulator.fault(Fault(path="/v3/projects", status=403, body=forbidden))
    yield _tested({**good, "extra": {**extra, "project_id": None}})
    locked = {"error": {"code": 401, "message": "The account is locked.", "title": "Unauthorized"}}
    emulator.fault(Fault(path="/v3/auth/tokens", times=9, status=401, body=locked))
    yield _tested(emulator.connection("password"))
    emulator.clear_faults()
    elsewhere = {"error_code": "APIGW.0307", "error_msg": "The token must be updated."}
    emulator.fault(Fault(path="/jobs/", times=9, status=401, body=elsewhere))
    yield _tested(emulator.connection("password"))
    emulator.clear_faults()
    emulator.fault(HeldBack())
    yield _tested({**good, "extra": {**extra, "read_timeout": 0.1}})


def _waited(connection: dict[str, Any], job_id: Any, **options: float) -> str:
    with _connection(connection):
        try:
            EcsJobsHook().wait_for_job(job_id, **options)
        except EcsJobsError as error:
            return str(error)
    raise AssertionError("the wait should have failed")


def _tested(connection: dict[str, Any]) -> str:
    with _connection(connection):
        return EcsJobsHook().test_connection()[1]


@contextmanager
def _connection(fields: dict[str, Any]) -> Iterator[None]:
    with patch.dict(os.environ, {"AIRFLOW_CONN_HUAWEI_ECS_DEFAULT": json.dumps(fields)}):
        yield
