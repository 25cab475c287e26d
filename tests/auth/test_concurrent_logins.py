"""Several waits find out at different times that their log-in is not valid any more: they recover once, together.

In virtual time, on the client of a triggerer.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from airflow_provider_ecsjobs.core import flows
from airflow_provider_ecsjobs.core.auth.session import CONFIRM_AFTER
from airflow_provider_ecsjobs.core.auth.state import AuthState
from airflow_provider_ecsjobs.core.errors import ApiError
from airflow_provider_ecsjobs.core.job import Job
from tests.support.scripted_session import GOOD, JOB, REFUSED, answer, auth_of
from tests.transport.virtual_cloud import START, Client, Gateway
from tests.transport.virtual_loop import run

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_ecsjobs.core.steps import HttpRequest, Response

LIFETIME = 3600.0
REFRESHED_AT = LIFETIME * 0.9
BAD_LOGIN = answer(401, {"error": {"code": 401, "message": "wrong password", "title": "Unauthorized"}})


class Triggerer(Client):
    """A client whose IAM gives tokens for an hour, and whose API refuses the revoked ones.

    :param delay_of: returns how long the response to a poll takes, in seconds, from the time of its request.
    """

    def __init__(self, delay_of: Callable[[float], float]) -> None:
        super().__init__(Gateway())
        self.auth = auth_of("password")
        self.delay_of = delay_of
        self.revoked: set[str] = set()
        self.is_password_right = True
        self.logins: list[float] = []

    async def _send(self, request: HttpRequest) -> Response:
        now = asyncio.get_running_loop().time()
        if "/v3/auth/tokens" in request.url:
            self.logins.append(now)
            await asyncio.sleep(self.latency)
            return self._token(now) if self.is_password_right else BAD_LOGIN
        token = request.headers["X-Auth-Token"]
        await asyncio.sleep(self.delay_of(now))
        return REFUSED if token in self.revoked else GOOD

    def _token(self, now: float) -> Response:
        end = datetime.fromtimestamp(START + now + LIFETIME, UTC).isoformat().replace("+00:00", "Z")
        return answer(201, {"token": {"expires_at": end}}, x_subject_token=f"token-{len(self.logins)}")

    async def poll_at(self, seconds: float) -> Job | ApiError:
        await asyncio.sleep(seconds - asyncio.get_running_loop().time())
        return await self.run(flows.poll_once(self.auth, JOB["job_id"], self.clock), logging.getLogger("virtual"))


def test_a_401_for_the_old_token_does_not_undo_the_doubt_of_a_refused_log_in() -> None:
    async def main() -> None:
        # The first wait's response is slow: the token has expired when it comes. Just before, the second wait's log-in
        # is refused, and is to be confirmed.
        client = Triggerer(lambda sent: LIFETIME - sent + 4 if sent == REFRESHED_AT - 1 else 0.05)
        assert isinstance(await client.poll_at(0), Job)
        client.revoked, client.is_password_right = {"token-1"}, False
        results = await asyncio.gather(client.poll_at(REFRESHED_AT - 1), client.poll_at(LIFETIME + 2))
        await client.close()

        assert [isinstance(result, ApiError) and result.is_unauthorized for result in results] == [True, True]
        first, second = (at - LIFETIME - 2 for at in client.logins[1:])
        assert (first, second - client.latency) == pytest.approx((0.0, CONFIRM_AFTER))
        assert client.auth.state is AuthState.UNAUTHORIZED

    run(main())


@pytest.mark.parametrize(
    ("latency", "second_at"),
    [
        pytest.param(3.0, REFRESHED_AT + 1, id="its 401 comes after the token that replaced it"),
        pytest.param(1.02, REFRESHED_AT, id="its 401 comes while its refresh is under way"),
    ],
)
def test_a_revoked_token_is_replaced_once(latency: float, second_at: float) -> None:
    async def main() -> None:
        client = Triggerer(lambda sent: latency if sent == REFRESHED_AT - 1 else 0.05)
        assert isinstance(await client.poll_at(0), Job)
        client.revoked = {"token-1"}
        results = await asyncio.gather(client.poll_at(REFRESHED_AT - 1), client.poll_at(second_at))
        await client.close()

        assert [type(result) for result in results] == [Job, Job]
        assert len(client.logins) == 2

    run(main())


def test_a_late_response_to_replaced_credentials_proves_no_others() -> None:
    async def main() -> None:
        sent: list[float] = []

        def delay_of(now: float) -> float:
            sent.append(now)
            return 10.0 if now < 5 else 20.0

        client = Triggerer(delay_of)
        first = asyncio.ensure_future(client.poll_at(0))
        await asyncio.sleep(5)
        client.auth.change(client.auth.config)
        second = asyncio.ensure_future(client.poll_at(6))
        await asyncio.sleep(10)

        assert isinstance(first.result(), Job)
        assert client.auth.state is AuthState.UNTRIED
        # The new token is tried at once, by a request of its own.
        assert sent == pytest.approx([client.latency, 6 + client.latency])
        assert isinstance(await second, Job)
        assert client.auth.state is AuthState.PROVEN
        await client.close()

    run(main())
