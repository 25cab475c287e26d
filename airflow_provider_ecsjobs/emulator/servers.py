"""The servers of the emulated project: their life cycle, volumes and NICs, and the recycle bin.

Not thread-safe; ``State`` locks.
"""

from __future__ import annotations

import copy
import ipaddress
import itertools
import uuid
from typing import TYPE_CHECKING, Any

from airflow_provider_ecsjobs.emulator import rules
from airflow_provider_ecsjobs.emulator.jobs import timestamp
from airflow_provider_ecsjobs.emulator.work import Part, Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from airflow_provider_ecsjobs.emulator.jobs import Failure

    Server = dict[str, Any]


BUILDING, BROKEN = "BUILD", "ERROR"
NOT_CREATED = (BUILDING, BROKEN)
"""The statuses of servers that are not created yet, or failed to be."""

DELETING = Task("deleting")
RESTORING = Task("restoring")

_FIRST_ADDRESS = ipaddress.IPv4Address("192.168.0.10")


def disks_of(server: Server) -> list[str]:
    """Return the ids of a server's disks, the system disk first."""
    return [server["root_volume"], *server["volumes"]]


def plain_server(server_id: str, when: float) -> Server:
    """Return a plain running pay-per-use server.

    :param when: the time of its creation, in seconds since the epoch.
    """
    return {
        "id": server_id,
        "name": f"ecs-{server_id[:8]}",
        "status": "ACTIVE",
        "imageRef": None,
        "flavorRef": None,
        "vpcid": None,
        "nics": [],
        "volumes": [],
        "root_volume": str(uuid.uuid4()),
        "disk_sizes": {},
        "dedicated_host_id": None,
        "charging_mode": "postPaid",
        "tags": [],
        "metadata": {},
        "fault": None,
        "created": timestamp(when),
        "updated": timestamp(when),
    }


class UnknownServerError(Exception):
    """A request names a server that does not exist, not yet or no longer."""

    def __init__(self, server_id: str) -> None:
        super().__init__(server_id)
        self.server_id = server_id


