"""``python -m airflow_provider_ecsjobs.emulator`` as people run it."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from tests.support.patience import A_MINUTE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_ecsjobs.emulator import Emulator

COMMAND = [sys.executable, "-m", "airflow_provider_ecsjobs.emulator"]


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    command = [*COMMAND, "--port", "0", "--secret-key", "it's $ECRET", "--region", "here"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_stopped(process: subprocess.Popen[str], stop: signal.Signals) -> None:
    url = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())[0]
    export, serves, how = (process.stdout.readline() for _ in range(3))
    assert export.startswith("export ")
    assert "25 asynchronous requests" in serves
    assert "Ctrl+C stops it" in how
    with requests.Session() as session:
        assert session.get(f"{url}/_emulator/health", timeout=A_MINUTE).status_code == 200

        process.send_signal(stop)

        assert process.wait(timeout=A_MINUTE) == 0
    assert process.stdout.read() == ""
    assert process.stderr.read() == ""


def test_its_export_line_can_be_pasted_into_a_shell(process: subprocess.Popen[str]) -> None:
    address, export = process.stdout.readline(), process.stdout.readline()

    shown = subprocess.run(
        ["sh", "-c", export + 'printf %s "$AIRFLOW_CONN_HUAWEI_ECS_DEFAULT"'],
        capture_output=True,
        text=True,
        check=True,
    )

    connection = json.loads(shown.stdout)
    assert connection["host"] in address
    assert connection["password"] == "it's $ECRET"
    assert connection["extra"]["region"] == "here"


def test_a_port_in_use_is_one_clear_line(ecs_emulator: Emulator) -> None:
    port = ecs_emulator.url.rpartition(":")[2]

    result = subprocess.run([*COMMAND, "--port", port], capture_output=True, text=True, timeout=A_MINUTE, check=False)

    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == f"cannot listen on 127.0.0.1 port {port}: Address already in use\n"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--port", "70000"),
        ("--port", "abc"),
        ("--token-seconds", "0"),
        ("--token-seconds", "1e12"),
        ("--agency-seconds", "1e12"),
        ("--run-seconds", "-1"),
        ("--init-seconds", "nan"),
        ("--init-seconds", "abc"),
        ("--host", ""),
        ("--host", "a..b"),
        ("--access-key", ""),
        ("--access-key", "a b"),
        ("--secret-key", ""),
        ("--project-id", ""),
        ("--project-id", "x/y"),
        ("--region", ""),
        ("--password", ""),
    ],
)
def test_a_bad_option_is_refused(option: str, value: str) -> None:
    result = subprocess.run([*COMMAND, option, value], capture_output=True, text=True, timeout=A_MINUTE, check=False)

    assert result.returncode == 2
    last = result.stderr.splitlines()[-1]
    assert f"error: argument {option}: " in last
    assert "invalid _" not in last
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGHUP])
def test_it_serves_tls_and_names_the_file_to_trust(stop: signal.Signals) -> None:
    command = [*COMMAND, "--port", "0", "--tls", "--user-name", "someone"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            address, trusted, export = (process.stdout.readline() for _ in range(3))
            url = re.search(r"https://127\.0\.0\.1:\d+", address)[0]
            ca_file = trusted.removeprefix("CA file ").strip()
            assert requests.get(f"{url}/_emulator/health", verify=ca_file, timeout=A_MINUTE).status_code == 200
            [_, assignment] = shlex.split(export)
            assert json.loads(assignment.partition("=")[2])["extra"]["verify"] == ca_file

            process.send_signal(stop)

            assert process.wait(timeout=A_MINUTE) == 0
            assert not Path(ca_file).exists()
            assert process.stderr.read() == ""
        finally:
            process.kill()


def test_it_prints_a_line_for_each_request_if_wanted() -> None:
    command = [*COMMAND, "--port", "0", "--log"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            first, *_ = (process.stdout.readline() for _ in range(4))
            requests.get(f"{first.split()[-1]}/v3?secret=1", timeout=A_MINUTE)

            assert re.fullmatch(r"[\d-]+ [\d:,]+ GET /v3 200\n", process.stdout.readline())
        finally:
            process.kill()


def test_with_nohup_it_outlives_its_terminal() -> None:
    command = ["nohup", *COMMAND, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            url = process.stdout.readline().split()[-1]

            process.send_signal(signal.SIGHUP)

            assert requests.get(f"{url}/_emulator/health", timeout=A_MINUTE).status_code == 200
            process.terminate()
            assert process.wait(timeout=A_MINUTE) == 0
        finally:
            process.kill()


def test_it_goes_on_when_nobody_reads_its_log_any_more() -> None:
    command = [*COMMAND, "--port", "0", "--log"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            url = process.stdout.readline().split()[-1]
            process.stdout.close()

            assert [requests.get(f"{url}/v3", timeout=A_MINUTE).status_code for _ in range(3)] == [200] * 3

            process.terminate()
            assert process.wait(timeout=A_MINUTE) == 0
            assert process.stderr.read() == ""
        finally:
            process.kill()


def test_a_closed_output_and_an_early_stop_are_no_tracebacks() -> None:
    stopped_early = """if True:
        import os, signal, sys
        from airflow_provider_ecsjobs.emulator.__main__ import main
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        os.kill(os.getpid(), signal.SIGINT)
        sys.exit(main(["--port", "0"]))
    """
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as nobody:
        command = [sys.executable, "-c", stopped_early]
        result = subprocess.run(command, stdout=nobody, stderr=subprocess.PIPE, timeout=A_MINUTE, check=False)

    assert (result.returncode, result.stderr) == (0, b"")


def test_little_is_imported_before_it_handles_ctrl_c() -> None:
    code = "import sys, airflow_provider_ecsjobs.emulator.__main__; print('aiohttp' in sys.modules)"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert output.stdout == "False\n"
