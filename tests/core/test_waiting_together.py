"""Waits by the thousand: they come apart, and each keeps little of its job between its polls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs.core.job import Job
from tests.core.samples import JOB_ID, part
from tests.core.virtual_wait import BUSY, GONE, SLOW_DOWN, START, Waiting, seen

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.core.errors import ApiError


class TestSpreading:
    """Spread is 0 here: the least that a pause can be."""

    def test_a_wait_that_has_just_begun_is_spread_and_then_keeps_its_delay(self) -> None:
        waiting = Waiting()
        assert waiting.next_delay(0, 0) == 1
        waiting.at(1, seen())
        assert waiting.next_delay(1, 0) == 9
        waiting.at(10, seen())
        assert waiting.next_delay(10, 0) == 9

    def test_one_that_asked_before_it_paused_is_not(self) -> None:
        waiting = Waiting()
        waiting.at(0, seen())
        assert waiting.next_delay(0, 0) == 9

    @pytest.mark.parametrize("transport_failure", [BUSY, SLOW_DOWN])
    def test_so_is_one_that_comes_out_of_an_outage_once(self, transport_failure: ApiError) -> None:
        waiting = Waiting()
        waiting.at(300, transport_failure)
        waiting.at(302, seen())
        assert waiting.next_delay(302, 0) == pytest.approx(3.02)
        waiting.at(306, seen())
        assert waiting.next_delay(306, 0) == pytest.approx(0.9 * 30.6)

    def test_a_job_that_was_not_known_yet_was_no_failure(self) -> None:
        waiting = Waiting(not_found_grace=60)
        waiting.at(10, GONE)
        waiting.at(12, seen())
        assert waiting.next_delay(12, 0) == 9

    @pytest.mark.parametrize(("late", "pause"), [(0.5, 0.9), (0.9, 0.9), (40, 0.1)])
    def test_so_is_one_that_was_answered_late(self, late: float, pause: float) -> None:
        waiting = Waiting()
        waiting.at(0, seen())
        due = waiting.next_delay(0, 0.5)
        waiting.at(due + late, seen())
        assert waiting.next_delay(due + late, 0) == pytest.approx(10 * pause)


class TestMemory:
    BEGAN = "2026-03-01T12:00:00.604Z"
    LARGE = seen("RUNNING", [part(), *[part("RUNNING")] * 999], order_id="CS1", begin_time=BEGAN)

    def test_of_a_job_that_goes_on_a_few_facts_are_kept(self) -> None:
        waiting = Waiting()
        waiting.at(10, self.LARGE)
        kept = waiting.wait.job
        assert kept is not None
        assert kept.to_dict() == {
            "job_id": JOB_ID,
            "job_type": "createServer",
            "status": "RUNNING",
            "begin_time": self.BEGAN,
        }

    def test_the_end_tells_of_them(self) -> None:
        waiting = Waiting(deadline=100)
        waiting.at(10, self.LARGE)
        end = waiting.ends_at(100, BUSY)
        assert end.job is not None
        assert (end.job.job_type, end.job.status, end.job.sub_jobs) == ("createServer", "RUNNING", ())
        assert "(last status RUNNING, 1 of 1000 sub-jobs done, 90 s ago)" in end.message

    def test_what_was_seen_at_the_end_itself_is_whole(self) -> None:
        waiting = Waiting(deadline=100)
        waiting.at(10, self.LARGE)
        assert waiting.ends_at(100, self.LARGE).job is self.LARGE

    @pytest.mark.parametrize("fields", [{"begin_time": None}, {"begin_time": 5}, {"job_type": None}, {"job_type": []}])
    def test_odd_facts_do_no_harm(self, fields: dict[str, Any]) -> None:
        waiting = Waiting(deadline=30)
        waiting.at(10, seen("RUNNING", **fields))
        waiting.at(20, BUSY)
        assert waiting.wait.give_up(START + 30).job is not None

    def test_the_texts_that_many_jobs_share_are_there_once(self) -> None:
        waits = [Waiting(), Waiting()]
        for waiting in waits:
            waiting.at(10, Job({**seen().raw, "job_type": "".join(["create", "Server"])}))
        kept = [waiting.wait.job for waiting in waits]
        assert kept[0] is not None
        assert kept[1] is not None
        assert kept[0].raw["job_type"] is kept[1].raw["job_type"]
