"""Removes secrets from everything that comes from outside. Every response is redacted before it is read.

A gateway's error can hold the signed headers, including the session token (``APIGW.0301 verify aksk signature fail,
canonicalRequest:...``). A proxy or a hostile endpoint can send back everything it received. The reason of a failed job
can repeat the password of the request that started it, which those who poll do not know: fields are found by name.
"""

from __future__ import annotations

import html
import json
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
"""Shorter secrets are not redacted, as in Airflow's own masker: they would match inside ordinary words."""
BEGINNING = 16
"""How many characters of a long secret are enough to redact it. A response may be cut in the middle of a token."""
HANDED_OUT_KEPT = 4
"""How many of the latest issued tokens and keys are redacted. Requests with them may still be in flight."""

SECRET_KEYS = frozenset({"adminpass", "admin_pass", "user_data", "userdata", "password"})
"""The names of fields with passwords and user data, in lower case."""

_SIGNATURE = re.compile(r"(Signature(?:=|%3D))[0-9a-f]{8,}", re.IGNORECASE)
# In a text: `"adminPass":"..."`, also with escaped quotes or cut off, and `adminPass=...` up to the next space.
_SECRET_FIELD = re.compile(
    rf"""((?:{"|".join(sorted(SECRET_KEYS))})(?:\\*["'])?\s*[:=])"""
    # A quote of the value itself has more backslashes before it than the quotes around the value.
    r"""(?:\s*(\\*["']).*?(?:(?<!\\)\2|\Z)|(?!null\b)[^\s"'\\]\S*)""",
    re.IGNORECASE | re.DOTALL,
)
_MARKS = ("ignature", "pass", "r_data", "rdata")
"""Each text with a signature or a secret field has one of these, in lower case. Most responses have none."""


class Redactor:
    """Redacts the secrets of one client.

    :param secrets: the secrets of the connection. They are redacted as long as the client lives.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._given: set[str] = set()
        self._handed_out: deque[frozenset[str]] = deque(maxlen=HANDED_OUT_KEPT)
        self.add(secrets)

    def add(self, secrets: Iterable[str]) -> None:
        """Redact the secrets of a connection from now on."""
        self._given |= set(secrets)
        self._update()

    def add_handed_out(self, secrets: Iterable[str]) -> None:
        """Redact secrets issued by IAM or the metadata service from now on. The latest four sets are kept."""
        self._handed_out.append(frozenset(secrets))
        self._update()

    def _update(self) -> None:
        self._forms = _forms_of({*self._given, *(secret for secrets in self._handed_out for secret in secrets)})

    def text(self, text: str) -> str:
        """Return the text without secrets."""
        return _redacted(text, self._forms)

    def response(
        self, response: Response | TransportFailure, request_secrets: Iterable[str] = ()
    ) -> Response | TransportFailure:
        """Return the response without secrets: its headers and JSON object, or the reason of the failure.

        :param response: the response or the failure.
        :param request_secrets: further secrets, from the body of this request.
        """
        forms = self._forms
        if request_secrets:
            forms = forms + _forms_of(request_secrets)
        if isinstance(response, TransportFailure):
            return replace(response, reason=_redacted(response.reason, forms))
        headers, parsed = response.headers, object_in(response)
        headers_may = _may_hold(" ".join(headers.values()), forms)
        # An escape can hide a secret in the raw body. Then each string of the JSON object is checked.
        body_may = parsed is not None and (
            not _is_plain(response.body) or _may_hold(response.body.decode("ascii"), forms)
        )
        if response.parsed is not None and not headers_may and not body_may:
            return response
        if headers_may:
            headers = {name: _redacted(value, forms) for name, value in headers.items()}
        if body_may:
            parsed = _redacted_json(parsed, forms)
        return Response(response.status, headers, response.body, Parsed(parsed))


def is_secret(key: Any, value: Any) -> bool:
    """Return whether a field of a JSON object holds a password or user data."""
    return isinstance(value, str) and bool(value) and str(key).lower() in SECRET_KEYS


def _is_plain(body: bytes) -> bool:
    """Return whether a JSON document holds its strings without escapes, in ASCII."""
    # UTF-16 and UTF-32 are ASCII to `isascii`, with a NUL beside each letter.
    return b"\\" not in body and b"\0" not in body and body.isascii()


def _forms_of(secrets: Iterable[str]) -> list[tuple[str, str]]:
    """Return each form in which a secret may come back, as pairs of the beginning to search for and the form."""
    forms: set[tuple[str, str]] = set()
    for secret in secrets:
        if len(secret) < SHORTEST_SECRET:
            continue
        quoted = quote(secret, safe="")
        in_url = (quoted, quoted.lower(), quote(secret))
        in_html = (html.escape(secret), secret.replace("+", "&#43;"))
        in_json = (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])
        for form in (secret, *in_url, *in_html, *in_json):
            forms.add((form[:BEGINNING] if len(form) >= BEGINNING * 3 // 2 else form, form))
    return sorted(forms)


def _may_hold(text: str, forms: list[tuple[str, str]]) -> bool:
    lowered = text.lower()
    return any(mark in lowered for mark in _MARKS) or any(beginning in text for beginning, _ in forms)


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
    return _SECRET_FIELD.sub(_without_value, _SIGNATURE.sub(rf"\1{REDACTED}", shown + text[at:]))


def _without_value(field: re.Match[str]) -> str:
    name, quotes = field[1], field[2] or ""
    return f"{name}{quotes}{REDACTED}{quotes}"


def _places(wanted: str, text: str) -> Iterator[int]:
    start = text.find(wanted)
    while start >= 0:
        yield start
        start = text.find(wanted, start + len(wanted))


def _shared_length(text: str, start: int, form: str) -> int:
    """Return how many characters of the form the text has there. The text may be cut, or continue differently."""
    part = text[start : start + len(form)]
    return next((at for at, (found, wanted) in enumerate(zip(part, form, strict=False)) if found != wanted), len(part))


def _redacted_json(value: Any, forms: list[tuple[str, str]]) -> Any:
    """Return the JSON value with each string redacted. The nesting of a response is bounded."""
    if isinstance(value, str):
        return _redacted(value, forms)
    if isinstance(value, dict):
        return {
            _redacted(key, forms): REDACTED if is_secret(key, item) else _redacted_json(item, forms)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_redacted_json(item, forms) for item in value]
    return value
