"""Takes out of all that comes from outside what is secret now. Every answer passes here before anything is read of it.

A gateway's error can carry the headers that were signed, the session token among them (``APIGW.0301 verify aksk
signature fail, canonicalRequest:...``). A proxy or a hostile endpoint can send back whatever it was sent.
"""

from __future__ import annotations

import html
import re
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow_provider_ecsjobs.core.responses import object_in
from airflow_provider_ecsjobs.core.steps import Parsed, Response, TransportFailure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

REDACTED = "***"
SHORTEST_SECRET = 5
"""Shorter texts are not looked for, as in Airflow's own masker: they would be found inside ordinary words."""
BEGINNING = 16
"""So many characters of a long secret give it away: answers are cut, in the middle of a token too."""
HANDED_OUT_KEPT = 4
"""How many of the last tokens and keys that were handed out are looked for: requests with them may be under way."""

_SIGNATURE = re.compile(r"(Signature(?:=|%3D))[0-9a-f]{8,}", re.IGNORECASE)


class Redactor:
    """What is secret now, of one client.

    :param secrets: what the connection holds, as long as the client lives.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._given: set[str] = set()
        self._handed_out: deque[frozenset[str]] = deque(maxlen=HANDED_OUT_KEPT)
        self.add(secrets)

    def add(self, secrets: Iterable[str]) -> None:
        """Look for these from now on: the secrets of a connection."""
        self._given |= set(secrets)
        self._update()

    def add_handed_out(self, secrets: Iterable[str]) -> None:
        """Look for these from now on: what IAM or the metadata service handed out. The last few are kept."""
        self._handed_out.append(frozenset(secrets))
        self._update()

    def _update(self) -> None:
        self._forms = _forms_of({*self._given, *(secret for secrets in self._handed_out for secret in secrets)})

    def text(self, text: str) -> str:
        """Return the text without what is secret."""
        return _redacted(text, self._forms)

    def response(
        self, response: Response | TransportFailure, request_secrets: Iterable[str] = ()
    ) -> Response | TransportFailure:
        """Return the answer without what is secret: headers and JSON object, or the reason why there is none.

        :param response: what came back.
        :param request_secrets: what the body of this request holds besides.
        """
        forms = self._forms
        if request_secrets:
            forms = forms + _forms_of(request_secrets)
        if isinstance(response, TransportFailure):
            return replace(response, reason=_redacted(response.reason, forms))
        headers = response.headers
        if _may_hold(" ".join(headers.values()), forms):
            headers = {name: _redacted(value, forms) for name, value in headers.items()}
        parsed = object_in(response)
        # An escape can hide what is looked for: then each text is looked at.
        if parsed is not None and (not _is_plain(response.body) or _may_hold(response.body.decode("ascii"), forms)):
            parsed = _redacted_json(parsed, forms)
        return Response(response.status, headers, response.body, Parsed(parsed))


def _is_plain(body: bytes) -> bool:
    """Whether a JSON text holds its texts as they are."""
    return b"\\" not in body and body.isascii()


def _forms_of(secrets: Iterable[str]) -> list[tuple[str, str]]:
    """Return each form in which a secret may be sent back, behind the beginning that gives it away."""
    forms: set[tuple[str, str]] = set()
    for secret in secrets:
        if len(secret) < SHORTEST_SECRET:
            continue
        quoted = quote(secret, safe="")
        for form in (secret, quoted, quoted.lower(), quote(secret), html.escape(secret), secret.replace("+", "&#43;")):
            forms.add((form[:BEGINNING] if len(form) >= BEGINNING * 3 // 2 else form, form))
    return sorted(forms)


def _may_hold(text: str, forms: list[tuple[str, str]]) -> bool:
    return "ignature" in text or any(beginning in text for beginning, _ in forms)


def _redacted(text: str, forms: list[tuple[str, str]]) -> str:
    if not _may_hold(text, forms):
        return text
    spans = [
        (start, start + _shared_length(text, start, form))
        for beginning, form in forms
        for start in _places(beginning, text)
    ]
    shown, at = "", 0
    for start, end in sorted(spans):
        if start >= at:
            shown += text[at:start] + REDACTED
        at = max(at, end)
    return _SIGNATURE.sub(rf"\1{REDACTED}", shown + text[at:])


def _places(wanted: str, text: str) -> Iterator[int]:
    start = text.find(wanted)
    while start >= 0:
        yield start
        start = text.find(wanted, start + len(wanted))


def _shared_length(text: str, start: int, form: str) -> int:
    """Return how much of the form stands there: the text may be cut, or go on with another secret."""
    part = text[start : start + len(form)]
    return next((at for at, (found, wanted) in enumerate(zip(part, form, strict=False)) if found != wanted), len(part))


def _redacted_json(value: Any, forms: list[tuple[str, str]]) -> Any:
    """Return the JSON value with each text redacted. The nesting of an answer is bounded."""
    if isinstance(value, str):
        return _redacted(value, forms)
    if isinstance(value, dict):
        return {_redacted(key, forms): _redacted_json(item, forms) for key, item in value.items()}
    if isinstance(value, list):
        return [_redacted_json(item, forms) for item in value]
    return value
