"""The database queries of the pages: the task instance, and the record that it or its trigger published."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow.models.taskinstance import TaskInstance
from airflow.models.trigger import Trigger
from airflow.models.xcom import XComModel
from sqlalchemy import String, and_, case, cast, exists, func, or_, select
from sqlalchemy.orm import aliased

from airflow_provider_ecsjobs.core.job_snapshot import shown_record
from airflow_provider_ecsjobs.links.ecs_console import CONSOLE_XCOM_KEY
from airflow_provider_ecsjobs.publishing import END_XCOM_KEY, XCOM_KEY

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

TRIGGER = "airflow_provider_ecsjobs.triggers.ecs_jobs.EcsJobTrigger"
PAGE_SIZE = 50
OVER = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})
"""States that a task does not leave, unless a user clears it."""
QUEUED = ("scheduled", "queued")
"""States of a task before each run in a worker: the first of a try, one after a deferral, and each poke."""

_record = XComModel.value
_end = aliased(XComModel)


def _is_of_task(xcom: Any, key: str) -> Any:
    """Return the condition that an XCom is the one of a task instance with this key."""
    return and_(
        xcom.dag_id == TaskInstance.dag_id,
        xcom.run_id == TaskInstance.run_id,
        xcom.task_id == TaskInstance.task_id,
        xcom.map_index == TaskInstance.map_index,
        xcom.key == key,
    )


_has_ended = exists().where(_is_of_task(_end, END_XCOM_KEY))


def _number(name: str) -> Any:
    """Return a number of the record. Anything else is null: PostgreSQL ends the whole query where it can't convert."""
    # SQLite's function for this takes a text only, and a number in JSON is none there.
    text = cast(_record[name].as_string(), String)
    is_number = text.regexp_match(r"^-?[0-9]{1,15}(\.[0-9]{1,15})?$")
    return case((is_number, _record[name].as_float()))


_is_unfinished = and_(XComModel.key.is_not(None), _record["outcome"].as_string().is_(None), ~_has_ended)
_waits = or_(
    and_(TaskInstance.state == "deferred", Trigger.classpath == TRIGGER),
    # The record that it published identifies a task that waits in a worker.
    and_(TaskInstance.state.in_(("running", "up_for_reschedule")), _is_unfinished),
    # A rescheduled sensor is queued before each poke. It is in the same try then, and was not deferred.
    and_(
        TaskInstance.state.in_(QUEUED),
        TaskInstance.next_method.is_(None),
        _number("try") == TaskInstance.try_number,
        _is_unfinished,
    ),
)
_FIELDS = (
    *("job_id", "job_type", "status", "total", "done", "failed"),
    *("started", "deadline", "poll_interval", "refresh", "seen_at", "changed_at"),
)
_started = _number("started")
SORTS: Mapping[str, tuple[Any, ...]] = {
    "task": (TaskInstance.dag_id, TaskInstance.task_id, TaskInstance.map_index),
    "run": (TaskInstance.run_id,),
    "job": (_record["job_type"].as_string(), _record["job_id"].as_string()),
    "status": (_record["status"].as_string(),),
    "progress": (
        _number("done") / func.nullif(_number("total"), 0.0),
        _number("total"),
    ),
    # Tasks without a record have the time of Airflow. No function makes it a number in each database.
    "waited": (case((_started.is_(None), 1), else_=0), _started, TaskInstance.start_date),
    "deadline": (_number("deadline"),),
    "changed": (_number("changed_at"),),
}
"""The columns that the list can be sorted by."""
_ROW_ID = (TaskInstance.dag_id, TaskInstance.run_id, TaskInstance.task_id, TaskInstance.map_index)


@dataclass(frozen=True)
class ListQuery:
    """The query of the list.

    :param search: a text that must be in the task, the run or the job.
    :param status: the job's status; empty for all.
    :param sort: one of :data:`SORTS`; ``-`` before it sorts in descending order.
    :param page: the page number, from 1.
    """

    search: str = ""
    status: str = ""
    sort: str = "-waited"
    page: int = 1


