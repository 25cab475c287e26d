"""The record that the job page shows: the end wins, whenever it was published, and its gaps are filled."""

from __future__ import annotations

import json
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_ecsjobs.core.failure_message import explain_failure, possible_servers
from airflow_provider_ecsjobs.core.job import Job, outline_of
from airflow_provider_ecsjobs.core.job_snapshot import WaitFacts, final_snapshot, shown_record, snapshot
from airflow_provider_ecsjobs.core.waiting.end import Outcome, WaitEnd
from airflow_provider_ecsjobs.core.waiting.policy import WaitPolicy
from tests.core.samples import JOB_ID, job, part

TIMES = WaitFacts.of(JOB_ID, WaitPolicy(started=1000.0, deadline=4600.0, max_poll_interval=60.0, order_id="CS1"))
RESUMED = WaitFacts(JOB_ID)
RAW = job("RUNNING", [part("SUCCESS", server_id="s1"), part("RUNNING", server_id="s2")])
TIMES_OF_CREATE = WaitFacts(JOB_ID, server_ids=["a", "b", "c"])
HALF = [part(server_id="a"), part("RUNNING", server_id="b"), part("FAIL", server_id="c")]
WAIT = snapshot(Job(RAW), TIMES, 1200.0) | {"try": 2}
END = final_snapshot(WaitEnd(Outcome.FINISHED, "", Job(job("SUCCESS", [part(), part()]))), RESUMED, 1300.0) | {"try": 2}


def timeout(raw: dict[str, Any] | None, times: WaitFacts = RESUMED) -> dict[str, Any]:
    seen = None if raw is None else outline_of(raw["job_id"], raw["job_type"], raw["status"], raw.get("begin_time"))
    return final_snapshot(WaitEnd(Outcome.TIMEOUT, "too late", seen), times, 4600.0)


def test_the_end_is_shown_with_the_times_and_the_order_that_were_published_before() -> None:
    record = shown_record(WAIT, END)

    assert (record["outcome"], record["status"], record["done"], record["seen_at"]) == ("finished", "SUCCESS", 2, 1300)
    assert (record["started"], record["deadline"], record["order_id"]) == (1000.0, 4600.0, "CS1")


def test_a_publish_that_comes_late_does_not_hide_the_end() -> None:
    """Whatever the order in which the worker's and the trigger's records are written, the page comes to the same."""
    writes = [("current", snapshot(None, TIMES, None)), ("current", WAIT), ("end", END)]
    for order in permutations(writes):
        kept = dict(order)
        assert shown_record(kept["current"], kept["end"])["outcome"] == "finished"


def test_an_end_without_a_look_at_the_job_keeps_the_progress_and_the_servers_seen_before() -> None:
    for end in (timeout(RAW), timeout(None)):
        record = shown_record(WAIT, end)

        assert (record["outcome"], record["message"], record["total"], record["done"]) == ("timeout", "too late", 2, 1)
        assert (record["seen_at"], json.loads(record["sub_jobs"])[0][2]) == (1200.0, "s1")
        assert (record["servers"], record["possible_servers"]) == (["s1"], ["s2"])


def test_the_servers_of_the_response_are_named_at_an_end_without_a_job() -> None:
    end = timeout(None, WaitFacts(JOB_ID, server_ids=["s1", "s2"]))

    assert shown_record(None, end)["servers"] == []
    assert shown_record(None, end)["possible_servers"] == ["s1", "s2"]


def test_the_servers_are_those_of_the_record_that_knows_more_of_the_job() -> None:
    current = snapshot(Job(job("RUNNING", HALF)), TIMES_OF_CREATE, 1200.0)
    later = Job(job("RUNNING", [part(server_id="a"), part(server_id="b"), part("FAIL", server_id="c")]))
    seen = final_snapshot(WaitEnd(Outcome.TIMEOUT, "", later), TIMES_OF_CREATE, 4600.0)

    for end, servers in ((timeout(None, TIMES_OF_CREATE), (["a"], ["b"])), (seen, (["a", "b"], []))):
        record = shown_record(current, end)

        assert (record["servers"], record["possible_servers"]) == servers


def test_the_one_list_of_an_earlier_version_is_kept_apart_from_the_two_of_today() -> None:
    old = {**WAIT, "servers": ["s1", "s2"], "more_servers": 0}
    old = {key: value for key, value in old.items() if "possible" not in key}
    unseen = {"outcome": "timeout", "job_id": JOB_ID, "seen_at": None, "servers": ["s1", "s2"]}

    for current, end, servers in ((old, timeout(None, TIMES_OF_CREATE), ["s1", "s2"]), (WAIT, unseen, ["s1"])):
        record = shown_record(current, end)

        assert record["servers"] == servers
        assert record.get("possible_servers") == current.get("possible_servers")


