"""Example DAGs in a real Airflow, against the ECS emulator, and an account of what happened."""

from __future__ import annotations

import argparse
import contextlib
import re
import shutil
import signal
import sys
import textwrap
import time
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

from airflow_provider_ecsjobs.emulator import Emulator
from tests.live.account import Checks, events_of, failure_text, show_result, show_run
from tests.live.demo_pages import PagesInBrowser, pages_in_browser
from tests.live.job_clock import JobClock
from tests.live.standalone import LiveAirflow

ROOT = Path(__file__).resolve().parents[2]
DAGS = ROOT / "example_dags"

SERVERS, FAILURE, REDEPLOY = "example_ecs_servers", "example_ecs_job_failure", "example_ecs_redeploy"
EXPECTED_STATES = {
    SERVERS: {"create_servers": "success", "use_servers": "success", "delete_servers": "success"},
    FAILURE: {"fails_with_the_reason": "failed", "is_skipped": "skipped"},
    REDEPLOY: {"redeploy_server": "success"},
}
# The tasks that wait for a job, in the order in which they do.
FIRST_WAITING = {"create_servers", "fails_with_the_reason", "is_skipped", "redeploy_server"}
THEN_WAITING = {"delete_servers"}

ENDED = ("success", "failed", "skipped", "upstream_failed")
JOB_SECONDS = 15.0
# Bounds, not expectations: all runs finish within a minute on an idle machine.
RUN_TIMEOUT = 480.0


class Demo(NamedTuple):
    """What the demo works with."""

    airflow: LiveAirflow
    emulator: Emulator
    clock: JobClock
    failing: str
    redeployed: str
    pages: PagesInBrowser


