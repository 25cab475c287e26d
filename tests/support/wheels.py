"""Builds our wheel with what is at hand, and lays it in a folder to be imported from."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.support.patience import A_MINUTE

if TYPE_CHECKING:
    from pathlib import Path


def build_wheel(source: Path, target: Path) -> Path:
    """Build the wheel of a source tree; return its path. Skips the test if nothing here can build one."""
    built = subprocess.run(_builder(source, target), capture_output=True, text=True, timeout=5 * A_MINUTE, check=False)
    assert built.returncode == 0, built.stderr
    (wheel,) = target.glob("*.whl")
    return wheel


def lay_out(source: Path, folder: Path) -> Path:
    """Build the wheel of a source tree and unpack it, as an installation does; return the folder to import from."""
    wheel = build_wheel(source, folder / "dist")
    installed = folder / "installed"
    with zipfile.ZipFile(wheel) as opened:
        opened.extractall(installed)
    return installed


def _builder(source: Path, target: Path) -> list[str]:
    if shutil.which("uv"):
        return ["uv", "build", "--quiet", "--wheel", "--out-dir", str(target), str(source)]
    if importlib.util.find_spec("build"):
        return [sys.executable, "-m", "build", "--wheel", "--outdir", str(target), str(source)]
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(target), str(source)]
    pytest.skip("neither uv, build nor pip is here to build a wheel")
