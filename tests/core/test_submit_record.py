"""Tokens, and the record of a submit."""

from __future__ import annotations

import json
import re
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_ecsjobs.core.submit.record import RECORD_VERSION, Record, TaskTry, next_token
from airflow_provider_ecsjobs.core.submit.submission import Submission
from tests.core.samples import json_values

NOW = 1_800_000_000.0
TOKEN = "0b0f5c2e-8f2a-5d0c-9f64-0a1b2c3d4e5f"
UUID_OF_THE_API = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ATTEMPT = TaskTry("dag", "run", "task", -1, 2, 0, "2026-03-01T12:00:00.123456+00:00")
RECORD = Record("create_servers", 2, NOW - 5, TOKEN, "job", "order", ("a", "b"), highest_max_tries=2)
names = st.text(max_size=8)
attempts = st.builds(
    TaskTry,
    names,
    names,
    names,
    st.integers(-1, 99),
    st.integers(0, 9),
    st.integers(0, 9),
    names,
)


class TestToken:
    def test_is_pinned(self) -> None:
        # Another one would be another server, for a task that is retried after an update of this package.
        assert ATTEMPT.token == "01404fd7-77e8-5bd6-8e16-7d2055f6686e"

    @given(attempts, st.integers(0, 9))
    def test_is_a_uuid_as_the_api_takes_it_and_the_same_for_all_retries(self, one: TaskTry, tries: int) -> None:
        assert UUID_OF_THE_API.fullmatch(one.token)
        assert replace(one, earlier_tries=tries).token == one.token

    @given(attempts, attempts)
    def test_is_the_same_only_for_the_same_task_try(self, one: TaskTry, other: TaskTry) -> None:
        same = replace(one, earlier_tries=0) == replace(other, earlier_tries=0)
        assert (one.token == other.token) is same

    @pytest.mark.parametrize(
        "change",
        [
            {"dag_id": "dag2"},
            {"run_id": "run2"},
            {"task_id": "task2"},
            {"map_index": 0},
            {"max_tries": 3},
            {"run_started": "2026-03-01T12:00:00.123457+00:00"},
            {"dag_id": "dagrun", "run_id": ""},
            {"dag_id": 'dag", "run', "run_id": ""},
        ],
    )
    def test_differs_by_each_field(self, change: dict[str, Any]) -> None:
        assert replace(ATTEMPT, **change).token != ATTEMPT.token

    def test_every_field_but_the_number_of_tries_is_covered_above(self) -> None:
        assert {field.name for field in fields(TaskTry)} == {
            *("dag_id", "run_id", "task_id", "map_index", "max_tries", "run_started"),
            *("earlier_tries", "retries"),
        }


class TestNextToken:
    def test_a_chain_never_comes_back(self) -> None:
        token, seen = ATTEMPT.token, set()
        for number in range(100):
            seen.add(token)
            token = next_token(token, f"job-{number}")
            assert UUID_OF_THE_API.fullmatch(token)
        assert len(seen | {token}) == 101

    @given(st.uuids(), names, names)
    def test_depends_on_the_token_and_on_the_job_alone(self, token: Any, job: str, other: str) -> None:
        following = next_token(str(token), job)
        assert following == next_token(str(token), job) != str(token)
        assert (next_token(str(token), other) == following) is (job == other)
        assert next_token(ATTEMPT.token, job) != following

    def test_a_token_that_is_none_is_an_error(self) -> None:
        with pytest.raises(ValueError, match="UUID"):
            next_token("nonsense", "job")


records = st.builds(
    Record,
    names,
    st.integers(0, 99),
    st.floats(0, 4e9),
    st.none() | st.uuids().map(str),
    st.none() | st.text(min_size=1, max_size=8),
    st.none() | st.text(min_size=1, max_size=8),
    st.lists(names, max_size=3).map(tuple),
    st.booleans(),
    told_at=st.none() | st.integers(0, 99),
    highest_max_tries=st.integers(99, 199),
)


