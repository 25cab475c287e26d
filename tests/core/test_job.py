"""Job and sub-job: what is read from an answer, however odd it is."""

from __future__ import annotations

import copy
import json
import pickle
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given

from airflow_provider_ecsjobs.core.failure_message import explain_failure, surviving_servers
from airflow_provider_ecsjobs.core.job import Job, JobStatus, SubJob, format_time, parse_time
from tests.core.samples import API_PAGE_EXAMPLE, JOB_ID, SERVER_ID, example, job, job_objects, json_values, part
from tests.support.patience import A_MINUTE

PROPERTIES = [
    name
    for cls in (SubJob, Job)
    for name, value in vars(cls).items()
    if hasattr(value, "func") or hasattr(value, "fget")
]


# What could break a line, colour a terminal or turn the reading direction; a newline is our own.
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def test_the_core_imports_neither_airflow_nor_an_http_library() -> None:
    code = (
        "import pkgutil, sys, importlib, airflow_provider_ecsjobs.core as core\n"
        "[importlib.import_module(m.name) for m in pkgutil.walk_packages(core.__path__, f'{core.__name__}.')]\n"
        "print(sorted({'airflow', 'requests', 'aiohttp', 'httpx', 'urllib3', 'socket', 'asyncio'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=A_MINUTE, check=True)
    loaded = run.stdout.strip()
    # email.utils imports socket by itself; nothing here opens one.
    assert loaded in ("[]", "['socket']")


class TestTheExampleOfTheApiPage:
    job = Job.from_dict(json.loads(API_PAGE_EXAMPLE))

    def test_ids_and_types(self) -> None:
        assert (self.job.job_id, self.job.job_type) == (JOB_ID, "createServer")
        assert self.job.server_ids == (SERVER_ID,)
        assert self.job.nic_ids == ()

    def test_times(self) -> None:
        assert self.job.begin_time == datetime(2016, 4, 25, 20, 4, 34, 604000, UTC)
        assert self.job.end_time == datetime(2016, 4, 25, 20, 8, 41, 593000, UTC)
        assert self.job.duration == timedelta(seconds=246, milliseconds=989)

    def test_status_and_errors(self) -> None:
        assert self.job.status is JobStatus.SUCCESS
        assert self.job.error_code is None
        assert self.job.fail_reason is None

    def test_the_sub_job(self) -> None:
        (only,) = self.job.sub_jobs
        assert only.job_id == "2c9eb2c5544cbf6101544f0635672b60"
        assert only.job_type == "createSingleServer"
        assert only.status is JobStatus.SUCCESS
        assert only.begin_time == datetime(2016, 4, 25, 20, 4, 47, 591000, UTC)
        assert only.end_time == datetime(2016, 4, 25, 20, 8, 21, 328000, UTC)
        assert (self.job.sub_jobs_total, self.job.sub_jobs_finished) == (1, 1)

    def test_the_result(self) -> None:
        assert self.job.result() == {
            "job_id": JOB_ID,
            "job_type": "createServer",
            "status": "SUCCESS",
            "begin_time": "2016-04-25T20:04:34.604Z",
            "end_time": "2016-04-25T20:08:41.593Z",
            "server_ids": [SERVER_ID],
            "nic_ids": [],
            "entities": json.loads(API_PAGE_EXAMPLE)["entities"],
        }


@pytest.mark.parametrize(
    ("text", "finished"),
    [("INIT", False), ("RUNNING", False), ("SUCCESS", True), ("FAIL", True), ("PENDING_PAYMENT", False)],
)
def test_the_five_statuses(text: str, finished: bool) -> None:
    status = Job({"status": text}).status
    assert status is JobStatus[text]
    assert (status.is_finished, status.is_known) == (finished, True)


@pytest.mark.parametrize("text", ["PAUSED", "success", "Fail", "SUCCESS!", "", "0", "INIT RUNNING"])
def test_an_unknown_status_is_kept_and_unfinished(text: str) -> None:
    status = Job({"status": text}).status
    assert status == text
    assert status.value == str(status) == text
    assert (status.is_finished, status.is_known) == (False, False)
    assert text not in JobStatus.__members__


@pytest.mark.parametrize("value", [None, 3, True, [], {}, ["SUCCESS"], {"status": "FAIL"}, 1.5])
def test_a_status_that_is_no_text_is_not_an_end(value: Any) -> None:
    assert not Job({"status": value}).status.is_finished


def test_spaces_around_a_status_do_not_matter() -> None:
    assert Job({"status": " SUCCESS\n"}).status is JobStatus.SUCCESS


def test_unknown_statuses_compare_hash_and_copy_as_their_text() -> None:
    status = JobStatus("PAUSED")
    assert status == JobStatus("PAUSED")
    assert {status: 1}["PAUSED"] == 1
    assert copy.deepcopy(status) == pickle.loads(pickle.dumps(status)) == "PAUSED"
    assert json.dumps(status) == '"PAUSED"'


def test_every_field_of_the_api_page_is_read() -> None:
    read = Job(
        {
            "status": "FAIL",
            "entities": {
                "server_id": "s",
                "nic_id": "n",
                "errorcode_message": "why",
                "sub_jobs_total": 7,
                "sub_jobs": [],
            },
            "job_id": "id",
            "job_type": "type",
            "begin_time": "2016-04-25T20:04:34.604Z",
            "end_time": "2016-04-25T20:05:34.604Z",
            "error_code": "Ecs.1",
            "fail_reason": "reason",
            "message": "query failed",
            "code": "Common.0025",
        }
    )
    assert (read.job_id, read.job_type, read.status) == ("id", "type", "FAIL")
    assert (read.server_ids, read.nic_ids) == (("s",), ("n",))
    assert (read.error_code, read.fail_reason, read.errorcode_message) == ("Ecs.1", "reason", "why")
    assert (read.message, read.code) == ("query failed", "Common.0025")
    assert (read.sub_jobs_total, read.sub_jobs, read.duration) == (7, (), timedelta(seconds=60))


def test_entities_are_kept_whole() -> None:
    entities = {"attached_volume_ids": ["v1", "v2"], "image": {"id": 7, "tags": [{"k": None}]}, "process_percent": 3.5}
    read = Job({"status": "RUNNING", "entities": entities})
    assert read.entities == read.result()["entities"] == entities


@pytest.mark.parametrize(
    ("entities", "servers", "nics"),
    [
        ({"server_id": "a"}, ["a"], []),
        ({"nic_id": "n"}, [], ["n"]),
        (
            {"server_id": "a", "sub_jobs": [part(server_id="b", nic_id="n"), part(server_id="c")]},
            ["a", "b", "c"],
            ["n"],
        ),
        ({"sub_jobs": [part(server_id=id_) for id_ in "baab"]}, ["b", "a"], []),
        ({"sub_jobs_result": [part(server_id="b"), part(nic_id="n")]}, ["b"], ["n"]),
        ({"sub_jobs": [part(entities={"sub_jobs": [part(server_id="deep")]})]}, ["deep"], []),
        ({"server_id": "", "sub_jobs": [part(server_id=None), part(server_id=3), part(server_id="  ")]}, [], []),
        ({"server_id": ["a"], "nic_id": {"nic_id": "n"}}, [], ["n"]),
    ],
)
def test_ids_come_from_the_job_and_all_sub_jobs_each_once_in_order(
    entities: dict[str, Any], servers: list[str], nics: list[str]
) -> None:
    read = Job({"entities": entities})
    assert (list(read.server_ids), list(read.nic_ids)) == (servers, nics)


def test_sub_jobs_of_ims_are_found_under_their_own_name() -> None:
    read = Job(
        {
            "status": "RUNNING",
            "entities": {"sub_jobs_result": [part("SUCCESS"), part("RUNNING")], "image_id": "i", "process_percent": 40},
        }
    )
    assert [one.status for one in read.sub_jobs] == ["SUCCESS", "RUNNING"]
    assert (read.sub_jobs_finished, read.sub_jobs_total) == (1, 2)


@pytest.mark.parametrize("listed", [None, "x", 3, {}, {"a": 1}, [], [None, 1, "x", []], True])
def test_sub_jobs_of_another_type_are_none(listed: Any) -> None:
    read = Job({"status": "RUNNING", "entities": {"sub_jobs": listed}})
    assert (read.sub_jobs, read.sub_jobs_total, read.sub_jobs_finished) == ((), 0, 0)


@pytest.mark.parametrize("total", [None, "3", 2.5, True, -1, 0, [], 1])
def test_an_odd_total_is_never_below_the_sub_jobs_listed(total: Any) -> None:
    assert Job({"entities": {"sub_jobs_total": total, "sub_jobs": [part(), part()]}}).sub_jobs_total == 2


@pytest.mark.parametrize("entities", [None, [], "x", 3, True])
def test_entities_of_another_type_are_empty(entities: Any) -> None:
    assert Job({"entities": entities}).entities == {}


def test_an_empty_object_has_no_values() -> None:
    read = Job({})
    assert (read.job_id, read.job_type, read.status, read.entities) == ("", "", "", {})
    assert (read.begin_time, read.end_time, read.duration) == (None, None, None)
    assert (read.error_code, read.fail_reason, read.errorcode_message, read.code, read.message) == (None,) * 5


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2016-04-25T20:04:34.604Z", datetime(2016, 4, 25, 20, 4, 34, 604000, UTC)),
        (" 2016-04-25T20:04:34Z ", datetime(2016, 4, 25, 20, 4, 34, 0, UTC)),
        ("2016-04-25T20:04:34", datetime(2016, 4, 25, 20, 4, 34, 0, UTC)),
        ("2016-04-25T22:04:34+02:00", datetime(2016, 4, 25, 20, 4, 34, 0, UTC)),
    ],
)
def test_times_are_read_as_utc(text: str, time: datetime) -> None:
    assert parse_time(text) == time
    assert parse_time(text).utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "odd",
    [
        *("", " ", None, 0, 1461614674, 1.5, True, [], {}, "now", "Z", "\ud800", "2016-04-25T20:04:34\ud800"),
        *("2016-13-45T99:99:99Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"),
    ],
)
def test_a_time_that_is_none_is_none(odd: Any) -> None:
    assert parse_time(odd) is None


