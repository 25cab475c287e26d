"""What the test button says: the one thing to fix, in a sentence."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_ecsjobs.core.errors import ApiError, ErrorKind
from airflow_provider_ecsjobs.core.text import duration, join_limited

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.core.auth.credentials import AuthConfig

_WRONG_PROJECT = frozenset({"Common.0018", "Ecs.0023"})
_NO_SUCH_API = frozenset({"APIGW.0101", "APIG.0101"})


def describe_reach(config: AuthConfig, project_id: str) -> str:
    """Say what a working connection reaches, and as whom."""
    region = f" in region {config.region}" if config.region else ""
    return f"Reached project {project_id}{region} at {config.endpoint} as {config.describe()}."


def diagnose(config: AuthConfig, error: ApiError, *, project_known: bool) -> str:
    """Say what is wrong with a connection that does not work, and what to do.

    :param config: how it logs in.
    :param error: what came back.
    :param project_known: whether the project had been found by then.
    """
    said = str(error)
    if error.kind is ErrorKind.UNAUTHORIZED:
        advice = advice_on_unauthorized(config, error)
        return f"{advice[0].upper()}{advice[1:]} The API said: {replace(error, advice='')}"
    if error.code in _WRONG_PROJECT:
        region = f"of region {config.region}" if config.region else "the one meant"
        check = f"check that 'project_id' is {region}"
        return f"The project is not one that {config.endpoint} serves: {check}. It said: {said}"
    if error.code in _NO_SUCH_API:
        return f"{config.endpoint} does not serve the ECS API: check 'host' and 'region'. It said: {said}"
    if error.kind is ErrorKind.FORBIDDEN and not project_known:
        return (
            f"A permission is missing: {config.describe()} may not list projects in IAM. Set 'project_id' in the"
            f" connection, or allow iam:projects:listProjects. {config.iam_endpoint} said: {said}"
        )
    if error.kind is ErrorKind.FORBIDDEN:
        return (
            f"A permission is missing: {config.describe()} may not query ECS jobs in this project (the policy"
            f" ECS ReadOnlyAccess allows it). {config.endpoint} said: {said}"
        )
    if error.kind is ErrorKind.THROTTLED:
        return f"{config.endpoint} asks to slow down, which says nothing about the connection: test again later. {said}"
    if error.kind is ErrorKind.TRANSIENT and not error.status:
        asked = [endpoint for endpoint in (config.endpoint, config.iam_endpoint) if endpoint]
        if config.auth == "agency":
            asked.append(config.metadata_endpoint)
        return f"Not reachable: {said} (tried {join_limited(asked, 3)}). Check 'host', 'region', 'proxy' and 'verify'."
    return f"{config.endpoint} gave no usable answer: {said}"


_LOCKED = re.compile(r"\block(ed)?\b|reach(ed)? the limit|frozen", re.IGNORECASE)


MAX_CLOCK_SKEW = 15 * 60.0
"""How far the machine's clock may be off, in seconds, before the gateway refuses a signature."""


def advice_on_unauthorized(config: AuthConfig, error: ApiError) -> str:
    """Say whose credentials were refused, and what to check.

    :param config: the login that was refused.
    :param error: the answer that refused it.
    """
    if abs(error.skew) > MAX_CLOCK_SKEW * 0.9:
        way = "ahead of" if error.skew > 0 else "behind"
        off = f"this machine's clock is {duration(abs(error.skew))} {way} the server's"
        return f"{config.describe()}: {off}; 15 min are allowed. Set the clock."
    if _LOCKED.search(error.message):
        return (
            f"{config.describe()}: the key is locked for 5 min, after more than five wrong signatures in a row. If its"
            " secret is right here, look for the client that has a wrong one; then try again."
        )
    if config.auth == "password":
        check = "check user, password and 'domain_name' (the account's name, not its id)"
    elif config.auth == "token":
        check = "the token has expired or is for another project: get a new one, or let auth 'password' do so"
    elif config.auth == "agency":
        check = "check the agency's trust and permissions"
    else:
        check = "check that the key exists and is active, that the secret belongs to it, and that it is of this cloud"
        if config.key and config.key.security_token:
            check += "; temporary keys expire"
    return f"{config.describe()}: {check}."