class TestRecord:
    @given(records)
    def test_comes_back_from_json_as_it_was(self, record: Record) -> None:
        stored = json.loads(json.dumps(record.to_dict()))
        assert stored["version"] == RECORD_VERSION
        assert Record.from_dict(stored) == record

    @given(records, st.dictionaries(st.text(max_size=4).map("x_{}".format), json_values, max_size=4))
    def test_what_a_later_version_adds_is_passed_over(self, record: Record, more: dict[str, Any]) -> None:
        assert Record.from_dict({**record.to_dict(), **more, "version": 99}) == record

    def test_holds_ids_and_no_body(self) -> None:
        assert set(RECORD.to_dict()) == {
            *("operation", "max_tries", "submitted_at", "token", "job_id", "order_id", "server_ids", "is_given_up"),
            *("retries", "clears", "request", "told_at", "highest_max_tries", "version"),
        }

    @pytest.mark.parametrize(
        "junk",
        [
            None,
            "",
            "text",
            7,
            [],
            {},
            [("operation", "x")],
            {"operation": "create_servers"},
            {"operation": None, "max_tries": 1, "submitted_at": 1.0},
            {"operation": 7, "max_tries": 1, "submitted_at": 1.0},
            {"operation": "x", "max_tries": "1", "submitted_at": 1.0},
            {"operation": "x", "max_tries": 1.5, "submitted_at": 1.0},
            {"operation": "x", "max_tries": 1, "submitted_at": "now"},
            {"operation": "x", "max_tries": 1, "submitted_at": None},
        ],
    )
    def test_junk_is_no_record(self, junk: Any) -> None:
        assert Record.from_dict(junk) is None

    @given(json_values)
    def test_no_json_raises(self, junk: Any) -> None:
        Record.from_dict(junk)
        read = Record.from_dict({**RECORD.to_dict(), "token": junk, "job_id": junk, "server_ids": junk})
        assert read is not None
        assert read.token is None or UUID_OF_THE_API.fullmatch(read.token)
        assert read.job_id is None or (isinstance(junk, str) and read.job_id == junk)

    def test_a_time_beyond_all_bounds_does_not_raise(self) -> None:
        assert Record.from_dict({**RECORD.to_dict(), "submitted_at": 10**400}) is None

    @pytest.mark.parametrize(
        ("stored", "read"),
        [
            (TOKEN, TOKEN),
            (TOKEN.upper(), TOKEN),
            ("nonsense", None),
            ("", None),
            (None, None),
            (7, None),
            ([TOKEN], None),
        ],
    )
    def test_a_bad_token_is_none(self, stored: Any, read: str | None) -> None:
        record = Record.from_dict({**RECORD.to_dict(), "token": stored})
        assert record == replace(RECORD, token=read)

    @pytest.mark.parametrize(
        ("change", "read"),
        [
            ({"job_id": ""}, {"job_id": None}),
            ({"job_id": 7}, {"job_id": None}),
            ({"order_id": {}}, {"order_id": None}),
            ({"server_ids": ["a", 7, None]}, {"server_ids": ("a",)}),
            ({"server_ids": "a"}, {"server_ids": ()}),
            ({"is_given_up": "true"}, {"is_given_up": False}),
            ({"submitted_at": 7}, {"submitted_at": 7.0}),
        ],
    )
    def test_what_is_wrong_beside_it_is_left_out(self, change: dict[str, Any], read: dict[str, Any]) -> None:
        assert Record.from_dict({**RECORD.to_dict(), **change}) == replace(RECORD, **read)

    @pytest.mark.parametrize(
        ("job_id", "order_id", "answered"),
        [(None, None, False), ("j", None, True), (None, "o", True), ("j", "o", True)],
    )
    def test_knows_whether_it_was_answered(self, job_id: str | None, order_id: str | None, answered: bool) -> None:
        record = replace(RECORD, job_id=job_id, order_id=order_id)
        assert record.is_answered is answered
        assert record.submission == Submission(job_id, order_id, ("a", "b"))

    def test_a_try_that_owns_it_has_its_limits_noted_beside_the_highest_so_far(self) -> None:
        record = Record("create_servers", 3, 1.0, retries=1, highest_max_tries=7)
        owned = record.owned_by(TaskTry("dag", "run", "task", max_tries=5, retries=4))
        assert owned == replace(record, max_tries=5, retries=4)
        higher = record.owned_by(TaskTry("dag", "run", "task", max_tries=9, retries=4))
        assert higher.highest_max_tries == 9

    def test_giving_up_is_noted_and_nothing_else(self) -> None:
        assert RECORD.given_up() == replace(RECORD, is_given_up=True)
