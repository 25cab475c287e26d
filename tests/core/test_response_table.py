"""The tables that say what a response means, row by row; and that nothing but the cloud's own words ends a wait."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_ecsjobs.core.errors import ApiError
from airflow_provider_ecsjobs.core.job import Job
from airflow_provider_ecsjobs.core.response_table import LOGIN_TABLE, POLL_TABLE, REQUEST_TABLE, Row
from airflow_provider_ecsjobs.core.responses import object_in, read_error, read_job
from airflow_provider_ecsjobs.core.waiting.end import Outcome
from airflow_provider_ecsjobs.core.waiting.policy import WaitPolicy
from airflow_provider_ecsjobs.core.waiting.wait import Wait
from tests.core.samples import JOB_ID
from tests.core.table_examples import EXAMPLES, ecs, gateway, response

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = 1_772_366_400.0
TABLES = {"poll": POLL_TABLE, "request": REQUEST_TABLE, "log-in": LOGIN_TABLE}
KNOWN = sorted({code for row in POLL_TABLE for code in row.codes})


def read(table: Sequence[Row], status: int, body: Any) -> ApiError:
    answer = response(status, body)
    return read_error(answer, object_in(answer), now=NOW, table=table)


@pytest.mark.parametrize("name", TABLES)
def test_every_row_of_a_table_has_examples_and_decides_them(name: str) -> None:
    for number, row in enumerate(TABLES[name]):
        decided = 0
        for status, body in EXAMPLES[row.what]:
            # Without the row, another one decides, if any: so no row is there for nothing.
            told = read(TABLES[name], status, body)
            before = read([*TABLES[name][:number], Row("left", "none")], status, body)  # type: ignore[arg-type]
            if before.kind != "none":
                continue  # an earlier row of this table has it
            decided += 1
            assert told.kind is row.kind, (status, body)
        assert decided or (name, row.what) == ("log-in", "IAM does not accept the token"), row.what


def test_every_example_belongs_to_a_row() -> None:
    assert set(EXAMPLES) == {row.what for table in TABLES.values() for row in table}


@pytest.mark.parametrize("row", POLL_TABLE, ids=lambda row: row.what)
def test_a_wait_ends_by_a_row_as_the_row_says(row: Row) -> None:
    outcomes = {
        "unauthorized": Outcome.UNAUTHORIZED,
        "not_found": Outcome.NOT_FOUND,
        "forbidden": Outcome.ERROR,
        "rejected": Outcome.ERROR,
        "transient": None,
        "throttled": None,
    }
    for status, body in EXAMPLES[row.what]:
        result = read_job(response(status, body), job_id=JOB_ID, now=NOW)
        assert isinstance(result, ApiError)
        end = Wait(JOB_ID, WaitPolicy(started=NOW)).receive(result, NOW)
        assert (end and end.outcome) is outcomes[row.kind], (status, body)


@given(
    st.integers(200, 599),
    st.binary(max_size=20)
    | st.dictionaries(st.sampled_from(["message", "code", "error", "itemNotFound"]), st.integers()).map(
        lambda body: json.dumps(body).encode()
    ),
)
def test_what_has_no_code_of_the_cloud_passes_at_any_status(status: int, body: bytes) -> None:
    result = read_job(response(status, body.decode("latin-1")), job_id=JOB_ID, now=NOW)
    assert isinstance(result, ApiError)
    assert result.is_passing


@given(st.sampled_from(KNOWN), st.integers(200, 599))
def test_a_known_code_means_the_same_at_any_status(code: str, status: int) -> None:
    row = next(row for row in POLL_TABLE if code in row.codes)
    body = gateway(code) if code.startswith("APIG") else ecs(code)
    assert read(POLL_TABLE, status, body).kind is row.kind


class TestAnotherJob:
    def test_a_response_about_another_job_is_trouble_that_passes(self) -> None:
        body = {"status": "SUCCESS", "job_id": "f" * 32}
        result = read_job(response(200, body), job_id=JOB_ID, now=NOW)
        assert isinstance(result, ApiError)
        assert result.is_passing
        assert "another job, " + "f" * 32 in str(result)

    @pytest.mark.parametrize("given_id", [JOB_ID, "", None])
    def test_the_id_that_was_asked_for_or_none_is_believed(self, given_id: str | None) -> None:
        result = read_job(response(200, {"status": "SUCCESS", "job_id": given_id}), job_id=JOB_ID, now=NOW)
        assert isinstance(result, Job)
        assert result.job_id == JOB_ID

    @pytest.mark.parametrize("given_id", [17, ["a"], {"id": JOB_ID}, "x" + JOB_ID])
    def test_what_is_no_such_id_is_not(self, given_id: Any) -> None:
        result = read_job(response(200, {"status": "SUCCESS", "job_id": given_id}), job_id=JOB_ID, now=NOW)
        assert isinstance(result, ApiError)
