"""What can befall a query or a submit, by name: answers that are none, and those that end a wait."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from airflow_provider_ecsjobs.emulator import Fault
from tests.support.held_back import HeldBack

HTML = "<html><body><h1>502 Bad Gateway</h1></body></html>"
DEEP = '{"status":"SUCCESS","entities":' + "[" * 50_000 + "]" * 50_000 + "}"
TOO_DEEP_TO_STORE = '{"status":"SUCCESS","entities":' + "[" * 300 + "]" * 300 + "}"
GIGANTIC = json.dumps({"status": "SUCCESS", "padding": "x" * 100_000})


def ecs_error(code: str, message: str = "said the API") -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


def _throttled(retry_after: str) -> dict[str, Any]:
    return {"status": 429, "headers": {"Retry-After": retry_after}}


PASSING: dict[str, dict[str, Any]] = {
    "latency before": {},
    "latency after": {"has_effect_first": True},
    "reset before": {"reset": "before"},
    "reset during": {"reset": "during"},
    "reset after": {"reset": "after"},
    "truncated 200": {"truncate": True},
    "truncated 502": {"status": 502, "body": ecs_error("Common.0001"), "truncate": True},
    "HTML 200": {"status": 200, "body": HTML},
    "HTML 502": {"status": 502, "body": HTML},
    "truncated HTML 502": {"status": 502, "body": HTML, "truncate": True},
    "wrong encoding": {"headers": {"Content-Encoding": "gzip"}},
    "wrong type, no JSON": {"status": 200, "headers": {"Content-Type": "application/json"}, "body": "\x00\xff??"},
    "a list": {"status": 200, "body": "[]"},
    "a number": {"status": 200, "body": "1e999"},
    "an empty object": {"status": 200, "body": {}},
    "no body": {"status": 200, "body": ""},
    "no content": {"status": 204, "body": ""},
    "bytes that are no text": {"status": 200, "body": b"\xff\xfe\x00\x80"},
    "gigantic": {"status": 200, "body": GIGANTIC},
    "deeply nested": {"status": 200, "body": DEEP},
    "nested too deep to store": {"status": 200, "body": TOO_DEEP_TO_STORE},
    "429": {"status": 429},
    "429 in seconds": _throttled("0.05"),
    "429 with a date": _throttled("Fri, 31 Dec 2999 23:59:59 GMT"),
    "429 with a date that is over": _throttled("Wed, 21 Oct 2015 07:28:00 GMT"),
    "429 for ever": _throttled("99999999999"),
    "429 infinite": _throttled("1e999"),
    "429 negative": _throttled("-5"),
    "429 not a number": _throttled("nan"),
    "429 in words": _throttled("soon"),
    "429 in HTML": {"status": 429, "body": HTML},
    "429 of the gateway": {"status": 429, "body": {"error_code": "APIGW.0308", "error_msg": "over ratelimit"}},
    "400 flow control": {"status": 400, "body": ecs_error("Common.1503")},
    "400 query failed": {"status": 400, "body": ecs_error("Common.0025")},
    "500": {"status": 500},
    "500 without a body": {"status": 500, "body": ""},
    "501 Ecs.0603": {"status": 501, "body": ecs_error("Ecs.0603")},
    "503": {"status": 503},
    "503 with Retry-After": {"status": 503, "headers": {"Retry-After": "0.05"}},
    "504 in HTML": {"status": 504, "body": HTML},
    "599": {"status": 599, "body": "{}"},
    "202 with a code": {"status": 202, "body": {"code": "Common.0024", "message": "flow control"}},
    "202 with a code, nested": {"status": 202, "body": ecs_error("Common.0024")},
    "200 with a code": {"status": 200, "body": {"code": "Common.0025", "message": "query failed"}},
    "401 in HTML": {"status": 401, "body": HTML},
    "403 without a code": {"status": 403, "body": {}},
    "404 of OpenStack": {"status": 404, "body": {"itemNotFound": {"code": 404, "message": "no"}}},
    "a redirect": {"status": 302, "headers": {"Location": "http://127.0.0.1:9/elsewhere"}, "body": ""},
}
"""Trouble that passes: no wait ends by it alone."""
SLOW = ("latency before", "latency after")
WITH_EFFECT = frozenset({*SLOW, "reset after", "truncated 200", "wrong encoding", "reset during"})
"""The kinds whose request has its effect, though the answer does not arrive."""
FIT_FOR_SUBMITS = tuple(
    name
    for name in PASSING
    # What they answer says of a query that it failed, but of a submit nothing of the kind.
    if name not in ("400 query failed", "200 with a code", "401 in HTML", "403 without a code", "404 of OpenStack")
)

HARMLESS: dict[str, dict[str, Any]] = {
    "good": {"headers": {}},
    "as text": {"headers": {"Content-Type": "text/plain"}},
    "as HTML": {"headers": {"Content-Type": "text/html; charset=nonsense"}},
    "as an image": {"headers": {"Content-Type": "image/png"}},
    "a little late": {"delay": 0.02},
    "foreign headers": {"headers": {"X-Long": "x" * 4000, "Retry-After": "600"}},
}
"""What does not keep an answer from being one."""


class Ending(NamedTuple):
    """An answer that ends a wait: how, and the words that its message must have."""

    outcome: str
    words: str
    fault: dict[str, Any]


_FOR_GOOD = {"times": 10_000}
ENDING: dict[str, Ending] = {
    "401": Ending("unauthorized", "HTTP 401", {**_FOR_GOOD, "status": 401, "body": ecs_error("Common.0013")}),
    "401 of the gateway": Ending(
        "unauthorized",
        "APIGW.0301",
        {**_FOR_GOOD, "status": 401, "body": {"error_code": "APIGW.0301", "error_msg": "wrong"}},
    ),
    "401 of a service": Ending("error", "EPS.0003", {"status": 401, "body": ecs_error("EPS.0003")}),
    "403": Ending("error", "Pdp.0001", {"status": 403, "body": ecs_error("Pdp.0001")}),
    "400": Ending("error", "Ecs.9999", {"status": 400, "body": ecs_error("Ecs.9999")}),
    "400 of the wrong project": Ending("error", "Common.0018", {"status": 400, "body": ecs_error("Common.0018")}),
    "400 not found": Ending("not_found", "Common.0011", {"status": 400, "body": ecs_error("Common.0011")}),
    "404": Ending("not_found", "HTTP 404", {"status": 404, "body": ecs_error("Common.0011")}),
}


def fault(name: str, path: str) -> Fault:
    """Make a fault by its name, for the requests with this path."""
    kinds = {**{ending: how.fault for ending, how in ENDING.items()}, **HARMLESS, **PASSING}
    return (HeldBack if name in SLOW else Fault)(path=path, **kinds[name])
