"""A canary key, a canary token and every signature, looked for in all that can be seen of a wait."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_ecsjobs.core.auth import signing
from airflow_provider_ecsjobs.core.steps import HttpRequest
from airflow_provider_ecsjobs.emulator import Emulator, Fault
from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook
from airflow_provider_ecsjobs.operators.ecs_jobs import EcsJobOperator
from airflow_provider_ecsjobs.sensors.ecs_jobs import EcsJobSensor
from airflow_provider_ecsjobs.triggers.ecs_jobs import EcsJobTrigger
from tests.hooks.wait_paths import POLL, events_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEY = "canarySecretKey0123456789"
TOKEN = "canarySecurityToken0123456789"
SCENARIOS = ("success", "failure", "401", "wrong key", "connection error", "bad connection")
ROLES = ("hook", "trigger", "sensor", "operator", "poking sensor")


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(secret_key=KEY) as emulator:
        yield emulator


@pytest.fixture
def signatures(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give a list that fills with the signatures of all requests."""
    made: list[str] = []
    compute = signing.signature_of

    def noting(*args: Any, **kwargs: Any) -> tuple[str, str]:
        names, signature = compute(*args, **kwargs)
        made.append(signature)
        return names, signature

    monkeypatch.setattr(signing, "signature_of", noting)
    return made


@pytest.fixture
def _unmasked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep Airflow from hiding in its logs what we must not log in the first place."""
    monkeypatch.setattr("airflow_provider_ecsjobs.hooks.connection.mask_secret", lambda *args, **kwargs: None)


def set_up(emulator: Emulator, scenario: str, set_connection: Callable[..., None], vanish: Callable[..., None]) -> str:
    """Arrange a scenario; give the job to wait for."""
    fields = emulator.connection(security_token=TOKEN)
    if scenario == "bad connection":
        fields["extra"]["read_timeout"] = "soon"
    if scenario == "wrong key":
        fields["password"] = KEY + "x"
    if scenario == "401":
        said = {"error": {"code": "APIGW.0301", "message": "Incorrect IAM authentication information"}}
        emulator.fault(Fault(times=9, status=401, body=said))
    set_connection(**fields)
    if scenario == "connection error":
        vanish(emulator)
    if scenario == "failure":
        return emulator.plant_job({"status": "RUNNING"}, {"status": "FAIL", "fail_reason": "sold out"})
    return emulator.plant_job({"status": "RUNNING"}, {"status": "SUCCESS"})


def by_hook(job: str, shown: list[object]) -> None:
    hook = EcsJobsHook()
    shown.append(hook)
    shown += [hook.settings, hook.get_conn(), hook.get_conn().session, vars(hook)]
    wait = {"poll_interval": POLL, "max_poll_interval": POLL, "unreachable_timeout": 0.1}
    shown.append(hook.wait_for_job(job, **wait))  # type: ignore[arg-type]


def by_trigger(job: str, shown: list[object]) -> None:
    trigger = EcsJobTrigger(job, poll_interval=POLL, max_poll_interval=POLL, unreachable_timeout=0.1)
    shown += [trigger, trigger.serialize(), vars(trigger)]
    shown += asyncio.run(events_of(trigger))
    shown.append(trigger.serialize())


def by_task(kind: Any, **kwargs: Any) -> Callable[[str, list[object]], None]:
    def wait(job: str, shown: list[object]) -> None:
        task = kind(task_id="wait", job_id=job, unreachable_timeout=0.1, **kwargs)
        shown.append(task)
        try:
            shown.append(task.execute({}))
        except TaskDeferred as deferred:
            shown += [deferred, deferred.trigger.serialize()]
            (event,) = asyncio.run(events_of(deferred.trigger))
            shown += [event, task.execute_complete({}, event)]
        finally:
            shown.append(vars(task))

    return wait


WAITS: dict[str, Callable[[str, list[object]], None]] = {
    "hook": by_hook,
    "trigger": by_trigger,
    "sensor": by_task(EcsJobSensor, poke_interval=POLL, max_wait=POLL),
    "operator": by_task(EcsJobOperator, poll_interval=POLL, max_poll_interval=POLL),
    "poking sensor": by_task(EcsJobSensor, poke_interval=POLL, max_wait=POLL, deferrable=False),
}


@pytest.mark.usefixtures("quick_backoff", "_unmasked")
@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("role", ROLES)
def test_no_secret_is_to_be_seen(
    emulator: Emulator,
    set_connection: Callable[..., None],
    vanish: Callable[..., None],
    signatures: list[str],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    role: str,
    scenario: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("urllib3", "aiohttp", "asyncio", "requests", "airflow", "airflow_provider_ecsjobs"):
        caplog.set_level(logging.DEBUG, name)
    job = set_up(emulator, scenario, set_connection, vanish)
    shown: list[object] = []
    try:
        WAITS[role](job, shown)
        ended = "well"
    except Exception as error:  # noqa: BLE001 - whatever it is, its text is what the test is about
        ended = "badly"
        while error is not None:
            shown += [error, vars(error), "".join(traceback.format_exception(error)), str(error)]
            error = error.__cause__ or error.__context__  # type: ignore[assignment]

    assert ended == ("well" if scenario == "success" or role == "trigger" else "badly")
    assert scenario == "bad connection" or signatures
    text = "\n".join(map(repr, shown)) + caplog.text + "".join(capfd.readouterr())
    text += "".join(map(str, (record.__dict__ for record in caplog.records)))
    for secret in (KEY, TOKEN, *signatures):
        assert secret not in text
    assert json.dumps(emulator.requests).count(KEY) == 0


def test_the_repr_of_a_request_shows_no_header() -> None:
    assert KEY not in repr(HttpRequest("GET", "https://ecs.example.com/", {"Authorization": KEY}, KEY.encode()))


def test_secrets_are_masked_in_airflows_logs(
    emulator: Emulator, set_connection: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    masked: list[str] = []
    monkeypatch.setattr(
        "airflow_provider_ecsjobs.hooks.connection.mask_secret", lambda secret, *args: masked.append(secret)
    )
    set_connection(**emulator.connection(security_token=TOKEN))

    assert EcsJobsHook().settings

    assert {KEY, TOKEN} <= set(masked)
