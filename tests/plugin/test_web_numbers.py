"""Numbers in a request that the database can't hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.plugin.conftest import a_record

if TYPE_CHECKING:
    from tests.plugin.conftest import Pages, Tasks

JOB = "job?run_id=run&task_id=wait"


@pytest.mark.parametrize("index", [2**31, -2, 10**30])
@pytest.mark.parametrize("place", ["/api/dags/open/", "/dags/open/"])
def test_a_map_index_that_no_task_has_is_refused(pages: Pages, tasks: Tasks, place: str, index: int) -> None:
    tasks.add(record=a_record())

    assert pages.get(f"{place}{JOB}&map_index={index}").status_code == 422
