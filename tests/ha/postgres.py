"""A PostgreSQL of our own in a temporary folder, or a database of our own in one that is given."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psycopg2

from tests.ha.servers import POSTGRES_VARIABLE, await_answer, program
from tests.live.standalone import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

START_SECONDS = 60.0

# What is in it lives as long as the test: nothing has to survive the machine.
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
}
# PostgreSQL refuses to run as root.
_ACCOUNTS = ("postgres", "nobody")


@contextlib.contextmanager
def database() -> Iterator[str]:
    """Give the URL of an empty database; it is gone afterwards."""
    if given := os.environ.get(POSTGRES_VARIABLE):
        with _database_in(given) as url:
            yield url
    else:
        with _server() as server, _database_in(server) as url:
            yield url


@contextlib.contextmanager
def _database_in(server: str) -> Iterator[str]:
    """Make a database, with a name that nobody else has, and drop it afterwards."""
    name = f"ecsjobs_ha_{secrets.token_hex(6)}"
    _run(server, f"CREATE DATABASE {name}")
    try:
        yield urlsplit(server)._replace(path=f"/{name}").geturl()
    finally:
        _run(server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _run(url: str, statement: str) -> None:
    with contextlib.closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)


@contextlib.contextmanager
def _server() -> Iterator[str]:
    """Run a server, with a password that only we know, and give the URL of its first database."""
    initdb, postgres = program("initdb"), program("postgres")
    account = _account()
    # Not below pytest's folder: that is closed to other accounts.
    home = Path(tempfile.mkdtemp(prefix="ecsjobs-ha-postgres-"))
    try:
        password, port = secrets.token_urlsafe(24), free_port()
        secret = home / "password"
        secret.write_text(password)
        if account:
            for path in (home, secret):
                shutil.chown(path, account)
        options = ["--username=airflow", "--auth=scram-sha-256", f"--pwfile={secret}", "--encoding=UTF8", "--no-sync"]
        initialized = subprocess.run(
            [initdb, "-D", home / "data", "--locale=C", *options],
            cwd=home,
            user=account,
            capture_output=True,
            text=True,
        )
        if initialized.returncode:
            raise RuntimeError(f"initdb failed: {initialized.stderr}")
        url = f"postgresql://airflow:{password}@127.0.0.1:{port}/postgres"
        with _serving(postgres, home, port, account) as process:
            ask = partial(_run, url, "SELECT 1")
            await_answer(ask, psycopg2.OperationalError, process, START_SECONDS, log=home / "log")
            yield url
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextlib.contextmanager
def _serving(postgres: str, home: Path, port: int, account: str | None) -> Iterator[subprocess.Popen[bytes]]:
    settings = [f"-c{name}={value}" for name, value in _SETTINGS.items()]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [postgres, "-D", home / "data", "-p", str(port), *settings],
            cwd=home,
            user=account,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        # An immediate shutdown: all its processes end, whoever is connected.
        process.send_signal(signal.SIGQUIT)
        process.wait()


def _account() -> str | None:
    """Give the account to run it as; None for our own."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in _ACCOUNTS if name in known)
