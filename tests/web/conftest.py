"""The browser, and a server that the tests of a module share."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.web.served import Served


@pytest.fixture(scope="module")
def chromium() -> Iterator[object]:
    from tests.web.served import CHROMIUM, playwright

    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def window() -> dict[str, object]:
    """What a module's windows can do that others cannot."""
    return {}


@pytest.fixture(scope="module")
def shared(chromium: object, folder: Path, window: dict[str, object]) -> Iterator["Served"]:
    """One server in the module's folder, for all tests that leave it alive."""
    from tests.web.served import Served

    served = Served(chromium, folder, **window)
    yield served
    served.close()


@pytest.fixture
def served(shared: "Served") -> Iterator["Served"]:
    yield shared
    shared.close_windows()
