"""The error responses of each component: ECS itself, the API gateway before it, OpenStack below it."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """An error response.

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
    :param code: the gateway's code. The text of the default code gets the gateway's heading.
    """

    def __init__(self, reason: str, *, code: str = "APIGW.0301") -> None:
        super().__init__(reason)
        self.code = code


FORBIDDEN = {
    "Pdp.0001": "Policy doesn't allow this action to be performed.",
    "Ecs.0003": "You do not have the permission to perform this operation.",
    "Ecs.0110": "Token role te_admin is not allowed to perform this operation.",
}
"""The error codes of a missing permission, with their texts."""


def ecs_error(status: int, code: str, message: str) -> ApiError:
    """Return an error of the ECS service. Its details hold the specific code."""
    details = [{"code": code, "message": message}]
    return ApiError(status, {"error": {"code": code, "message": message, "details": details}})


def gateway_error(status: int, code: str, message: str, request_id: str) -> ApiError:
    """Return an error of the API gateway, which responds before the request reaches the service."""
    return ApiError(status, {"error_code": code, "error_msg": message, "request_id": request_id})


def unknown_to_nova(server_id: str) -> ApiError:
    """Return OpenStack's error for a read of a server that does not exist."""
    return ApiError(404, {"itemNotFound": {"code": 404, "message": f"Instance {server_id} could not be found."}})


def bad_request_of_nova(reason: str) -> ApiError:
    """Return OpenStack's error for a query that it does not accept."""
    return ApiError(400, {"badRequest": {"code": 400, "message": reason}})


def iam_error(status: int, message: str) -> ApiError:
    """Return an error of IAM."""
    title = {400: "Bad Request", 401: "Unauthorized", 404: "Not Found"}[status]
    return ApiError(status, {"error": {"code": status, "message": message, "title": title}})


def unauthorized(error: UnauthorizedError, request_id: str) -> ApiError:
    """Return the gateway's error for a request whose credentials it does not accept."""
    heading = "Incorrect IAM authentication information: " if error.code == "APIGW.0301" else ""
    return gateway_error(401, error.code, f"{heading}{error}", request_id)


def forbidden(code: str) -> ApiError:
    """Return the error for a request that the key, user or agency has no permission for."""
    return ecs_error(403, code, FORBIDDEN[code])


def not_emulated(method: str, path: str, request_id: str) -> ApiError:
    """Return the emulator's own error for an unknown path and method. The cloud may know them."""
    message = f"The ECS emulator does not emulate {method} {path}. The cloud may have this API."
    return gateway_error(404, "Emulator.0404", message, request_id)


def parameter_not_emulated(name: str, path: str) -> ApiError:
    """Return the emulator's own error for an unknown parameter of a list. The cloud may know it.

    If the emulator ignored a filter, it would return more servers than the cloud.
    """
    message = f"The ECS emulator does not emulate the parameter {name!r} of GET {path}. The cloud may have it."
    return ecs_error(400, "Emulator.0400", message)


def throttled(requests: int, time: str, request_id: str) -> ApiError:
    """Return the gateway's error for a request over the rate limit.

    :param time: the period of the limit, such as ``5 minute``.
    """
    message = f"The throttling threshold has been reached: policy user over ratelimit,limit:{requests},time:{time}"
    return gateway_error(429, "APIGW.0308", message, request_id)


def unreadable_body(request_id: str) -> ApiError:
    """Return the gateway's error for a body whose encoding differs from its headers."""
    return gateway_error(400, "APIGW.0106", "Orchestration error: the body cannot be read", request_id)


def body_too_large(request_id: str) -> ApiError:
    """Return the gateway's error for a body over its limit of 12 MB."""
    return gateway_error(413, "APIGW.0201", "Request entity too large", request_id)
