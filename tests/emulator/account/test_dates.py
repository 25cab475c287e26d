"""The date of a response, and the validity of keys and tokens."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import pytest

from airflow_provider_ecsjobs.emulator import Emulator, Fault
from tests.emulator.account.account_client import log_in, refusal, security_key

if TYPE_CHECKING:
    from tests.emulator.account.clock import Clock
    from tests.emulator.emulator_client import SignedClient


def test_every_response_has_the_emulators_date(client: SignedClient, ecs_emulator: Emulator, clock: Clock) -> None:
    ecs_emulator.fault(Fault(status=503, path="faulty"))
    behind = datetime.fromtimestamp(clock() - 1200, UTC)
    answers = [
        client.show_job("x"),
        client.show_job("faulty"),
        client.request("GET", "/jobs/x", when=behind),
        log_in(client),
        security_key(client),
    ]

    assert [answer.status_code for answer in answers] == [400, 503, 401, 201, 200]
    assert {parsedate_to_datetime(answer.headers["Date"]).timestamp() for answer in answers} == {clock()}
    assert refusal(answers[2]).endswith(
        "calc aksk signature fail:signature expired, signature time:20260301T114000Z,server time:20260301T120000Z"
    )


def test_a_fault_may_set_the_date(client: SignedClient, ecs_emulator: Emulator) -> None:
    ecs_emulator.fault(Fault(headers={"Date": "Thu, 01 Jan 1970 00:00:00 GMT"}))

    assert client.show_job("x").headers["Date"] == "Thu, 01 Jan 1970 00:00:00 GMT"


@pytest.mark.parametrize("name", ["token_seconds", "agency_seconds"])
@pytest.mark.parametrize("seconds", [0, -1, float("inf"), float("nan")])
def test_a_validity_is_a_time(name: str, seconds: float) -> None:
    with pytest.raises(ValueError, match=name):
        Emulator(**{name: seconds})