@pytest.mark.parametrize(
    ("raw", "submitted", "servers", "possible"),
    [
        (job("RUNNING", HALF), (), ["a"], ["b"]),
        (job("RUNNING", HALF), ("a", "b", "c", "d"), ["a"], ["b", "d"]),
        (job("RUNNING", [part("RUNNING", server_id="a")], job_type="deleteServer"), (), None, None),
        (job("RUNNING", []), (), [], []),
        (job("RUNNING", []), ("a",), [], ["a"]),
        (None, ("a",), [], ["a"]),
        (None, (), None, None),
        (job("PENDING_PAYMENT", []), ("a",), [], []),
        (job("PENDING_PAYMENT", [part("INIT", server_id="a")]), (), [], []),
    ],
)
def test_the_record_of_a_wait_tells_the_servers_of_a_create_from_those_that_may_exist(
    raw: dict[str, Any] | None, submitted: tuple[str, ...], servers: list[str] | None, possible: list[str] | None
) -> None:
    record = snapshot(None if raw is None else Job(raw), WaitFacts(JOB_ID, server_ids=submitted), 0.0)

    assert (record.get("servers"), record.get("possible_servers")) == (servers, possible)


@pytest.mark.parametrize(
    ("raw", "submitted", "servers", "possible"),
    [
        (job("FAIL"), ("a", "b"), [], ["a", "b"]),
        (job("FAIL"), (), [], []),
        (job("FAIL", [*HALF, part("INIT", server_id="d")]), ("a", "b", "c", "d"), ["a"], ["b", "d"]),
        (job("FAIL", [part("FAIL", server_id="a")]), ("a",), [], []),
    ],
)
def test_a_failed_job_names_the_servers_as_the_message_of_its_task_does(
    raw: dict[str, Any], submitted: tuple[str, ...], servers: list[str], possible: list[str]
) -> None:
    failed = Job(raw)
    failure = final_snapshot(WaitEnd(Outcome.FINISHED, "", failed), WaitFacts(JOB_ID, server_ids=submitted), 0.0)[
        "failure"
    ]
    said = explain_failure(failed, possible_servers(failed, submitted))

    assert (failure["servers"], failure["possible_servers"]) == (servers, possible)
    for label, named in (("Exist and cost money: ", servers), ("the job does not say: ", possible)):
        assert f"{label}{', '.join(f'server {server}' for server in named)}" in said if named else label not in said


def test_an_unpaid_order_has_created_nothing() -> None:
    """The first record, before any look at the job, names the servers of the response."""
    first = snapshot(None, TIMES_OF_CREATE, None)
    unpaid = Job(job("PENDING_PAYMENT", [], order_id="CS1"))
    record = shown_record(first, final_snapshot(WaitEnd(Outcome.PAYMENT_TIMEOUT, "", unpaid), TIMES_OF_CREATE, 9.0))

    assert first["possible_servers"] == ["a", "b", "c"]
    assert (record["servers"], record["possible_servers"]) == ([], [])


def test_many_servers_are_counted_and_the_record_stays_small() -> None:
    servers = [f"{number:036x}" for number in range(1000)]
    parts = [part("RUNNING", server_id=server, job_id=server) for server in servers]
    record = snapshot(Job(job("RUNNING", parts)), WaitFacts(JOB_ID, server_ids=servers), 0.0)

    assert len(record["possible_servers"]) + record["more_possible_servers"] == 1000
    assert len(json.dumps(record)) < 150_000


@pytest.mark.parametrize(
    ("wait_try", "end_try", "shown"),
    [(2, 2, "both"), (1, 2, "end"), (2, 1, "wait"), (None, 2, "both"), (2, None, "both"), (None, None, "both")],
)
def test_records_of_two_tries_are_not_mixed(wait_try: int | None, end_try: int | None, shown: str) -> None:
    """Records of earlier versions have no try."""
    wait, end = {**WAIT, "try": wait_try}, {**END, "try": end_try}
    record = shown_record(wait, end)

    assert record["outcome"] == (None if shown == "wait" else "finished")
    assert record["deadline"] == (None if shown == "end" else 4600.0)


def test_an_end_of_another_job_takes_nothing_from_the_wait() -> None:
    assert shown_record(WAIT, {**END, "job_id": "another"})["deadline"] is None


def test_the_one_record_of_an_earlier_version_is_shown_as_it_is() -> None:
    old = {key: value for key, value in END.items() if key != "try"}

    assert shown_record(old, None) == old
    assert shown_record(None, None) is None
    assert shown_record("s3://elsewhere", None) == shown_record(None, "s3://elsewhere") == "s3://elsewhere"


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["try", "job_id", "outcome", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(junk, junk)
def test_damaged_records_break_nothing(current: Any, end: Any) -> None:
    for pair in ((current, end), (WAIT, end), (current, END)):
        shown_record(*pair)
    assert isinstance(current, dict) or shown_record(current, END)["outcome"] == "finished"
