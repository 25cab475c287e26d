"""Each picture of the pages is taken by ``make screenshots``, and each that it takes is shown."""

from __future__ import annotations

import re

from tests.docs.pages import ROOT, TEXT

IMAGES = ROOT / "docs" / "images"
THEMES = ("-light", "-dark")
"""Of a picture in both, one is shown."""


def test_make_screenshots_takes_each_picture() -> None:
    command = re.search(r"^screenshots:.*\n\t(.*)$", (ROOT / "Makefile").read_text(), re.M)
    assert command is not None
    tests = re.findall(r"tests/live/\w+\.py", command[1])
    code = "\n".join((ROOT / test).read_text() for test in tests)
    taken = re.findall(r'\.shoot\(f?"([\w{}-]+)"', code)
    taken = {name.replace("-{theme}", theme) for name in taken for theme in THEMES}

    assert {image.stem for image in IMAGES.glob("*.png")} <= taken


def test_each_picture_is_shown() -> None:
    shown = set(re.findall(r"images/([\w-]+)\.png", TEXT))
    kept = {image.stem for image in IMAGES.glob("*.png")}

    assert shown <= kept
    assert {_without_theme(name) for name in kept} == {_without_theme(name) for name in shown}


def _without_theme(name: str) -> str:
    for theme in THEMES:
        name = name.removesuffix(theme)
    return name
