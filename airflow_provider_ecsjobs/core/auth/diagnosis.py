"""The advice on a login that does not work: one table for waits, submits and the connection test."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_ecsjobs.core.errors import ApiError, ErrorKind, Source
from airflow_provider_ecsjobs.core.hints import HINTS
from airflow_provider_ecsjobs.core.text import duration

if TYPE_CHECKING:
    from collections.abc import Collection

    from airflow_provider_ecsjobs.core.auth.credentials import AuthConfig

MAX_CLOCK_SKEW = 15 * 60.0
"""The largest difference between the machine's clock and the gateway's, in seconds, that a signature allows."""

_CLOCK = re.compile(r"client time:\s*(\d{8}T\d{6}Z).*server time:\s*(\d{8}T\d{6}Z)", re.IGNORECASE)
_TIME = re.compile(r"signature expired|client time|server time", re.IGNORECASE)
_LOCKED = re.compile(r"\block(ed)?\b|reach(ed)? the limit|frozen", re.IGNORECASE)


class _Rule(NamedTuple):
    """One row: the conditions on an error, and the advice. An empty condition matches every error.

    :param kind: the error's kind.
    :param advice: what to do. It may contain ``{host}`` (the requested endpoint), ``{region}`` and ``{project}``.
    :param source: the service that the error came from.
    :param codes: the error's codes.
    :param auths: the ways to log in.
    :param says: a pattern in the API's message.
    """

    kind: ErrorKind
    advice: str
    source: Collection[Source] = ()
    codes: Collection[str] = ()
    auths: Collection[str] = ()
    says: re.Pattern[str] | None = None

    def applies(self, config: AuthConfig, error: ApiError) -> bool:
        """Return whether this row matches an error."""
        return (
            error.kind is self.kind
            and (not self.source or error.source in self.source)
            and (not self.codes or error.code in self.codes)
            and (not self.auths or config.auth in self.auths)
            and (self.says is None or self.says.search(error.message) is not None)
        )


_RULES = (
    _Rule(
        ErrorKind.UNAUTHORIZED,
        "the IAM user is locked for 15 min, after too many wrong passwords. If the password is right here, look for the"
        " client that has a wrong one; then try again",
        source=[Source.IAM_TOKEN],
        says=_LOCKED,
    ),
    _Rule(
        ErrorKind.UNAUTHORIZED,
        "check user, password and 'domain_name' (the account's name, not its id)",
        source=[Source.IAM_TOKEN],
    ),
    _Rule(
        ErrorKind.UNAUTHORIZED,
        "IAM has just given this token, so the login is right, but {host} does not take it. Is that the endpoint of"
        " {region}, where the token is from? Check 'host' and 'region'",
        auths=["password"],
    ),
    _Rule(
        ErrorKind.UNAUTHORIZED,
        "the token has expired, or is for another project or region than {host} serves. Get a new one, or let auth"
        " 'password' do so",
        auths=["token"],
    ),
    _Rule(
        ErrorKind.UNAUTHORIZED,
        "the key is locked for 5 min, after more than five wrong signatures in a row. If its secret is right here, look"
        " for the client that has a wrong one; then try again",
        says=_LOCKED,
    ),
    _Rule(
        ErrorKind.UNAUTHORIZED,
        "the time of the signature was not accepted. Check this machine's clock; it may be off by 15 min",
        says=_TIME,
    ),
    _Rule(
        ErrorKind.UNAUTHORIZED,
        "check the agency's trust and permissions, and that {host} is of this server's cloud",
        auths=["agency"],
    ),
    _Rule(
        ErrorKind.UNAUTHORIZED,
        "check that the key exists and is active, that the secret belongs to it, and that it is of this cloud{expiry}",
    ),
    _Rule(
        ErrorKind.FORBIDDEN,
        "the user may not use {region}. Choose another 'region', or have this one allowed in IAM",
        codes=["APIGW.0801", "APIGW.0802"],
    ),
    _Rule(
        ErrorKind.FORBIDDEN,
        "{project} is not available; it may be suspended. Check 'project_id'",
        codes=["APIGW.0310"],
    ),
    _Rule(
        ErrorKind.FORBIDDEN,
        "it may not list projects in IAM. Set 'project_id' in the connection, or allow iam:projects:listProjects",
        source=[Source.IAM_PROJECTS],
    ),
    _Rule(
        ErrorKind.FORBIDDEN,
        "IAM forbids this login. Check the user's status, its login protection and the account's access rules in IAM",
        source=[Source.IAM_TOKEN],
    ),
    _Rule(
        ErrorKind.FORBIDDEN,
        "a permission is missing in {project}. To read jobs, the policy ECS ReadOnlyAccess is needed; to submit"
        " requests, ECS FullAccess",
        source=[Source.SERVICE],
    ),
    _Rule(
        ErrorKind.REJECTED,
        "{project} is not one that {host} serves. Check that 'project_id' is of {region}",
        codes=["Common.0018", "Ecs.0023"],
    ),
    _Rule(
        ErrorKind.REJECTED,
        "{host} does not serve the ECS API. Check 'host' and 'region'",
        codes=["APIGW.0101", "APIG.0101"],
    ),
    _Rule(
        ErrorKind.REJECTED,
        "is this an ECS server, with an agency assigned to it?",
        source=[Source.METADATA],
    ),
)
"""The first matching row counts."""

_WHAT_TO_CHECK = {
    Source.SERVICE: "Check 'host', 'region', 'proxy' and 'verify'.",
    Source.IAM_TOKEN: "Check 'iam_endpoint', 'region', 'proxy' and 'verify'.",
    Source.IAM_PROJECTS: "Check 'iam_endpoint', 'region', 'proxy' and 'verify'.",
    Source.METADATA: "Is this an ECS server, with an agency assigned to it?",
}
"""What to check if a service can't be reached."""


