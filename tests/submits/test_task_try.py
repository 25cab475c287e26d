"""The record in the task state store, and which try of which task this is."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_ecsjobs.core.submit.record import Record, TaskTry
from airflow_provider_ecsjobs.operators.submit_once import STORE_KEY, SubmitRecordStore, task_try_of
from tests.support.submit_world import STARTED, World


class TestLedger:
    def test_without_a_store_keeps_nothing(self) -> None:
        record_store = SubmitRecordStore(None)
        record_store.write(Record("x", 1, 1.0))
        record_store.forget()
        assert (record_store.is_kept, record_store.read()) == (False, None)

    def test_keeps_one_record_until_it_is_forgotten(self) -> None:
        store = World()
        record_store = SubmitRecordStore(store)
        assert (record_store.is_kept, record_store.read()) == (True, None)
        record_store.write(Record("x", 1, 1.0))
        record_store.write(Record("y", 1, 1.0))
        assert (list(store.values), record_store.read()) == ([STORE_KEY], Record("y", 1, 1.0, highest_max_tries=1))
        record_store.forget()
        assert (store.values, record_store.read()) == ({}, None)

    @pytest.mark.parametrize("junk", ["x", [], {}, {"operation": "x"}])
    def test_what_it_does_not_understand_is_no_record(self, junk: Any) -> None:
        store = World()
        store.values[STORE_KEY] = json.dumps(junk)
        assert SubmitRecordStore(store).read() is None


class TestTaskTry:
    @pytest.mark.parametrize(
        ("try_number", "max_tries", "retries", "earlier"),
        [
            (1, 0, 0, 0),
            (1, 2, 2, 0),
            (2, 2, 2, 1),
            (3, 2, 2, 2),
            # cleared after its first try, and after its third
            (2, 3, 2, 0),
            (3, 3, 2, 1),
            (4, 5, 2, 0),
            (6, 5, 2, 2),
            (2, 1, 0, 0),
            # cleared twice
            (5, 6, 2, 0),
            # the DAG has more, or fewer, retries than when it began
            (2, 2, 9, 1),
            (2, 9, 2, 0),
            (0, 0, 0, 0),
            (None, None, 0, 0),
        ],
    )
    def test_counts_the_tries_since_the_task_was_last_cleared(
        self, try_number: Any, max_tries: Any, retries: int, earlier: int
    ) -> None:
        ti = SimpleNamespace(
            dag_id="d", run_id="r", task_id="t", map_index=None, try_number=try_number, max_tries=max_tries
        )
        found = task_try_of({"ti": ti}, retries)
        assert found == TaskTry("d", "r", "t", -1, max_tries or 0, earlier, "", retries=retries)

    @pytest.mark.parametrize(("map_index", "read"), [(None, -1), (-1, -1), (0, 0), (7, 7), ("3", 3)])
    @pytest.mark.parametrize(
        ("run", "started"),
        [
            (None, ""),
            (SimpleNamespace(), ""),
            (SimpleNamespace(start_date=None), ""),
            (SimpleNamespace(start_date=STARTED), "2026-03-01T12:00:00.123456+00:00"),
        ],
    )
    def test_names_the_mapped_task_and_the_run(self, map_index: Any, read: int, run: Any, started: str) -> None:
        ti = SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=map_index, try_number=1, max_tries=2)
        assert task_try_of({"ti": ti, "dag_run": run}, 2) == TaskTry("d", "r", "t", read, 2, 0, started, retries=2)

    def test_outside_airflow_each_is_the_only_one(self) -> None:
        first, second = task_try_of({}, 3), task_try_of({"ti": None}, 3)
        assert first.token != second.token
        assert first.earlier_tries == second.earlier_tries == 0
