"""Reads a response: a job, or a classified error. What an error means is in ``response_table``."""

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
"""The longest pause that a server can ask for, in seconds: three windows of the gateway's rate limit."""
MAX_NESTING = 100
"""How deep an answer may be nested; one that is deeper would break what Airflow does with it later."""
MAX_DETAILS = 50
"""How many details of one error are read."""
RESERVED_KEYS = frozenset({"__classname__", "__id__", "__type", "__var"})
"""Keys with a meaning to Airflow, which can't store them in an event or an XCom. Such a key gets one more underscore in
front."""

DELAY_OF_CODE: Mapping[str, float] = {"Ecs.0603": 60.0}
"""The pause in seconds that a code's own text asks for ("try again 1 minute later")."""

_KEYS_OF_A_JOB = frozenset({"job_id", "job_type", "entities"})
"""One of these stands beside the status. ``{"status": "FAIL"}`` alone can be a proxy's own."""
_SURROGATE = re.compile("[\ud800-\udfff]")


def read_job(answer: Response | TransportFailure, *, job_id: str, now: float) -> Job | ApiError:
    """Read the answer to a job query.

    :param answer: what came back.
    :param job_id: the id that was asked for.
    :param now: the time, in seconds since the epoch; to read a ``Retry-After`` that is a date.
    :return: the job, or what came instead. A response about another job is trouble that passes, as of a stale cache.
    """
    if isinstance(answer, TransportFailure):
        return ApiError(ErrorKind.TRANSIENT, answer.reason)
    body = object_in(answer)
    if not _job_in(answer, body):
        return read_error(answer, body, now=now, table=POLL_TABLE)
    assert body is not None
    answered = clean(body.get("job_id"), 200)
    if answered and answered != job_id:
        message = f"the response is about another job, {answered}"
        request_id = clean(answer.headers.get("x-request-id"), 200)
        return ApiError(ErrorKind.TRANSIENT, message, status=answer.status, request_id=request_id)
    return Job.from_dict(body, job_id=job_id)


def slowdown_in(answer: Response, *, now: float) -> ApiError | None:
    """Tell whether an answer asks for fewer requests (:attr:`ErrorKind.THROTTLED`), or for none before some time.

    :param answer: what came back, to whichever request.
    :param now: the time, in seconds since the epoch.
    """
    body = object_in(answer)
    if _job_in(answer, body):
        return None
    error = read_error(answer, body, now=now)
    # Only the header speaks for the whole service; the pause that a code asks for is about one request.
    asks_for_delay = error.is_passing and answer.status >= 300 and "retry-after" in answer.headers
    return error if error.kind is ErrorKind.THROTTLED or asks_for_delay else None


def object_in(answer: Response) -> dict[str, Any] | None:
    """Give the JSON object in an answer, as :func:`parse_object` does; parsed by the driver, if that did."""
    return parse_object(answer.body) if answer.parsed is None else answer.parsed.value


def read_error(
    answer: Response, body: Mapping[str, Any] | None, *, now: float, table: Sequence[Row] = REQUEST_TABLE
) -> ApiError:
    """Classify an answer that is no success, whatever its HTTP status says.

    :param answer: what came back.
    :param body: its JSON object, ``None`` if it had none.
    :param now: the time, in seconds since the epoch.
    :param table: says what it means.
    """
    request_id = clean(answer.headers.get("x-request-id"), 200)
    retry_after = parse_retry_after(answer.headers.get("retry-after"), now=now)
    if body is None:
        return ApiError(
            deciding_row(table, answer.status, (), Sender.UNKNOWN).kind,
            _describe_without_json(answer),
            status=answer.status,
            request_id=request_id,
            retry_after=retry_after,
        )
    inner = _error_of(body)
    code, message, details = _said_in(inner)
    codes = [code, *(detail_code for detail_code, _ in details)]
    row = deciding_row(table, answer.status, codes, sender_of(codes, has_title="title" in inner))
    if not message:
        message = "the answer has neither a job nor an error in it" if answer.status < 300 else ""
    return ApiError(
        row.kind,
        message,
        code=code,
        status=answer.status,
        request_id=request_id or clean(body.get("request_id"), 200),
        # ECS errors can repeat themselves as their only detail.
        details=tuple(
            f"{detail_code} {text}".strip() for detail_code, text in details if (detail_code, text) != (code, message)
        ),
        retry_after=retry_after if retry_after is not None else _delay_of(codes),
    )


def parse_object(body: bytes) -> dict[str, Any] | None:
    """Parse a JSON object that Airflow can store.

    :return: the object; ``None`` if the body is anything else: HTML, cut off, a list, nested without end.
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
    """Read ``Retry-After``: seconds, or a date.

    :return: the pause in seconds, between 0 and :data:`MAX_RETRY_AFTER`; ``None`` if there is none or it is nonsense.
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
    """Read an HTTP date; one without a zone, as asctime writes it, is in GMT too.

    :return: seconds since the epoch, or ``None`` if it is no date.
    """
    try:
        date = parsedate_to_datetime(value)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _job_in(answer: Response, body: Mapping[str, Any] | None) -> bool:
    if body is None or not 200 <= answer.status < 300:
        return False
    status = body.get("status")
    return isinstance(status, str) and bool(status.strip()) and not _KEYS_OF_A_JOB.isdisjoint(body)


def _delay_of(codes: list[str]) -> float | None:
    return next((DELAY_OF_CODE[code] for code in codes if code in DELAY_OF_CODE), None)


def _describe_without_json(answer: Response) -> str:
    if 300 <= answer.status < 400:
        location = clean(answer.headers.get("location", "").split("?")[0], 200)
        return f"the server answered with a redirect to {location or 'nowhere'}, which is not followed"
    kind = clean(answer.headers.get("content-type"), 100) or "no content type"
    return f"the answer is not a JSON object ({kind}, {len(answer.body)} bytes)"


def _error_of(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Find the object that holds code and message in any of the families of error bodies."""
    for value in () if body.get("code") or body.get("error_code") else body.values():
        # {"error": {...}} of ECS and IAM, {"badRequest": {...}} and {"itemNotFound": {...}} of OpenStack
        if isinstance(value, Mapping) and ("message" in value or "code" in value or "error_msg" in value):
            return value
    return body


def _said_in(inner: Mapping[str, Any]) -> tuple[str, str, list[tuple[str, str]]]:
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
    """Tell at a glance whether a JSON text has nothing to be replaced, and bounded nesting: nearly all are so."""
    # What may not stand in a text can come into it as an escape only, or as a surrogate that was sent as it is.
    if "\\u" in text or '"__' in text or _has_surrogate(text):
        return False
    return text.count("{") + text.count("[") <= MAX_NESTING


def _make_storable(parsed: dict[str, Any]) -> bool:
    """Replace, in place, what a database or Airflow refuses in a JSON text; tell whether the nesting is bounded."""
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
    # isascii is one pass in C and true for nearly every text; only the others need the closer look.
    return not text.isascii() and _SURROGATE.search(text) is not None


def _storable_key(key: str) -> str:
    return f"_{key}" if key in RESERVED_KEYS else _storable(key)


def _storable(text: str) -> str:
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
