"""The link from a task to Huawei Cloud's console."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

XCOM_KEY = "ecs_console_url"
"""Under which a task leaves the address: the web server can't look the connection up."""


class EcsConsoleLink(BaseOperatorLink):
    """The button "ECS console" of a task: the page of its server, or the list of servers if there are several.

    There is none for clouds whose console is not known.
    """

    name = "ECS console"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Give the address that the task has left; empty if there is none."""
        # Airflow 3 asks in the process that ran the task; there an XCom that does not exist would log an error.
        known: str | None = getattr(operator, "console_url", None)
        return (XCom.get_value(key=XCOM_KEY, ti_key=ti_key) or "") if known is None else known
