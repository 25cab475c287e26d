"""``python -m airflow_provider_ecsjobs.emulator``: serve until interrupted."""

from __future__ import annotations

import argparse
import inspect
import logging
import shlex
import signal
import sys
from typing import TYPE_CHECKING

from airflow_provider_ecsjobs.emulator.app import REQUEST_LOG
from airflow_provider_ecsjobs.emulator.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Sequence

SERVES = (
    "the 25 asynchronous requests of ECS, job queries, reads of servers (v1, v1.1, v2.1), IAM (/v3), "
    "and the metadata service"
)
_STOP_SIGNALS = {signal.SIGINT, signal.SIGTERM}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the emulator.

    :param argv: the arguments, those of the process by default.
    :return: the exit code.
    """
    options = _parser().parse_args(argv)
    # Blocked before the server's thread starts and inherits the mask, so that only sigwait below gets the signals.
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
    arguments = vars(options)
    if arguments.pop("log"):
        _log_requests()
    emulator = Emulator(**arguments)
    try:
        emulator.start()
    except OSError as error:
        reason = str(error.strerror or error).partition(" (while")[0]  # the rest repeats the address
        print(f"cannot listen on {options.host} port {options.port}: {reason}", file=sys.stderr)
        return 1
    name, value = emulator.connection_env()
    print(f"ECS emulator on {emulator.url}")
    if emulator.ca_file is not None:
        print(f"CA file {emulator.ca_file}")
    print(f"export {name}={shlex.quote(value)}")
    print(f"It serves {SERVES}.")
    print("Its control API is below /_emulator/. All state is lost when it stops. Ctrl+C stops it.", flush=True)
    signal.sigwait(_STOP_SIGNALS)
    emulator.stop()
    return 0


def _parser() -> argparse.ArgumentParser:
    defaults = {name: parameter.default for name, parameter in inspect.signature(Emulator).parameters.items()}
    defaults["port"] = 8899
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_ecsjobs.emulator",
        description="A local, in-memory emulator of the Huawei Cloud ECS API.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--host", type=_host, help="address to listen on")
    add("--port", type=_port, help="port to listen on; 0 for a free one")
    add("--init-seconds", type=_seconds, help="how long a job stays in INIT")
    add("--run-seconds", type=_seconds, help="how long a job is RUNNING after that")
    add("--access-key", help="the access key")
    add("--secret-key", help="its secret key")
    add("--region", help="the region of this ECS")
    add("--project-id", help="the project of the region")
    add("--user-name", help="the IAM user")
    add("--password", help="the user's password")
    add("--domain-name", help="the name of the user's account")
    add("--token-seconds", type=_validity, help="how long an IAM token is valid")
    add("--agency-seconds", type=_validity, help="how long a temporary key is valid")
    add("--recycle-bin", action="store_true", help="put deleted servers into the recycle bin")
    add("--log", action="store_true", help="print a line for each request")
    add("--tls", action="store_true", help="serve over TLS with a self-signed certificate")
    parser.set_defaults(**{name: value for name, value in defaults.items() if name != "clock"})
    return parser


def _log_requests() -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    REQUEST_LOG.addHandler(handler)
    REQUEST_LOG.setLevel(logging.INFO)


def _host(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("is empty, which would listen on every address of this machine")
    return text


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"a port is between 0 and 65535, not {port}")
    return port


def _validity(text: str) -> float:
    seconds = _seconds(text)
    if not seconds:
        raise argparse.ArgumentTypeError("must be more than 0 seconds")
    return seconds


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"not a number of seconds: {text}")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
