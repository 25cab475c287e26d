"""Texts that would colour a terminal, fake log lines or fill a disk, in every field that reaches a message."""

from __future__ import annotations

import json
import logging
import unicodedata
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_ecsjobs.core.steps import MAX_BODY_BYTES
from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook
from airflow_provider_ecsjobs.operators.ecs_jobs import EcsJobOperator, EcsSubmitJobOperator
from tests.security.raw_server import QUICK, SECRET, TOKEN, WAYS, RawServer, answer

if TYPE_CHECKING:
    from collections.abc import Callable

    Say = Callable[[bytes], str]

pytestmark = pytest.mark.usefixtures("quick_backoff")
LONGEST = 200_000
"""Of all that one wait says, in characters."""
MEGABYTE = 1024 * 1024
MARKS = "".join(map(chr, [*range(32), 127, *range(0x80, 0xA0), 0x200B, 0x200F, 0x2028, 0x2029, 0x202E, 0x2066, 0xFEFF]))
EVIL = {
    "controls": f"Ecs.1\x1b[31m\x1b]0;title\x07 told\r\nFAKE [2026-01-01] {{task.py:1}} INFO - all well\u202e{MARKS} x",
    "long": "x" * (MEGABYTE // 4),
    "long controls": "\x1b\n" * (MEGABYTE // 32),
    "formats": "%s %d %(x)s {} {0} {x.__class__} $x %n",
}


def part(evil: str, **more: Any) -> dict[str, Any]:
    fields = dict.fromkeys(("job_id", "job_type", "begin_time", "end_time", "error_code", "fail_reason"), evil)
    return {**fields, "entities": {"server_id": evil, "nic_id": evil, "errorcode_message": evil}, **more}


def jobs(evil: str) -> dict[str, dict[str, Any]]:
    """Give jobs that hold the text wherever they can."""
    parts = [part(evil, status=status) for status in ("FAIL", "FAIL", "SUCCESS", evil)]
    many = [part(f"{number} {evil[:1000]}", status="FAIL") for number in range(300)]
    return {
        "failed": part(evil, status="FAIL", entities={"sub_jobs": parts, "sub_jobs_total": evil}),
        "failed, many": part(evil, status="FAIL", job_type="createServer", entities={"sub_jobs": many}),
        "failed alone": part(evil, status="FAIL"),
        "succeeded": part(evil, status="SUCCESS"),
        "unpaid": part(evil, status="PENDING_PAYMENT", order_id=evil, entities={"order_id": evil}),
        "unheard of": part(evil, status=evil),
    }


def errors(evil: str) -> dict[str, dict[str, Any]]:
    """Give the bodies of errors, of each family."""
    # Of long texts as many as a body may hold that is read at all.
    details = [{"code": evil, "message": evil}] * (50 if len(evil) < 1000 else 4)
    own = {"code": evil, "message": evil, "details": details}
    return {
        "ECS": {"error": own, "request_id": evil},
        "gateway": {"error_code": evil, "error_msg": evil, "request_id": evil},
        "OpenStack": {evil: {"message": evil, "code": 400}},
        "flat": {**own, "request_id": evil},
        "odd": {"error": {"code": [evil], "message": {evil: evil}, "details": evil}},
    }


@pytest.fixture
def connect(set_connection: Callable[..., None]) -> Callable[[str], None]:
    def to(url: str) -> None:
        extra = {"auth": "token", "token": TOKEN, "project_id": "p", "region": "r"}
        set_connection(conn_type="huawei_ecs", host=url, extra=extra)

    return to


@pytest.fixture(params=[*WAYS.values(), "operator"], ids=[*WAYS, "operator"])
def say(
    request: pytest.FixtureRequest,
    connect: Callable[[str], None],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> Say:
    """Give a function that waits for a job whose queries are answered so; it gives all that is said of it."""
    caplog.set_level(logging.INFO)

    def said(reply: bytes) -> str:
        caplog.clear()
        with RawServer(reply) as server:
            connect(server.url)
            text = by_operator("job-1") if request.param == "operator" else request.param("job-1")
        return all_said(text, caplog, capfd)

    return said


def all_said(text: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> str:
    return "\n".join([text, *(record.getMessage() for record in caplog.records), *capfd.readouterr()])


def by_operator(job_id: str) -> str:
    # The result of a job that succeeded holds its entities as they came; it is a value, and no message.
    try:
        EcsJobOperator(task_id="t", job_id=job_id, deferrable=False, timeout=0.2, **QUICK).execute({})  # type: ignore[typeddict-item]
    except Exception as error:  # noqa: BLE001 - its text is what is looked at
        return str(error)
    return ""


def assert_harmless(said: str) -> None:
    bad = {char for char in said if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")} - {"\n"}
    assert bad == set()
    assert not any(line.lstrip(" -").startswith("FAKE") for line in said.splitlines())
    assert 0 < len(said) < LONGEST


KINDS = pytest.mark.parametrize("evil", EVIL.values(), ids=EVIL)


@KINDS
def test_in_a_job(say: Say, evil: str) -> None:
    for job in jobs(evil).values():
        assert_harmless(say(answer(200, job)))


@KINDS
def test_in_an_error(say: Say, evil: str) -> None:
    for body, status in product(errors(evil).values(), (400, 401, 500)):
        assert_harmless(say(answer(status, body)))


@pytest.mark.parametrize(
    "value", ["\x1b[31mred\x07", "\u202egpj", "\x85FAKE", "x" * 7000], ids=lambda value: ascii(value)[:20]
)
def test_in_a_header(say: Say, value: str) -> None:
    replies = [answer(302, b"<html>FAKE</html>"), answer(400, {"error": {"code": "Ecs.1", "message": "no"}})]
    names = ("X-Request-Id", "Location", "Content-Type", "Retry-After", "Date")
    for reply, name in product(replies, names):
        assert_harmless(say(reply.replace(b"\r\n", f"\r\n{name}: {value}\r\n".encode(), 1)))


def test_in_the_first_line(say: Say) -> None:
    assert_harmless(say("HTTP/1.1 200 \x1b[31m\u202e\r\nContent-Length: 0\r\n\r\n".encode()))
    assert_harmless(say(b"\x1b[31m\nFAKE\r\n\r\n"))


def test_a_reason_of_ten_megabytes(say: Say) -> None:
    job = {"status": "FAIL", "error_code": "Ecs.1", "fail_reason": "y" * 10 * MEGABYTE}
    said = say(answer(200, job))
    assert "more characters)" in said
    assert len(said) < 20_000


class TestSubmits:
    @pytest.fixture
    def submit(
        self, connect: Callable[[str], None], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
    ) -> Say:
        caplog.set_level(logging.INFO)

        def said(reply: bytes) -> str:
            caplog.clear()
            with RawServer(reply) as server:
                connect(server.url)
                task = EcsSubmitJobOperator(
                    task_id="t",
                    operation="resize_server",
                    server_id="s",
                    body={"resize": {"flavorRef": "f"}},
                    unreachable_timeout=0.1,
                )
                try:
                    text = str(task.execute({}))  # type: ignore[typeddict-item]
                except TaskDeferred as deferred:
                    text = str(deferred.trigger.serialize())
                except Exception as error:  # noqa: BLE001 - its text is what is looked at
                    text = str(error)
            return all_said(text, caplog, capfd)

        return said

    @KINDS
    def test_in_a_rejection(self, submit: Say, evil: str) -> None:
        for body, status in product(errors(evil).values(), (202, 400, 500)):
            assert_harmless(submit(answer(status, body)))

    @KINDS
    def test_in_what_was_accepted(self, submit: Say, evil: str) -> None:
        for accepted in ({"job_id": "job-1"}, {"order_id": "CS1"}, {"job_id": evil}, {"order_id": evil}):
            assert_harmless(submit(answer(200, {**accepted, "serverIds": [evil] * 5})))

    def test_servers_without_end(self, submit: Say) -> None:
        servers = [f"server-{number}" for number in range(200_000)]
        said = submit(answer(200, {"job_id": "job-1", "serverIds": servers}))
        assert "server-999" in said
        assert "server-1000" not in said

    @pytest.mark.parametrize("job_id", ["..", ".", "../../v3/auth/tokens", "a/b", "a?b", "a#b", "%2e%2e", "x" * 129])
    def test_what_can_be_no_job_is_not_asked_for(self, connect: Callable[[str], None], job_id: str) -> None:
        with RawServer(answer(200, {"job_id": job_id})) as server:
            connect(server.url)
            task = EcsSubmitJobOperator(
                task_id="t",
                operation="resize_server",
                server_id="s",
                body={"resize": {"flavorRef": "f"}},
                deferrable=False,
                unreachable_timeout=0.1,
            )
            with pytest.raises(Exception, match="the response names no job: job_id is") as caught:
                task.execute({})  # type: ignore[typeddict-item]
        assert type(caught.value).__name__ == "EcsOutcomeUnknownNoRetry"
        assert [head.split()[:2] for head in server.heads] == [["POST", "/v1.1/p/cloudservers/s/resize"]]


class TestIam:
    """A project's id becomes part of a path, a header and a message; a token becomes a header."""

    PROJECTS = ("..", "a/b", "x\r\nX-Evil: 1", "\x1b[31m", "x" * 65, "")

    @pytest.mark.parametrize("project_id", PROJECTS, ids=ascii)
    def test_a_project_that_can_be_none(self, set_connection: Callable[..., None], project_id: str) -> None:
        listed = {"projects": [{"id": project_id, "name": EVIL["controls"]}] * 3}
        with RawServer(answer(200, {"status": "SUCCESS"})) as service, RawServer(answer(200, listed)) as iam:
            extra = {"auth": "token", "token": TOKEN, "region": "r", "iam_endpoint": iam.url}
            set_connection(conn_type="huawei_ecs", host=service.url, extra=extra)
            works, said = EcsJobsHook().test_connection()
        assert not works
        assert "no project named 'r'" in said
        assert_harmless(said)
        assert service.heads == []

    @pytest.mark.parametrize("project_id", PROJECTS[:-1], ids=ascii)
    def test_a_token_for_a_project_that_can_be_none(self, set_connection: Callable[..., None], project_id: str) -> None:
        def iam_answer(head: str) -> bytes:
            if head.startswith("POST"):
                return answer(201, {"token": {"project": {"id": project_id}}}, X_Subject_Token="t")
            return answer(200, {"projects": []})

        with RawServer(answer(200, {"status": "SUCCESS"})) as service, RawServer(iam_answer) as iam:
            extra = {"auth": "password", "domain_name": "d", "region": "r", "iam_endpoint": iam.url}
            set_connection(conn_type="huawei_ecs", login="u", password=SECRET, host=service.url, extra=extra)
            works, said = EcsJobsHook().test_connection()
        assert not works
        assert_harmless(said)
        assert service.heads == []

    @pytest.mark.parametrize("name", ["access", "secret", "securitytoken"])
    def test_a_key_that_can_be_none_is_not_shown(self, set_connection: Callable[..., None], name: str) -> None:
        key = {"access": "AK", "secret": SECRET, "securitytoken": TOKEN}
        key[name] += "\r\nX-Evil: 1"
        with (
            RawServer(answer(200, {"status": "SUCCESS"})) as service,
            RawServer(answer(200, {"credential": key})) as metadata,
        ):
            extra = {"auth": "agency", "project_id": "p", "region": "r", "metadata_endpoint": metadata.url}
            set_connection(conn_type="huawei_ecs", host=service.url, extra=extra)
            works, said = EcsJobsHook().test_connection()
        assert not works
        assert "canary" not in said
        assert "there is no key in the response" in said
        assert service.heads == []


def test_the_samples_are_as_bad_as_they_claim() -> None:
    with pytest.raises(AssertionError):
        assert_harmless(EVIL["controls"])
    bodies = [body for evil in EVIL.values() for body in (*jobs(evil).values(), *errors(evil).values())]
    assert max(len(answer(200, body)) for body in bodies) < MAX_BODY_BYTES
    assert json.loads(json.dumps(EVIL)) == EVIL
