"""What an error response means, as tables: one for a poll, one for a log-in, one for every other request.

A response ends a wait only in the cloud's own words. What carries no known code is trouble that passes, at any HTTP
status: it may come from a proxy or a gateway, and says nothing about the job.
Error codes: *ECS API Reference, Returned Values for General Requests* and *API Gateway, Error Codes*.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from airflow_provider_ecsjobs.core.errors import ErrorKind

if TYPE_CHECKING:
    from collections.abc import Sequence

_GATEWAY_CODE = re.compile(r"APIGW?\.\d{4}")
_SERVICE_CODE = re.compile(r"[A-Za-z][A-Za-z0-9]*\.\d{3,5}")


class Sender(StrEnum):
    """Who wrote an error response, by the form of its body."""

    GATEWAY = "API Gateway"
    """Its codes begin with ``APIGW.`` or ``APIG.``."""
    ECS = "ECS"
    """Its codes begin with ``Ecs.`` or ``Common.``."""
    SERVICE = "another service"
    """A code such as ``EPS.0003``."""
    IAM = "IAM"
    """``{"error": {"code": 401, "message": ..., "title": ...}}``."""
    UNKNOWN_JSON = "anybody, in JSON"
    """JSON without a code of the cloud, such as ``{"message": "no Route matched"}`` or ``{"itemNotFound": ...}``."""
    UNKNOWN = "anybody, not in JSON"
    """HTML, an empty body, a body that is cut off."""


def sender_of(codes: Sequence[str], *, has_title: bool) -> Sender:
    """Return who wrote an error response that is a JSON object.

    :param codes: its code, empty if there is none, and those of its details.
    :param has_title: whether there is a ``title`` beside the code.
    """
    for code in codes:
        if _GATEWAY_CODE.fullmatch(code):
            return Sender.GATEWAY
        if _SERVICE_CODE.fullmatch(code):
            return Sender.ECS if code.split(".")[0] in ("Ecs", "Common") else Sender.SERVICE
    return Sender.IAM if has_title and codes[0].isdecimal() else Sender.UNKNOWN_JSON


@dataclass(frozen=True, slots=True)
class Row:
    """One row. It applies if all of its conditions hold; the first row that applies decides.

    :param what: what was answered, in words.
    :param kind: what it means.
    :param codes: one of the response's codes must match one of these whole; empty for any response.
    :param senders: who wrote it; empty for anybody.
    :param statuses: the HTTP status; ranges include both ends, empty for any.
    """

    what: str
    kind: ErrorKind
    codes: tuple[str, ...] = ()
    senders: tuple[Sender, ...] = ()
    statuses: tuple[tuple[int, int], ...] = ()

    def applies(self, status: int, codes: Sequence[str], sender: Sender) -> bool:
        """Return whether all conditions hold."""
        return (
            (not self.codes or any(re.fullmatch(known, code) for known in self.codes for code in codes))
            and (not self.senders or sender in self.senders)
            and (not self.statuses or any(low <= status <= high for low, high in self.statuses))
        )


def classify(table: Sequence[Row], status: int, codes: Sequence[str], sender: Sender) -> ErrorKind:
    """Return what an error response means.

    :param table: :data:`POLL_TABLE` or :data:`REQUEST_TABLE`.
    :param status: the HTTP status.
    :param codes: the response's code and those of its details.
    :param sender: who wrote it.
    """
    return next(row.kind for row in table if row.applies(status, codes, sender))


_BUSY_STATUSES = ((408, 408), (425, 425), (500, 999), (0, 399))

_KNOWN_CODES = (
    # First: each further request with a key that is not accepted brings its lock nearer.
    Row(
        "the key, the signature or the token is not accepted",
        ErrorKind.UNAUTHORIZED,
        codes=(r"Common\.0013", r"APIGW?\.03(01|03|05|07|11)"),
    ),
    Row("flow control", ErrorKind.THROTTLED, codes=(r"Common\.(1503|0024)", r"APIGW?\.0308")),
    Row("the service is busy, or its query failed", ErrorKind.TRANSIENT, codes=(r"Common\.(0001|0025)", r"Ecs\.0603")),
    Row(
        "the gateway does not reach its backend or IAM",
        ErrorKind.TRANSIENT,
        codes=(r"APIGW?\.(0103|0108|0201|0610|0613)",),
    ),
    Row(
        "there is no such job or server",
        ErrorKind.NOT_FOUND,
        codes=(r"Common\.0011", r"Ecs\.(0114|0614)"),
    ),
    Row(
        "a permission is missing",
        ErrorKind.FORBIDDEN,
        codes=(r"Pdp\.0001", r"Ecs\.(0003|0110)", r"APIGW?\.(0302|0304|0306|0310|0401|0402|0404|0801|0802)"),
    ),
    Row("the project is not the right one", ErrorKind.REJECTED, codes=(r"Common\.0018", r"Ecs\.0023")),
    Row(
        "the endpoint does not serve this API, or the gateway rejects the request",
        ErrorKind.REJECTED,
        codes=(r"APIGW?\.(0101|0104|0105|0106|0501|0502)",),
    ),
    Row("IAM does not accept user or token", ErrorKind.UNAUTHORIZED, senders=(Sender.IAM,), statuses=((401, 401),)),
    Row(
        "a service refuses it with a code of its own: a permission is missing",
        ErrorKind.FORBIDDEN,
        senders=(Sender.ECS, Sender.SERVICE),
        statuses=((401, 401), (403, 403)),
    ),
    Row("a 401 without a known code", ErrorKind.TRANSIENT, statuses=((401, 401),)),
    Row("too many requests", ErrorKind.THROTTLED, statuses=((429, 429),)),
)

_LATER = Row(
    "the query of the job failed, try again later",
    ErrorKind.TRANSIENT,
    codes=(r"Common\.(0020|0021|0022|0026|0999)", r"Ecs\.1[0-2]\d\d", r"Ecs\.1300"),
)

POLL_TABLE: tuple[Row, ...] = (
    _LATER,
    *_KNOWN_CODES,
    Row("busy, broken or redirected", ErrorKind.TRANSIENT, statuses=_BUSY_STATUSES),
    Row(
        "a 404 of another service or of the gateway",
        ErrorKind.TRANSIENT,
        senders=(Sender.GATEWAY, Sender.SERVICE),
        statuses=((404, 404),),
    ),
    Row("another code of a service at a 4xx", ErrorKind.REJECTED, senders=(Sender.ECS, Sender.SERVICE)),
    Row("anything without a known code", ErrorKind.TRANSIENT),
)
"""What a response to the query of a job means. ``TRANSIENT`` and ``THROTTLED`` pass, all others end the wait."""

REQUEST_TABLE: tuple[Row, ...] = (
    *_KNOWN_CODES,
    Row("busy, broken or redirected", ErrorKind.TRANSIENT, statuses=_BUSY_STATUSES),
    Row("not JSON: of a proxy", ErrorKind.TRANSIENT, senders=(Sender.UNKNOWN,)),
    Row("forbidden", ErrorKind.FORBIDDEN, statuses=((403, 403),)),
    Row("not found", ErrorKind.NOT_FOUND, statuses=((404, 404),)),
    Row("any other 4xx", ErrorKind.REJECTED),
)
"""What a response to a submit means. There, JSON at a 4xx is a refusal even without a code."""

LOGIN_TABLE: tuple[Row, ...] = (
    Row("IAM does not accept user, password, key or token", ErrorKind.UNAUTHORIZED, ("401",), statuses=((401, 401),)),
    Row("the address of IAM is wrong: no job is missing", ErrorKind.REJECTED, ("404",), statuses=((404, 404),)),
    *_KNOWN_CODES,
    Row("a 404 without a known code", ErrorKind.TRANSIENT, statuses=((404, 404),)),
    *REQUEST_TABLE,
)
"""What a response of IAM means, to a log-in or to the look-up of a project. Its own codes are HTTP statuses."""
