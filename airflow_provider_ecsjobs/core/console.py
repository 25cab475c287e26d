"""Where a server is found in Huawei Cloud's console.

The address of the list stands in public guides, for China and the international site; that of a server's page in public
code alone, and that of the European console nowhere that was found.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence

_ENDPOINT = re.compile(r"ecs\.(?P<region>[a-z0-9-]+)\.myhuaweicloud\.(?P<domain>com|eu)")
_EUROPE = "https://console.eu.huaweicloud.com"
_CHINA = "https://console.huaweicloud.com"
_INTERNATIONAL = "https://console-intl.huaweicloud.com"


def console_url(endpoint: str, server_ids: Sequence[str]) -> str | None:
    """Give the console's address of a server, or of the list of servers.

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
