"""No secret is in a record: a service that sends back all it was sent, in each form."""

from __future__ import annotations

import json
from contextlib import suppress
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs import publishing
from airflow_provider_ecsjobs.operators.servers import EcsCreateServersOperator
from airflow_provider_ecsjobs.sensors.ecs_jobs import EcsJobSensor
from tests.publishing.published_run import PublishedRun, published_run
from tests.security.echo_server import FORMS, STATUSES, EchoServer, canary

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [
    pytest.mark.usefixtures("quick_backoff"),
    pytest.mark.skipif(not publishing._has_pages, reason="Airflow 2 has no page to show a job"),
]
JOB = "0123456789abcdef0123456789abcdef"
CREATE = {"name": "web", "flavor": "f", "image": "i", "vpc": "v", "subnets": ["s"], "root_volume": "SSD"}
BRIEF: dict[str, Any] = {"timeout": 0.05, "unreachable_timeout": 0.02}


def sensor(poll_interval: float, max_poll_interval: float, **options: Any) -> EcsJobSensor:
    return EcsJobSensor(job_id=JOB, poke_interval=poll_interval, max_wait=max_poll_interval, **options, **BRIEF)


def in_worker(_: str) -> PublishedRun:
    return published_run(sensor, deferrable=False)


def submit(secret: str) -> PublishedRun:
    return published_run(
        EcsCreateServersOperator, deferrable=False, admin_password=secret, user_data=secret, **CREATE, **BRIEF
    )


@pytest.mark.parametrize("make", [in_worker, submit])
@pytest.mark.parametrize("auth", ["aksk", "token"])
def test_nothing_that_is_sent_back_is_in_a_record(
    monkeypatch: pytest.MonkeyPatch, make: Callable[[str], PublishedRun], auth: str
) -> None:
    monkeypatch.setattr("airflow_provider_ecsjobs.core.submit.submission.DEFAULT_SUBMIT_TIMEOUT", 0.05)
    key, token, body_secret = canary(), canary(), canary()
    records = []
    with EchoServer(good_logins=True) as server:
        extra = {"auth": auth, "project_id": "p" * 32, "region": "r-1", "iam_endpoint": server.url}
        extra |= {"token": token} if auth == "token" else {"security_token": token}
        connection = {"conn_type": "huawei_ecs", "host": server.url, "login": "AK", "password": key, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_HUAWEI_ECS_DEFAULT", json.dumps(connection))
        for server.form, server.status in product(FORMS, STATUSES):
            run = make(body_secret)
            with suppress(Exception):  # what it raises is not what the test is about
                run.run()
            records += run.published

    text = json.dumps(records)
    assert len(records) >= len(FORMS) * len(STATUSES)
    assert any(token in sent for sent in server.echoed)
    assert [secret for secret in (key, token, body_secret) if secret[:20] in text] == []