def task_and_record(
    session: Session, dag_id: str, run_id: str, task_id: str, map_index: int
) -> tuple[TaskInstance | None, Any, str]:
    """Return a task instance, the record it published, and the address of the console."""
    where = (dag_id, run_id, task_id, map_index)
    task = session.scalar(
        select(TaskInstance).where(*(column == value for column, value in zip(_ROW_ID, where, strict=True)))
    )
    keys = (XComModel.dag_id, XComModel.run_id, XComModel.task_id, XComModel.map_index)
    xcoms = select(XComModel.key, _record).where(
        *(column == value for column, value in zip(keys, where, strict=True)),
        XComModel.key.in_((XCOM_KEY, END_XCOM_KEY, CONSOLE_XCOM_KEY)),
    )
    found = {key: _plain(value) for key, value in session.execute(xcoms)}
    url = found.get(CONSOLE_XCOM_KEY)
    is_console = isinstance(url, str) and url.startswith("https://")
    return task, shown_record(found.get(XCOM_KEY), found.get(END_XCOM_KEY)), str(url) if is_console else ""


def task_of(task: TaskInstance) -> dict[str, Any]:
    """Return what the job page shows of a task instance."""
    return {
        "state": task.state and str(task.state),
        "is_over": str(task.state) in OVER,
        "is_resuming": str(task.state) in QUEUED and task.next_method is not None,
        "try_number": task.try_number,
        "operator": task.custom_operator_name or task.operator,
        "started": _epoch(task.start_date),
        "ended": _epoch(task.end_date),
    }


def waiting_dags(session: Session) -> set[str]:
    """Return the DAGs that have tasks that wait for a job now."""
    return set(session.scalars(_joined(select(TaskInstance.dag_id).distinct()).where(_waits)))


def waits(session: Session, dag_ids: Collection[str], query: ListQuery) -> dict[str, Any]:
    """Return one page of the tasks that wait for a job now.

    :param session: the database session.
    :param dag_ids: the DAGs that the user may read.
    :param query: the filter, the order and the page.
    """
    filters = [_waits, TaskInstance.dag_id.in_(dag_ids)]
    if query.search:
        texts = (*_ROW_ID[:3], _record["job_id"].as_string(), _record["job_type"].as_string())
        # The search is a text, not a pattern.
        escaped = query.search.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
        filters.append(or_(*(cast(text, String).ilike(f"%{escaped}%", escape="\\") for text in texts)))
    if query.status:
        filters.append(_record["status"].as_string() == query.status)
    total = session.scalar(_joined(select(func.count())).where(*filters)) or 0
    page = max(1, min(query.page, -(-total // PAGE_SIZE)))
    named = query.sort.removeprefix("-")
    sort = named if named in SORTS else "waited"
    # The longest wait began first.
    is_descending = query.sort.startswith("-") != (sort == "waited")
    ordered = [column.desc() if is_descending else column for column in SORTS[sort]]
    columns = (*_ROW_ID, TaskInstance.state, TaskInstance.start_date, *(_record[name].label(name) for name in _FIELDS))
    statement = _joined(select(*columns)).where(*filters).order_by(*ordered, *_ROW_ID)
    rows = session.execute(statement.offset((page - 1) * PAGE_SIZE).limit(PAGE_SIZE))
    return {"rows": [_row(row._asdict()) for row in rows], "total": total, "page": page, "page_size": PAGE_SIZE}


def _joined(statement: Any) -> Any:
    return (
        statement.select_from(TaskInstance)
        .outerjoin(Trigger, TaskInstance.trigger_id == Trigger.id)
        .outerjoin(XComModel, _is_of_task(XComModel, XCOM_KEY))
    )


def _row(row: dict[str, Any]) -> dict[str, Any]:
    started = _epoch(row.pop("start_date"))
    is_number = type(row["started"]) in (int, float)
    return {**row, "state": str(row["state"]), "started": row["started"] if is_number else started}


def _plain(value: Any) -> Any:
    """Return an XCom's value as it was pushed: a backend may have written it as a text."""
    if isinstance(value, str) and value[:1] in ('"', "{"):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _epoch(value: datetime | None) -> float | None:
    return None if value is None else value.timestamp()
