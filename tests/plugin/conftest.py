"""Airflow's database with tasks that wait, an auth manager that knows three users, and a client of the pages."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from airflow import __version__ as airflow_version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.testclient import TestClient

collect_ignore_glob = ["test_web_*.py"] if airflow_version.startswith("2.") else []

STARTED = 1_790_000_000.0
DAGS = ("open", "secret")
USERS = {"all": {"open", "secret"}, "half": {"open", "secret"}, "one": {"open"}, "none": set()}
"""The users of the tests, and the DAGs that each may read."""
XCOM_READERS = USERS | {"half": {"open"}}
"""The same users, and the DAGs whose XComs each may read."""


@pytest.fixture(scope="session")
def auth_manager(airflow_db: None) -> Iterator[Any]:
    """Airflow's own simple auth manager, which asks for each DAG here, as others do."""
    from airflow.api_fastapi import app
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
    from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

    class AuthManagerOfDags(SimpleAuthManager):
        shows_plugins = True

        def is_authorized_dag(self, *, user: Any, access_entity: Any = None, details: Any = None, **_: Any) -> bool:
            allowed = (XCOM_READERS if access_entity is DagAccessEntity.XCOM else USERS)[user.username]
            return bool(allowed) if details is None or details.id is None else details.id in allowed

        def is_authorized_view(self, **_: Any) -> bool:
            return self.shows_plugins

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "of the tests, " * 8)
        manager = AuthManagerOfDags()
        patch.setattr(app._AuthManagerState, "instance", manager)
        yield manager


@dataclass
class Pages:
    """The pages, as mounted in an API server, and the tokens of the users."""

    client: TestClient
    tokens: dict[str, str]
    base_path: str = ""

    def get(self, path: str, user: str | None = "all", **options: Any) -> Any:
        """Ask for a page or its data, with the user's token in a cookie."""
        headers = options.pop("headers", {})
        if user is not None:
            headers["Cookie"] = f"_token={self.tokens.get(user, user)}"
        return self.client.get(f"{self.base_path}/ecsjobs{path}", headers=headers, follow_redirects=False, **options)


@pytest.fixture
def tokens(auth_manager: Any) -> dict[str, str]:
    """Return a token of each user."""
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    users = (SimpleAuthManagerUser(username=name, role="USER") for name in USERS)
    return {user.username: auth_manager.generate_jwt(user, expiration_time_in_seconds=600) for user in users}


def pages_at(base_path: str, tokens: dict[str, str], patch: pytest.MonkeyPatch) -> Pages:
    """Mount the pages as Airflow does, below a path."""
    from fastapi import FastAPI
    from starlette.testclient import TestClient

    from airflow_provider_ecsjobs.plugin.ecs_jobs import PREFIX, LazyApp

    patch.setenv("AIRFLOW__API__BASE_URL", f"http://testserver{base_path}")
    server = FastAPI(root_path=base_path)
    server.mount(PREFIX, LazyApp())
    return Pages(TestClient(server, raise_server_exceptions=True), tokens, base_path)


