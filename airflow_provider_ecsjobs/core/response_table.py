"""The meaning of an error response, as tables: one for polls, one for logins, one for all other requests.

Only a response with an error code of the cloud ends a wait. Any other response is a temporary error, at any HTTP
status: it may come from a proxy or a gateway, and is not about the job.
Error codes: *ECS API Reference, Returned Values for General Requests* and *API Gateway, Error Codes*.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_ecsjobs.core.errors import ErrorKind

if TYPE_CHECKING:
    from collections.abc import Sequence

_GATEWAY_CODE = re.compile(r"APIGW?\.\d{4}")
_SERVICE_CODE = re.compile(r"[A-Za-z][A-Za-z0-9]*\.\d{3,5}")


class Sender(StrEnum):
    """The sender of an error response, as the form of its body shows."""

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
    """Return the sender of an error response that is a JSON object.

    :param codes: its code, empty if there is none, and those of its details.
    :param has_title: whether there is a ``title`` beside the code.
    """
    for code in codes:
        if _GATEWAY_CODE.fullmatch(code):
            return Sender.GATEWAY
        if _SERVICE_CODE.fullmatch(code):
            return Sender.ECS if code.split(".")[0] in ("Ecs", "Common") else Sender.SERVICE
    return Sender.IAM if has_title and codes[0].isdecimal() else Sender.UNKNOWN_JSON


class Row(NamedTuple):
    """One row. It applies if all of its conditions hold; the first row that applies decides.

    :param what: a description of the response.
    :param kind: the kind of error that it means.
    :param codes: one of the response's codes must be one of these; empty for any response.
    :param senders: the sender must be one of these; empty for any.
    :param statuses: pairs of the first and the last HTTP status; empty for any.
    """

    what: str
    kind: ErrorKind
    codes: frozenset[str] = frozenset()
    senders: tuple[Sender, ...] = ()
    statuses: tuple[tuple[int, int], ...] = ()

    def applies(self, status: int, codes: Sequence[str], sender: Sender) -> bool:
        """Return whether all conditions hold."""
        return (
            (not self.codes or not self.codes.isdisjoint(codes))
            and (not self.senders or sender in self.senders)
            and (not self.statuses or any(first <= status <= last for first, last in self.statuses))
        )


def deciding_row(table: Sequence[Row], status: int, codes: Sequence[str], sender: Sender) -> Row:
    """Return the first row that applies to an error response.

    :param table: one of the tables below.
    :param status: the HTTP status.
    :param codes: the response's code and those of its details.
    :param sender: the sender of the response.
    """
    return next(row for row in table if row.applies(status, codes, sender))


def _codes(**numbers: str) -> frozenset[str]:
    """Return error codes such as ``Ecs.0003``, from the numbers of each service."""
    return frozenset(f"{service}.{number}" for service, listed in numbers.items() for number in listed.split())


def _of_gateway(numbers: str) -> frozenset[str]:
    """Return error codes of the gateway, in both of its spellings."""
    return _codes(APIGW=numbers, APIG=numbers)


def _one(status: int) -> tuple[tuple[int, int], ...]:
    return ((status, status),)


_TRY_AGAIN_LATER = " ".join(map(str, range(1000, 1301)))
_SERVICES = (Sender.ECS, Sender.SERVICE)

# This row is first: each further request with a rejected key brings the lock of the key nearer.
_NOT_ACCEPTED = Row(
    "the key, the signature or the token is not accepted",
    ErrorKind.UNAUTHORIZED,
    _codes(Common="0013") | _of_gateway("0301 0303 0305 0307 0311"),
)
_QUERY_FAILED = Row(
    "the query of the job failed: try again later",
    ErrorKind.TRANSIENT,
    _codes(Common="0020 0021 0022 0026 0999", Ecs=_TRY_AGAIN_LATER),
)
_KNOWN = (
    Row("flow control", ErrorKind.THROTTLED, _codes(Common="0024 1503") | _of_gateway("0308")),
    Row("the service is busy", ErrorKind.TRANSIENT, _codes(Common="0001 0025", Ecs="0603")),
    Row("the gateway can't reach its backend or IAM", ErrorKind.TRANSIENT, _of_gateway("0103 0108 0201 0610 0613")),
    Row("there is no such job or server", ErrorKind.NOT_FOUND, _codes(Common="0011", Ecs="0114 0614")),
    Row(
        "a permission is missing",
        ErrorKind.FORBIDDEN,
        _codes(Pdp="0001", Ecs="0003 0110") | _of_gateway("0302 0304 0306 0310 0401 0402 0404 0801 0802"),
    ),
    Row("it is not the right project", ErrorKind.REJECTED, _codes(Common="0018", Ecs="0023")),
    Row(
        "the gateway does not serve this API, or rejects the request",
        ErrorKind.REJECTED,
        _of_gateway("0101 0104 0105 0106 0501 0502"),
    ),
    Row("IAM does not accept the token", ErrorKind.UNAUTHORIZED, senders=(Sender.IAM,), statuses=_one(401)),
    Row(
        "another code of a service at 401 or 403: a permission is missing",
        ErrorKind.FORBIDDEN,
        senders=_SERVICES,
        statuses=_one(401) + _one(403),
    ),
    Row("a 401 without a known code", ErrorKind.TRANSIENT, statuses=_one(401)),
    Row("too many requests", ErrorKind.THROTTLED, statuses=_one(429)),
    Row("busy, broken or redirected", ErrorKind.TRANSIENT, statuses=(*_one(408), *_one(425), (500, 999), (0, 399))),
)
_NOT_JSON = Row("not JSON", ErrorKind.TRANSIENT, senders=(Sender.UNKNOWN,))
_FORBIDDEN = Row("forbidden", ErrorKind.FORBIDDEN, statuses=_one(403))
_OTHER_4XX = Row("any other 4xx", ErrorKind.REJECTED)

POLL_TABLE: tuple[Row, ...] = (
    _NOT_ACCEPTED,
    _QUERY_FAILED,
    *_KNOWN,
    Row("another code of another service at 404", ErrorKind.TRANSIENT, senders=(Sender.SERVICE,), statuses=_one(404)),
    Row("another code of a service at another 4xx", ErrorKind.REJECTED, senders=_SERVICES),
    Row("anything without a known code", ErrorKind.TRANSIENT),
)
"""The meaning of an error response to a poll. ``TRANSIENT`` and ``THROTTLED`` are temporary. All others end the wait,
``NOT_FOUND`` only after its grace."""

REQUEST_TABLE: tuple[Row, ...] = (
    _NOT_ACCEPTED,
    *_KNOWN,
    _NOT_JSON,
    _FORBIDDEN,
    Row("not found", ErrorKind.NOT_FOUND, statuses=_one(404)),
    _OTHER_4XX,
)
"""The meaning of an error response to a submit. Most 4xx responses with a JSON body are rejections even without a code;
401, 408, 425 and 429 are not."""

LOGIN_TABLE: tuple[Row, ...] = (
    Row("IAM accepts neither user nor key", ErrorKind.UNAUTHORIZED, frozenset({"401"}), statuses=_one(401)),
    Row("the address of IAM is wrong", ErrorKind.REJECTED, frozenset({"404"}), statuses=_one(404)),
    _NOT_ACCEPTED,
    *_KNOWN,
    Row("a 404 without a known code", ErrorKind.TRANSIENT, statuses=_one(404)),
    Row("IAM forbids it", ErrorKind.FORBIDDEN, senders=(Sender.IAM,), statuses=_one(403)),
    Row("another code of IAM or of a service at another 4xx", ErrorKind.REJECTED, senders=(Sender.IAM, *_SERVICES)),
    Row("anything without a code of IAM or of a service", ErrorKind.TRANSIENT),
)
"""The meaning of an error response of IAM, to a login or a project look-up. The codes of IAM are HTTP statuses."""
