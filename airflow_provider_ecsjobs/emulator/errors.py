"""The error answers of each family: ECS itself, the API gateway before it, OpenStack below it."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """An error answer.

    :param status: the HTTP status code.
    :param body: the JSON body.
    """

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body


class UnauthorizedError(Exception):
    """The credentials of a request are missing or not accepted.

    :param reason: the gateway's text.
    :param code: the gateway's code; the text of the usual one gets the gateway's heading.
    """

    def __init__(self, reason: str, *, code: str = "APIGW.0301") -> None:
        super().__init__(reason)
        self.code = code


FORBIDDEN = {
    "Pdp.0001": "Policy doesn't allow this action to be performed.",
    "Ecs.0003": "You do not have the permission to perform this operation.",
}
"""The codes of a missing permission, and their texts."""


def ecs_error(status: int, code: str, message: str) -> ApiError:
    """Make an error of the ECS service."""
    return ApiError(status, {"error": {"code": code, "message": message}})


def gateway_error(status: int, code: str, message: str, request_id: str) -> ApiError:
    """Make an error of the API gateway, which answers before the service sees the request."""
    return ApiError(status, {"error_code": code, "error_msg": message, "request_id": request_id})


def openstack_bad_request(message: str) -> ApiError:
    """Make OpenStack's answer to a request that it cannot read."""
    return ApiError(400, {"badRequest": {"code": 400, "message": message}})


def iam_error(status: int, message: str) -> ApiError:
    """Make an error of IAM."""
    title = {400: "Bad Request", 401: "Unauthorized"}[status]
    return ApiError(status, {"error": {"code": status, "message": message, "title": title}})


def unauthorized(error: UnauthorizedError, request_id: str) -> ApiError:
    """Make the gateway's answer to a request whose credentials it does not accept."""
    heading = "Incorrect IAM authentication information: " if error.code == "APIGW.0301" else ""
    return gateway_error(401, error.code, f"{heading}{error}", request_id)


def forbidden(code: str) -> ApiError:
    """Make the answer to a request that the key, user or agency has no permission for."""
    return ecs_error(403, code, FORBIDDEN[code])


def unknown_api(request_id: str) -> ApiError:
    """Make the gateway's answer to a path and method that no API has."""
    message = "The API does not exist or has not been published in the environment"
    return gateway_error(404, "APIGW.0101", message, request_id)


def throttled(requests: int, time: str, request_id: str) -> ApiError:
    """Make the gateway's answer to one request too many.

    :param time: the time that the limit is for, such as ``5 minute``.
    """
    message = f"The throttling threshold has been reached: policy user over ratelimit,limit:{requests},time:{time}"
    return gateway_error(429, "APIGW.0308", message, request_id)


def body_too_large(request_id: str) -> ApiError:
    """Make the gateway's answer to a body over its limit of 12 MB."""
    return gateway_error(413, "APIGW.0201", "Request entity too large", request_id)


def wrong_project() -> ApiError:
    """Make the answer to a path that names another project than the key's."""
    return ecs_error(400, "Common.0018", "The project ID in the URL does not match that of the credentials.")


def unknown_job() -> ApiError:
    """Make the answer to a query for an unknown, purged or malformed job id."""
    return ecs_error(400, "Common.0011", "Failed to query system tasks.")


def unknown_server(server_id: str) -> ApiError:
    """Make the answer to a request that names a server that does not exist."""
    return ecs_error(404, "Ecs.0114", f"The instance {server_id} could not be found.")


def leaving_server(server_id: str) -> ApiError:
    """Make the answer to a request about a server that is being deleted: its status does not allow it."""
    return ecs_error(400, "Ecs.0100", f"The server {server_id} is being deleted.")


def volume_in_use(volume_id: str) -> ApiError:
    """Make the answer to the attachment of a volume that is attached, or is just being attached.

    Documented is that a volume must be available to be attached, and this code for one that is not, with other words.
    """
    return ecs_error(400, "Ecs.0103", f"The volume {volume_id} is in use and cannot be attached.")


def volume_not_attached(volume_id: str, server_id: str) -> ApiError:
    """Make the answer to the detachment of a volume that is not attached to the server."""
    return ecs_error(400, "Ecs.0111", f"volume {volume_id} is not in server {server_id} attach volume list")


def primary_nic(nic_id: str) -> ApiError:
    """Make the answer to the deletion of a server's primary NIC.

    Documented is the status; the code is that of a NIC that can't be deleted.
    """
    return ecs_error(403, "Ecs.0507", f"The primary NIC {nic_id} cannot be deleted.")


def unknown_nic(nic_id: str, server_id: str) -> ApiError:
    """Make the answer to the deletion of a NIC that the server does not have.

    What the cloud says to that is documented nowhere; this is its code of a NIC that can't be deleted.
    """
    return ecs_error(400, "Ecs.0507", f"Failed to delete the NIC {nic_id}: server {server_id} has none of that id.")


def invalid_parameter(reason: str) -> ApiError:
    """Make the answer to a request body that lacks a key or holds a wrong value."""
    return ecs_error(400, "Ecs.0005", f"Invalid request parameter: {reason}")


def client_token_reused() -> ApiError:
    """Make the answer to a client token that was used with other parameters before."""
    return ecs_error(400, "Ecs.0122", "The X-Client-Token was used by a request with other parameters.")


def client_token_malformed() -> ApiError:
    """Make the answer to a client token that is not a lower-case UUID."""
    return ecs_error(400, "Ecs.0123", "The X-Client-Token must be a UUID of lower-case letters and digits.")


def client_token_expired() -> ApiError:
    """Make the answer to a client token that was first used too long ago."""
    return ecs_error(400, "Ecs.0124", "The X-Client-Token has expired.")
