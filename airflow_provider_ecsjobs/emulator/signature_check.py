"""Verifies request signatures like the API gateway."""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow_provider_ecsjobs.core.auth.signing import (
    ALGORITHM,
    CONTENT_HASH_HEADER,
    DATE_FORMAT,
    DATE_HEADER,
    signature_of,
)
from airflow_provider_ecsjobs.emulator.errors import UnauthorizedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow_provider_ecsjobs.emulator.account import Account

MAX_SKEW_SECONDS = 15 * 60
"""The largest difference between the time of signing and the gateway's clock."""

UNSIGNED = "UNSIGNED-PAYLOAD"
"""The content hash of a body that is not part of the signature."""

_AUTHORIZATION = re.compile(
    rf"{ALGORITHM} Access=(?P<access_key>[^,\s]+),\s*SignedHeaders=(?P<names>[^,\s]+),\s*Signature=(?P<signature>\S+)"
)


def verify(
    account: Account,
    *,
    method: str,
    path: str,
    query: Iterable[tuple[str, str]],
    headers: Mapping[str, str],
    body: bytes,
) -> None:
    """Verify the signature of a request over exactly its ``SignedHeaders``.

    :param account: the account with the accepted keys and the gateway's clock.
    :param path: the path as received, without the query.
    :param query: the decoded query parameters.
    :param headers: the headers as received; names may have any case.
    :raises UnauthorizedError: if the signature is missing or not accepted.
    """
    lowered = {name.lower(): _readable(value) for name, value in headers.items()}
    authorization = lowered.get("authorization")
    if not authorization:
        raise UnauthorizedError("authorization header not found")
    given = _AUTHORIZATION.fullmatch(authorization.strip())
    if given is None:
        raise UnauthorizedError("authorization header format is incorrect")
    key = account.usable_key(given["access_key"], lowered.get("x-security-token", ""))
    _check_date(lowered.get(DATE_HEADER.lower()), account.clock())
    signed = {name: lowered[name] for name in given["names"].split(";") if name in lowered}
    if "host" not in signed or DATE_HEADER.lower() not in signed:
        raise UnauthorizedError("verify aksk signature fail, SignedHeaders lacks host or x-sdk-date")
    query = list(query)
    computed = [
        signature_of(key.secret_key, method=method, path=path, query=query, headers=signed, body=content)
        for content in _contents(signed.get(CONTENT_HASH_HEADER.lower()), body)
    ]
    # The names differ if a header in SignedHeaders is missing, or the list is not sorted.
    names = computed[0][0] if computed else ""
    right = names == given["names"] and any(
        hmac.compare_digest(signature.encode(), given["signature"].encode()) for _, signature in computed
    )
    account.signature_checked(key.access_key, right=right)
    if not right:
        raise UnauthorizedError(
            f"verify aksk signature fail, canonicalRequest:{method}|{path}|...|{names}, signature does not match"
        )


def _readable(value: str) -> str:
    # aiohttp decodes a byte that is not UTF-8 to a lone surrogate, which can't be hashed or compared.
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _contents(announced: str | None, body: bytes) -> list[bytes]:
    """Return the contents that may be hashed for the body; none if the body differs from the announced hash.

    For an empty unsigned body, some signers hash the text ``UNSIGNED-PAYLOAD``, others the empty body.
    """
    if announced == UNSIGNED:
        return [body, UNSIGNED.encode()]
    return [body] if announced in (None, hashlib.sha256(body).hexdigest()) else []


def _check_date(date: str | None, now: float) -> None:
    if date is None:
        raise UnauthorizedError("x-sdk-date header not found")
    try:
        signed_at = datetime.strptime(date, DATE_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        raise UnauthorizedError(f"x-sdk-date format is incorrect, time:{date}") from None
    if abs(now - signed_at.timestamp()) > MAX_SKEW_SECONDS:
        server_time = datetime.fromtimestamp(now, UTC).strftime(DATE_FORMAT)
        raise UnauthorizedError(
            f"calc aksk signature fail:signature expired, signature time:{date},server time:{server_time}"
        )
