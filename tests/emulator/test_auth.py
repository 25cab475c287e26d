"""Signatures: what is accepted, and the text of each refusal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_ecsjobs.core.auth.signing import AccessKey, sign
from airflow_provider_ecsjobs.emulator.account import Account, Key
from airflow_provider_ecsjobs.emulator.errors import UnauthorizedError
from airflow_provider_ecsjobs.emulator.signature_check import verify

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
KEY = AccessKey("AK", "SK")


def signed(key: AccessKey = KEY, **changes: Any) -> dict[str, Any]:
    request = {
        "method": "POST",
        "path": "/v1/project/cloudservers/a%20b",
        "query": [("b", "2"), ("a", "x y"), ("a", "1")],
        "body": b'{"server": {}}',
    }
    when = changes.pop("when", NOW)
    headers = sign(key, host="127.0.0.1:8899", headers=changes.pop("headers", None), when=when, **request)
    return {**request, "headers": headers}


def account() -> Account:
    return Account(
        clock=NOW.timestamp,
        key=Key("AK", "SK"),
        user_name="user",
        password="password",
        domain_name="domain",
        region="region",
        project_id="project",
        token_seconds=3600,
        agency_seconds=3600,
    )


def check(request: dict[str, Any]) -> None:
    verify(account(), **request)


def refusal(request: dict[str, Any]) -> str:
    with pytest.raises(UnauthorizedError) as caught:
        check(request)
    return str(caught.value)


@pytest.mark.parametrize(
    "headers",
    [
        None,
        {"Content-Type": "application/json;charset=UTF-8", "X-Project-Id": "project"},
        {"Content-Type": "text/plain"},
        {"X-Security-Token": "token"},
        {"not_signed": "for the name holds a _"},
    ],
)
def test_a_signed_request_is_accepted(headers: dict[str, str] | None) -> None:
    check(signed(headers=headers))


def test_headers_that_were_not_signed_may_change() -> None:
    request = signed()
    request["headers"] |= {"User-Agent": "any", "Accept": "*/*"}
    check(request)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("method", "PUT"),
        ("path", "/v1/other/cloudservers/a%20b"),
        ("query", [("b", "2"), ("a", "x y")]),
        ("body", b'{"server": {"count": 2}}'),
    ],
)
def test_a_change_after_signing_is_refused(part: str, value: Any) -> None:
    assert refusal(signed() | {part: value}).startswith("verify aksk signature fail")


def test_a_changed_or_missing_signed_header_is_refused() -> None:
    for change in ("other", None):
        request = signed(headers={"X-Project-Id": "project"})
        request["headers"]["X-Project-Id"] = change
        request["headers"] = {name: value for name, value in request["headers"].items() if value}
        assert refusal(request).startswith("verify aksk signature fail")


def test_a_wrong_secret_key_is_refused_without_showing_it() -> None:
    reason = refusal(signed(AccessKey("AK", "wrong")))
    assert reason.startswith("verify aksk signature fail, canonicalRequest:POST|/v1/project/cloudservers/a%20b|")
    assert "SK" not in reason.replace("aksk", "")


def test_an_unknown_access_key_is_named() -> None:
    assert refusal(signed(AccessKey("NOBODY", "SK"))) == "Get secretKey failed,ak:NOBODY,err:ak not exist"


@pytest.mark.parametrize("minutes", [-16, 16])
def test_a_clock_more_than_15_minutes_off_is_refused(minutes: int) -> None:
    reason = refusal(signed(when=NOW + timedelta(minutes=minutes)))
    assert "signature expired" in reason
    assert reason.endswith("server time:20260301T120000Z")


@pytest.mark.parametrize("minutes", [-15, 15])
def test_a_clock_15_minutes_off_is_accepted(minutes: int) -> None:
    check(signed(when=NOW + timedelta(minutes=minutes)))


@pytest.mark.parametrize(
    ("header", "value", "reason"),
    [
        ("Authorization", None, "authorization header not found"),
        ("Authorization", "Basic abc", "authorization header format is incorrect"),
        ("X-Sdk-Date", None, "x-sdk-date header not found"),
        ("X-Sdk-Date", "yesterday", "x-sdk-date format is incorrect, time:yesterday"),
    ],
)
def test_missing_and_malformed_headers_are_refused(header: str, value: str | None, reason: str) -> None:
    request = signed()
    del request["headers"][header]
    if value is not None:
        request["headers"][header] = value
    assert refusal(request) == reason


def test_the_host_and_the_date_must_be_signed() -> None:
    request = signed()
    authorization = request["headers"]["Authorization"]
    request["headers"]["Authorization"] = authorization.replace("host;x-sdk-date", "x-sdk-date")
    assert "lacks host or x-sdk-date" in refusal(request)
