"""Ways in which something was done twice, or an answer was lost, before the decision was one table.

Histories in general are in ``test_submit_histories.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs.emulator import Emulator, Fault
from airflow_provider_ecsjobs.exceptions import (
    EcsApiError,
    EcsOutcomeUnknownNoRetry,
)
from airflow_provider_ecsjobs.operators.ecs_jobs import EcsSubmitJobOperator
from airflow_provider_ecsjobs.operators.servers import (
    EcsCreateServersOperator,
    EcsDeleteServersOperator,
    EcsRebootServersOperator,
)
from tests.support.submit_runs import Killed, Run
from tests.support.task_runs import QUICK, Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.usefixtures("quick_backoff", "short_pauses")
SERVER = {"name": "web", "flavor": "f", "image": "i", "vpc": "v", "subnets": ["s"], "root_volume": "SSD"}


def reboot(servers: Any, *, retries: int = 2, **options: Any) -> Run:
    return Run(
        lambda: EcsRebootServersOperator(task_id="task", server_ids=servers, retries=retries, **QUICK, **options),
        store=Store(),
        retries=retries,
    )


def test_a_clear_of_another_task_and_an_edit_of_retries_are_no_clear(
    connected: Emulator, log_text: Callable[[], str]
) -> None:
    retries = 1
    run = Run(
        lambda: EcsCreateServersOperator(task_id="task", retries=retries, **SERVER, **QUICK), store=Store(), retries=1
    )
    first = run.resume(run.start())

    retries = 3
    run.clears += 1  # another task of the run is cleared
    run.retry()  # the worker was killed while it resumed
    log_text()

    assert run.run() == first
    assert connected.counters["submits"] == 1
    assert "clear it once more" in log_text()
    run.clear()
    run.run()
    assert connected.counters["submits"] == 2


def test_a_clear_that_an_edit_of_retries_hides_goes_on_with_the_job(
    connected: Emulator, log_text: Callable[[], str]
) -> None:
    retries = 3
    run = Run(
        lambda: EcsCreateServersOperator(task_id="task", retries=retries, **SERVER, **QUICK), store=Store(), retries=3
    )
    first = run.run()

    retries = 2
    run.clear()

    assert run.ti.max_tries == 3  # as before: it alone would not tell
    assert run.run() == first
    assert "had 3 when it submitted, so a clear of it may look like a retry" in log_text()
    run.clear()
    assert run.run()["server_ids"] != first["server_ids"]


def test_a_body_that_names_the_try_is_not_sent_again_after_a_success(
    connected: Emulator, log_text: Callable[[], str]
) -> None:
    servers, run = [connected.add_server(), connected.add_server()], None

    def make() -> Any:
        assert run is not None
        kind = "SOFT" if run.ti.try_number == 1 else "HARD"  # "{{ 'SOFT' if ti.try_number == 1 else 'HARD' }}"
        body = {"reboot": {"type": kind, "servers": [{"id": server} for server in servers]}}
        return EcsSubmitJobOperator(task_id="task", operation="batch_reboot_servers", body=body, **QUICK)

    run = Run(make, store=Store())
    first = run.run()

    run.retry()  # the worker was killed while it resumed

    assert run.run() == first
    assert connected.counters["submits"] == 1
    assert "the request is another one now than the one that was sent" in log_text()


class OtherWayRound(frozenset[str]):
    """A set as another process iterates over it."""

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(super().__iter__(), reverse=True))


@pytest.mark.parametrize("make", [set, OtherWayRound])
def test_a_set_is_the_same_request_in_each_process(make: Any) -> None:
    ids = [f"6b1a3f44-0000-4000-8000-00000000000{number}" for number in range(9)]
    expected = EcsRebootServersOperator(task_id="task", server_ids=ids)._request().payload
    body = {"delete_volume": True, "servers": [{"id": "a"}], "of_a_set": make(ids)}

    assert EcsRebootServersOperator(task_id="task", server_ids=make(ids))._request().payload == expected
    deletion = EcsDeleteServersOperator(task_id="task", server_ids=["a"], body=body)._request()
    assert deletion.body is not None
    assert deletion.body["of_a_set"] == ids


def test_what_must_not_be_repeated_is_sent_again_by_a_clear_only_after_the_user_was_told(
    connected: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = reboot([connected.add_server()], retries=0)
    run.is_killed_while_its_request_is_out(connected, monkeypatch)

    run.clear()  # of the red task, or while a slow submit is out

    with pytest.raises(
        EcsOutcomeUnknownNoRetry, match=r"Check whether the servers have rebooted\. Then clear the task"
    ):
        run.run()
    assert connected.counters["submits"] == 1
    run.clear()
    assert run.run()["status"] == "SUCCESS"
    assert connected.counters["submits"] == 2


def test_a_worker_that_dies_as_it_tells_the_user_has_told_them(
    connected: Emulator, monkeypatch: pytest.MonkeyPatch, log_text: Callable[[], str]
) -> None:
    run = reboot([connected.add_server()])
    run.is_killed_while_its_request_is_out(connected, monkeypatch)
    assert run.store is not None
    write = run.store.set

    def dying(key: str, value: Any) -> None:
        write(key, value)
        raise Killed

    run.retry()
    log_text()
    with monkeypatch.context() as patch:
        patch.setattr(run.store, "set", dying)
        with pytest.raises(Killed):
            run.start()

    assert "Check whether the servers have rebooted. Then clear the task" in log_text()
    run.clear()
    assert run.run()["status"] == "SUCCESS"


def test_a_lost_answer_tells_the_user_once_so_one_clear_is_enough(connected: Emulator) -> None:
    run = reboot([connected.add_server()])
    connected.fault(Fault(path="/action$", reset="after"))
    with pytest.raises(EcsOutcomeUnknownNoRetry):
        run.run()

    run.clear()

    assert run.run()["status"] == "SUCCESS"


def test_a_record_that_was_not_told_of_is_told_of_first(connected: Emulator) -> None:
    """Version 0.1.0 did not note whether it had told the user."""
    run = reboot([connected.add_server()])
    assert run.store is not None
    run.store.set("ecs_submit", {"operation": "batch_reboot_servers", "max_tries": 2, "submitted_at": 1.0})
    for again in (run.clear, run.retry):
        again()
        with pytest.raises(EcsOutcomeUnknownNoRetry):
            run.run()
    assert connected.counters["submits"] == 0
    run.clear()
    assert run.run()["status"] == "SUCCESS"


class StoppedServer(Store):
    """A store whose API server stops as the answer comes."""

    is_stopped = False

    def set(self, key: str, value: Any) -> None:
        if value["job_id"] is not None:
            self.is_stopped = True
        if self.is_stopped:
            raise RuntimeError("the API server is stopped")
        super().set(key, value)


def test_an_answer_that_could_not_be_stored_is_in_the_log_and_nothing_false_is_said(
    connected: Emulator, log_text: Callable[[], str]
) -> None:
    run = reboot([connected.add_server()])
    run.store = StoppedServer()
    run.ti.xcom_push = lambda key, value: (_ for _ in ()).throw(RuntimeError("the API server is stopped"))
    run.start()
    (made,) = connected.submissions
    assert f"submitted: ECS job {made['job_id']}" in log_text()

    run.store.is_stopped = False
    run.retry()

    with pytest.raises(EcsOutcomeUnknownNoRetry) as caught:
        run.run()
    assert "its worker ended before" not in str(caught.value)
    assert "its response was not recorded" in str(caught.value)
    assert "the log of that try names the job" in str(caught.value)
    assert connected.counters["submits"] == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_taken_for_a_request_that_never_arrived(connected: Emulator, status: int) -> None:
    connected.fault(Fault(method="POST", status=status, headers={"Location": "/elsewhere"}, body=""))

    with pytest.raises(EcsOutcomeUnknownNoRetry, match="a redirect to /elsewhere, which is not followed"):
        reboot([connected.add_server()]).run()

    assert [request["method"] for request in connected.requests] == ["POST"]


def test_an_order_of_servers_without_a_job_says_that_they_come_when_it_is_paid(
    connected: Emulator, log_text: Callable[[], str]
) -> None:
    server = "1c74e090-c569-4b52-9eaa-fd34776cec28"
    connected.fault(Fault(method="POST", status=200, body={"order_id": "CS1", "job_id": None, "serverIds": [server]}))
    run = Run(lambda: EcsCreateServersOperator(task_id="task", **SERVER, **QUICK), store=Store())

    result = run.run()

    assert result == {"job_id": None, "order_id": "CS1", "server_ids": [server]}
    said = f"placed the order CS1 for the servers {server} and named no job to wait for: the servers are created once"
    assert said in log_text()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"job_id": "../no-job", "order_id": "CS1", "serverIds": ["a-server"]}, "It names order CS1, servers a-server"),
        ({"serverIds": ["a-server", "another"]}, "it names the servers a-server, another"),
    ],
)
def test_what_an_answer_without_a_job_names_is_not_lost(connected: Emulator, answer: Any, said: str) -> None:
    connected.fault(Fault(method="POST", status=200, body=answer))

    with pytest.raises(EcsOutcomeUnknownNoRetry, match=said):
        reboot([connected.add_server()]).run()


@pytest.mark.parametrize("status", [503, 401])
def test_a_job_that_can_not_be_seen_is_not_submitted_beside(connected: Emulator, status: int) -> None:
    meant = [connected.add_server("first")]
    run = Run(lambda: EcsRebootServersOperator(task_id="task", server_ids=meant, **QUICK), store=Store())
    run.start()

    meant[:] = [connected.add_server("second")]
    run.clear()
    connected.fault(Fault(path="/jobs/", status=status, times=99, body={"error": {"code": "Common.0013"}}))

    with pytest.raises(EcsApiError, match=r"may still run .*, and the task's parameters have changed since"):
        run.start()
    assert connected.counters["submits"] == 1


def test_another_operation_is_another_request(connected: Emulator) -> None:
    server, operations = connected.add_server(), iter(["batch_reboot_servers", "batch_stop_servers"])

    def make() -> Any:
        operation = next(operations)
        key = "reboot" if "reboot" in operation else "os-stop"
        body = {key: {"type": "SOFT", "servers": [{"id": server}]}}
        return EcsSubmitJobOperator(task_id="task", operation=operation, body=body, **QUICK)

    run = Run(make, store=Store())
    run.start()

    run.retry()

    assert run.run()["job_id"] == connected.submissions[0]["job_id"]
    assert connected.counters["submits"] == 1


def test_a_dry_run_between_leaves_the_record_alone(connected: Emulator) -> None:
    is_dry = False
    run = Run(lambda: EcsCreateServersOperator(task_id="task", dry_run=is_dry, **SERVER, **QUICK), store=Store())
    first = run.run()

    is_dry = True
    run.retry()
    assert run.run()["job_id"] is None

    is_dry = False
    run.retry()
    assert run.run() == first
    assert connected.counters["submits"] == 1
