"""The rules by which the cloud rejects requests, as data: each rule with its error and its source.

The checks are in ``schemas``, ``preconditions`` and ``planning``; they raise :meth:`Rule.error`. The page
``docs/emulator.md`` is generated from this table, and a test breaks each rule once.
"""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_ecsjobs.emulator.errors import ApiError, ecs_error

ERROR_PAGE = "error code page"
"""Huawei's page of ECS error codes."""
REQUEST_PAGE = "the request's page"
"""The API reference's page of the request."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the cloud.

    :param what: what is rejected, in a sentence.
    :param code: the error code of the response.
    :param message: the error text; names in braces are filled in.
    :param source: where the rule is documented; empty if it is inferred.
    :param coded: whether the source also names the code; otherwise the code is inferred.
    :param status: the HTTP status.
    """

    what: str
    code: str
    message: str
    source: str = ""
    coded: bool = False
    status: int = 400

    def error(self, **names: object) -> ApiError:
        """Return the error for a request that breaks the rule."""
        return ecs_error(self.status, self.code, self.message.format(**names))


UNKNOWN_SERVER = Rule(
    "A request names a server that does not exist.",
    "Ecs.0114",
    "The instance {server_id} could not be found.",
    ERROR_PAGE,
    coded=True,
    status=404,
)
UNKNOWN_JOB = Rule(
    "A query names a job that is unknown, purged or malformed.",
    "Common.0011",
    "Failed to query system tasks.",
    ERROR_PAGE,
    coded=True,
)
WRONG_PROJECT = Rule(
    "The path names another project than that of the credentials.",
    "Common.0018",
    "The project ID in the URL does not match that of the credentials.",
    ERROR_PAGE,
    coded=True,
)
NO_BODY = Rule(
    "A request that needs a body has none.",
    "Common.0002",
    "The request body is empty.",
    ERROR_PAGE,
    coded=True,
)
BROKEN_JSON = Rule(
    "A body is not a JSON object.",
    "Ecs.0005",
    "The request body is not a correct JSON object.",
    ERROR_PAGE,
    coded=True,
)
INVALID_PARAMETER = Rule(
    "A body lacks a required key, has a value of a wrong type, or too long a list (over 12 NICs or 23 data disks).",
    "Ecs.0005",
    "Invalid request parameter: {reason}",
    ERROR_PAGE,
    coded=True,
)
INVALID_QUERY = Rule(
    "A `limit` is not between 1 and the list's largest, an `offset` is no number, or a `marker` is not in the list.",
    "Ecs.0005",
    "Invalid request parameter: {reason}",
    REQUEST_PAGE,
)
NAME_CHARACTERS = Rule(
    "A server's name has characters other than letters, digits, `_`, `-` and `.`. (Code or `Ecs.0915`.)",
    "Ecs.0914",
    "The server name may hold letters, digits, underscores, hyphens and periods only.",
    ERROR_PAGE,
)
NAME_LENGTH = Rule(
    "A server's name is longer than 64 characters, or 59 if several servers are created. (Code or `Ecs.0914`.)",
    "Ecs.0915",
    "The server name must be between 1 and {longest} characters long.",
    ERROR_PAGE,
)
PASSWORD = Rule(
    "A password is not 8 to 26 characters long, or has fewer than three kinds of characters.",
    "Ecs.0011",
    "Ensure the password meets the password complexity requirements.",
    ERROR_PAGE,
    coded=True,
)
TOO_MANY_TAGS = Rule(
    "A server is created with more than 10 tags.",
    "Ecs.0905",
    "A server can have 10 tags at most.",
    ERROR_PAGE,
    coded=True,
)
SAME_TAG_TWICE = Rule(
    "A server is created with two tags with the same key.",
    "Ecs.0908",
    "The tag key {key} is given more than once.",
    ERROR_PAGE,
    coded=True,
)
TAG_LENGTH = Rule(
    "A server is created with a tag whose key is not 1 to 36 characters long, or whose value is longer than 43.",
    "Ecs.0906",
    "The tag key {key} or its value is too short or too long.",
    REQUEST_PAGE,
)
TAG_CHARACTERS = Rule(
    "A server is created with a tag that holds a character such as `=`, `*`, `<`, `>` or `,`.",
    "Ecs.0907",
    "The tag key {key} or its value contains invalid characters.",
    ERROR_PAGE,
    coded=True,
)
METADATA = Rule(
    "A server's `metadata` has more than 10 pairs, or a key or value that is not text of at most 255 characters.",
    "Ecs.0005",
    "Invalid request parameter: server.metadata must hold at most 10 pairs of text",
    REQUEST_PAGE,
)
DESCRIPTION = Rule(
    "A server's description is longer than 85 characters, or holds `<` or `>`.",
    "Ecs.0005",
    "Invalid request parameter: server.description must be at most 85 characters long, without < and >",
    REQUEST_PAGE,
)
COUNT = Rule(
    "More than 500 servers, or none, are created by one request. (Newer pages say 100.)",
    "Ecs.0913",
    "The number of servers must be between 1 and 500.",
    ERROR_PAGE,
    coded=True,
)
TOO_MANY_DELETES = Rule(
    "More than 1000 servers are deleted by one request.",
    "Ecs.0118",
    "At most 1000 servers can be deleted by one request.",
    ERROR_PAGE,
    coded=True,
)
DISK_SIZE = Rule(
    "A system disk is not 0 (the image's minimum) to 1024 GB large, or a data disk not 10 to 32768 GB.",
    "Ecs.0005",
    "Invalid request parameter: {name}.size must be between {least} and {most}",
    REQUEST_PAGE,
)
DISK_TYPE = Rule(
    "A disk has an unknown type.",
    "Ecs.0005",
    "Invalid request parameter: {name}.volumetype must be one of {known}",
    REQUEST_PAGE,
)
NOT_STOPPED = Rule(
    "A server that is not stopped is resized, or gets a new or another system, without `mode` `withStopServer`.",
    "Ecs.0100",
    "The server {server_id} is {status}; stop it first, or use the mode withStopServer.",
    REQUEST_PAGE,
    coded=True,
)
SAME_FLAVOR = Rule(
    "A server is resized to the flavor it already has.",
    "Ecs.0009",
    "Another flavor must be used for resizing.",
    ERROR_PAGE,
    coded=True,
)
PREPAID_DELETE = Rule(
    "A yearly/monthly server is deleted. (It must be unsubscribed instead.)",
    "Ecs.0100",
    "The server {server_id} is a yearly/monthly one and cannot be deleted.",
    REQUEST_PAGE,
)
PREPAID_RESIZE = Rule(
    "A yearly/monthly server is resized by the v1 request.",
    "Ecs.0100",
    "The server {server_id} is a yearly/monthly one; resize it by the v1.1 request.",
    REQUEST_PAGE,
)
PREPAID_MIGRATION = Rule(
    "A yearly/monthly server is migrated.",
    "Ecs.0112",
    "The server {server_id} is a yearly/monthly one and cannot be migrated.",
    ERROR_PAGE,
    coded=True,
)
RUNNING_MIGRATION = Rule(
    "A server that is not stopped is migrated.",
    "Ecs.0100",
    "The server {server_id} is {status}; stop it first.",
    REQUEST_PAGE,
)
SEVERAL_NICS = Rule(
    "The VPC of a server with several NICs is changed.",
    "Ecs.0005",
    "The server {server_id} has {count} NICs; only that of a server with one can be changed.",
    REQUEST_PAGE,
)
BEING_BUILT = Rule(
    "A request names a server that is still being created.",
    "Ecs.0100",
    "The server {server_id} is still being created.",
)
BROKEN_SERVER = Rule(
    "A request other than a delete names a server in `ERROR`.",
    "Ecs.0100",
    "The server {server_id} is in the status ERROR.",
)
BEING_DELETED = Rule(
    "A request names a server that is being deleted.",
    "Ecs.0100",
    "The server {server_id} is being deleted.",
    ERROR_PAGE,
    coded=True,
)
LEAVING_RECYCLE_BIN = Rule(
    "A request names a server in the recycle bin that is being restored or deleted permanently.",
    "Ecs.0100",
    "The server {server_id} is being restored or deleted permanently.",
)
BUSY = Rule(
    "A request other than a delete names a server in `REBOOT`, `HARD_REBOOT`, `RESIZE`, `REBUILD` or `MIGRATING`.",
    "Ecs.0100",
    "The server {server_id} is {status}; try again later.",
    ERROR_PAGE,
    coded=True,
)
DISK_ATTACHED = Rule(
    "A disk is attached to a server that it is already attached to.",
    "Ecs.0057",
    "The volume {volume_id} is attached to the server already.",
    ERROR_PAGE,
    coded=True,
)
DISK_IN_USE = Rule(
    "A disk is attached that is a server's system disk, is attached to one other server, or is just being attached.",
    "Ecs.0103",
    "The volume {volume_id} is in use and cannot be attached.",
    ERROR_PAGE,
    coded=True,
)
TOO_MANY_DISKS = Rule(
    "A disk is attached to a server that has 60 disks.",
    "Ecs.0104",
    "The number of disks attached to server {server_id} has exceeded the upper limit.",
    ERROR_PAGE,
    coded=True,
)
SYSTEM_DISK = Rule(
    "A system disk is detached. (The cloud detaches that of a stopped server; the emulator does not.)",
    "Ecs.0102",
    "The system disk of server {server_id} cannot be detached.",
    ERROR_PAGE,
    coded=True,
)
DISK_NOT_ATTACHED = Rule(
    "A disk is detached from a server that it is not attached to.",
    "Ecs.0111",
    "volume {volume_id} is not in server {server_id} attach volume list",
    ERROR_PAGE,
    coded=True,
)
PRIMARY_NIC = Rule(
    "A server's primary NIC is deleted.",
    "Ecs.0507",
    "The primary NIC {nic_id} cannot be deleted.",
    REQUEST_PAGE,
    status=403,
)
UNKNOWN_NIC = Rule(
    "A NIC is deleted that the server does not have.",
    "Ecs.0507",
    "Failed to delete the NIC {nic_id}: server {server_id} has none of that id.",
)
CLIENT_TOKEN_REUSED = Rule(
    "An `X-Client-Token` comes with other parameters than before.",
    "Ecs.0122",
    "The X-Client-Token was used by a request with other parameters.",
    ERROR_PAGE,
    coded=True,
)
CLIENT_TOKEN_MALFORMED = Rule(
    "An `X-Client-Token` is not a lower-case UUID.",
    "Ecs.0123",
    "The X-Client-Token must be a UUID of lower-case letters and digits.",
    ERROR_PAGE,
    coded=True,
)
CLIENT_TOKEN_EXPIRED = Rule(
    "An `X-Client-Token` was first used more than 8 hours ago.",
    "Ecs.0124",
    "The X-Client-Token has expired.",
    ERROR_PAGE,
    coded=True,
)


def invalid_parameter(reason: str) -> ApiError:
    """Return the error for a request body that lacks a key or has a wrong value."""
    return INVALID_PARAMETER.error(reason=reason)


def invalid_query(reason: str) -> ApiError:
    """Return the error for a page that a list does not have."""
    return INVALID_QUERY.error(reason=reason)


RULES: dict[str, Rule] = {name: rule for name, rule in globals().items() if isinstance(rule, Rule)}
"""All rules, by their names in this module."""