@pytest.fixture
def pages(tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Pages:
    return pages_at("", tokens, monkeypatch)


class Tasks:
    """Writes tasks that wait into Airflow's database, as the scheduler, a worker and the triggerer do."""

    def __init__(self, session: Any) -> None:
        from airflow.models.dag import DagModel
        from airflow.models.dagbundle import DagBundleModel

        self.session = session
        self.runs: dict[tuple[str, str], int] = {}
        session.add(DagBundleModel(name="tests"))
        session.flush()
        session.add_all([DagModel(dag_id=dag_id, bundle_name="tests", fileloc=__file__) for dag_id in DAGS])
        session.flush()

    def add(
        self,
        dag_id: str = "open",
        task_id: str = "wait",
        record: Any = None,
        *,
        run_id: str = "run",
        map_index: int = -1,
        state: str | None = "deferred",
        console_url: str | None = None,
        **instance: Any,
    ) -> None:
        """Write one task instance, with its trigger and XComs. Further arguments are columns of the task instance."""
        self.add_many(
            [
                {
                    "dag_id": dag_id,
                    "task_id": task_id,
                    "run_id": run_id,
                    "map_index": map_index,
                    "state": state,
                    "record": record,
                    "console_url": console_url,
                    "instance": instance,
                }
            ]
        )

    def add_many(self, tasks: list[dict[str, Any]]) -> None:
        """Write many of them at once."""
        from airflow.models.taskinstance import TaskInstance
        from airflow.models.trigger import Trigger
        from airflow.models.xcom import XComModel
        from sqlalchemy import insert

        now = datetime.now(tz=UTC)
        rows, xcoms, triggers = [], [], []
        for task in tasks:
            where = {key: task[key] for key in ("dag_id", "run_id", "task_id", "map_index")}
            run = self._run(task["dag_id"], task["run_id"])
            trigger_id = None
            if task["state"] == "deferred":
                trigger_id = 1_000 + len(self.runs) * 100_000 + len(triggers) + self._triggers()
                triggers.append(
                    {
                        "id": trigger_id,
                        "classpath": task.get("trigger", TRIGGER),
                        "encrypted_kwargs": "{}",
                        "created_date": now,
                    }
                )
            rows.append(
                {
                    **where,
                    "id": uuid.uuid4(),
                    "state": task["state"],
                    "trigger_id": trigger_id,
                    "try_number": 1,
                    "max_tries": 0,
                    "pool": "default_pool",
                    "pool_slots": 1,
                    "queue": "default",
                    "priority_weight": 1,
                    "operator": "EcsJobSensor",
                    "custom_operator_name": "EcsJobSensor",
                    "start_date": now,
                    "executor_config": {},
                    "next_method": None,
                    **task.get("instance", {}),
                }
            )
            pushed = {"ecs_job": task["record"], "ecs_console_url": task.get("console_url")}
            xcoms += [
                {**where, "dag_run_id": run, "key": key, "value": value, "timestamp": now}
                for key, value in pushed.items()
                if value is not None
            ]
        for model, values in ((Trigger, triggers), (TaskInstance, rows), (XComModel, xcoms)):
            if values:
                self.session.execute(insert(model), values)
        self.session.commit()

    def _triggers(self) -> int:
        from airflow.models.trigger import Trigger
        from sqlalchemy import func, select

        return int(self.session.scalar(select(func.count()).select_from(Trigger)))

    def _run(self, dag_id: str, run_id: str) -> int:
        from airflow.models.dagrun import DagRun
        from airflow.utils.types import DagRunType

        if (dag_id, run_id) not in self.runs:
            now = datetime.now(tz=UTC)
            run = DagRun(
                dag_id=dag_id, run_id=run_id, run_type=DagRunType.MANUAL, run_after=now, start_date=now, state="running"
            )
            self.session.add(run)
            self.session.flush()
            self.runs[dag_id, run_id] = run.id
        return self.runs[dag_id, run_id]


TRIGGER = "airflow_provider_ecsjobs.triggers.ecs_jobs.EcsJobTrigger"


@pytest.fixture
def tasks(airflow_db: None) -> Iterator[Tasks]:
    """Return a writer of tasks; what it wrote is gone afterwards."""
    from airflow.models.dag import DagModel
    from airflow.models.dagbundle import DagBundleModel
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.trigger import Trigger
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    with create_session() as session:
        yield Tasks(session)
        session.rollback()
        for model in (XComModel, TaskInstance, Trigger, DagRun, DagModel):
            if hasattr(model, "dag_id"):
                session.execute(delete(model).where(model.dag_id.in_(DAGS)))
            else:
                session.execute(delete(model))
        session.execute(delete(DagBundleModel).where(DagBundleModel.name == "tests"))


def a_record(**changes: Any) -> dict[str, Any]:
    """Return a record as a trigger publishes it."""
    record = {
        "version": 1,
        "job_id": "2c9eb2c5544cbf6101544f0602af2b4f",
        "job_type": "createServer",
        "status": "RUNNING",
        "started": STARTED,
        "deadline": STARTED + 3600,
        "poll_interval": 60.0,
        "seen_at": STARTED + 60,
        "outcome": None,
        "order_id": "",
        "began": STARTED,
        "ended": None,
        "changed_at": STARTED + 30,
        "total": 4,
        "done": 1,
        "failed": 0,
        "causes": [],
        "sub_jobs": '[["createSingleServer","server","id",  "RUNNING",1790000000.0,null,null]]',
    }
    return record | changes
