"""Build what is to be uploaded, and look at it as PyPI and a user would.

    .venv/bin/python .ci/check_dist.py [FOLDER]

Leaves the sdist, and the wheel made from it, in FOLDER. Two builds have to give the same wheel, byte for byte.
"""

from __future__ import annotations

import email
import hashlib
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).resolve().parents[1]
# What the two commands of the README need, and what those who read the sdist look for.
IN_SDIST = {"Makefile", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "tests/live/demo.py", ".ci/run"}
IN_SDIST |= {"example_dags/example_ecs_servers.py", "docs/images/connection-form.png", "benchmarks/README.md"}


def run(*command: str | Path) -> str:
    """Run a command; return what it printed, or end with that if it fails."""
    told = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if told.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{told.stdout}")
    return told.stdout


def build(folder: Path) -> tuple[Path, Path]:
    """Build an sdist, and a wheel from it."""
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    (sdist,) = folder.glob("*.tar.gz")
    (wheel,) = folder.glob("*.whl")
    return sdist, wheel


def digest(path: Path) -> str:
    """Return the checksum of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def relative_links(wheel: Path) -> list[str]:
    """Return what the description links to that PyPI can't follow."""
    with ZipFile(wheel) as opened:
        (name,) = (name for name in opened.namelist() if name.endswith(".dist-info/METADATA"))
        text = str(email.message_from_bytes(opened.read(name)).get_payload())
    links = re.findall(r"\]\(([^)]+)\)|src=\"([^\"]+)\"", text)
    return [link for link in (markdown or html for markdown, html in links) if not link.startswith("https://")]


def missing(sdist: Path) -> set[str]:
    """Return what the sdist lacks."""
    with tarfile.open(sdist) as opened:
        held = {name.partition("/")[2] for name in opened.getnames()}
    return IN_SDIST - held


def main() -> None:
    """Build and check."""
    # The date of the last commit, where there is one: the same sources give the same files.
    dated = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=False)
    os.environ.setdefault("SOURCE_DATE_EPOCH", dated.stdout.strip() or "1577836800")
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as again:
        folder = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else Path(first)
        sdist, wheel = build(folder)
        if digest(wheel) != digest(build(Path(again))[1]):
            raise SystemExit("Two builds of the wheel differ.")
        if lacking := missing(sdist):
            raise SystemExit(f"The sdist lacks {sorted(lacking)}.")
        if links := relative_links(wheel):
            raise SystemExit(f"The description has links that do not work on PyPI: {links}")
        run(sys.executable, "-m", "twine", "check", "--strict", sdist, wheel)
        run(sys.executable, "-m", "check_wheel_contents", wheel)
        print(f"{sdist.name} and {wheel.name} are as they should be; two builds gave the same wheel.")


if __name__ == "__main__":
    main()
