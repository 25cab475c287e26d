"""No secret comes back: a service that echoes all it was sent, asked in each way, after each log-in."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import re
import time
import traceback
from itertools import product
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_ecsjobs import metrics
from airflow_provider_ecsjobs.core import flows
from airflow_provider_ecsjobs.core.auth.credentials import AuthConfig
from airflow_provider_ecsjobs.core.errors import EcsApiError
from airflow_provider_ecsjobs.core.redaction import Redactor
from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook
from airflow_provider_ecsjobs.operators.servers import EcsCreateServersOperator
from airflow_provider_ecsjobs.sensors.ecs_jobs import EcsJobSensor
from airflow_provider_ecsjobs.transport.config import Settings
from airflow_provider_ecsjobs.triggers.ecs_jobs import EcsJobTrigger
from tests.security.echo_server import FORMS, STATUSES, EchoServer, canary
from tests.security.raw_server import RawServer

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("quick_backoff")
JOB = "0123456789abcdef0123456789abcdef"
QUICK = {"poll_interval": 0.01, "max_poll_interval": 0.01, "unreachable_timeout": 0.02}
LOGINS = ("aksk", "temporary aksk", "password", "token", "agency", "env")


class Witness:
    """Takes down all that leaves: what was returned, raised, pushed, stored, counted, noted on a span."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def note(self, *values: Any) -> None:
        self.seen += [f"{value!r}\n{value}" for value in values]

    def note_error(self, error: BaseException | None) -> None:
        while error is not None:
            self.note(error, vars(error), error.args, getattr(error, "__notes__", ""), *vars(error).values())
            self.note("".join(traceback.format_exception(error)))
            error = error.__cause__ or error.__context__

    # The task state store

    def get(self, key: str, default: Any = None) -> Any:
        return default

    def set(self, key: str, value: Any) -> None:
        self.note(key, value)

    def delete(self, key: str) -> None:
        """Nothing is kept."""

    @property
    def context(self) -> Any:
        ti = SimpleNamespace(
            dag_id="d", run_id="r", task_id="t", map_index=-1, try_number=1, max_tries=0,
            xcom_push=self.note_xcom, xcom_pull=lambda **_: None,
        )  # fmt: skip
        return {"ti": ti, "task_state_store": self}

    def note_xcom(self, key: str, value: Any) -> None:
        self.note(key, value)


def by_hook(witness: Witness, _: str) -> None:
    with EcsJobsHook().get_conn():
        witness.note(EcsJobsHook().get_job(JOB))
        witness.note(EcsJobsHook().wait_for_job(JOB, timeout=0.05, **QUICK))


def by_trigger(witness: Witness, _: str) -> None:
    trigger = EcsJobTrigger(JOB, deadline=time.time() + 0.05, **QUICK)

    async def wait() -> list[Any]:
        return [event.payload async for event in trigger.run()]

    witness.note(trigger.serialize(), *asyncio.run(wait()), vars(trigger))


def by_sensor(witness: Witness, _: str) -> None:
    sensor = EcsJobSensor(task_id="s", job_id=JOB, poke_interval=0.01, max_wait=0.01, unreachable_timeout=0.02)
    try:
        witness.note(sensor.execute(witness.context))
    except TaskDeferred as deferred:
        witness.note(deferred.trigger.serialize())


def by_submit(witness: Witness, secret: str) -> None:
    create = EcsCreateServersOperator(
        task_id="c", name="web", flavor="f", image="i", vpc="v", subnets=["s"], root_volume="SSD", **QUICK,
        admin_password=secret, user_data=secret, deferrable=False, timeout=0.05,
    )  # fmt: skip
    witness.note(create.execute(witness.context))


def by_test_button(witness: Witness, _: str) -> None:
    witness.note(EcsJobsHook().test_connection())


WAYS: dict[str, Callable[[Witness, str], None]] = {
    "hook": by_hook,
    "trigger": by_trigger,
    "sensor": by_sensor,
    "submit": by_submit,
    "test button": by_test_button,
}


