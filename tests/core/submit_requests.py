"""Requests that start a job, built by the name of their operation."""

from __future__ import annotations

from typing import Any

from airflow_provider_ecsjobs.core.operations import OPERATIONS
from airflow_provider_ecsjobs.core.submit.submission import (
    SubmitRequest,
)


def request(name: str = "attach_server_volume", **fields: Any) -> SubmitRequest:
    return SubmitRequest.build(OPERATIONS[name], **fields)
