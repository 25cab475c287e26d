"""The state machine, with a clock in the hand and no socket."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_ecsjobs.emulator.errors import ApiError
from airflow_provider_ecsjobs.emulator.list_query import Found
from airflow_provider_ecsjobs.emulator.operations import OPERATIONS
from airflow_provider_ecsjobs.emulator.planning import CheckedRequest
from airflow_provider_ecsjobs.emulator.state import State

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.emulator.work import Submitted

START = 1_461_614_674.604  # 2016-04-25T20:04:34.604Z, the example of the API page
DAY = 24 * 3600


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


class NeverCopied(dict):
    def __deepcopy__(self, _: object) -> NeverCopied:
        raise AssertionError("copied without need")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def state(clock: Clock) -> State:
    return State(clock=clock, init_seconds=10, run_seconds=100, recycle_bin=True)


def body_of(state: State, job_id: str) -> dict:
    answer = state.show_job(job_id)
    assert answer is not None
    assert answer.http_status == 200
    assert isinstance(answer.body, dict)
    return answer.body


def submit(state: State, name: str, body: dict[str, Any]) -> Submitted:
    [operation] = [operation for operation in OPERATIONS if operation.name == name]
    return state.submit(partial(operation.plan, CheckedRequest({}, body)))


def create(state: State, count: int = 1) -> tuple[str, ...]:
    server = {"name": "a", "imageRef": "i", "flavorRef": "f", "vpcid": "v", "nics": [{"subnet_id": "s"}]}
    server["root_volume"] = {"volumetype": "SSD"}
    return submit(state, "create_servers", {"server": {**server, "count": count}}).server_ids


def named(*server_ids: str) -> dict[str, Any]:
    return {"servers": [{"id": server_id} for server_id in server_ids]}


def test_a_job_goes_from_init_over_running_to_success(state: State, clock: Clock) -> None:
    job_id = state.start_job()
    seen = []
    for elapsed in (0, 9.9, 10, 109.9, 110, 5000):
        clock.now = START + elapsed
        seen.append(body_of(state, job_id)["status"])

    assert seen == ["INIT", "INIT", "RUNNING", "RUNNING", "SUCCESS", "SUCCESS"]


def test_a_running_job_has_an_empty_end_time_and_no_error_keys(state: State, clock: Clock) -> None:
    job_id = state.start_job()
    clock.now = START + 20

    body = body_of(state, job_id)

    assert body == {
        "status": "RUNNING",
        "entities": {"sub_jobs_total": 1, "sub_jobs": [body["entities"]["sub_jobs"][0]]},
        "job_id": job_id,
        "job_type": "createServer",
        "begin_time": "2016-04-25T20:04:34.604Z",
        "end_time": "",
    }
    assert "error_code" not in body["entities"]["sub_jobs"][0]


def test_a_successful_job_has_null_errors(state: State, clock: Clock) -> None:
    job_id = state.start_job()
    clock.now = START + 200

    body = body_of(state, job_id)

    [sub_job] = body.pop("entities")["sub_jobs"]
    assert body == {
        "status": "SUCCESS",
        "job_id": job_id,
        "job_type": "createServer",
        "begin_time": "2016-04-25T20:04:34.604Z",
        "end_time": "2016-04-25T20:06:24.604Z",
        "error_code": None,
        "fail_reason": None,
    }
    assert re.fullmatch(r"[0-9a-f]{32}", sub_job.pop("job_id"))
    assert set(sub_job.pop("entities")) == {"server_id"}
    assert sub_job == {
        "status": "SUCCESS",
        "job_type": "createSingleServer",
        "begin_time": "2016-04-25T20:04:44.604Z",
        "end_time": "2016-04-25T20:06:24.604Z",
        "error_code": None,
        "fail_reason": None,
    }


def test_sub_jobs_finish_one_by_one(state: State, clock: Clock) -> None:
    job_id = state.start_job(sub_jobs=4)
    finished = []
    for elapsed in (10, 35, 60, 85, 110):
        clock.now = START + elapsed
        sub_jobs = body_of(state, job_id)["entities"]["sub_jobs"]
        finished.append(sum(sub_job["status"] == "SUCCESS" for sub_job in sub_jobs))

    assert finished == [0, 1, 2, 3, 4]


def test_a_failing_sub_job_fails_the_parent_with_a_wrapper_code(state: State, clock: Clock) -> None:
    job_id = state.start_job(sub_jobs=3, failing=2, error_code="Ecs.0319", fail_reason="sold out")
    clock.now = START + 110

    body = body_of(state, job_id)

    assert (body["status"], body["error_code"], body["fail_reason"]) == (
        "FAIL",
        "Common.0021",
        "CollectInfoTask-fail",
    )
    sub_jobs = body["entities"]["sub_jobs"]
    assert [sub_job["status"] for sub_job in sub_jobs] == ["FAIL", "FAIL", "SUCCESS"]
    assert sub_jobs[0]["error_code"] == "Ecs.0319"
    assert sub_jobs[0]["fail_reason"] == sub_jobs[0]["entities"]["errorcode_message"] == "sold out"
    assert "errorcode_message" not in sub_jobs[2]["entities"]
    assert list(state.servers()) == [sub_jobs[2]["entities"]["server_id"]]


def test_the_reason_is_not_known_before_the_failure(state: State, clock: Clock) -> None:
    job_id = state.start_job(failing=1)
    clock.now = START + 50

    [sub_job] = body_of(state, job_id)["entities"]["sub_jobs"]

    assert sub_job["status"] == "RUNNING"
    assert set(sub_job["entities"]) == {"server_id"}


def test_a_job_without_sub_jobs_names_its_server_and_its_own_reason(state: State, clock: Clock) -> None:
    good = state.start_job("resizeServer", sub_jobs=0)
    bad = state.start_job("resizeServer", sub_jobs=0, failing=1, error_code="Ecs.0319", fail_reason="sold out")
    clock.now = START + 110

    assert set(body_of(state, good)["entities"]) == {"server_id"}
    assert body_of(state, bad)["error_code"] == "Ecs.0319"
    assert state.servers() == {}


def test_a_job_may_have_its_own_pace(state: State, clock: Clock) -> None:
    job_id = state.start_job(init_seconds=0, run_seconds=1)
    assert body_of(state, job_id)["status"] == "RUNNING"
    clock.now = START + 1
    assert body_of(state, job_id)["status"] == "SUCCESS"


@pytest.mark.parametrize(
    "wrong",
    [
        {"sub_jobs": -1},
        {"sub_jobs": 1001},
        {"failing": 2},
        {"failing": -1},
        {"run_seconds": -1.0},
        {"init_seconds": float("nan")},
    ],
)
def test_impossible_jobs_are_refused(state: State, wrong: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        state.start_job(**wrong)


def test_impossible_durations_are_refused(clock: Clock) -> None:
    with pytest.raises(ValueError, match="run_seconds must be seconds"):
        State(clock=clock, init_seconds=0, run_seconds=float("inf"))


def test_a_finished_job_is_forgotten_after_a_day(state: State, clock: Clock) -> None:
    job_id = state.start_job()
    clock.now = START + 110 + DAY - 1
    assert body_of(state, job_id)["status"] == "SUCCESS"
    clock.now = START + 110 + DAY
    assert state.show_job(job_id) is None


def test_only_the_servers_of_a_page_are_copied(state: State) -> None:
    server = {"name": "a", "imageRef": "i", "flavorRef": "f", "vpcid": "v", "nics": [{"subnet_id": "s"}]}
    server |= {"root_volume": {"volumetype": "SSD"}, "metadata": NeverCopied()}
    submit(state, "create_servers", {"server": server})
    [newest] = create(state)

    found = state.find_servers(lambda servers: Found(servers[:1], len(servers), None))

    assert ([server["id"] for server in found.items], found.total) == ([newest], 2)


def test_a_purged_job_is_unknown(state: State) -> None:
    job_id = state.start_job()
    state.purge_job(job_id)

    assert state.show_job(job_id) is None
    with pytest.raises(KeyError):
        state.purge_job(job_id)


def test_created_servers_exist_when_their_sub_jobs_end(state: State, clock: Clock) -> None:
    server_ids = create(state, 2)
    assert state.servers() == {}
    assert [server["status"] for server in state.all_servers().values()] == ["BUILD", "BUILD"]
    with pytest.raises(ApiError, match=r"Ecs\.0100.*still being created"):
        submit(state, "delete_servers", named(server_ids[0]))

    clock.now = START + 60
    assert list(state.servers()) == [server_ids[0]]
    assert state.servers()[server_ids[0]]["name"] == "a-0001"

    clock.now = START + 110
    assert list(state.servers()) == list(server_ids)


def test_actions_change_servers_when_their_sub_jobs_end(state: State, clock: Clock) -> None:
    [server_id] = create(state)
    clock.now = START + 110
    submit(state, "batch_stop_servers", {"os-stop": named(server_id)})
    assert state.servers()[server_id]["status"] == "ACTIVE"

    clock.now = START + 220
    assert state.servers()[server_id]["status"] == "SHUTOFF"
    job_id = submit(state, "delete_servers", named(server_id)).job_id
    assert server_id in state.servers()

    clock.now = START + 330
    assert state.servers() == {}
    assert body_of(state, job_id)["entities"]["sub_jobs"][0]["entities"]["server_id"] == server_id


def test_a_server_that_is_gone_is_not_changed_any_more(state: State, clock: Clock) -> None:
    first, second = create(state, count=2)
    clock.now = START + 110
    submit(state, "batch_stop_servers", {"os-stop": named(first, second)})  # the second one's part ends last
    clock.now = START + 120
    submit(state, "delete_servers", named(second, first))

    clock.now = START + 500
    assert state.servers() == {}
    assert [server["status"] for server in state.recycle_bin().values()] == ["ACTIVE", "SHUTOFF"]


def test_changing_a_snapshot_changes_no_server(state: State, clock: Clock) -> None:
    [server_id] = create(state)
    clock.now = START + 110
    state.servers()[server_id]["status"] = "stolen"
    state.servers()[server_id]["nics"].clear()

    assert state.servers()[server_id]["status"] == "ACTIVE"
    assert len(state.servers()[server_id]["nics"]) == 1


def test_a_planted_job_answers_its_bodies_in_order(state: State) -> None:
    job_id = state.plant_job(
        {"status": "RUNNING"}, {"code": "Common.0025", "message": "no"}, "<html>", {"status": "FAIL"}
    )

    bodies = [state.show_job(job_id).body for _ in range(5)]

    assert bodies == [
        {"status": "RUNNING", "job_id": job_id},
        {"code": "Common.0025", "message": "no"},
        "<html>",
        {"status": "FAIL", "job_id": job_id},
        {"status": "FAIL", "job_id": job_id},
    ]


def test_a_planted_job_takes_its_id_from_the_argument_or_a_body(state: State) -> None:
    assert state.plant_job({"status": "INIT", "job_id": "from-body"}) == "from-body"
    assert state.plant_job({"status": "INIT"}, job_id="given", http_status=500) == "given"
    assert state.show_job("given") == (500, {"status": "INIT", "job_id": "given"})
    with pytest.raises(ValueError, match="at least one body"):
        state.plant_job()


@given(
    elapsed=st.lists(st.floats(0, 300), min_size=2).map(sorted),
    sub_jobs=st.integers(0, 20),
    data=st.data(),
)
def test_a_job_never_goes_back_and_agrees_with_its_sub_jobs(
    elapsed: list[float], sub_jobs: int, data: st.DataObject
) -> None:
    clock = Clock()
    state = State(clock=clock, init_seconds=10, run_seconds=100)
    failing = data.draw(st.integers(0, max(sub_jobs, 1)))
    job_id = state.start_job(sub_jobs=sub_jobs, failing=failing)
    order = {"INIT": 0, "RUNNING": 1, "SUCCESS": 2, "FAIL": 2}
    reached, ended_before = 0, 0
    for seconds in elapsed:
        clock.now = START + seconds
        body = body_of(state, job_id)
        assert order[body["status"]] >= reached
        reached = order[body["status"]]
        subs = body["entities"].get("sub_jobs", [])
        ended = sum(order[sub_job["status"]] == 2 for sub_job in subs)
        assert ended >= ended_before
        ended_before = ended
        if reached == 2:
            assert ended == len(subs) == sub_jobs
            assert (body["status"] == "FAIL") == (failing > 0)