def main() -> int:
    """Run the demo; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.live.demo", description=__doc__)
    parser.add_argument("--keep-running", action="store_true", help="leave Airflow running until Ctrl-C")
    parser.add_argument(
        "--home", type=Path, default=ROOT / ".demo" / "run", help="Airflow's folder; wiped (%(default)s)"
    )
    options = parser.parse_args()
    # Airflow's own handler is not there yet when the first line is printed.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        differences = _demo(options.home, keep_running=options.keep_running)
    except KeyboardInterrupt:
        _say("\nInterrupted; all that the demo had started is stopped.")
        return 130
    except (RuntimeError, TimeoutError) as error:
        _say(f"\nThe demo broke off: {error}\nAirflow's logs are in {options.home}.")
        return 1
    if differences:
        _say("NOT as expected:", *(f"  - {difference}" for difference in differences))
        return 1
    _say("Everything was as expected.")
    return 0


def _demo(home: Path, *, keep_running: bool) -> list[str]:
    # What an earlier demo left behind must not be taken for this one's.
    shutil.rmtree(home, ignore_errors=True)
    clock = JobClock(held=True)
    with Emulator(run_seconds=JOB_SECONDS, clock=clock) as emulator:
        _say(f"Starting Airflow {version('apache-airflow')} in {home}, usually within a minute ...")
        started = time.monotonic()
        checks = Checks()
        with (
            LiveAirflow(home, DAGS, environment=dict([emulator.connection_env()])) as airflow,
            pages_in_browser(airflow, checks) as pages,
        ):
            _say(f"... ready after {time.monotonic() - started:.0f} s")
            failing, redeployed = emulator.start_job(sub_jobs=3, failing=1), emulator.add_server("redeployed")
            demo = Demo(airflow, emulator, clock, failing, redeployed, pages)
            run_ids = _run_all(demo)
            _account(demo, run_ids, checks)
            if keep_running:
                _stay(demo, run_ids)
            _say("Stopping Airflow ...")
    return checks.differences


def _run_all(demo: Demo) -> dict[str, str]:
    """Run the example DAGs at the same time and return their run ids once they have finished."""
    _say(
        f"Running three DAGs at once on jobs of {JOB_SECONDS:.0f} s in the ECS emulator at {demo.emulator.url}:",
        f"  {SERVERS} creates three servers, uses them and deletes them",
        f"  {FAILURE} waits twice for {demo.failing}, one of whose sub-jobs will fail",
        f"  {REDEPLOY} redeploys a server, which must not be done twice",
    )
    started = time.monotonic()
    parameters = {SERVERS: {}, FAILURE: {"job_id": demo.failing}, REDEPLOY: {"server_id": demo.redeployed}}
    run_ids = {dag_id: demo.airflow.trigger(dag_id, conf) for dag_id, conf in parameters.items()}
    # The first tasks of a fresh Airflow are slow to start, on a busy machine more so; no job may end before them.
    _wait_until_waiting(demo, run_ids, FIRST_WAITING)
    demo.pages.see_list(FIRST_WAITING, demo.failing)
    demo.clock.release()
    demo.airflow.wait_until(
        lambda: _seen(demo, run_ids, *ENDED) >= {"create_servers"}, RUN_TIMEOUT, "create_servers to end"
    )
    demo.clock.hold()
    _wait_until_waiting(demo, run_ids, THEN_WAITING)
    demo.clock.release()
    for dag_id, run_id in run_ids.items():
        demo.airflow.wait(dag_id, run_id, RUN_TIMEOUT)
    _say(f"... all finished after {time.monotonic() - started:.0f} s", "")
    return run_ids


def _wait_until_waiting(demo: Demo, run_ids: dict[str, str], tasks: set[str]) -> None:
    """Wait until the tasks wait; one that ended without waiting is a difference to report later."""
    demo.airflow.wait_until(
        lambda: _seen(demo, run_ids, "deferred", *ENDED) >= tasks,
        RUN_TIMEOUT,
        f"{sorted(tasks)} to wait for their jobs",
    )


def _seen(demo: Demo, run_ids: dict[str, str], *states: str) -> set[str]:
    """Return the tasks that are or were in one of these states."""
    return {
        timeline.task_id
        for dag_id, run_id in run_ids.items()
        for timeline in demo.airflow.timelines(dag_id, run_id)
        if timeline.has_been(*states)
    }


def _account(demo: Demo, run_ids: dict[str, str], checks: Checks) -> None:
    for dag_id, run_id in run_ids.items():
        _account_run(demo, dag_id, run_id, checks)
    if checks.differences:
        # What follows rests on these states; why a task failed is what helps now.
        _show_errors(demo, run_ids)
        return
    created = _account_servers(demo, run_ids[SERVERS], checks)
    reason = _account_failure(demo, run_ids[FAILURE], checks)
    _account_emulator(demo, created, reason, checks)
    _account_pages(demo, run_ids, checks)


def _account_run(demo: Demo, dag_id: str, run_id: str, checks: Checks) -> None:
    timelines = demo.airflow.timelines(dag_id, run_id)
    state = demo.airflow.wait(dag_id, run_id, RUN_TIMEOUT)
    _say(show_run(dag_id, state, timelines), "")
    checks.equal(f"state of {dag_id}", state, "failed" if dag_id == FAILURE else "success")
    states = {timeline.task_id: timeline.final_state for timeline in timelines}
    checks.equal(f"states of the tasks of {dag_id}", states, EXPECTED_STATES[dag_id])
    for timeline in timelines:
        if timeline.task_id in FIRST_WAITING | THEN_WAITING:
            held, deferred = timeline.seconds_in("running"), timeline.seconds_in("deferred")
            expected = f"{timeline.task_id}: expected it deferred for the {JOB_SECONDS:.0f} s of its job"
            checks.true(deferred >= JOB_SECONDS, f"{expected}, found {deferred:.1f} s")
            checks.true(held < deferred, f"{timeline.task_id}: held a worker slot for {held:.1f} s")


def _show_errors(demo: Demo, run_ids: dict[str, str]) -> None:
    for dag_id, run_id in run_ids.items():
        for task in demo.airflow.task_instances(dag_id, run_id):
            if task["state"] == "failed":
                text = failure_text(demo.airflow.log_records(dag_id, run_id, task["task_id"]))
                _say(f"Why {task['task_id']} failed:", textwrap.indent(text, "  "), "")


def _account_servers(demo: Demo, run_id: str, checks: Checks) -> list[str]:
    """Show what was created; return the servers' ids."""
    result = demo.airflow.xcom(SERVERS, run_id, "create_servers")
    _say("The result of create_servers, in its XCom:", show_result(result), "")
    servers = list(result["server_ids"])
    checks.equal("status in the result", result["status"], "SUCCESS")
    checks.equal("number of servers in the result", len(set(servers)), 3)
    checks.equal(
        "job id pushed before the wait",
        demo.airflow.xcom(SERVERS, run_id, "create_servers", "job_id"),
        result["job_id"],
    )
    used = events_of(demo.airflow.log_records(SERVERS, run_id, "use_servers"), "Server ")
    checks.equal("what use_servers logged", used, [f"Server {server_id} is there" for server_id in servers])
    deleted = demo.airflow.xcom(SERVERS, run_id, "delete_servers")["server_ids"]
    checks.equal("servers deleted", sorted(deleted), sorted(servers))
    return servers


