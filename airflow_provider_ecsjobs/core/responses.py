"""Reads a response: a job, or a classified error. The meaning of an error is in ``response_table``."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

from airflow_provider_ecsjobs.core.errors import ApiError, ErrorKind
from airflow_provider_ecsjobs.core.job import Job
from airflow_provider_ecsjobs.core.response_table import (
    POLL_TABLE,
    REQUEST_TABLE,
    Row,
    Sender,
    deciding_row,
    sender_of,
)
from airflow_provider_ecsjobs.core.steps import Response, TransportFailure
from airflow_provider_ecsjobs.core.text import clean

MAX_RETRY_AFTER = 900.0
"""The longest ``Retry-After`` that is kept to, in seconds: three windows of the gateway's rate limit."""
MAX_NESTING = 100
"""How deep a response may be nested. Airflow may fail to store a deeper one."""
MAX_DETAILS = 50
"""How many details of one error are read."""
RESERVED_KEYS = frozenset({"__classname__", "__id__", "__type", "__var"})
"""Keys that Airflow's serialization reserves, so that it can't store them in an event or an XCom. Such a key gets one
more underscore in front."""

DELAY_OF_CODE: Mapping[str, float] = {"Ecs.0603": 60.0}
"""The delay in seconds that the message of an error code asks for ("try again 1 minute later")."""

_SURROGATE = re.compile("[\ud800-\udfff]")


def read_job(
    response: Response | TransportFailure, *, job_id: str, now: float, project_id: str = "", region: str = ""
) -> Job | ApiError:
    """Read the response to a job query.

    :param response: the response, or the transport failure.
    :param job_id: the id in the query.
    :param now: the time, in seconds since the epoch, for a ``Retry-After`` that is a date.
    :param project_id: the project of the query, for messages about the job.
    :param region: the region of the query, for messages about the job.
    :return: the job, or the error. A response about another job is a temporary error: it may be from a stale cache.
    """
    if isinstance(response, TransportFailure):
        return ApiError(ErrorKind.TRANSIENT, response.reason)
    body = object_in(response)
    if not _job_in(response, body):
        return read_error(response, body, now=now, table=POLL_TABLE)
    assert body is not None
    named = clean(body.get("job_id"), 200)
    if named and named != job_id:
        message = f"the response is about another job, {named}"
        request_id = clean(response.headers.get("x-request-id"), 200)
        return ApiError(ErrorKind.TRANSIENT, message, status=response.status, request_id=request_id)
    return Job.from_dict(body, job_id=job_id, project_id=project_id, region=region)


def slowdown_in(response: Response, *, now: float) -> ApiError | None:
    """Return the error in a response that asks to slow down, by a rate limit or by a ``Retry-After`` header.

    :param response: the response to any request.
    :param now: the time, in seconds since the epoch.
    :return: the error; ``None`` if the response does not ask to slow down.
    """
    body = object_in(response)
    if _job_in(response, body):
        return None
    error = read_error(response, body, now=now)
    # Only the header is about the whole service. The delay of an error code is about one request.
    asks_for_delay = error.is_passing and response.status >= 300 and "retry-after" in response.headers
    return error if error.kind is ErrorKind.THROTTLED or asks_for_delay else None


def object_in(response: Response) -> dict[str, Any] | None:
    """Return the JSON object in a response, as :func:`parse_object` does. The driver may have parsed it already."""
    return parse_object(response.body) if response.parsed is None else response.parsed.value


def read_error(
    response: Response, body: Mapping[str, Any] | None, *, now: float, table: Sequence[Row] = REQUEST_TABLE
) -> ApiError:
    """Classify a response that is no success, whatever its HTTP status is.

    :param response: the response.
    :param body: its JSON object; ``None`` if it has none.
    :param now: the time, in seconds since the epoch.
    :param table: the table that classifies it.
    """
    request_id = clean(response.headers.get("x-request-id"), 200)
    retry_after = parse_retry_after(response.headers.get("retry-after"), now=now)
    if body is None:
        return ApiError(
            deciding_row(table, response.status, (), Sender.UNKNOWN).kind,
            _describe_without_json(response),
            status=response.status,
            request_id=request_id,
            retry_after=retry_after,
        )
    inner = _error_of(body)
    code, message, details = _code_message_details(inner)
    codes = [code, *(detail_code for detail_code, _ in details)]
    row = deciding_row(table, response.status, codes, sender_of(codes, has_title="title" in inner))
    if not message:
        message = "the response holds neither a job nor an error" if response.status < 300 else ""
    return ApiError(
        row.kind,
        message,
        code=code,
        status=response.status,
        request_id=request_id or clean(body.get("request_id"), 200),
        # ECS errors can repeat themselves as their only detail.
        details=tuple(
            f"{detail_code} {text}".strip() for detail_code, text in details if (detail_code, text) != (code, message)
        ),
        retry_after=retry_after if retry_after is not None else _delay_of(codes),
    )


