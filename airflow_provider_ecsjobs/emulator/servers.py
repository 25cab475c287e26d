"""The servers of the emulated project, their volumes and NICs, and its recycle bin.

Not locked: the state around it is.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from airflow_provider_ecsjobs.emulator import errors
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
        self._leaving: set[str] = set()
        self._attaching: set[tuple[str, str]] = set()

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
        :raises ApiError: if one is being deleted.
        """
        found = self.deletable(server_ids)
        for server in found:
            if server["id"] in self._leaving:
                raise errors.leaving_server(server["id"])
        return found

    def deletable(self, server_ids: Iterable[str]) -> list[Server]:
        """Return the servers with these ids, also those that are being deleted.

        :raises UnknownServerError: if one does not exist.
        """
        return [_look_up(self._active, server_id) for server_id in server_ids]

    def is_leaving(self, server_id: str) -> bool:
        """Whether a server is being deleted."""
        return server_id in self._leaving

    def leave(self, server_id: str) -> None:
        """Note that a server is being deleted."""
        self._leaving.add(server_id)

    def holders(self, volume_id: str) -> set[str]:
        """Return the ids of the servers that a volume is attached to, or just being attached to."""
        attached = {server_id for server_id, server in self._active.items() if volume_id in server["volumes"]}
        return attached | {
            server for server, volume in self._attaching if volume == volume_id and server in self._active
        }

    def attaching(self, server_id: str, volume_id: str) -> None:
        """Note that a volume is being attached."""
        self._attaching.add((server_id, volume_id))

    def attach(self, server_id: str, volume_id: str, when: float) -> None:
        """Attach a volume."""
        self._attaching.discard((server_id, volume_id))
        self.change(server_id, lambda server: server.update(volumes=[*server["volumes"], volume_id]), when)

    def has_nic(self, nic_id: str) -> bool:
        """Whether a NIC is one of any server's."""
        return any(nic["id"] == nic_id for server in self._active.values() for nic in server["nics"])

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
        self._leaving.discard(server_id)
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
