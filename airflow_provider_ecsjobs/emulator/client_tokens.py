"""The client tokens of create requests: for eight hours, the same token returns the first result again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_ecsjobs.emulator import rules

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.emulator.work import Submitted

TOKEN_SECONDS = 8 * 3600.0
"""How long a token is valid."""

_TOKEN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Claim:
    """A create request with a client token.

    :param parameters: the operation and body, as a comparable string.
    :raises ApiError: if the token is not a UUID in lower case.
    """

    project_id: str
    token: str
    parameters: str

    def __post_init__(self) -> None:
        if not _TOKEN.fullmatch(self.token):
            raise rules.CLIENT_TOKEN_MALFORMED.error()


class ClientTokens:
    """The used client tokens of all projects. Not thread-safe; ``State`` locks."""

    def __init__(self) -> None:
        self._used: dict[tuple[str, str], tuple[str, Submitted, float]] = {}

    def earlier(self, claim: Claim, now: float) -> Submitted | None:
        """Return the result of the first request with this token; None if the token is new.

        :raises ApiError: if the token is too old, or was used with other parameters.
        """
        used = self._used.get((claim.project_id, claim.token))
        if used is None:
            return None
        parameters, submitted, when = used
        if now - when > TOKEN_SECONDS:
            raise rules.CLIENT_TOKEN_EXPIRED.error()
        if parameters != claim.parameters:
            raise rules.CLIENT_TOKEN_REUSED.error()
        return submitted

    def remember(self, claim: Claim, submitted: Submitted, now: float) -> None:
        """Record the result of the first request with this token."""
        self._used[claim.project_id, claim.token] = (claim.parameters, submitted, now)
