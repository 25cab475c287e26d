"""The requirements of a request on its servers. Each check raises the error of a rule in ``rules``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_ecsjobs.emulator import rules

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_ecsjobs.emulator.planning import CheckedRequest
    from airflow_provider_ecsjobs.emulator.servers import Server

    Precondition = Callable[[Server, CheckedRequest], None]

STOPPED = "SHUTOFF"
STOPS_ITSELF = "withStopServer"


def stopped_or_mode(key: str) -> Precondition:
    """Return the check that a server is stopped, or that the request stops it.

    :param key: the key of the body that holds the ``mode``.
    """

    def check(server: Server, request: CheckedRequest) -> None:
        if server["status"] != STOPPED and request.body[key].get("mode") != STOPS_ITSELF:
            raise rules.NOT_STOPPED.error(server_id=server["id"], status=server["status"])

    return check


def other_flavor(server: Server, request: CheckedRequest) -> None:
    """Check that a resize is to another flavor."""
    if server["flavorRef"] == request.body["resize"]["flavorRef"]:
        raise rules.SAME_FLAVOR.error()


def stopped(server: Server, _: CheckedRequest) -> None:
    """Check that a server to migrate is stopped."""
    if server["status"] != STOPPED:
        raise rules.RUNNING_MIGRATION.error(server_id=server["id"], status=server["status"])


def pay_per_use(rule: rules.Rule) -> Precondition:
    """Return the check that a server is not yearly/monthly.

    :param rule: the rule that is broken otherwise.
    """

    def check(server: Server, _: CheckedRequest) -> None:
        if server["charging_mode"] == "prePaid":
            raise rule.error(server_id=server["id"])

    return check


def one_nic(server: Server, _: CheckedRequest) -> None:
    """Check that a server has at most one NIC."""
    if len(server["nics"]) > 1:
        raise rules.SEVERAL_NICS.error(server_id=server["id"], count=len(server["nics"]))
