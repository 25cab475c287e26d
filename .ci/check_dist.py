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
# What the build adds to the files of the repository.
ADDED = {"PKG-INFO"}


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


def differences(sdist: Path) -> list[str]:
    """Return what the sdist lacks of the repository, in which the README's commands work, or has beside it."""
    known = run("git", "ls-files").splitlines()
    with tarfile.open(sdist) as opened:
        held = {member.name.partition("/")[2] for member in opened.getmembers() if not member.isdir()}
    return sorted((held - ADDED) ^ set(known))


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
        # An sdist that was unpacked is itself no repository, and has nothing to compare with.
        if (ROOT / ".git").exists() and (differing := differences(sdist)):
            raise SystemExit(f"The sdist and the repository differ: {differing}")
        if links := relative_links(wheel):
            raise SystemExit(f"The description has links that do not work on PyPI: {links}")
        run(sys.executable, "-m", "twine", "check", "--strict", sdist, wheel)
        run(sys.executable, "-m", "check_wheel_contents", wheel)
        print(f"{sdist.name} and {wheel.name} are as they should be; two builds gave the same wheel.")


if __name__ == "__main__":
    main()