@pytest.fixture
def witness(monkeypatch: pytest.MonkeyPatch) -> Witness:
    """Note metrics and spans too, make all pauses short, and keep Airflow's masker from hiding what we leak."""
    witness = Witness()
    for module in ("hooks.connection", "operators.base_request"):
        monkeypatch.setattr(f"airflow_provider_ecsjobs.{module}.mask_secret", lambda *args, **kwargs: None)
    monkeypatch.setattr(metrics.Stats, "incr", lambda *args, **kwargs: witness.note(args, kwargs), raising=False)
    monkeypatch.setattr(metrics.Stats, "timing", lambda *args, **kwargs: witness.note(args, kwargs), raising=False)
    span = SimpleNamespace(is_recording=lambda: True, set_attributes=witness.note)
    tracing = SimpleNamespace(get_current_span=lambda: span)
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.trace", tracing)
    monkeypatch.setattr(flows, "LONGEST_BACKOFF", 0.01)
    monkeypatch.setattr("airflow_provider_ecsjobs.core.responses.MAX_RETRY_AFTER", 0.01)
    monkeypatch.setattr("airflow_provider_ecsjobs.core.submit.submission.DEFAULT_SUBMIT_TIMEOUT", 0.05)
    return witness


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], list[str]]:
    def connect(login: str, url: str) -> list[str]:
        """Set the connection, with a proxy that asks for a password; return its secrets."""
        given = [canary() for _ in range(4)]
        secret, token, password, proxy = given
        proxy_url = url.replace("//", f"//user:{proxy.replace('/', '%2F').replace('+', '%2B')}@")
        extra = {"project_id": "p" * 32, "iam_endpoint": url, "metadata_endpoint": url, "region": "r-1"}
        extra |= {"auth": login.split()[-1], "proxy": proxy_url, "domain_name": "d", "requests_per_second": 1000}
        named = {"login": "AK", "password": password if login == "password" else secret}
        extra |= {"token": token} if login == "token" else {}
        extra |= {"security_token": token} if login == "temporary aksk" else {}
        if login == "env":
            for name, value in (("AK", "AK"), ("SK", secret), ("SECURITY_TOKEN", token)):
                monkeypatch.setenv(f"HUAWEICLOUD_SDK_{name}", value)
        connection = {"conn_type": "huawei_ecs", "host": url, **named, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_HUAWEI_ECS_DEFAULT", json.dumps(connection))
        return given

    return connect


@pytest.mark.usefixtures("quick_backoff")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("login", "good_logins"),
    # The metadata service is sent nothing secret.
    [*((login, True) for login in LOGINS), ("password", False)],
)
def test_nothing_secret_that_is_sent_back_is_to_be_seen(
    login: str,
    good_logins: bool,
    way: str,
    witness: Witness,
    connect: Callable[[str, str], list[str]],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    for name in ("", "urllib3", "aiohttp", "asyncio", "requests", "airflow", "airflow_provider_ecsjobs"):
        caplog.set_level(logging.DEBUG, name)
    body_secret = canary()
    with EchoServer(good_logins=good_logins) as server:
        given = connect(login, server.url)
        for server.form, server.status in product(FORMS, STATUSES):
            try:
                WAYS[way](witness, body_secret)
            except Exception as error:  # noqa: BLE001 - whatever it is, its text is what the test is about
                witness.note_error(error)

    logged = caplog.text + "".join(str(vars(record)) for record in caplog.records) + "".join(capfd.readouterr())
    text = "\n".join(witness.seen) + logged
    basic = [base64.b64encode(f"user:{given[-1]}".encode()).decode()]
    secrets = [*given, body_secret, *server.handed_out]
    # A key that signs is never sent itself; its proxy's password always is.
    assert all("Proxy-Authorization: Basic" in sent for sent in server.echoed)
    if login in ("aksk", "env") and way != "submit":
        secrets = given
    else:
        assert any(secret in sent for secret in secrets for sent in server.echoed)
    assert [secret for secret in [*secrets, *basic] if secret[:20] in text] == []


def test_headers_that_can_not_be_parsed_are_not_logged(
    connect: Callable[[str, str], list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    def malformed(head: str) -> bytes:
        token = next(line for line in head.splitlines() if line.lower().startswith("x-auth-token"))
        return f"HTTP/1.1 400 Bad\r\n no header: {token}\r\nContent-Length: 2\r\n\r\n{{}}".encode()

    caplog.set_level(logging.DEBUG)
    with RawServer(malformed) as server:
        _, token, *_ = connect("token", server.url)
        with pytest.raises(EcsApiError):
            EcsJobsHook().get_job(JOB)

    assert server.heads
    assert token[:20] not in caplog.text


@pytest.mark.parametrize("scheme", ["http://", ""])
def test_the_password_of_a_proxy_of_the_environment_is_redacted(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"{scheme}user:proxy%2Fpassword@127.0.0.1:1")
    config = AuthConfig("conn", "token", "http://ecs.example.com", iam_token="a-token")
    shown = Redactor(Settings(config).secrets).text("a-token proxy/password proxy%2Fpassword")
    assert shown == "*** *** ***"


class TestRedactor:
    @pytest.fixture
    def redact(self) -> Callable[[str], str]:
        return Redactor([SECRET, "pass word", "abcd"]).text

    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("nothing here", "nothing here"),
            ("a {} b {} c", "a *** b *** c"),
            ("cut in the middle: {half}", "cut in the middle: ***"),
            ("{half}, and more", "***, and more"),
            ("?key={quoted}&x", "?key=***&x"),
            ("?key={quoted_lower}&x", "?key=***&x"),
            ("<b>{escaped}</b>", "<b>***</b>"),
            ("the pass word is known", "the *** is known"),
            ("abcd is too short to be told from other words", "abcd is too short to be told from other words"),
            ("Access=AK, Signature=0123456789abcdef", "Access=AK, Signature=***"),
            ("{}{}", "******"),
        ],
    )
    def test_takes_each_form_out(self, redact: Callable[[str], str], text: str, shown: str) -> None:
        import html
        from urllib.parse import quote

        quoted = quote(SECRET, safe="")
        forms = {"half": SECRET[:20], "quoted": quoted, "quoted_lower": quoted.lower(), "escaped": html.escape(SECRET)}
        assert redact(text.format(SECRET, SECRET, **forms)) == shown

    def test_two_secrets_that_begin_alike_are_both_taken_out(self) -> None:
        one, two = "MIIEbeginsthesame" + "1" * 40, "MIIEbeginsthesame" + "2" * 50
        assert Redactor([one, two]).text(f"{one} {two} {one}") == "*** *** ***"

    @pytest.mark.parametrize("secret", ['pa"ss\\word1Xyz', 'Gr@y"Horse77', "back\\slash\\", "Pässword-1", "tab\tin-it"])
    @pytest.mark.parametrize("ensure_ascii", [True, False])
    def test_a_secret_with_escapes_is_taken_out_as_json_has_it(self, secret: str, ensure_ascii: bool) -> None:
        echoed = json.dumps({"token": secret, "x": 1}, ensure_ascii=ensure_ascii)
        assert Redactor([secret]).text(echoed) == '{"token": "***", "x": 1}'
        named = json.dumps({"password": secret}, ensure_ascii=ensure_ascii)
        for depth in range(3):
            shown = Redactor().text(named)
            assert not [part for part in re.split(r"[\W_]+", secret) if len(part) > 2 and part in shown], depth
            named = json.dumps({"message": f"rejected: {named}"}, ensure_ascii=ensure_ascii)

    def test_the_last_ones_that_were_handed_out_are_remembered(self) -> None:
        redactor = Redactor()
        tokens = [f"token-number-{number}" for number in range(6)]
        for token in tokens:
            redactor.add_handed_out([token])
        shown = [redactor.text(token) for token in tokens]
        assert shown == [tokens[0], tokens[1], "***", "***", "***", "***"]


SECRET = "aB3/+=<&>dEf0123456789xyz"
