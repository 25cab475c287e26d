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
    """Make an error of the ECS service; its details hold the specific code."""
    details = [{"code": code, "message": message}]
    return ApiError(status, {"error": {"code": code, "message": message, "details": details}})


def gateway_error(status: int, code: str, message: str, request_id: str) -> ApiError:
    """Make an error of the API gateway, which answers before the service sees the request."""
    return ApiError(status, {"error_code": code, "error_msg": message, "request_id": request_id})


def unknown_to_nova(server_id: str) -> ApiError:
    """Make OpenStack's answer to a read of a server that does not exist."""
    return ApiError(404, {"itemNotFound": {"code": 404, "message": f"Instance {server_id} could not be found."}})


def iam_error(status: int, message: str) -> ApiError:
    """Make an error of IAM."""
    title = {400: "Bad Request", 401: "Unauthorized", 404: "Not Found"}[status]
    return ApiError(status, {"error": {"code": status, "message": message, "title": title}})


def unauthorized(error: UnauthorizedError, request_id: str) -> ApiError:
    """Make the gateway's answer to a request whose credentials it does not accept."""
    heading = "Incorrect IAM authentication information: " if error.code == "APIGW.0301" else ""
    return gateway_error(401, error.code, f"{heading}{error}", request_id)


def forbidden(code: str) -> ApiError:
    """Make the answer to a request that the key, user or agency has no permission for."""
    return ecs_error(403, code, FORBIDDEN[code])


def not_emulated(method: str, path: str, request_id: str) -> ApiError:
    """Make the emulator's own answer to a path and method that it does not know; the cloud may well know them."""
    message = f"The ECS emulator does not emulate {method} {path}. The cloud may have this API."
    return gateway_error(404, "Emulator.0404", message, request_id)


def throttled(requests: int, time: str, request_id: str) -> ApiError:
    """Make the gateway's answer to one request too many.

    :param time: the time that the limit is for, such as ``5 minute``.
    """
    message = f"The throttling threshold has been reached: policy user over ratelimit,limit:{requests},time:{time}"
    return gateway_error(429, "APIGW.0308", message, request_id)


def unreadable_body(request_id: str) -> ApiError:
    """Make the gateway's answer to a body that is not encoded as its headers say."""
    return gateway_error(400, "APIGW.0106", "Orchestration error: the body cannot be read", request_id)


def body_too_large(request_id: str) -> ApiError:
    """Make the gateway's answer to a body over its limit of 12 MB."""
    return gateway_error(413, "APIGW.0201", "Request entity too large", request_id)
