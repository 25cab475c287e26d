"""A real Chromium, driven through the playwright wheel: Debian's package, as the wheel brings none."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = ("chromium", "chromium-browser", "google-chrome")
AXE = os.environ.get("ECSJOBS_AXE", "")
"""The file of axe-core, if pages are to be checked with it: ``node_modules/axe-core/axe.min.js``."""
STEP_MS = 120_000
"""A bound for a slow machine, in milliseconds; a page takes a second to draw on an idle one."""


def missing() -> str:
    """Say why no browser can be had here; empty if one can."""
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "the playwright wheel is not installed"
    return "" if _executable() else f"none of {', '.join(NAMES)} is installed"


def _executable() -> str | None:
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Window:
    """A page in the browser, and what it complained of."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.set_default_timeout(STEP_MS)
        page.on("console", lambda message: self._note(message.type, message.text))
        page.on("pageerror", lambda error: self._note("error", str(error)))
        page.on("dialog", lambda dialog: (self._note("error", f"a dialog: {dialog.message}"), dialog.dismiss()))

    def _note(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)

    def open(self, url: str, shows: str) -> None:
        """Open an address, and wait until the page shows something."""
        self.page.goto(url, wait_until="domcontentloaded")
        self.wait_for(shows)

    def wait_for(self, selector: str) -> None:
        """Wait until the page shows what a selector names."""
        self.page.wait_for_selector(selector)

    def text(self, selector: str = ".ecs-jobs") -> str:
        """Return what can be read there."""
        return str(self.page.inner_text(selector))

    def note_what_axe_finds(self) -> None:
        """Note what the page makes hard for a keyboard, a screen reader, or eyes that see little contrast."""
        if not AXE or not self.page.locator(".ecs-jobs").count():
            return
        # Evaluated, as the policy of a page may forbid scripts of others.
        self.page.evaluate(Path(AXE).read_text())
        found = self.page.evaluate("axe.run('.ecs-jobs').then((result) => result.violations)")
        self.complaints += [
            f"axe: {problem['id']}: {node['html'][:300]} {node['failureSummary']}"
            for problem in found
            for node in problem["nodes"]
        ]

    def shoot(self, name: str, selector: str = "html") -> None:
        """Take a picture for the documentation, if ``ECSJOBS_SCREENSHOTS`` names a folder for it.

        :param selector: the part to show; the window if not given.
        """
        if folder := os.environ.get("ECSJOBS_SCREENSHOTS"):
            self.page.mouse.move(0, 0)
            self.page.locator(selector).screenshot(path=str(Path(folder) / f"{name}.png"), animations="disabled")


class Browser:
    """Opens windows, in light or in dark."""

    def __init__(self, chromium: Any) -> None:
        self._chromium = chromium

    @contextmanager
    def window(self, *, theme: str = "light", width: int = 1400, height: int = 860) -> Iterator[Window]:
        """Open a window; fail if its page complained of anything."""
        context = self._chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme=theme, locale="en-GB", timezone_id="UTC"
        )
        context.add_init_script(f"localStorage.setItem('theme', '{theme}')")
        window = Window(context.new_page())
        try:
            yield window
            window.note_what_axe_finds()
        finally:
            context.close()
        assert window.complaints == [], window.complaints


@contextmanager
def start_browser() -> Iterator[Browser]:
    """Start a browser, which must be there."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=_executable(), args=["--no-sandbox", "--disable-gpu"])
        try:
            yield Browser(chromium)
        finally:
            chromium.close()
