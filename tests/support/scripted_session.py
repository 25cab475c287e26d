"""Answers, connections and sessions for flows that a scripted driver carries out."""

from __future__ import annotations

import json
from typing import Any

from airflow_provider_ecsjobs.core.auth.credentials import AuthConfig
from airflow_provider_ecsjobs.core.auth.session import AuthSession
from airflow_provider_ecsjobs.core.auth.signing import AccessKey
from airflow_provider_ecsjobs.core.steps import Response

JOB = {"status": "SUCCESS", "job_id": "j" * 32}
PROJECT = "0123456789abcdef0123456789abcdef"


def answer(status: int, body: Any, **headers: str) -> Response:
    """An answer with a JSON body; header names are written with ``_``."""
    return Response(
        status, {name.replace("_", "-"): value for name, value in headers.items()}, json.dumps(body).encode()
    )


REFUSED = answer(401, {"error_code": "APIGW.0301", "error_msg": "Incorrect IAM authentication information"})
GOOD = answer(200, JOB)


def login(auth: str = "aksk", **changes: Any) -> AuthConfig:
    """A login of each kind, for the same project."""
    fields: dict[str, Any] = {
        "conn_id": "my_conn",
        "auth": auth,
        "endpoint": "https://ecs.example.com",
        "iam_endpoint": "https://iam.example.com",
        "metadata_endpoint": "http://meta.example.com",
        "region": "r-1",
        "project_id": PROJECT,
    }
    if auth == "aksk":
        fields["key"] = AccessKey("AK", "SK")
    if auth == "password":
        fields |= {"user_name": "user", "domain_name": "domain", "password": "pw"}
    if auth == "token":
        fields["iam_token"] = "given-token"
    return AuthConfig(**(fields | changes))


def auth_of(auth: str = "aksk", **changes: Any) -> AuthSession:
    """What is known of a login before anything has been asked."""
    return AuthSession(login(auth, **changes))
