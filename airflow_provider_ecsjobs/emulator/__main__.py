"""``python -m airflow_provider_ecsjobs.emulator``: serve until interrupted."""

from __future__ import annotations

import argparse
import inspect
import logging
import os
import shlex
import signal
import sys
from typing import TYPE_CHECKING, TextIO

# What takes long to import is imported below, by functions that ``main`` calls once it handles Ctrl+C.
if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_ecsjobs.emulator.emulator import Emulator

SERVES = (
    "the 25 asynchronous requests of ECS, job queries, reads of servers (v1, v1.1, v2.1), IAM (/v3), "
    "and the metadata service"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the emulator.

    :param argv: the arguments, those of the process by default.
    :return: the exit code.
    """
    # Blocked before the server's thread starts and inherits the mask, so that only sigwait below gets the signals.
    stop_signals = _stop_signals()
    signal.pthread_sigmask(signal.SIG_BLOCK, stop_signals)
    options = _parser().parse_args(argv)
    emulator = _configured(options)
    if options.log:
        _log_requests()
    try:
        emulator.start()
    except OSError as error:
        reason = str(error.strerror or error).partition(" (while")[0]  # the rest repeats the address
        print(f"cannot listen on {options.host} port {options.port}: {reason}", file=sys.stderr)
        return 1
    try:
        print("\n".join(_greeting(emulator)), flush=True)
    except BrokenPipeError:
        _discard_output()
    signal.sigwait(stop_signals)
    emulator.stop()
    return 0


def _stop_signals() -> set[signal.Signals]:
    # With nohup, SIGHUP is ignored. If it were blocked, sigwait would get it nevertheless.
    is_kept_alive = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return {signal.SIGINT, signal.SIGTERM} | (set() if is_kept_alive else {signal.SIGHUP})


def _greeting(emulator: Emulator) -> list[str]:
    name, value = emulator.connection_env()
    return [
        f"ECS emulator on {emulator.url}",
        *([] if emulator.ca_file is None else [f"CA file {emulator.ca_file}"]),
        f"export {name}={shlex.quote(value)}",
        f"It serves {SERVES}.",
        "Its control API is below /_emulator/. All state is lost when it stops. Ctrl+C stops it.",
    ]


def _configured(options: argparse.Namespace) -> Emulator:
    """Return the emulator with these options. A wrong value ends the process."""
    from airflow_provider_ecsjobs.emulator.emulator import Emulator
    from airflow_provider_ecsjobs.emulator.values import InvalidValueError

    try:
        return Emulator(**{name: value for name, value in vars(options).items() if name != "log"})
    except InvalidValueError as error:
        _parser().error(f"argument --{error.name.replace('_', '-')}: {error.reason}")


def _parser() -> argparse.ArgumentParser:
    from airflow_provider_ecsjobs.emulator.emulator import Emulator

    defaults = {name: parameter.default for name, parameter in inspect.signature(Emulator).parameters.items()}
    defaults["port"] = 8899
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_ecsjobs.emulator",
        description="A local, in-memory emulator of the Huawei Cloud ECS API.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--host", help="address to listen on")
    add("--port", type=int, help="port to listen on; 0 for a free one")
    add("--init-seconds", type=float, help="how long a job stays in INIT")
    add("--run-seconds", type=float, help="how long a job is RUNNING after that")
    add("--access-key", help="the access key")
    add("--secret-key", help="its secret key")
    add("--region", help="the region of this ECS")
    add("--project-id", help="the project of the region")
    add("--user-name", help="the IAM user")
    add("--password", help="the user's password")
    add("--domain-name", help="the name of the user's account")
    add("--token-seconds", type=float, help="how long an IAM token is valid")
    add("--agency-seconds", type=float, help="how long a temporary key is valid")
    add("--recycle-bin", action="store_true", help="put deleted servers into the recycle bin")
    add("--log", action="store_true", help="print a line for each request")
    add("--tls", action="store_true", help="serve over TLS with a self-signed certificate")
    parser.set_defaults(**{name: value for name, value in defaults.items() if name != "clock"})
    return parser


def _log_requests() -> None:
    from airflow_provider_ecsjobs.emulator.app import REQUEST_LOG

    handler = _RequestLog(sys.stdout)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    REQUEST_LOG.addHandler(handler)
    REQUEST_LOG.setLevel(logging.INFO)


class _RequestLog(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - a method of logging
        if isinstance(sys.exc_info()[1], BrokenPipeError):
            _discard_output()
        else:
            super().handleError(record)


def _discard_output() -> None:
    # Nobody reads it any more, as after ``| head``. The emulator serves until it is stopped all the same.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
