"""A create that makes some of its servers: what the task says, keeps and leaves to those who clean up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs.exceptions import EcsJobFailed
from airflow_provider_ecsjobs.operators.servers import EcsCreateServersOperator, EcsDeleteServersOperator
from tests.support.task_runs import Store, TaskRun

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.emulator import Emulator

THREE_REASONS = [
    ("Ecs.0219", "No valid host was found"),
    ("Ecs.0012", "Insufficient IP addresses"),
    ("Ecs.0044", "The disk is sold out"),
]


def create(count: int, **options: Any) -> TaskRun:
    fields = {"name": "web", "flavor": "s6.small.1", "image": "img", "vpc": "vpc", "subnets": ["subnet"]}
    fields |= {"root_volume": "SSD", "count": count, "poll_interval": 0.05, **options}
    return TaskRun(lambda: EcsCreateServersOperator(task_id="task", **fields), store=Store())


def test_the_failure_names_the_servers_that_exist(connected: Emulator) -> None:
    connected.fail_next(failing=1)
    run = create(3)

    with pytest.raises(EcsJobFailed) as caught:
        run.run()

    assert "(1 of 3 sub-jobs; " in str(caught.value)
    assert len(connected.servers) == 2
    assert all(f"server {server}" in str(caught.value) for server in connected.servers)


def test_what_comes_to_clean_up_is_left_the_servers_that_exist(connected: Emulator) -> None:
    connected.fail_next(failing=1)
    run = create(3)
    with pytest.raises(EcsJobFailed):
        run.run()

    clean_up = EcsDeleteServersOperator(
        task_id="clean_up", server_ids=str(run.xcoms["server_ids"]), deferrable=False, poll_interval=0.05
    )
    clean_up.execute(TaskRun(lambda: clean_up).context)

    assert connected.servers == {}


def test_keep_succeeds_with_the_servers_that_exist_in_the_responses_order(connected: Emulator) -> None:
    connected.fail_next(failing=2)
    run = create(5, on_partial_failure="keep")

    result = run.run()

    (made,) = connected.submissions
    assert result["server_ids"] == made["server_ids"][2:] == run.xcoms["server_ids"]
    assert set(result["server_ids"]) == set(connected.servers)
    assert result["status"] == "FAIL"


def test_keep_fails_where_there_is_nothing_to_keep(connected: Emulator) -> None:
    connected.fail_next()

    with pytest.raises(EcsJobFailed):
        create(2, on_partial_failure="keep").run()


def test_keep_holds_for_a_retry_after_the_worker_died(connected: Emulator) -> None:
    connected.fail_next(failing=1)
    run = create(3, on_partial_failure="keep")
    run.start()

    run.retry()
    result = run.run()

    assert len(result["server_ids"]) == 2
    assert connected.counters["submits"] == 1


def test_all_servers_are_given_in_the_responses_order(connected: Emulator) -> None:
    result = create(7).run()

    (made,) = connected.submissions
    assert result["server_ids"] == made["server_ids"]
    assert len(result["server_ids"]) == 7


def test_a_hundred_failures_for_three_reasons_are_read_in_ten_seconds(connected: Emulator) -> None:
    connected.fail_next(failing=120, reasons=THREE_REASONS)

    with pytest.raises(EcsJobFailed) as caught:
        create(300).run()

    lines = str(caught.value).splitlines()
    code, reason = THREE_REASONS[0]
    assert lines[0] == (
        f"createServer failed: {code} {reason} (40 of 300 sub-jobs; 80 more failed for other reasons;"
        " the job itself: Common.0021 CollectInfoTask-fail)"
    )
    assert [line.partition(": createSingleServer, server ")[0] for line in lines if "Failed:" in line] == [
        f"  Failed: 40 x {code} {reason}" for code, reason in THREE_REASONS
    ]
    assert lines[-2].startswith("  Exist and cost money: server ")
    assert lines[-2].endswith(" and 160 more")
    assert lines[-1].startswith("  ECS job ")
    assert len(lines) < 10
    assert len(str(caught.value)) < 2500
