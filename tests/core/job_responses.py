"""Responses to queries of a job, as they are read, and the bodies of errors."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_ecsjobs.core.errors import ApiError, ErrorKind
from airflow_provider_ecsjobs.core.responses import read_job
from airflow_provider_ecsjobs.core.steps import Response
from tests.core.samples import JOB_ID

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.core.job import Job

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC).timestamp()

TRANSIENT, THROTTLED, UNAUTHORIZED = ErrorKind.TRANSIENT, ErrorKind.THROTTLED, ErrorKind.UNAUTHORIZED


def read(status: int, body: Any = b"", **headers: str) -> Job | ApiError:
    """Read an answer; a header is given as ``retry_after``."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_job(Response(status, named, raw), job_id=JOB_ID, now=NOW)


def error(status: int, body: Any = b"", **headers: str) -> ApiError:
    answer = read(status, body, **headers)
    assert isinstance(answer, ApiError)
    return answer


def ecs(code: str, message: str = "said so", **more: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, **more}}
