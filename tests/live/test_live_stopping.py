"""A live Airflow leaves no process behind, however it ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[2]


def _is_alive(process: psutil.Process) -> bool:
    """Whether a process runs: one that has ended may still wait for the machine's init to take note of it."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _heed_interrupts() -> None:
    """Undo what a shell does to a command in its background, and all below inherit: they ignore SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize(
    ("said", "sent", "exit_code", "at_least"),
    [
        pytest.param("Starting Airflow", signal.SIGTERM, 143, 0, id="terminated-while-starting"),
        pytest.param("Running three DAGs", signal.SIGINT, 130, 4, id="interrupted-while-running"),
    ],
)
def test_a_stopped_demo_leaves_no_process(
    tmp_path: Path, said: str, sent: signal.Signals, exit_code: int, at_least: int
) -> None:
    command = [sys.executable, "-m", "tests.live.demo", "--home", str(tmp_path / "a folder")]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, bufsize=1, preexec_fn=_heed_interrupts
    ) as demo:
        assert demo.stdout is not None
        output = next(line for line in demo.stdout if line.startswith(said))
        started = psutil.Process(demo.pid).children(recursive=True)
        demo.send_signal(sent)
        output += demo.stdout.read()
    assert demo.returncode == exit_code, output
    assert len(started) >= at_least
    assert [process for process in started if _is_alive(process)] == []
    assert sent != signal.SIGINT or output.endswith("\nInterrupted; all that the demo had started is stopped.\n")