class Servers:
    """Servers by id. A change to a server that no longer exists has no effect.

    :param recycle_bin: deleted servers go into the recycle bin.
    """

    def __init__(self, *, recycle_bin: bool = False) -> None:
        self._recycles = recycle_bin
        self._servers: dict[str, Server] = {}
        self._recycled: dict[str, Server] = {}
        self._tasks: dict[str, list[Task]] = {}
        self._attaching: set[tuple[str, str]] = set()
        self._adding: set[str] = set()
        self._addresses = itertools.count()

    def add(self, server_id: str, when: float, **attributes: Any) -> None:
        """Add a server.

        :param when: the time of its creation, in seconds since the epoch.
        :param attributes: the attributes that differ from a plain running pay-per-use server.
        """
        self._servers[server_id] = {**plain_server(server_id, when), **attributes}

    def building(self, server_id: str, **attributes: Any) -> Part:
        """Return the part of a job that creates a server. It is in BUILD, then ACTIVE or in ERROR."""

        def begin(when: float) -> None:
            self.add(server_id, when, **attributes, status=BUILDING)

        def succeed(when: float) -> None:
            self.change(server_id, lambda server: server.update(status="ACTIVE"), when)

        def fail(when: float, failure: Failure) -> None:
            fault = {"code": 500, "created": timestamp(when), "message": failure.reason}
            self.change(server_id, lambda server: server.update(status=BROKEN, fault=fault), when)

        return Part(server_id, succeed, begin=begin, undo=fail)

    def new_nic(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return a NIC, with the requested port and address, or new ones."""
        address = asked.get("ip_address") or str(_FIRST_ADDRESS + next(self._addresses))
        port_id = asked.get("port_id") or str(uuid.uuid4())
        return {"id": port_id, "subnet_id": asked.get("subnet_id"), "ip_address": address}

    def begin(self, server_id: str, task: Task) -> None:
        """Record that a server has begun a task."""
        self._tasks.setdefault(server_id, []).append(task)

    def end(self, server_id: str, task: Task) -> None:
        """Record that a server has ended a task."""
        self._tasks[server_id].remove(task)

    def existing(self, server_ids: Iterable[str]) -> list[Server]:
        """Return the servers with these ids.

        :raises UnknownServerError: if one does not exist.
        :raises ApiError: if one is being created or deleted, is in ERROR, or has a task that shows in its status.
        """
        found = self.deletable(server_ids)
        for server in found:
            if self.is_leaving(server["id"]):
                raise rules.BEING_DELETED.error(server_id=server["id"])
            if server["status"] == BROKEN:
                raise rules.BROKEN_SERVER.error(server_id=server["id"])
            for task in self._tasks.get(server["id"], ()):
                if task.status:
                    raise rules.BUSY.error(server_id=server["id"], status=task.status)
        return found

    def deletable(self, server_ids: Iterable[str]) -> list[Server]:
        """Return the servers with these ids, including those that are being deleted or are in ERROR.

        :raises UnknownServerError: if one does not exist.
        :raises ApiError: if one is being created.
        """
        found = [_look_up(self._servers, server_id) for server_id in server_ids]
        for server in found:
            if server["status"] == BUILDING:
                raise rules.BEING_BUILT.error(server_id=server["id"])
        return found

    def is_leaving(self, server_id: str) -> bool:
        """Return whether a server is being deleted."""
        return DELETING in self._tasks.get(server_id, ())

    def holders(self, volume_id: str) -> set[str]:
        """Return the ids of the servers that a volume is attached to or being attached to."""
        attached = {server_id for server_id, server in self._servers.items() if volume_id in disks_of(server)}
        return attached | {
            server for server, volume in self._attaching if volume == volume_id and server in self._servers
        }

    def disk_count(self, server_id: str) -> int:
        """Return the number of disks that are attached to a server or being attached to it."""
        attaching = [volume for server, volume in self._attaching if server == server_id]
        return len(disks_of(self._servers[server_id])) + len(attaching)

    def is_system_disk(self, volume_id: str) -> bool:
        """Return whether a volume is the system disk of a server."""
        return any(server["root_volume"] == volume_id for server in self._servers.values())

    def attaching(self, server_id: str, volume_id: str) -> Part:
        """Return the part of a job that attaches a volume."""
        both = (server_id, volume_id)

        def attach(when: float) -> None:
            self._attaching.discard(both)
            self.change(server_id, lambda server: server.update(volumes=[*server["volumes"], volume_id]), when)

        return Part(
            server_id,
            attach,
            begin=lambda _: self._attaching.add(both),
            undo=lambda _, __: self._attaching.discard(both),
        )

    def ports(self) -> set[str]:
        """Return the ids of the NICs that servers have or are getting."""
        return self._adding | {nic["id"] for server in self._servers.values() for nic in server["nics"]}

    def adding_nic(self, server_id: str, nic: Mapping[str, Any]) -> Part:
        """Return the part of a job that adds a NIC."""
        port_id = nic["id"]

        def add(when: float) -> None:
            self._adding.discard(port_id)
            self.change(server_id, lambda server: server["nics"].append(nic), when)

        return Part(
            server_id,
            add,
            port_id,
            begin=lambda _: self._adding.add(port_id),
            undo=lambda _, __: self._adding.discard(port_id),
        )

    def check_recycled(self, server_id: str) -> None:
        """Check that a server is in the recycle bin, and stays there.

        :raises UnknownServerError: if it is not there.
        :raises ApiError: if it is being restored or deleted.
        """
        _look_up(self._recycled, server_id)
        if {DELETING, RESTORING} & set(self._tasks.get(server_id, ())):
            raise rules.LEAVING_RECYCLE_BIN.error(server_id=server_id)

    def change(self, server_id: str, change: Callable[[Server], object], when: float) -> None:
        """Apply a change to a server, and update its time."""
        server = self._servers.get(server_id)
        if server is not None:
            change(server)
            server["updated"] = timestamp(when)

    def delete(self, server_id: str, when: float) -> None:
        """Delete a server, or move it into the recycle bin if there is one."""
        if self._recycles:
            self.recycle(server_id, when)
        else:
            self._servers.pop(server_id, None)

    def recycle(self, server_id: str, when: float) -> None:
        """Move a server into the recycle bin."""
        if server_id in self._servers:
            self._recycled[server_id] = {**self._servers.pop(server_id), "updated": timestamp(when)}

    def revert(self, server_id: str, when: float) -> None:
        """Restore a server from the recycle bin."""
        if server_id in self._recycled:
            self._servers[server_id] = {**self._recycled.pop(server_id), "updated": timestamp(when)}

    def remove(self, server_id: str) -> None:
        """Delete a server permanently from the recycle bin."""
        self._recycled.pop(server_id, None)

    def show(self, server_id: str) -> Server:
        """Return a copy of a server as it is now, with its task.

        :raises UnknownServerError: if it does not exist.
        """
        return copy.deepcopy(self._as_now(_look_up(self._servers, server_id)))

    def shown(self) -> dict[str, Server]:
        """Return copies of all servers as they are now, by id."""
        return {server_id: self.show(server_id) for server_id in self._servers}

    def recycled(self) -> dict[str, Server]:
        """Return a copy of the servers in the recycle bin."""
        return copy.deepcopy(self._recycled)

    def listed(self) -> list[Server]:
        """Return all servers as they are now, newest first. Those in the recycle bin come last.

        Only the servers are copied, not the lists and the like that they hold.
        """
        existing = [{**self._as_now(one), "in_recycle_bin": False} for one in reversed(self._servers.values())]
        recycled = [{**one, "task_state": None, "in_recycle_bin": True} for one in reversed(self._recycled.values())]
        return existing + recycled

    def _as_now(self, server: Server) -> Server:
        tasks = self._tasks.get(server["id"])
        task = tasks[-1] if tasks else Task("")
        return {**server, "status": task.status or server["status"], "task_state": task.name or None}


def _look_up(servers: dict[str, Server], server_id: str) -> Server:
    try:
        return servers[server_id]
    except KeyError:
        raise UnknownServerError(server_id) from None
