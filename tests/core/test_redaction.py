"""What the redactor removes besides the secrets that it was given."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_ecsjobs.core.failure_message import explain_failure
from airflow_provider_ecsjobs.core.job import Job
from airflow_provider_ecsjobs.core.redaction import _MARKS, SECRET_KEYS, Redactor
from airflow_provider_ecsjobs.core.responses import object_in, read_job
from airflow_provider_ecsjobs.core.steps import Response, TransportFailure

NOTHING = Redactor()


def redacted(body: Any) -> Any:
    response = NOTHING.response(Response(200, {}, json.dumps(body).encode()))
    assert isinstance(response, Response)
    return object_in(response)


@pytest.mark.parametrize("name", ["Signature", "SIGNATURE", "signature", "SigNaTure"])
def test_a_signature_is_redacted_however_its_name_is_written(name: str) -> None:
    assert NOTHING.text(f"{name}=0123456789abcdef") == f"{name}=***"
    assert redacted({"message": f"{name}%3D0123456789ABCDEF"}) == {"message": f"{name}%3D***"}


SECRET = "S3cret-Pass,w{o}rd"
NAMES = ("adminPass", "admin_pass", "user_data", "userData", "password", "newPassword")


@pytest.mark.parametrize("name", NAMES)
def test_a_secret_field_is_redacted_at_any_depth(name: str) -> None:
    assert redacted({"server": [{name.replace("newP", "p"): SECRET, "name": "web"}]}) == {
        "server": [{name.replace("newP", "p"): "***", "name": "web"}]
    }


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('request:{"NAME":"VALUE","flavor":"f"}', 'request:{"NAME":"***","flavor":"f"}'),
        ('request:{"NAME" : "VALUE", "flavor":"f"}', 'request:{"NAME" :"***", "flavor":"f"}'),
        (r'response:{\"NAME\":\"VALUE\",\"flavor\":\"f\"}', r'response:{\"NAME\":\"***\",\"flavor\":\"f\"}'),
        (r'x{\\\"NAME\\\":\\\"VALUE\\\",\\\"n\\\"}', r'x{\\\"NAME\\\":\\\"***\\\",\\\"n\\\"}'),
        ("{'NAME': 'VALUE', 'flavor': 'f'}", "{'NAME':'***', 'flavor': 'f'}"),
        ('cut off: "NAME":"VALUE', 'cut off: "NAME":"***"'),
        ("Server[NAME=VALUE, flavor=f]", "Server[NAME=*** flavor=f]"),
        ("request:{NAME:VALUE} failed", "request:{NAME:*** failed"),
    ],
)  # fmt: skip
def test_a_secret_field_inside_a_text_is_redacted(name: str, text: str, shown: str) -> None:
    given = text.replace("NAME", name).replace("VALUE", SECRET)
    assert NOTHING.text(given) == shown.replace("NAME", name)
    assert redacted({"fail_reason": given}) == {"fail_reason": shown.replace("NAME", name)}


@pytest.mark.parametrize(
    "text",
    [
        "The password is too weak: 8 characters are needed.",
        "adminPass: it must have three kinds of characters",
        'neither "adminPass" nor "key_name" is given',
        '{"adminPass":null,"flavor":"f"}',
        "metadata of user data",
    ],
)
def test_words_about_a_password_are_kept(text: str) -> None:
    assert NOTHING.text(text) == text
    assert redacted({"fail_reason": text}) == {"fail_reason": text}


def test_each_secret_field_has_a_mark() -> None:
    assert not [key for key in SECRET_KEYS if not any(mark in key for mark in _MARKS)]


@pytest.mark.parametrize(
    "text", ['password"' * 20_000, "password" + " " * 200_000, 'password:"x' * 20_000, "password" + "\\" * 200_000]
)
def test_a_hostile_text_costs_no_more_than_its_length(text: str) -> None:
    """Were the time quadratic, this would take minutes."""
    NOTHING.text(text)


def test_the_reason_of_a_failure_and_the_headers_of_a_response_are_redacted() -> None:
    redactor = Redactor([SECRET])
    failure = redactor.response(TransportFailure(f"no tunnel through http://user:{SECRET}@proxy"))
    assert failure == TransportFailure("no tunnel through http://user:***@proxy")
    response = redactor.response(Response(200, {"x-echo": f"a {SECRET}", "date": "today"}, b"{}"))
    assert isinstance(response, Response)
    assert response.headers == {"x-echo": "a ***", "date": "today"}


def test_a_failed_job_does_not_repeat_the_password_of_its_request() -> None:
    reason = 'create server error : httpCode:400;request:{"server":{"adminPass":"S3cret-Pass"}}'
    body = {"job_id": "j" * 32, "status": "FAIL", "job_type": "createServer", "error_code": "Ecs.0304"}
    entities = {"sub_jobs": [{**body, "entities": {"server": {"adminPass": "S3cret-Pass"}}, "fail_reason": reason}]}
    raw = json.dumps({**body, "fail_reason": reason, "entities": entities}).encode()
    job = read_job(NOTHING.response(Response(200, {}, raw)), job_id="j" * 32, now=0)
    assert isinstance(job, Job)
    assert "S3cret" not in f"{job!r} {explain_failure(job)}"
    assert "httpCode:400" in explain_failure(job)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-16", "utf-32-le", "utf-32-be"])
def test_a_secret_is_redacted_in_each_encoding_of_json(encoding: str) -> None:
    body = json.dumps({"status": "FAIL", "fail_reason": "you sent canary-secret", "adminPass": "Geheim12!"})
    found = Redactor(["canary-secret"]).response(Response(200, {}, body.encode(encoding)))
    assert isinstance(found, Response)
    assert found.parsed is not None
    assert found.parsed.value == {"status": "FAIL", "fail_reason": "you sent ***", "adminPass": "***"}
