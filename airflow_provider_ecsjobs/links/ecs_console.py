"""The link from a task to Huawei Cloud's console, and where a server is found there.

The address of the list stands in public guides, for China and the international site. That of a server's page stands in
public code alone, and that of the European console nowhere that was found.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.providers.common.compat.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

XCOM_KEY = "ecs_console_url"
"""Under which a task leaves the address: the web server can't look the connection up."""

_ENDPOINT = re.compile(r"ecs\.(?P<region>[a-z0-9-]+)\.myhuaweicloud\.(?P<domain>com|eu)")
_EUROPE = "https://console.eu.huaweicloud.com"
_CHINA = "https://console.huaweicloud.com"
_INTERNATIONAL = "https://console-intl.huaweicloud.com"


class EcsConsoleLink(BaseOperatorLink):
    """The button "ECS console" of a task: the page of its server, or the list of servers if there are several.

    There is none for clouds whose console is not known.
    """

    name = "ECS console"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Give the address that the task has left; empty if there is none."""
        # Airflow 3 asks in the process that ran the task; there an XCom that does not exist would log an error.
        url: str | None = getattr(operator, "console_url", None)
        if url is None and not AIRFLOW_V_3_0_PLUS:
            url = XCom.get_value(key=XCOM_KEY, ti_key=ti_key)
        return url or ""


def console_url(endpoint: str, server_ids: Sequence[str]) -> str | None:
    """Return the console's address of a server, or of the list of servers.

    :param endpoint: the ECS endpoint of a connection.
    :param server_ids: the servers that are known; only of a single one there is a page.
    :return: the address; ``None`` for a cloud whose console is not known.
    """
    found = _ENDPOINT.fullmatch(urlsplit(endpoint).hostname or "")
    if found is None:
        return None
    region = found["region"]
    console = _CHINA if region.startswith("cn-") else _INTERNATIONAL
    if found["domain"] == "eu":
        console = _EUROPE
    page = "/ecs/manager/vmList"
    if len(server_ids) == 1:
        page += f"/vmDetail/basicinfo?instanceId={quote(server_ids[0], safe='')}"
    return f"{console}/ecm/?region={region}#{page}"
