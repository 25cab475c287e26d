"""The link from a task to Huawei Cloud's console, and the console's URLs.

The URL of the server list is in public guides, for China and the international site. The URL of a server's page is in
public code only. We found no source for the URL of the European console.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

from airflow_provider_ecsjobs.compat import AIRFLOW_VERSION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.providers.common.compat.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

CONSOLE_XCOM_KEY = "ecs_console_url"
"""The key of the XCom that holds the URL. The web server can't look up the connection, so the task pushes it."""

_ENDPOINT = re.compile(r"ecs\.(?P<region>[a-z0-9-]+)\.myhuaweicloud\.(?P<domain>com|eu)")
_EUROPE = "https://console.eu.huaweicloud.com"
_CHINA = "https://console.huaweicloud.com"
_INTERNATIONAL = "https://console-intl.huaweicloud.com"


class EcsConsoleLink(BaseOperatorLink):
    """The button "ECS console" of a task: the page of its server, or the server list if there are several.

    There is no link for a cloud whose console is not known.
    """

    name = "ECS console"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the URL that the task pushed; empty if there is none."""
        # Airflow 3 calls this in the process that ran the task. There, reading a missing XCom would log an error.
        url: str | None = getattr(operator, "console_url", None)
        if url is None and AIRFLOW_VERSION < (3, 0):
            url = XCom.get_value(key=CONSOLE_XCOM_KEY, ti_key=ti_key)
        return url or ""


def console_url(endpoint: str, server_ids: Sequence[str]) -> str | None:
    """Return the console's URL of a server, or of the server list.

    :param endpoint: the ECS endpoint of a connection.
    :param server_ids: the known servers. One server has a page of its own; several share the server list.
    :return: the URL; ``None`` for a cloud whose console is not known.
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