def describe_reach(config: AuthConfig, project_id: str) -> str:
    """Return what a working connection reaches, and who is logged in."""
    region = f" in region {config.region}" if config.region else ""
    return f"Reached project {project_id}{region} at {config.endpoint} as {config.describe()}."


def advised(config: AuthConfig, error: ApiError) -> ApiError:
    """Return the error with advice, unless it has some already or is temporary.

    :param config: how the connection logs in.
    :param error: the error.
    """
    advice = "" if error.advice or error.is_passing else advice_on(config, error)
    return replace(error, advice=f"Connection '{config.conn_id}', {advice}") if advice else error


def advice_on(config: AuthConfig, error: ApiError) -> str:
    """Return the advice on an error; empty if no row matches.

    :param config: how the connection logs in.
    :param error: the error.
    """
    who = config.describe()
    if error.code in HINTS:  # the error is about the request, not the login
        return ""
    if error.is_unauthorized and abs(off := _clock_offset(error)) > MAX_CLOCK_SKEW * 0.9:
        way = "ahead of" if off > 0 else "behind"
        clock = f"this machine's clock is {duration(abs(off))} {way} the server's"
        return f"{who}: {clock}; 15 min are allowed. Set the clock."
    rule = next((rule for rule in _RULES if rule.applies(config, error)), None)
    if rule is None:
        return ""
    advice = rule.advice.format(
        host=_asked(config, error),
        region=f"region {config.region}" if config.region else "the region meant",
        project=f"project {config.project_id}" if config.project_id else "the project",
        expiry="; temporary keys expire" if config.key and config.key.security_token else "",
    )
    return f"{who}: {advice}{'' if advice.endswith('?') else '.'}"


def diagnose(config: AuthConfig, error: ApiError) -> str:
    """Return what is wrong with a connection, and what to do about it.

    :param config: how the connection logs in.
    :param error: the error.
    """
    error = replace(error, advice="")
    host = _asked(config, error)
    if error.kind is ErrorKind.THROTTLED:
        return f"{host} asks to slow down, which says nothing about the connection: test again later. {error}"
    if error.kind is ErrorKind.TRANSIENT and not error.status:
        return f"Not reachable: {error}. {_WHAT_TO_CHECK[error.source]}"
    advice = advice_on(config, error)
    if advice:
        return f"{advice[0].upper()}{advice[1:]} {host} said: {error}"
    if not error.status:  # our own words
        return str(error)
    is_usable = error.code and error.kind is not ErrorKind.TRANSIENT
    return f"{host} said: {error}" if is_usable else f"{host} sent no usable response: {error}"


def _clock_offset(error: ApiError) -> float:
    """Return how far our clock is ahead of the server's, in seconds, from the response's text or its date."""
    times = _CLOCK.search(error.message)
    if times is None:
        return error.skew
    ours, theirs = (_time(text) for text in times.groups())
    return error.skew if ours is None or theirs is None else (ours - theirs).total_seconds()


def _time(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%S%z")
    except ValueError:
        return None


def _asked(config: AuthConfig, error: ApiError) -> str:
    """Return the endpoint that an error came from."""
    if error.source is Source.METADATA:
        return config.metadata_endpoint
    return config.endpoint if error.source is Source.SERVICE else config.iam_endpoint
