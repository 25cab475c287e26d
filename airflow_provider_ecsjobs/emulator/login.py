"""Reads the body of a login to IAM."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from airflow_provider_ecsjobs.emulator import errors
from airflow_provider_ecsjobs.emulator.json_body import parse_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A login: who requests a token, and for which scope. Fields that are not given are None.

    :param methods: the login methods.
    :param token: the existing token to log in with.
    :param domain: the account's name.
    :param scope: ``project`` or ``domain``; None for a token without a scope.
    """

    methods: tuple[str, ...]
    token: str | None = field(default=None, repr=False)
    user: str | None = None
    user_id: str | None = None
    password: str = field(default="", repr=False)
    domain: str | None = None
    domain_id: str | None = None
    scope: str | None = None
    scope_id: str | None = None
    scope_name: str | None = None


def read_login(content: bytes) -> Login:
    """Return the login in a request body.

    :raises ApiError: if something is missing, or the emulator does not know the method.
    """
    try:
        auth = _member(parse_json(content), "auth")
    except ValueError:
        raise errors.iam_error(400, "Malformed request body") from None
    identity = _member(auth, "identity")
    scope = _scope(auth)
    match identity.get("methods"):
        case ["password"]:
            return Login(methods=("password",), **_user(_member(_member(identity, "password"), "user")), **scope)
        case ["token"]:
            return Login(methods=("token",), token=_text(_member(identity, "token"), "id"), **scope)
        case _:
            raise errors.iam_error(400, "This emulator knows the methods 'password' and 'token' only")


def _user(user: dict[str, Any]) -> dict[str, Any]:
    password = _text(user, "password")
    if "id" in user:
        return {"user_id": _text(user, "id"), "password": password}
    domain = _member(user, "domain")
    named = {"domain_id": _text(domain, "id")} if "id" in domain else {"domain": _text(domain, "name")}
    return {"user": _text(user, "name"), "password": password, **named}


def _scope(auth: dict[str, Any]) -> dict[str, Any]:
    if "scope" not in auth or auth["scope"] == "unscoped":
        return {}
    scope = _member(auth, "scope")
    kind = "domain" if "domain" in scope else "project"
    holder = _member(scope, kind)
    key = "id" if "id" in holder else "name"
    return {"scope": kind, f"scope_{key}": _text(holder, key)}


def _member(holder: Any, key: str) -> dict[str, Any]:
    value = holder.get(key) if isinstance(holder, dict) else None
    if not isinstance(value, dict):
        raise errors.iam_error(400, f"Expecting to find {key} in the request body")
    return value


def _text(holder: dict[str, Any], key: str) -> str:
    value = holder.get(key)
    if not isinstance(value, str) or not value:
        raise errors.iam_error(400, f"Expecting to find the text {key} in the request body")
    return value
