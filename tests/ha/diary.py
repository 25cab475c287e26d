"""What an Airflow on PostgreSQL went through: the diary of its task instances, and who holds which wait."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg2

from tests.live.timeline import timelines_of

if TYPE_CHECKING:
    from tests.live.timeline import Timeline

_DIARY = """
CREATE TABLE live_state_change (
    id bigserial PRIMARY KEY, at timestamptz DEFAULT clock_timestamp(),
    dag_id text, run_id text, task_id text, map_index integer, state text
);
CREATE FUNCTION live_note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO live_state_change (dag_id, run_id, task_id, map_index, state)
        VALUES (NEW.dag_id, NEW.run_id, NEW.task_id, NEW.map_index, NEW.state);
    RETURN NULL;
END $$;
CREATE TRIGGER live_state_insert AFTER INSERT ON task_instance FOR EACH ROW EXECUTE FUNCTION live_note();
CREATE TRIGGER live_state_update AFTER UPDATE OF state ON task_instance FOR EACH ROW
    WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION live_note();
"""


class Held(NamedTuple):
    """A wait in flight: the triggerer that holds it, None if none does yet, and the deadline it was given."""

    triggerer: int | None
    deadline: float | None


class PostgresDiary:
    """The diary of an Airflow on PostgreSQL, and a look at what it works on.

    :param url: its database, as libpq takes it.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    def keep(self) -> None:
        """Make a freshly created Airflow database note each change of a task instance's state."""
        self._run(_DIARY)

    def timelines(self, dag_id: str, run_id: str) -> list[Timeline]:
        """Return the timeline of each task instance of a DAG run, in the order in which they started."""
        rows = self._run(
            "SELECT task_id, map_index, coalesce(state, 'none'), at FROM live_state_change"
            " WHERE dag_id = %s AND run_id = %s ORDER BY id",
            dag_id,
            run_id,
        )
        return timelines_of(rows)

    def states(self, dag_id: str, run_id: str) -> dict[str, str]:
        """Return the state of each task of a run."""
        query = "SELECT task_id, coalesce(state, 'none') FROM task_instance WHERE dag_id = %s AND run_id = %s"
        return dict(self._run(query, dag_id, run_id))

    def tries(self, dag_id: str, run_id: str) -> dict[str, int]:
        """Return how many tries each task of a run has had."""
        query = "SELECT task_id, try_number FROM task_instance WHERE dag_id = %s AND run_id = %s"
        return dict(self._run(query, dag_id, run_id))

    def processes(self, dag_id: str, run_id: str) -> dict[str, int]:
        """Return the process of each task of a run that a worker is at."""
        query = "SELECT task_id, pid FROM task_instance WHERE dag_id = %s AND run_id = %s AND state = 'running'"
        return {task_id: pid for task_id, pid in self._run(query, dag_id, run_id) if pid}

    def held(self, dag_id: str) -> dict[str, Held]:
        """Return the waits in flight by task id."""
        rows = self._run(
            "SELECT task_id, triggerer_id, kwargs FROM task_instance JOIN trigger ON trigger.id = trigger_id"
            " WHERE dag_id = %s AND state = 'deferred'",
            dag_id,
        )
        return {task_id: Held(triggerer, _deadline(kwargs)) for task_id, triggerer, kwargs in rows}

    def triggerers(self) -> list[int]:
        """Return the job ids of the triggerers that beat, the one started last at the end."""
        rows = self._run(
            "SELECT id FROM job WHERE job_type = 'TriggererJob' AND state = 'running' AND end_date IS NULL ORDER BY id"
        )
        return [job_id for (job_id,) in rows]

    def _run(self, statement: str, *values: Any) -> list[Any]:
        with contextlib.closing(psycopg2.connect(self._url)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []


def _deadline(kwargs: str) -> float | None:
    """Take the deadline out of a trigger's arguments, as Airflow has serialized them."""
    arguments = json.loads(kwargs)
    arguments = arguments.get("__var", arguments)
    return arguments["deadline"]
