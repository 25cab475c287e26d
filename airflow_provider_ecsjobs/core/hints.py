"""The hints on error codes of failed jobs and of rejected requests: what a user can do.

Error codes: *ECS API Reference, Returned Values for General Requests*.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

HINTS: Mapping[str, str] = {
    "Ecs.0001": "the quota of servers, vCPUs or memory is used up; delete servers, or ask for a higher quota",
    "Ecs.0012": "the subnet has no free IP addresses; use another subnet, or release addresses",
    "Ecs.0013": "the quota of elastic IPs is used up; release some, or ask for a higher quota",
    "Ecs.0019": "the flavor has been withdrawn; choose another flavor",
    "Ecs.0021": "the quota of disks or of their size is used up; delete disks, or ask for a higher quota",
    "Ecs.0022": "the quota of server groups is used up; delete groups, or ask for a higher quota",
    "Ecs.0029": "the flavor does not exist here, or has been withdrawn; check its name, or choose another flavor",
    "Ecs.0030": "the account is frozen; see the Billing Center of the console",
    "Ecs.0044": "this disk type is sold out in the availability zone; choose another zone or disk type",
    "Ecs.0066": "the account has not passed real-name authentication; complete it in the console",
    "Ecs.0067": "the account's balance does not suffice; top it up",
    "Ecs.0069": "the account has no payment method; add one in the Billing Center of the console",
    "Ecs.0070": "the budget is used up; raise it, or ask who set it",
    "Ecs.0071": "the account is suspended; see the Billing Center of the console",
    "Ecs.0100": "the server is in a state that does not allow this; stop it first, or wait for what it is doing",
    "Ecs.0103": "the disk is not available; check that it exists, and is not attached to another server",
    "Ecs.0104": "the server has as many disks as it can have; detach one, or use another server",
    "Ecs.0219": "no host has room for this flavor; choose another availability zone or flavor, or try later",
    "Ecs.0319": "the flavor is sold out in the availability zone; choose another zone or flavor",
    "Ecs.0605": "the server is locked, by a freeze or another operation; see its page in the console",
}
"""The hints, by error code, for messages that are unclear or whose remedy is not on the ECS pages."""

_CODE = re.compile(r"\bEcs\.\d+\b")


def hint_lines(text: str) -> list[str]:
    """Return one line for each code with a hint, in the order of the codes in a text.

    A single hint is shown without its code. Several hints are shown with their codes.

    :param text: the API's reasons.
    """
    codes = [code for code in dict.fromkeys(_CODE.findall(text)) if code in HINTS]
    if len(codes) == 1:
        return [f"What can be done: {HINTS[codes[0]]}."]
    return [f"What can be done about {code}: {HINTS[code]}." for code in codes]
