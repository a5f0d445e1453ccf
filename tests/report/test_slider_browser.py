"""The slider in a real browser, where the system has one."""

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convprior.report import page, slider
from tests.conftest import colourful

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")


def pixels(window: object, selector: str) -> np.ndarray:
    data = window.locator(selector).first.screenshot()
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


def test_zoom_is_linked_and_a_difference_and_a_mask_are_shown(tmp_path: Path) -> None:
    Image.new("L", (200, 100), 100).save(tmp_path / "before.png")
    after = Image.new("L", (200, 100), 100)
    after.paste(120, (100, 0, 200, 100))
    after.save(tmp_path / "after.png")
    mask = Image.new("L", (200, 100))
    mask.paste(255, (0, 0, 20, 100))
    mask.save(tmp_path / "mask.png")
    (tmp_path / "page.html").write_text(
        slider.page(*(tmp_path / f"{name}.png" for name in ("before", "after", "mask"))),
        encoding="utf-8",
    )
    colourful(64, 48).save(tmp_path / "small.png")
    strip = "".join(f'<img src="{name}.png">' for name in ("small", "before", "small"))
    (tmp_path / "report.html").write_text(
        page.document("report", f'<figure><div class="strip" data-slider>{strip}</div></figure>'),
        encoding="utf-8",
    )
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        window = browser.new_page(viewport={"width": 800, "height": 600})
        errors: list[str] = []
        window.on("pageerror", lambda error: errors.append(str(error)))
        window.goto((tmp_path / "page.html").as_uri())
        assert window.locator(".pair").bounding_box()["width"] == pytest.approx(800, abs=20)
        assert pixels(window, ".pair")[200, 20].tolist() == [178, 55, 55]
        window.keyboard.press("m")
        assert pixels(window, ".pair")[200, 20].tolist() == [100] * 3
        window.keyboard.press("+")  # the middle stays where it was
        middle = window.locator(".frame").evaluate(
            "f => (f.scrollLeft + f.clientWidth / 2) / f.scrollWidth"
        )
        assert middle == pytest.approx(0.5, abs=0.02)
        window.keyboard.press("1")
        assert window.locator(".pair").bounding_box()["width"] == 200
        assert window.locator("#zoom").inner_text() == "100 %"
        window.keyboard.press("d")
        shown = pixels(window, ".pair")[50]
        assert shown[20].tolist() == [0] * 3
        assert shown[180].tolist() == [80] * 3
        window.keyboard.press("d")
        for _ in range(6):
            window.keyboard.press("+")
        box = window.locator(".frame").bounding_box()
        window.mouse.move(box["x"] + 100, box["y"] + 100)  # far from the line: it moves
        window.mouse.down()
        window.mouse.move(box["x"] + 60, box["y"] + 90)
        window.mouse.up()
        assert window.locator(".pair input").input_value() == "50"
        window.keyboard.press("0")
        box = window.locator(".pair").bounding_box()
        window.mouse.click(box["x"] + box["width"] / 4, box["y"] + 50)
        assert float(window.locator(".pair input").input_value()) == pytest.approx(25, abs=1)
        window.keyboard.press("ArrowRight")
        assert float(window.locator(".pair input").input_value()) == pytest.approx(25.5, abs=1)

        window.goto((tmp_path / "report.html").as_uri())
        assert window.locator(".pair img").count() == 2
        box = window.locator(".pair").bounding_box()
        window.mouse.click(box["x"] + box["width"] * 0.8, box["y"] + 20)
        assert float(window.locator(".pair input").input_value()) == pytest.approx(80, abs=1)
        browser.close()
        assert not errors
