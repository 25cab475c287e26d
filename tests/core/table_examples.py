"""One response for each row of the response tables."""

from __future__ import annotations

import json
from typing import Any

from airflow_provider_ecsjobs.core.steps import Response


def ecs(code: str, **more: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": "said so", **more}}


def gateway(code: str) -> dict[str, Any]:
    return {"error_code": code, "error_msg": "said so", "request_id": "r"}


EXAMPLES: dict[str, list[tuple[int, Any]]] = {
    "the key, the signature or the token is not accepted": [
        (401, gateway("APIGW.0301")),
        (401, gateway("APIG.0307")),
        (401, ecs("Common.0013")),
        (500, ecs("Common.0001", details=[{"code": "APIGW.0301"}])),
    ],
    "the query of the job failed: try again later": [
        (400, ecs("Common.0021")),
        (400, ecs("Ecs.1000")),
        (403, ecs("Ecs.1300")),
        (401, ecs("Common.0999")),
    ],
    "flow control": [(202, ecs("Common.0024")), (503, ecs("Common.1503")), (401, gateway("APIGW.0308"))],
    "the service is busy": [(400, ecs("Common.0025")), (501, ecs("Ecs.0603")), (401, ecs("Ecs.0603"))],
    "the gateway can't reach its backend or IAM": [(404, gateway("APIGW.0103")), (404, gateway("APIG.0108"))],
    "there is no such job or server": [(400, ecs("Common.0011")), (404, ecs("Common.0011")), (404, ecs("Ecs.0114"))],
    "a permission is missing": [(403, ecs("Pdp.0001")), (403, gateway("APIGW.0802"))],
    "it is not the right project": [(400, ecs("Common.0018"))],
    "the gateway does not serve this API, or rejects the request": [(404, gateway("APIGW.0101"))],
    "IAM does not accept the token": [(401, ecs("401", title="Unauthorized"))],
    "another code of a service at 401 or 403: a permission is missing": [
        (401, ecs("EPS.0003")),
        (403, ecs("Ecs.9999")),
    ],
    "a 401 without a known code": [
        (401, "<html>log in</html>"),
        (401, {}),
        (401, {"message": "log in"}),
        (401, gateway("APIGW.9999")),
    ],
    "too many requests": [(429, {}), (429, "<html>"), (429, ecs("Ecs.9999"))],
    "busy, broken or redirected": [(408, {}), (425, {}), (500, {}), (503, "<html>"), (302, ""), (200, {}), (200, "[")],
    "another code of another service at 404": [(404, ecs("EVS.5404"))],
    "another code of a service at another 4xx": [
        (400, ecs("Ecs.9999")),
        (404, ecs("Ecs.9999")),
        (409, ecs("EVS.9999")),
    ],
    "anything without a known code": [
        *((status, {"message": "no Route matched"}) for status in (400, 403, 404, 405, 409, 410, 421)),
        *((status, "<html>") for status in (400, 403, 404, 407, 451)),
        (404, {"itemNotFound": {"code": 404, "message": "not found"}}),
        (404, ecs("404", title="Not Found")),
        (404, gateway("APIGW.9999")),
    ],
    "not JSON": [(403, "<html>"), (404, "<html>")],
    "forbidden": [(403, {}), (403, ecs("403", title="Forbidden"))],
    "not found": [(404, {"itemNotFound": {"code": 404, "message": "not found"}})],
    "any other 4xx": [(400, {}), (409, ecs("Ecs.9999"))],
    "IAM accepts neither user nor key": [(401, ecs("401", title="Unauthorized")), (401, ecs("401"))],
    "the address of IAM is wrong": [(404, ecs("404"))],
    "a 404 without a known code": [(404, {"message": "no Route matched"})],
    "IAM forbids it": [(403, ecs("403", title="Forbidden"))],
    "another code of IAM or of a service at another 4xx": [(400, ecs("400", title="Bad")), (409, ecs("IAM.0005"))],
    "anything without a code of IAM or of a service": [
        *((status, {"message": "Forbidden"}) for status in (400, 403, 405, 409)),
        *((status, "<html>") for status in (400, 403, 407, 451)),
        (403, gateway("APIGW.9999")),
    ],
}
"""What row it is for -> HTTP status and body."""


def response(status: int, body: Any) -> Response:
    """Return a response with this body."""
    return Response(status, {}, body.encode() if isinstance(body, str) else json.dumps(body).encode())
