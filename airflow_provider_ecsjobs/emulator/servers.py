"""The servers of the emulated project, and its recycle bin. Not locked: the state around it is."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from airflow_provider_ecsjobs.emulator.jobs import timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Server = dict[str, Any]


class UnknownServerError(Exception):
    """A request names a server that does not exist (yet, or any more)."""

    def __init__(self, server_id: str) -> None:
        super().__init__(server_id)
        self.server_id = server_id


class Servers:
    """Servers by id. What happens to a server that is gone has no effect."""

    def __init__(self) -> None:
        self._active: dict[str, Server] = {}
        self._recycled: dict[str, Server] = {}

    def add(self, server_id: str, when: float, **attributes: Any) -> None:
        """Let a server exist.

        :param when: the time of its creation, seconds since the epoch.
        :param attributes: what differs from a plain running pay-per-use server.
        """
        self._active[server_id] = {
            "id": server_id,
            "name": f"ecs-{server_id[:8]}",
            "status": "ACTIVE",
            "imageRef": None,
            "flavorRef": None,
            "vpcid": None,
            "nics": [],
            "volumes": [],
            "dedicated_host_id": None,
            "charging_mode": "postPaid",
            "created": timestamp(when),
            "updated": timestamp(when),
            **attributes,
        }

    def existing(self, server_ids: Iterable[str]) -> list[Server]:
        """Return the servers with these ids.

        :raises UnknownServerError: if one does not exist.
        """
        return [_look_up(self._active, server_id) for server_id in server_ids]

    def check_recycled(self, server_id: str) -> None:
        """Check that a server is in the recycle bin.

        :raises UnknownServerError: if it is not.
        """
        _look_up(self._recycled, server_id)

    def change(self, server_id: str, change: Callable[[Server], object], when: float) -> None:
        """Change a server."""
        server = self._active.get(server_id)
        if server is not None:
            change(server)
            server["updated"] = timestamp(when)

    def recycle(self, server_id: str, when: float) -> None:
        """Move a server into the recycle bin."""
        if server_id in self._active:
            self._recycled[server_id] = {**self._active.pop(server_id), "updated": timestamp(when)}

    def revert(self, server_id: str, when: float) -> None:
        """Bring a server back from the recycle bin."""
        if server_id in self._recycled:
            self._active[server_id] = {**self._recycled.pop(server_id), "updated": timestamp(when)}

    def remove(self, server_id: str) -> None:
        """Remove a server from the recycle bin for good."""
        self._recycled.pop(server_id, None)

    def active(self) -> dict[str, Server]:
        """Return a copy of the servers that exist."""
        return copy.deepcopy(self._active)

    def recycled(self) -> dict[str, Server]:
        """Return a copy of the servers in the recycle bin."""
        return copy.deepcopy(self._recycled)


def _look_up(servers: dict[str, Server], server_id: str) -> Server:
    try:
        return servers[server_id]
    except KeyError:
        raise UnknownServerError(server_id) from None
