"""The client tokens of create requests: the same one gets the first answer again, for eight hours."""

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
    """A request's claim to be the first one with its client token, or the same as that.

    :param parameters: what it asks for, as comparable text.
    :raises ApiError: if the token is not a UUID as the API wants it.
    """

    project_id: str
    token: str
    parameters: str

    def __post_init__(self) -> None:
        if not _TOKEN.fullmatch(self.token):
            raise rules.CLIENT_TOKEN_MALFORMED.refusal()


class ClientTokens:
    """The tokens that were used, of all projects. Not locked: the state around it is."""

    def __init__(self) -> None:
        self._used: dict[tuple[str, str], tuple[str, Submitted, float]] = {}

    def earlier(self, claim: Claim, now: float) -> Submitted | None:
        """Return what became of the first request with this token, or None if it is a new one.

        :raises ApiError: if the token is too old, or was used for something else.
        """
        used = self._used.get((claim.project_id, claim.token))
        if used is None:
            return None
        parameters, submitted, when = used
        if now - when > TOKEN_SECONDS:
            raise rules.CLIENT_TOKEN_EXPIRED.refusal()
        if parameters != claim.parameters:
            raise rules.CLIENT_TOKEN_REUSED.refusal()
        return submitted

    def remember(self, claim: Claim, submitted: Submitted, now: float) -> None:
        """Remember what became of the first request with this token."""
        self._used[claim.project_id, claim.token] = (claim.parameters, submitted, now)
