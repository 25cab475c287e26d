"""A canary in each secret field of a connection, looked for in all that can be seen of a wait."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_ecsjobs.core.auth.session import AuthSession
from airflow_provider_ecsjobs.emulator import Emulator, Fault
from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook
from airflow_provider_ecsjobs.operators.ecs_jobs import EcsJobOperator
from airflow_provider_ecsjobs.sensors.ecs_jobs import EcsJobSensor
from airflow_provider_ecsjobs.triggers.ecs_jobs import EcsJobTrigger
from tests.support.forward_proxy import ForwardProxy
from tests.support.patience import A_MINUTE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_ecsjobs.core.auth.credentials import Credentials

    Vanish = Callable[[Emulator], None]

CANARY = "canary5ecret"
AUTHS = ("aksk", "password", "token", "agency", "env")
SCENARIOS = ("success", "failure", "refused", "unreachable", "bad field")
LIMITS = {"unreachable_timeout": 0.1, "timeout": A_MINUTE}


@pytest.fixture
def cloud() -> Iterator[Emulator]:
    emulator = Emulator(secret_key=f"{CANARY}-sk", password=f"{CANARY}-pw", init_seconds=0, run_seconds=0.1)
    with emulator:
        yield emulator


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Give a set that fills with all that requests are authorized with; nothing is masked."""
    monkeypatch.setattr("airflow_provider_ecsjobs.hooks.connection.mask_secret", lambda *args: None)
    seen = {CANARY}
    hold = AuthSession.hold

    def noting(self: AuthSession, identity: Credentials) -> None:
        keys = identity.key
        seen.update({identity.iam_token} if keys is None else {keys.secret_key, keys.security_token})
        hold(self, identity)

    monkeypatch.setattr(AuthSession, "hold", noting)
    return seen


def arrange(
    cloud: Emulator, auth: str, scenario: str, proxy: str, monkeypatch: pytest.MonkeyPatch, vanish: Vanish
) -> str:
    fields = cloud.connection(auth, proxy=proxy)
    if auth == "aksk":
        key, secret, token = cloud.temporary_key()
        fields |= {"login": key, "password": secret}
        fields["extra"]["security_token"] = token
    for name, value in cloud.sdk_environment(temporary=True).items():
        monkeypatch.setenv(name, value)
    if scenario == "refused":
        cloud.fault(Fault(path="/jobs/", times=99, status=401, body={"error_code": "APIGW.0301", "error_msg": "no"}))
    if scenario == "bad field":
        fields["extra"]["connect_timeout"] = "soon"
    monkeypatch.setenv("AIRFLOW_CONN_HUAWEI_ECS_DEFAULT", json.dumps(fields))
    job = cloud.start_job(failing=int(scenario == "failure"))
    if scenario == "unreachable":
        vanish(cloud)
    return job


def wait(task: EcsJobSensor | EcsJobOperator, shown: list[object]) -> None:
    shown.append(task)
    try:
        shown.append(task.execute({}))  # type: ignore[typeddict-item]
    except TaskDeferred as deferred:
        trigger: Any = deferred.trigger
        shown += [deferred, trigger, trigger.serialize(), vars(trigger)]

        async def run() -> list[Any]:
            return [event.payload async for event in trigger.run()]

        (event,) = asyncio.run(run())
        shown += [event, task.execute_complete({}, event)]  # type: ignore[typeddict-item]
    finally:
        shown += [vars(task), {name: getattr(task, name) for name in task.template_fields}]


@pytest.mark.usefixtures("quick_backoff")
@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("auth", AUTHS)
def test_no_secret_of_any_login_is_to_be_seen(
    cloud: Emulator,
    secrets: set[str],
    vanish: Vanish,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    auth: str,
    scenario: str,
) -> None:
    for name in ("", "urllib3", "aiohttp", "asyncio", "requests", "airflow", "airflow_provider_ecsjobs"):
        caplog.set_level(logging.DEBUG, name)
    shown: list[object] = []
    tasks: list[Callable[[str], EcsJobSensor | EcsJobOperator]] = [
        lambda job: EcsJobSensor(task_id="s", job_id=job, poke_interval=0.05, **LIMITS),  # type: ignore[arg-type]
        lambda job: EcsJobOperator(task_id="o", job_id=job, poll_interval=0.05, deferrable=False, **LIMITS),
    ]
    with ForwardProxy("proxy-user", f"{CANARY}-proxy") as proxy:
        job = arrange(cloud, auth, scenario, proxy.url_with_credentials, monkeypatch, vanish)
        for make in tasks:
            try:
                wait(make(job), shown)
            except Exception as error:  # noqa: BLE001 - whatever it is, its text is what the test is about
                shown += [error, vars(error), "".join(traceback.format_exception(error))]
        hook = EcsJobsHook()
        shown += [hook.test_connection(), hook]
        if scenario != "bad field":
            shown += [hook.settings, vars(hook.get_conn())]

    text = "\n".join(map(repr, shown)) + caplog.text + "".join(capfd.readouterr()) + json.dumps(cloud.requests)
    assert (
        scenario == "bad field"
        or len(secrets) > 1
        or (scenario, auth)
        in {
            ("unreachable", "password"),
            ("unreachable", "agency"),
        }
    )
    for secret in secrets - {""}:
        assert secret not in text


@pytest.mark.parametrize("auth", ["password", "agency"])
@pytest.mark.parametrize("way", ["hook", "trigger"])
def test_what_is_handed_out_is_masked_in_airflows_logs(
    auth: str, way: str, connected: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    masked: dict[str, bool] = {}

    def mask(secret: str) -> None:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            masked[secret] = True
        else:
            masked[secret] = False  # it may block, so not in an event loop

    monkeypatch.setattr("airflow_provider_ecsjobs.hooks.connection.mask_secret", mask)
    monkeypatch.setenv("AIRFLOW_CONN_HUAWEI_ECS_DEFAULT", json.dumps(connected.connection(auth)))
    job = connected.plant_job({"status": "SUCCESS"})
    sent: set[str] = set()
    request = connected._cloud.journal.answered

    def note(**seen: Any) -> None:
        sent.update(value for name, value in seen["headers"].items() if name in ("X-Auth-Token", "X-Security-Token"))
        request(**seen)

    monkeypatch.setattr(connected._cloud.journal, "answered", note)
    if way == "hook":
        EcsJobsHook().get_job(job)
    else:

        async def wait() -> None:
            assert [event async for event in EcsJobTrigger(job, poll_interval=0.02, max_poll_interval=0.02).run()]

        asyncio.run(wait())

    assert sent
    assert {secret: masked.get(secret) for secret in sent} == dict.fromkeys(sent, True)
