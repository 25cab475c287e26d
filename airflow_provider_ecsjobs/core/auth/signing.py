"""AK/SK request signing, ``SDK-HMAC-SHA256``, as Huawei Cloud's API gateway verifies it.

The rules are those of Huawei's *API Request Signing Guide*. The tests compare every byte with the official SDK's
signer.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

ALGORITHM = "SDK-HMAC-SHA256"
DATE_HEADER = "X-Sdk-Date"
DATE_FORMAT = "%Y%m%dT%H%M%SZ"
CONTENT_HASH_HEADER = "X-Sdk-Content-Sha256"
_HASH_OF_NOTHING = hashlib.sha256(b"").hexdigest()
_NOTHING_TO_QUOTE = re.compile(r"[A-Za-z0-9/_.~-]*")

ACCESS_KEY_LENGTH = 20
SECRET_KEY_LENGTH = 40
"""How many characters the keys of Huawei Cloud have."""


@dataclass(frozen=True, slots=True)
class AccessKey:
    """An access key, with the security token if the key is temporary.

    :param access_key: the AK. It is not secret, but a user may enter the SK there: :attr:`shown` is for messages.
    :param secret_key: the SK.
    :param security_token: the token of a temporary key; empty for a permanent key.
    """

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    security_token: str = field(default="", repr=False)

    @property
    def shown(self) -> str:
        """The AK, for messages; not if it is as long as a secret key."""
        length = len(self.access_key)
        return self.access_key if length < SECRET_KEY_LENGTH else f"*** (of {length} characters, as a secret key has)"

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that must never appear in a log, message or URL."""
        mistaken = self.access_key if len(self.access_key) >= SECRET_KEY_LENGTH else ""
        return tuple(filter(None, (self.secret_key, self.security_token, mistaken)))


def sign(
    key: AccessKey,
    *,
    method: str,
    host: str,
    path: str,
    query: Iterable[tuple[str, str]] = (),
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    when: datetime,
) -> dict[str, str]:
    """Return the headers of a request with its signature.

    :param key: the key to sign with.
    :param method: the HTTP method.
    :param host: the ``Host`` header as it will be sent, with the port unless it is the scheme's default.
    :param path: the path, quoted or not. Both have the same signature.
    :param query: the decoded query parameters. A key with several values is repeated for each of them.
    :param headers: further headers to send. All are signed except those whose name contains ``_``.
    :param body: the body as it will be sent.
    :param when: the time of signing (UTC). The gateway accepts a skew of 15 minutes. An ``X-Sdk-Date`` among the
        headers takes precedence.
    :return: all headers to send, without outer spaces, as they are signed: the given ones, ``Host``, ``X-Sdk-Date``
        and ``Authorization``.
    """
    signed = dict(headers or {})
    present = {name.lower(): value for name, value in signed.items()}
    content_type = present.get("content-type", "")
    if content_type and not content_type.startswith(("application/json", "application/bson")):
        signed[CONTENT_HASH_HEADER] = "UNSIGNED-PAYLOAD"
    if DATE_HEADER.lower() not in present:
        signed[DATE_HEADER] = when.strftime(DATE_FORMAT)
    if "host" not in present:
        signed["Host"] = host
    names, signature = signature_of(key.secret_key, method=method, path=path, query=query, headers=signed, body=body)
    signed["Authorization"] = f"{ALGORITHM} Access={key.access_key}, SignedHeaders={names}, Signature={signature}"
    return {name: str(value).strip() for name, value in signed.items()}


def signature_of(
    secret_key: str,
    *,
    method: str,
    path: str,
    query: Iterable[tuple[str, str]],
    headers: Mapping[str, str],
    body: bytes,
) -> tuple[str, str]:
    """Return the signature over exactly these headers, as the gateway computes it.

    :return: the names of the signed headers, joined with ``;``, and the signature in hexadecimal.
    """
    lowered = {name.lower(): str(value).strip() for name, value in headers.items() if "_" not in name}
    names = ";".join(sorted(lowered))
    canonical = "\n".join(
        (
            method.upper(),
            _canonical_path(path),
            "&".join(f"{_quote(key)}={_quote(value)}" for key, value in sorted(query)),
            *(f"{name}:{lowered[name]}" for name in sorted(lowered)),
            "",
            names,
            _payload_hash(lowered, body),
        )
    )
    to_sign = f"{ALGORITHM}\n{lowered[DATE_HEADER.lower()]}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    return names, hmac.digest(secret_key.encode(), to_sign.encode(), "sha256").hex()


def _canonical_path(path: str) -> str:
    quoted = path if _NOTHING_TO_QUOTE.fullmatch(path) else quote(unquote(path), safe="/~")
    return quoted if quoted.endswith("/") else quoted + "/"


def _payload_hash(lowered: Mapping[str, str], body: bytes) -> str:
    if not body:
        return _HASH_OF_NOTHING
    return lowered.get(CONTENT_HASH_HEADER.lower()) or hashlib.sha256(body).hexdigest()


def _quote(text: str) -> str:
    return quote(text, safe="~")
