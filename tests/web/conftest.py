"""The browser."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def chromium() -> Iterator[object]:
    from tests.web.served import CHROMIUM, playwright

    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()