def test_times_are_written_as_the_api_writes_them() -> None:
    assert format_time(parse_time("2016-04-25T20:04:34Z")) == "2016-04-25T20:04:34.000Z"
    assert format_time(None) is None


@pytest.mark.parametrize(
    ("begin", "end"),
    [("", "2016-04-25T20:04:34Z"), ("2016-04-25T20:04:34Z", ""), ("2016-04-25T20:04:34Z", "2016-04-25T20:04:33Z")],
)
def test_a_duration_needs_both_times_in_order(begin: str, end: str) -> None:
    assert Job({"begin_time": begin, "end_time": end}).duration is None


def test_a_duration_may_be_nothing() -> None:
    assert Job({"begin_time": "2016-04-25T20:04:34Z", "end_time": "2016-04-25T20:04:34Z"}).duration == timedelta(0)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, "asked"),
        ({"job_id": ""}, "asked"),
        ({"job_id": None}, "asked"),
        ({"job_id": "given"}, "given"),
    ],
)
def test_a_response_without_an_id_has_the_one_asked_for(data: dict[str, Any], expected: str) -> None:
    assert Job.from_dict(data, job_id="asked").job_id == expected


def test_to_dict_gives_back_what_came_and_changes_nothing() -> None:
    data = example() | {"undocumented": [1, {"a": None}]}
    before = copy.deepcopy(data)
    read = Job.from_dict(data)
    read.result()
    assert read.to_dict() == data == before
    assert Job.from_dict(read.to_dict()) == read
    read.to_dict()["status"] = "FAIL"
    assert read.status is JobStatus.SUCCESS


