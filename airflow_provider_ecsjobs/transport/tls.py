"""The TLS contexts of all clients."""

from __future__ import annotations

import ssl
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import certifi

from airflow_provider_ecsjobs.core.errors import EcsConfigError

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.transport.config import Settings


def make_ssl_context(settings: Settings) -> ssl.SSLContext:
    """Return the TLS context of a connection. Never call it in an event loop: it reads files for tens of milliseconds.

    Clients share a context until the CA bundle is replaced.

    :raises EcsConfigError: the CA bundle can't be used.
    """
    path = settings.ca_file
    try:
        return _context(path, settings.verify is not False, 0 if path is None else Path(path).stat().st_mtime_ns)
    except OSError as error:  # an SSLError is one
        raise EcsConfigError(
            f"Connection '{settings.auth_config.conn_id}': the CA bundle {path} (extra 'verify' or"
            f" REQUESTS_CA_BUNDLE) can't be used: {error}"
        ) from None


@lru_cache(maxsize=8)
def _context(path: str | None, checks: bool, changed: int) -> ssl.SSLContext:
    # `changed` only tells an earlier bundle of the same path apart.
    if path is not None and Path(path).is_dir():
        context = ssl.create_default_context(capath=path)
    else:
        # The roots that `requests` trusts, so that sensor and trigger trust the same.
        context = ssl.create_default_context(cafile=path or certifi.where())
    if not checks:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
