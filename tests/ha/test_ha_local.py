"""PostgreSQL, two triggerers and the LocalExecutor: no part of Airflow takes a wait with it when it goes away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.ha import scenarios
from tests.ha.cluster import trial_of
from tests.ha.judgement import assert_all_ended_right

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.live, pytest.mark.timeout(7200)]


def test_nothing_is_lost_with_the_local_executor(tmp_path: Path, count: int, outage: float) -> None:
    with trial_of(tmp_path, count) as trial:
        trial.begin()
        scenarios.kill_scheduler_while_waits_start(trial)
        scenarios.kill_a_triggerer(trial, 0)
        scenarios.restart_the_other_triggerer(trial, 1)
        scenarios.restart_api_server(trial, 2)
        scenarios.stop_the_cloud(trial, 3, outage)
        scenarios.kill_scheduler_while_waits_resume(trial, 4)
        assert_all_ended_right(trial)