def test_a_job_can_be_pickled_before_and_after_it_was_read() -> None:
    read = Job.from_dict(example())
    fresh = pickle.loads(pickle.dumps(read))
    assert fresh.result() == read.result()
    assert pickle.loads(pickle.dumps(read)) == read == fresh


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (
            job("RUNNING", [part(), part("RUNNING")]),
            f"createServer {JOB_ID}: RUNNING, 1 of 2 sub-jobs done, waited 84 s",
        ),
        (job("INIT"), f"createServer {JOB_ID}: INIT, waited 84 s"),
        ({"job_id": "j"}, "j: no status, waited 84 s"),
        (example(), f"createServer {JOB_ID}: SUCCESS, 1 of 1 sub-jobs done, took 247 s"),
        (example() | {"end_time": ""}, f"createServer {JOB_ID}: SUCCESS, 1 of 1 sub-jobs done, waited 84 s"),
    ],
)
def test_progress_is_one_line(data: dict[str, Any], line: str) -> None:
    assert Job(data).progress(84.2) == line


def test_nesting_without_end_is_survived() -> None:
    nested: dict[str, Any] = part("FAIL", server_id="deepest")
    for _ in range(5000):
        nested = part("FAIL", entities={"sub_jobs": [nested]})
    read = Job(nested)
    assert read.server_ids == ("deepest",)
    assert len(list(read.leaves)) == 1
    assert "(1 of 1 sub-jobs" in explain_failure(read)


def read_everything(data: dict[str, Any]) -> None:
    read = Job.from_dict(data, job_id="asked")
    for one in (read, *read.sub_jobs):
        for name in PROPERTIES:
            getattr(one, name, None)
    json.dumps(read.result())
    assert "\n" not in read.progress(1.0)
    explained = explain_failure(read)
    assert " failed: " in explained.split("\n")[0]
    explained.encode()  # no lone surrogates
    assert not CONTROL.search(explained)
    assert all(surviving_servers(read))
    assert all(read.server_ids)
    assert read.to_dict() == {**data, "job_id": data.get("job_id") or "asked"}
    pickle.loads(pickle.dumps(read))


@given(job_objects)
def test_no_object_breaks_the_reader(data: dict[str, Any]) -> None:
    read_everything(data)


@pytest.mark.parametrize("key", list(example()))
@given(value=json_values)
def test_no_value_of_any_key_breaks_the_reader(key: str, value: Any) -> None:
    read_everything(example() | {key: value, "status": "FAIL"} if key != "status" else example() | {key: value})
    changed = example()
    changed["entities"]["sub_jobs"][0] |= {"status": "FAIL", key: value}
    read_everything(changed)


@pytest.mark.parametrize("key", ["sub_jobs", "sub_jobs_total", "sub_jobs_result", "server_id", "errorcode_message"])
@given(value=json_values)
def test_no_value_in_the_entities_breaks_the_reader(key: str, value: Any) -> None:
    read_everything(example() | {"entities": {key: value}, "status": "FAIL"})
