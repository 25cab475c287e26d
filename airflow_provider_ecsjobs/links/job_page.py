"""The link from a task to the page of its job, which our plugin adds to Airflow's UI."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from airflow.providers.common.compat.sdk import BaseOperatorLink

from airflow_provider_ecsjobs.publishing import is_on

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey


class EcsJobPageLink(BaseOperatorLink):
    """The button "ECS job" of a task, there from the deferral on. There is none where no job is published."""

    name = "ECS job"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the page's address; empty if there is none.

        It is relative, as no worker knows under which address its users see Airflow. The page leads on into Airflow's
        UI, and stays outside it for users whom the UI shows no plugins.
        """
        if not is_on() or not getattr(operator, "do_xcom_push", True):
            return ""
        map_index = -1 if ti_key.map_index is None else ti_key.map_index
        query = {"run_id": ti_key.run_id, "task_id": ti_key.task_id, "map_index": map_index}
        return f"ecsjobs/dags/{quote(ti_key.dag_id, safe='')}/job?{urlencode(query)}"
