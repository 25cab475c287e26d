"""A Redis of our own in a temporary folder, or keys of our own in one that is given."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import tempfile
from typing import TYPE_CHECKING, NamedTuple

import redis

from tests.ha.servers import REDIS_VARIABLE, await_answer, program
from tests.live.standalone import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

START_SECONDS = 30.0


class Broker(NamedTuple):
    """Where Celery's messages lie.

    :param url: the address of a Redis.
    :param prefix: how the name of each key begins.
    """

    url: str
    prefix: str


@contextlib.contextmanager
def broker() -> Iterator[Broker]:
    """Give a broker without messages; those it has afterwards are deleted."""
    with contextlib.ExitStack() as stack:
        url = os.environ.get(REDIS_VARIABLE) or stack.enter_context(_server())
        made = Broker(url, f"ecsjobs_ha_{secrets.token_hex(6)}_")
        with redis.Redis.from_url(url) as client:
            try:
                yield made
            finally:
                for key in client.scan_iter(f"{made.prefix}*"):
                    client.delete(key)


@contextlib.contextmanager
def _server() -> Iterator[str]:
    """Run a server, with a password that only we know, and give its URL."""
    password, port = secrets.token_hex(24), free_port()
    settings = f"bind 127.0.0.1\nport {port}\nrequirepass {password}\nsave ''\nappendonly no\n"
    with tempfile.TemporaryDirectory(prefix="ecsjobs-ha-redis-") as folder:
        process = subprocess.Popen(
            # The password comes by the standard input: all may read a command line.
            [program("redis-server"), "-"],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            assert process.stdin is not None
            with process.stdin as stdin:
                stdin.write(settings.encode())
            url = f"redis://:{password}@127.0.0.1:{port}/0"
            with redis.Redis.from_url(url) as client:
                await_answer(client.ping, redis.ConnectionError, process, START_SECONDS)
            yield url
        finally:
            process.kill()
            process.wait()
