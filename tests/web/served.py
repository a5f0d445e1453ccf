"""A server of its own process, windows of the browser with its page, and what one does there."""

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping

import pytest

from tests.conftest import clean_environment

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
IN_BROWSER = [
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium"),
    pytest.mark.filterwarnings("default"),
]
LONG = 60_000  # ms, for what waits for a restoration
playwright.expect.set_options(timeout=LONG)


class Served:
    """A server, and windows of the browser as ``options`` say, with what goes wrong in them."""

    def __init__(
        self,
        chromium: object,
        *arguments: object,
        variables: Mapping[str, str] = {},
        **options: object,
    ) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "convprior.cli", "paint", *map(str, arguments),
             "--no-browser", "--device", "cpu"],
            stdout=subprocess.PIPE, text=True,
            env=clean_environment() | {"PYTHONUNBUFFERED": ""} | variables,  # as a user has it
        )  # fmt: skip
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().split()[-1]
        self.context = chromium.new_context(viewport={"width": 1280, "height": 800}, **options)
        self.errors: list[str] = []

    def open(self, picture: int = 0) -> object:
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(f"{self.address}#{picture}")
        return page

    def window(self, picture: int = 0) -> object:
        page = self.open(picture)
        page.locator("#size").fill("20")  # a thin stroke is filled in a second
        said(page, "#advice", "It will|The tool would")
        return page

    def close_windows(self) -> None:
        """Close what a test has opened, and fail if an error was thrown in it."""
        for page in self.context.pages:
            page.close()
        errors, self.errors = self.errors, []
        assert not errors, errors

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        self.context.close()
        self.kill()
        self.process.stdout.close()


def stroke(page: object, across: int = 120) -> None:
    """Paint a line to the right from the middle of what is shown."""
    box = page.locator("#canvas").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + across, y + 10, steps=6)
    page.mouse.up()


def said(page: object, element: str, what: str) -> None:
    playwright.expect(page.locator(element)).to_have_text(re.compile(what), timeout=LONG)


def counted(page: object) -> int:
    return int(page.locator("#marked").inner_text().split()[0].replace(",", ""))
