"""Reads an Airflow connection and returns it as checked settings."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

from airflow_provider_ecsjobs.compat import mask_secret
from airflow_provider_ecsjobs.core.errors import EcsConfigError
from airflow_provider_ecsjobs.core.text import NO_VALUE_REASON, clean, is_no_name, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow.providers.common.compat.sdk import Connection

    from airflow_provider_ecsjobs.transport.config import Settings

log = logging.getLogger(__name__)
_T = TypeVar("_T")
_under_way: set[asyncio.Task[Any]] = set()
"""The calls that run in a thread. asyncio itself keeps no task."""


class ConnectionLookupError(Exception):
    """The connection could not be looked up. The reason may be temporary: database or secrets backend unavailable.

    Airflow raises the same error for a connection that does not exist as for a backend that does not answer.
    """


def read_settings(conn_id: str, region: str | None, project_id: str | None, service: str | None) -> Settings:
    """Return the checked settings of an Airflow connection, and mask its secrets in logs.

    :param conn_id: the connection's id.
    :param region: replaces the connection's region.
    :param project_id: replaces the connection's project id.
    :param service: the service whose jobs API is used.
    :raises AirflowNotFoundException: there is no such connection.
    :raises EcsConfigError: a field of the connection is missing or wrong.
    """
    check_names(conn_id, region, project_id, service)
    return settings_of(BaseHook.get_connection(conn_id), conn_id, region, project_id, service)


async def read_settings_off_loop(
    conn_id: str, region: str | None, project_id: str | None, service: str | None
) -> Settings:
    """Do the same as :func:`read_settings` for the triggerer, in a thread.

    :raises EcsConfigError: a field of the connection is missing or wrong.
    :raises ConnectionLookupError: the connection could not be looked up, or there is none.
    """
    check_names(conn_id, region, project_id, service)
    try:
        connection = await off_loop(BaseHook.get_connection, conn_id)
    except AirflowNotFoundException as error:
        raise ConnectionLookupError(
            f"{clean(error, 300)}. Airflow says so too if its database or a secrets backend does not answer"
        ) from None
    except Exception as error:
        reason = f"{type(error).__name__}: {clean(error, 300)}"
        raise ConnectionLookupError(f"the Airflow connection '{conn_id}' could not be looked up: {reason}") from error
    return await off_loop(settings_of, connection, conn_id, region, project_id, service)


async def off_loop(function: Callable[..., _T], *arguments: Any) -> _T:
    """Return the result of a function that may send requests to Airflow's supervisor. It runs in a thread of asgiref.

    The triggerer of Airflow 3.0 and 3.1 stops if such a request is sent from any other thread, or is cancelled before
    its response is read. So a cancellation of this coroutine does not reach a function that has begun.
    """
    from asgiref.sync import sync_to_async

    is_wanted = True

    def call_if_wanted() -> Any:
        return function(*arguments) if is_wanted else None

    call = asyncio.ensure_future(sync_to_async(call_if_wanted)())
    _under_way.add(call)
    call.add_done_callback(_settled)
    try:
        result: _T = await asyncio.shield(call)
        return result
    finally:
        is_wanted = False


def _settled(call: asyncio.Task[Any]) -> None:
    _under_way.discard(call)
    if not call.cancelled():
        call.exception()  # retrieved: asyncio would log it, unredacted, if the wait was cancelled meanwhile


def settings_of(
    connection: Connection, conn_id: str, region: str | None, project_id: str | None, service: str | None
) -> Settings:
    """Return the checked settings of a connection that has been looked up, and mask its secrets in logs.

    :raises EcsConfigError: a field of the connection is missing or wrong.
    """
    from airflow_provider_ecsjobs.transport.config import ConnectionFields, Settings

    settings = Settings.from_connection(
        ConnectionFields(
            conn_id=conn_id,
            login=connection.login or "",
            password=connection.password or "",
            host=connection.host or "",
            schema=connection.schema or "",
            port=connection.port,
            extra=_extra_of(connection),
        ),
        region=region or None,
        project_id=project_id or None,
        service=service or "ecs",
    )
    mask_secrets(settings.secrets)
    for warning in settings.warnings:
        log.warning("%s", warning)
    if settings.verify is False:
        log.warning("Connection '%s': certificates are not checked (extra 'verify' is false)", conn_id)
    return settings


def mask_secrets(secrets: Iterable[str]) -> None:
    """Mask secrets in Airflow's logs. Airflow 3 sends each one to its supervisor over a socket, which blocks."""
    try:
        for secret in secrets:
            mask_secret(secret)
    except Exception:
        # Our own messages are redacted already, so a login does not fail because of this.
        log.debug("Secrets could not be masked in Airflow's logs", exc_info=True)


async def mask_secrets_off_loop(secrets: Iterable[str]) -> None:
    """Do the same as :func:`mask_secrets` for the triggerer, in a thread."""
    await off_loop(mask_secrets, secrets)


def check_names(conn_id: Any, region: Any, project_id: Any, service: Any) -> None:
    """Check that the names are strings. A natively rendered template or an old trigger may hold any type.

    :raises EcsConfigError: one is not.
    """
    check_conn_id(conn_id)
    for name, value in (("region", region), ("project_id", project_id), ("service", service)):
        check_name(name, value)


def check_conn_id(conn_id: Any) -> None:
    """Check that there is the id of a connection.

    :raises EcsConfigError: it is none.
    """
    if not isinstance(conn_id, str) or not conn_id.strip():
        raise EcsConfigError(f"huawei_ecs_conn_id is {shown(conn_id)}; expected the id of a connection.")


def check_name(name: str, value: Any) -> None:
    """Check that a value is a text or ``None``, and not what a template without a value renders to.

    :param name: the parameter, for the message.
    :raises EcsConfigError: it is not.
    """
    if value is not None and not isinstance(value, str):
        raise EcsConfigError(f"{name} is {shown(value)}; expected a text.")
    if value is not None and is_no_name(value):
        raise EcsConfigError(f"{name} is {value!r}: {NO_VALUE_REASON}.")


def _extra_of(connection: Connection) -> dict[str, Any]:
    if not connection.extra:
        return {}
    try:
        extra = json.loads(connection.extra)
    except ValueError:
        extra = None
    if not isinstance(extra, dict):
        # The extra is not shown, as it may hold a token. The cause is dropped: a JSON error holds the document.
        raise EcsConfigError(f"Connection '{connection.conn_id}': extra is not a JSON object.") from None
    return extra
