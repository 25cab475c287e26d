"""Write .ci/constraints anew: what stood around each Airflow, so that our tests meet what users have.

Each Airflow with the newest of all else on a date shortly after its release, as an installation with Airflow's own
constraints has it; and the oldest Airflow with the lowest version that pyproject.toml allows of each dependency.
Needs uv, which can leave out what is newer than a date. Dates and versions stand here, and nowhere else.
"""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

CI = Path(__file__).parent
DATES = {
    "2.11.2": "2026-03-15",
    "3.0.6": "2025-09-05",
    "3.1.8": "2026-03-12",
    "3.2.2": "2026-05-30",
    "3.3.0": "2026-07-07",
    "3.3.2": "2026-09-17",
}
# The first date on which there was all that the lower bounds name.
LOWEST_DATE = "2025-12-20"
# What Airflow itself does not ask for stands beside it: what we depend on.
BESIDE = ["apache-airflow-providers-common-compat", "aiohttp", "certifi", "requests"]


# Of a date that is later, and not at home beside the lowest certifi: the tests that need it are not run there.
NOT_LOWEST = ("huaweicloudsdkecs",)


def lowest() -> list[str]:
    """Return the lowest version of each dependency, as exact requirements: those of the package and of its tests."""
    project = tomllib.loads((CI.parent / "pyproject.toml").read_text())["project"]
    bounds = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    return [bound.replace(">=", "==") for bound in bounds if not bound.startswith(NOT_LOWEST)]


def resolve(requirements: list[str], date: str) -> str:
    """Return pins of these and all that they need, with nothing newer than the date."""
    command = ["uv", "pip", "compile", "--quiet", "--python-version", "3.11", "--exclude-newer", date]
    command += ["--no-header", "--no-annotate", "-"]
    wanted = "\n".join(requirements)
    return subprocess.run(command, input=wanted, capture_output=True, text=True, check=True, cwd=CI).stdout


def write(name: str, head: str, pins: str) -> None:
    """Write one file."""
    text = f"# {head}, for Python 3.11. Made by .ci/make_constraints.py.\n{pins}"
    (CI / "constraints" / f"{name}.txt").write_text(text)


def main() -> None:
    """Write all files."""
    for airflow, date in DATES.items():
        pins = resolve([f"apache-airflow=={airflow}", *BESIDE], date)
        write(f"airflow-{airflow}", f"Airflow {airflow}, all else as of {date}", pins)
    pins = resolve(lowest(), LOWEST_DATE)
    write("lowest", f"The lowest that pyproject.toml allows, all else as of {LOWEST_DATE}", pins)


if __name__ == "__main__":
    main()
