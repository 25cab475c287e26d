"""The servers that these tests need. ``python -m tests.ha.servers`` says which of them this machine lacks.

Nothing is imported but the standard library, so that it can be asked before anything is installed.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

POSTGRES_VARIABLE = "ECSJOBS_HA_POSTGRES"
"""Names a PostgreSQL to use instead of one of our own."""
REDIS_VARIABLE = "ECSJOBS_HA_REDIS"
"""Names a Redis to use instead of one of our own."""


def program(name: str) -> str:
    """Find a server's program.

    :raises RuntimeError: if there is none.
    """
    # Debian keeps PostgreSQL's server out of PATH; the newest version comes first.
    installed = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True
    )
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *map(str, installed)])
    found = shutil.which(name, path=path)
    if not found:
        raise RuntimeError(f"no {name} on this machine")
    return found


def await_answer(
    ask: Callable[[], object],
    transport_failure: type[Exception],
    process: subprocess.Popen[bytes],
    seconds: float,
    log: Path | None = None,
) -> None:
    """Ask a server that was just started until it answers.

    :param ask: asks; raises ``transport_failure`` as long as there is no answer.
    :param process: the server.
    :param log: what it says, for the message.
    :raises RuntimeError: if it ends, or does not answer in so many seconds.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            ask()
        except transport_failure as error:
            if process.poll() is not None or time.monotonic() > deadline:
                said = log.read_text(errors="replace") if log is not None else ""
                raise RuntimeError(f"{process.args!r} does not answer: {error}\n{said}") from None
            time.sleep(0.1)
        else:
            return


def missing() -> list[str]:
    """Say what is missing, and how else to give it."""
    reasons = []
    for variable, name in ((POSTGRES_VARIABLE, "initdb"), (REDIS_VARIABLE, "redis-server")):
        if not os.environ.get(variable):
            try:
                program(name)
            except RuntimeError as error:
                reasons.append(f"{error}, and {variable} is not set")
    return reasons


if __name__ == "__main__":
    print("; ".join(missing()))
    sys.exit(bool(missing()))