def _account_failure(demo: Demo, run_id: str, checks: Checks) -> str:
    """Show why the job failed; return that text."""
    records = demo.airflow.log_records(FAILURE, run_id, "fails_with_the_reason")
    text = failure_text(records)
    _say("The failed job's reason, in the log of fails_with_the_reason:", textwrap.indent(text, "  "), "")
    reasons = ("createServer failed: Ecs.0219 No valid host was found (1 of 3 sub-jobs; ", "Exist and cost money: ")
    reasons += ("the job itself: Common.0021 CollectInfoTask-fail", f"ECS job {demo.failing}, project ")
    checks.contains("the failure text", text, *reasons)
    seen = events_of(records, "The job's own reason: ")
    checks.equal("what the failure callback logged", seen, ["The job's own reason: Common.0021 CollectInfoTask-fail"])
    skipped = demo.airflow.log(FAILURE, run_id, "is_skipped")
    checks.contains("the log of is_skipped", skipped, "Ecs.0219 No valid host was found")
    return text


def _account_emulator(demo: Demo, created: list[str], reason: str, checks: Checks) -> None:
    """Show what the cloud has seen: each request that starts a job came once, and no server is left."""
    counters, submissions = demo.emulator.counters, demo.emulator.submissions
    left = set(demo.emulator.servers) - {demo.redeployed}
    _say(
        f"The emulator answered {counters['requests']} requests over {counters['connections']} connections.",
        f"Requests that start a job: {', '.join(submit['operation'] for submit in submissions)}.",
        f"Servers of {SERVERS} left: {len(left & set(created)) or 'none'}."
        f" Of the failed job: {len(left - set(created))}, those it says exist.",
        "",
    )
    submitted = sorted((submit["operation"], sorted(submit["server_ids"])) for submit in submissions)
    expected = [("create_servers", sorted(created)), ("delete_servers", sorted(created))]
    expected += [("execute_server_redeploy", [demo.redeployed])]
    checks.equal("requests that started a job", submitted, expected)
    checks.equal("number of them", counters["submits"], 3)
    existing = reason.rpartition("Exist and cost money: ")[2]
    checks.equal("servers left", left, set(re.findall(r"server ([0-9a-f-]{36})", existing)))
    checks.equal("requests that the emulator rejected as wrongly signed", counters["unauthorized"], 0)


def _account_pages(demo: Demo, run_ids: dict[str, str], checks: Checks) -> None:
    """Show what the page of the failed job tells a user."""
    query = urlencode({"run_id": run_ids[FAILURE], "task_id": "fails_with_the_reason"})
    record = demo.airflow.get(f"/ecsjobs/api/dags/{FAILURE}/job?{query}")["record"] or {}
    _say(
        "The job's page in Airflow's UI, on the button ECS job of the failed task, shows"
        f" {record.get('failed')} of {record.get('total')} sub-jobs as failed.",
        "",
    )
    failure = record.get("failure", {})
    checks.equal("causes on the job's page", failure.get("causes"), [["Ecs.0219 No valid host was found", 1]])
    checks.equal("servers on the job's page", len(failure.get("servers", ())), 2)
    texts = ("Ecs.0219 No valid host was found", "2 servers exist and cost money", demo.failing)
    demo.pages.see_job(FAILURE, run_ids[FAILURE], "fails_with_the_reason", *texts)


def _pages(demo: Demo, run_ids: dict[str, str]) -> list[str]:
    """Return the addresses of both pages."""
    page = f"{demo.airflow.url}/plugin/ecs-jobs"
    tasks = {SERVERS: "create_servers", FAILURE: "fails_with_the_reason"}
    jobs = [
        f"{page}?{urlencode({'dag_id': dag_id, 'run_id': run_ids[dag_id], 'task_id': task_id})}"
        for dag_id, task_id in tasks.items()
    ]
    return [
        "The pages of ECS jobs, in the menu Browse and on each task's button ECS job:",
        f"  all waits: {page}",
        *(f"  a job:     {job}" for job in jobs),
    ]


def _stay(demo: Demo, run_ids: dict[str, str]) -> None:
    """Leave Airflow running until Ctrl-C."""
    port = demo.emulator.url.rpartition(":")[2]
    _say(
        f"Airflow is running; open {demo.airflow.url} (no login). Ctrl-C stops everything.",
        *_pages(demo, run_ids),
        f"Trigger {SERVERS} as it is. For a DAG that asks for a job_id, this starts a job of 60 s",
        '(add "failing": 1 for one that fails):',
        f'  curl -d \'{{"sub_jobs": 3, "run_seconds": 60}}\' http://127.0.0.1:{port}/_emulator/jobs',
    )
    # Ctrl-C is how this is meant to end, so it is no failure.
    with contextlib.suppress(KeyboardInterrupt):
        demo.airflow.serve_forever()


def _say(*lines: str) -> None:
    # Flushed, so that progress is seen when it happens also where the output is a pipe or a file.
    print(*lines, sep="\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
