"""What the redactor removes besides the secrets that it was given."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_ecsjobs.core.redaction import Redactor
from airflow_provider_ecsjobs.core.responses import object_in
from airflow_provider_ecsjobs.core.steps import Response

NOTHING = Redactor()


def redacted(body: Any) -> Any:
    response = NOTHING.response(Response(200, {}, json.dumps(body).encode()))
    assert isinstance(response, Response)
    return object_in(response)


@pytest.mark.parametrize("name", ["Signature", "SIGNATURE", "signature", "SigNaTure"])
def test_a_signature_is_redacted_however_its_name_is_written(name: str) -> None:
    assert NOTHING.text(f"{name}=0123456789abcdef") == f"{name}=***"
    assert redacted({"message": f"{name}%3D0123456789ABCDEF"}) == {"message": f"{name}%3D***"}
