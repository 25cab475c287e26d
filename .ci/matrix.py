"""Install our wheel beside what users have, and see that it works there: one leg for each Airflow.

    .venv/bin/python .ci/matrix.py [--wheel WHEEL] [--write-readme] [LEG ...]

A leg makes an environment with the pins of its file in ``.ci/constraints``, installs the wheel plainly on top as
``pip install`` does it, imports all of it and lets Airflow load its hooks; once more with the oldest ``common-compat``
that pyproject.toml allows. Some legs also run tests, or the demo in a real Airflow. Two legs run at a time: a demo
waits more than it works.

At the end there is a table. It fails if a leg failed; what could not be run is said, each in a line of its own.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[1]
CONSTRAINTS = ROOT / ".ci" / "constraints"
COMPAT = "apache-airflow-providers-common-compat"
AT_ONCE = 2
STEP_SECONDS = 3600
"""How long a step of a leg may last; the longest takes two minutes on two idle cores."""

# What shows how it works with Airflow. The emulator and core do not depend on what is installed beside them, and some
# of their tests need the official SDK, which is not at home beside the lowest bounds.
TESTS = ["operators", "sensors", "triggers", "hooks", "links", "submits"]
NOT_TESTED = ["tests/submits/test_all_operations.py"]


class Sources(NamedTuple):
    """What all legs are made of, as it was when they began."""

    wheel: Path
    tests: Path


@dataclass
class Leg:
    """An environment, and what is done in it.

    :param pins: its file in ``.ci/constraints``.
    :param work: what comes after the imports.
    :param python: the version of Python that it is meant for; any that we support, if empty.
    """

    name: str
    pins: str
    work: tuple[Callable[[Leg], None], ...] = ()
    python: str = ""
    passed: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    output: str = ""
    seconds: float = 0.0
    home: Path = Path()

    @property
    def interpreter(self) -> str:
        """Its own Python."""
        return str(self.home / "venv" / "bin" / "python")

    def call(self, *command: str | Path, **environment: str) -> str:
        """Run a command in its home; return what it printed."""
        outside = ("AIRFLOW_", "PYTHON", "VIRTUAL_ENV")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(outside)}
        told = subprocess.run(
            [str(part) for part in command],
            cwd=self.home,
            env=kept | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=STEP_SECONDS,
            check=False,
        )
        self.output += told.stdout
        if told.returncode:
            raise RuntimeError(f"{' '.join(map(str, command))} ended with {told.returncode}")
        return told.stdout

    def install(self, *requirements: str | Path) -> None:
        """Install requirements as they are, whatever is there already."""
        if shutil.which("uv"):
            self.call("uv", "pip", "install", "--quiet", "--python", self.interpreter, *requirements)
        else:
            self.call(self.interpreter, "-m", "pip", "install", "-q", "--disable-pip-version-check", *requirements)

    def check(self) -> str:
        """Import everything and load the hooks; return what it was done with."""
        said = self.call(self.interpreter, ROOT / ".ci" / "check_install.py", AIRFLOW_HOME=str(self.home / "airflow"))
        return said.strip().splitlines()[-1]


def run_tests(leg: Leg) -> None:
    """Run the tests that show how it works with Airflow."""
    left_out = [f"--ignore={name}" for name in NOT_TESTED]
    folders = [f"tests/{name}" for name in TESTS]
    at_once = ["-n", "2", "--dist", "loadfile"]
    leg.call(leg.interpreter, "-m", "pytest", "-q", *at_once, *left_out, *folders)
    leg.passed["tests"] = "yes"


def run_demo(leg: Leg) -> None:
    """Run the demo: its DAGs in a real Airflow, one of which submits what must not be done twice, with a retry.

    It opens the pages of their jobs, where there is a browser. With ``ECSJOBS_SCREENSHOTS`` pictures of them are kept.
    """
    leg.install("playwright")
    leg.call(leg.interpreter, "-m", "tests.live.demo", "--home", leg.home / "airflow-demo")
    leg.passed["demo"] = "yes"


LEGS = {
    leg.name: leg
    for leg in (
        Leg("lowest", "lowest", (run_tests,)),
        Leg("2.11.2", "airflow-2.11.2"),
        Leg("3.0.6", "airflow-3.0.6", (run_demo,)),
        Leg("3.1.8", "airflow-3.1.8", (run_demo,)),
        Leg("3.2.2", "airflow-3.2.2", (run_demo,), python="3.12"),
        Leg("3.3.0", "airflow-3.3.0", (run_demo,)),
        Leg("3.3.2", "airflow-3.3.2", (run_demo,), python="3.13"),
    )
}


def oldest_compat() -> str:
    """Return the oldest common-compat that is allowed, as a requirement."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (bound,) = (found for found in project["dependencies"] if found.startswith(COMPAT))
    return str(bound).replace(">=", "==")


def find_python(version: str) -> str | None:
    """Return a Python of this version that runs, from PATH, pyenv or uv."""
    home = Path.home()
    pyenv = Path(os.environ.get("PYENV_ROOT", home / ".pyenv"))
    managed = Path(os.environ.get("UV_PYTHON_INSTALL_DIR", home / ".local/share/uv/python"))
    found = [Path(f"python{version}"), *pyenv.glob(f"versions/{version}.*/bin/python")]
    found += managed.glob(f"cpython-{version}.*/bin/python")
    for candidate in found:
        # A name on PATH may be a shim that only prints an error.
        told = subprocess.run(["/usr/bin/env", candidate, "-c", ""], capture_output=True, check=False)
        if told.returncode == 0:
            return str(candidate)
    return None


