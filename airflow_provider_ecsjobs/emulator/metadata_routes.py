"""The metadata service of a server over HTTP: the temporary keys of its agency, and IMDSv2 tokens."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

from aiohttp import web

from airflow_provider_ecsjobs.emulator.iam_views import microseconds

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from airflow_provider_ecsjobs.emulator.account import Account
    from airflow_provider_ecsjobs.emulator.journal import Journal

KEY_PATH = "/openstack/latest/securitykey"
TOKEN_PATH = "/meta-data/latest/api/token"  # noqa: S105 - a path
PUBLIC_METADATA = frozenset({("GET", KEY_PATH), ("PUT", TOKEN_PATH)})
"""The routes without credentials: method and path."""

MAX_TTL_SECONDS = 21_600
_DIGITS = re.compile(r"[0-9]{1,9}")  # few enough for int()


class MetadataTokens:
    """The tokens of IMDSv2. Only the server's thread uses it.

    :param clock: returns seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ends: dict[str, float] = {}

    def issue(self, seconds: int) -> str:
        """Return a new token that is valid for this long."""
        token = secrets.token_urlsafe(40)
        self._ends[token] = self._clock() + seconds
        return token

    def valid(self, token: str) -> bool:
        """Return whether a token was issued here and has not expired."""
        return self._clock() < self._ends.get(token, 0.0)


def metadata_routes(
    account: Account, journal: Journal
) -> list[tuple[str, str, Callable[[web.Request], Awaitable[web.Response]]]]:
    """Return the routes for this account: method, path and handler."""
    tokens = MetadataTokens(account.clock)

    async def create_token(request: web.Request) -> web.Response:
        journal.count("metadata_tokens")
        seconds = request.headers.get("X-Metadata-Token-Ttl-Seconds", "")
        if not _DIGITS.fullmatch(seconds) or not 1 <= int(seconds) <= MAX_TTL_SECONDS:
            return web.Response(status=400, text="Bad Request\n")
        return web.Response(text=tokens.issue(int(seconds)))

    async def show_security_key(request: web.Request) -> web.Response:
        journal.count("metadata")
        token = request.headers.get("X-Metadata-Token")
        if not tokens.valid(token) if token is not None else account.metadata_tokens_required:
            return web.Response(status=401, text="Unauthorized\n")
        if not account.has_agency:
            return web.Response(status=401, text="Please configure Cloud Service Agency first\n")
        key = account.agency_key()
        credential = {
            "access": key.access_key,
            "secret": key.secret_key,
            "securitytoken": key.security_token,
            "expires_at": microseconds(key.expires_at),
        }
        return web.json_response({"credential": credential})

    return [("GET", KEY_PATH, show_security_key), ("PUT", TOKEN_PATH, create_token)]
