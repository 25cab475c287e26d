"""The Airflow that the tests run on is the one that CI means to test."""

from __future__ import annotations

import os

import pytest
from airflow import __version__

EXPECTED = "ECSJOBS_EXPECTED_AIRFLOW"


@pytest.mark.skipif(EXPECTED not in os.environ, reason=f"{EXPECTED} is not set")
def test_airflow_has_the_expected_version() -> None:
    expected = os.environ[EXPECTED]
    assert expected
    assert f"{__version__}.".startswith(f"{expected}.")