def parse_object(body: bytes) -> dict[str, Any] | None:
    """Parse a JSON object that Airflow can store.

    :return: the object; ``None`` for any other body: HTML, a list, one that is cut off or nested too deep.
    """
    try:
        text = body.decode(json.detect_encoding(body), "surrogatepass")
        parsed = _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(parsed, dict):
        return None
    return parsed if _is_plain(text) or _make_storable(parsed) else None


def parse_retry_after(value: str | None, *, now: float) -> float | None:
    """Parse a ``Retry-After`` header: seconds, or a date.

    :return: the delay in seconds, between 0 and :data:`MAX_RETRY_AFTER`; ``None`` if there is no valid one.
    """
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        date = parse_http_date(value)
        if date is None:
            return None
        seconds = date - now
    if math.isnan(seconds):
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER)


def parse_http_date(value: str) -> float | None:
    """Parse an HTTP date. A date without a zone, as asctime writes it, is in GMT too.

    :return: seconds since the epoch; ``None`` if the value is not a date.
    """
    try:
        date = parsedate_to_datetime(value)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _job_in(response: Response, body: Mapping[str, Any] | None) -> bool:
    if body is None or not response.is_success:
        return False
    status = body.get("status")
    return isinstance(status, str) and bool(status.strip())


def _delay_of(codes: list[str]) -> float | None:
    return next((DELAY_OF_CODE[code] for code in codes if code in DELAY_OF_CODE), None)


def _describe_without_json(response: Response) -> str:
    if 300 <= response.status < 400:
        location = clean(response.headers.get("location", "").split("?")[0], 200)
        return f"the server responded with a redirect to {location or 'nowhere'}, which is not followed"
    kind = clean(response.headers.get("content-type"), 100) or "no content type"
    return f"the response is not a JSON object ({kind}, {len(response.body)} bytes)"


def _error_of(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the object that holds code and message, in any form of error body."""
    for value in () if body.get("code") or body.get("error_code") else body.values():
        # {"error": {...}} of ECS and IAM, {"badRequest": {...}} and {"itemNotFound": {...}} of OpenStack
        if isinstance(value, Mapping) and ("message" in value or "code" in value or "error_msg" in value):
            return value
    return body


def _code_message_details(inner: Mapping[str, Any]) -> tuple[str, str, list[tuple[str, str]]]:
    """Return code, message and details."""
    code = clean(inner.get("code") or inner.get("error_code"), 200)
    message = clean(inner.get("message") or inner.get("error_msg"))
    listed = inner.get("details")
    details = [
        (clean(detail.get("code") or detail.get("error_code"), 200), clean(detail.get("message"), 500))
        for detail in (listed[:MAX_DETAILS] if isinstance(listed, list) else [])
        if isinstance(detail, Mapping)
    ]
    return code, message, details


def _storable_int(digits: str) -> int | str:
    value = int(digits)
    return value if abs(value) < 1 << 63 else clean(value, 100)


def _storable_float(digits: str) -> float | None:
    value = float(digits)
    return value if math.isfinite(value) else None  # 1e999


# json.loads would make one for each body.
_DECODER = json.JSONDecoder(parse_constant=lambda _: None, parse_int=_storable_int, parse_float=_storable_float)


def _is_plain(text: str) -> bool:
    """Return whether a quick check shows that a JSON text can be stored as it is. Nearly all texts pass it."""
    # A character that can't be stored comes into a JSON text only as an escape, or as a raw surrogate.
    if "\\u" in text or '"__' in text or _has_surrogate(text):
        return False
    return text.count("{") + text.count("[") <= MAX_NESTING


def _make_storable(parsed: dict[str, Any]) -> bool:
    """Replace, in place, all that a database or Airflow can't store. Return whether the nesting is within bounds."""
    level: list[Any] = [parsed]
    for _ in range(MAX_NESTING):
        deeper: list[Any] = []
        for node in level:
            for key, value in list(node.items() if isinstance(node, dict) else enumerate(node)):
                if isinstance(value, (dict, list)):
                    deeper.append(value)
                elif isinstance(value, str) and not _is_storable(value):
                    node[key] = _storable(value)
                if isinstance(key, str) and (key in RESERVED_KEYS or not _is_storable(key)):
                    node[_storable_key(key)] = node.pop(key)
        if not deeper:
            return True
        level = deeper
    return False


def _is_storable(text: str) -> bool:
    return "\0" not in text and not _has_surrogate(text)


def _has_surrogate(text: str) -> bool:
    # isascii is one pass in C and true for nearly every text; only the others need the regular expression.
    return not text.isascii() and _SURROGATE.search(text) is not None


def _storable_key(key: str) -> str:
    return f"_{key}" if key in RESERVED_KEYS else _storable(key)


def _storable(text: str) -> str:
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
