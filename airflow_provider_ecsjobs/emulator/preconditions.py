"""What a server must be like for a request; each check raises what ``rules`` says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_ecsjobs.emulator import rules

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_ecsjobs.emulator.planning import Call
    from airflow_provider_ecsjobs.emulator.servers import Server

    Precondition = Callable[[Server, Call], None]

STOPPED = "SHUTOFF"
STOPS_ITSELF = "withStopServer"


def stopped_or_mode(key: str) -> Precondition:
    """Make the check that a server is stopped, or that the request stops it.

    :param key: the key of the body that holds the ``mode``.
    """

    def check(server: Server, call: Call) -> None:
        if server["status"] != STOPPED and call.body[key].get("mode") != STOPS_ITSELF:
            raise rules.NOT_STOPPED.refusal(server_id=server["id"], status=server["status"])

    return check


def other_flavor(server: Server, call: Call) -> None:
    """Check that a resize is to another flavor."""
    if server["flavorRef"] == call.body["resize"]["flavorRef"]:
        raise rules.SAME_FLAVOR.refusal()


def stopped(server: Server, _: Call) -> None:
    """Check that a server to migrate is stopped."""
    if server["status"] != STOPPED:
        raise rules.RUNNING_MIGRATION.refusal(server_id=server["id"], status=server["status"])


def pay_per_use(rule: rules.Rule) -> Precondition:
    """Make the check that a server is no yearly/monthly one.

    :param rule: what says so.
    """

    def check(server: Server, _: Call) -> None:
        if server["charging_mode"] == "prePaid":
            raise rule.refusal(server_id=server["id"])

    return check


def one_nic(server: Server, _: Call) -> None:
    """Check that a server has no second NIC."""
    if len(server["nics"]) > 1:
        raise rules.SEVERAL_NICS.refusal(server_id=server["id"], count=len(server["nics"]))
