"""Print what CI is to test, as outputs of a GitHub Actions step: Pythons from the classifiers, legs from matrix.py."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

from matrix import LEGS

CLASSIFIER = re.compile(r"Programming Language :: Python :: (3\.\d+)")


def main() -> None:
    """Print them."""
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    pythons = [found[1] for line in project["classifiers"] if (found := CLASSIFIER.fullmatch(line))]
    legs = [{"name": leg.name, "python": leg.python or pythons[0]} for leg in LEGS.values()]
    print(f"python={json.dumps(pythons)}\nlegs={json.dumps(legs)}")


if __name__ == "__main__":
    main()