def prepare(leg: Leg, sources: Sources) -> None:
    """Make the environment of a leg, and lay the tests beside it."""
    python = find_python(leg.python) if leg.python else sys.executable
    if python is None:
        leg.notes.append(f"{leg.name}: no Python {leg.python} found; run on that of .venv in place of it")
        python = sys.executable
    shutil.copytree(sources.tests, leg.home, dirs_exist_ok=True)
    if shutil.which("uv"):
        leg.call("uv", "venv", "--quiet", "--python", python, "venv")
    else:
        leg.call(python, "-m", "venv", "venv")
    leg.install("-r", CONSTRAINTS / f"{leg.pins}.txt")
    before = leg.call(leg.interpreter, "-c", f"from importlib.metadata import version; print(version({COMPAT!r}))")
    leg.install(sources.wheel)
    leg.passed["dated"] = before.strip()


def run(leg: Leg, sources: Sources) -> None:
    """Do all that a leg is for; raise if something of it fails."""
    prepare(leg, sources)
    versions = re.match(r"Airflow (\S+), common-compat (\S+), Python (\S+): ", leg.check())
    assert versions, leg.output
    leg.passed["airflow"], compat, leg.passed["python"] = versions.groups()
    leg.passed["imports"] = "yes"
    if compat != leg.passed["dated"]:
        leg.passed["dated"] += f", raised to {compat}"
    for work in leg.work:
        work(leg)
    leg.install(oldest_compat())
    leg.check()


def timed(leg: Leg, sources: Sources) -> Leg:
    """Run a leg in a folder of its own, and note how long that took and how it ended."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ecsjobs-matrix-") as home:
        leg.home = Path(home)
        try:
            run(leg, sources)
        except (RuntimeError, AssertionError, subprocess.TimeoutExpired) as error:
            leg.notes.append(f"{leg.name}: FAILED: {error}")
            leg.passed["failed"] = "yes"
    leg.seconds = time.monotonic() - started
    return leg


def gather(folder: Path, wheel: Path | None) -> Sources:
    """Build the wheel, if none is given, and copy what the tests need: not the package, which is the wheel's."""
    tests = folder / "tests"
    for name in ("tests", "example_dags", "docs"):
        shutil.copytree(ROOT / name, tests / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tests)
    if wheel is None:
        command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        (wheel,) = folder.glob("*.whl")
    return Sources(wheel.resolve(), tests)


def rows(legs: list[Leg]) -> list[list[str]]:
    """Return the cells of the table, head first."""
    cells = [["Airflow", "Python", "`common-compat` beside it", "imports, hooks, form", "tests", "demo"]]
    for leg in legs:
        parts = ["airflow", "python", "dated", "imports", "tests", "demo"]
        cells.append([leg.passed.get(part, "-") for part in parts])
    return cells


def table(cells: list[list[str]]) -> str:
    """Return cells as a table in Markdown."""
    lines = [f"| {' | '.join(row)} |" for row in cells]
    return "\n".join([lines[0], "|" + " --- |" * len(cells[0]), *lines[1:]]) + "\n"


def write_readme(legs: list[Leg]) -> None:
    """Put the table of what ran into README.md."""
    readme = ROOT / "README.md"
    text, replaced = re.subn(
        r"(?<=<!-- check: versions -->\n)(\|[^\n]*\n)+", lambda _: table(rows(legs)), readme.read_text()
    )
    assert replaced == 1, "README.md has no table of versions"
    readme.write_text(text)


def main() -> int:
    """Run the legs; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write-readme", action="store_true", help="write the table into README.md")
    parser.add_argument("--wheel", type=Path, help="the wheel; one that is built, if none is named")
    parser.add_argument("legs", nargs="*", metavar="LEG", help=f"{', '.join(LEGS)}; all, if none is named")
    options = parser.parse_args()
    if options.write_readme and options.legs:
        parser.error("README.md shows all legs, as they passed in one run")
    legs = [LEGS[name] for name in options.legs or LEGS]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(AT_ONCE) as pool:
        sources = gather(Path(folder), options.wheel)
        for done in as_completed([pool.submit(timed, leg, sources) for leg in legs]):
            leg = done.result()
            failed = "failed" in leg.passed
            print(f"{leg.name}: {'failed' if failed else 'passed'} after {leg.seconds:.0f} s", flush=True)
            if failed:
                print(leg.output, flush=True)
    seconds = ["seconds", *(f"{leg.seconds:.0f}" for leg in legs)]
    print(table([[*row, second] for row, second in zip(rows(legs), seconds, strict=True)]))
    for leg in legs:
        print(*leg.notes, sep="\n", end="\n" * bool(leg.notes))
    if len(legs) < len(LEGS):
        print(f"Not asked for, so not run: {', '.join(name for name in LEGS if LEGS[name] not in legs)}")
    if any("failed" in leg.passed for leg in legs):
        return 1
    if options.write_readme:
        write_readme(legs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
