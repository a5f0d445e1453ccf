"""The slider in a real browser, where the system has one."""

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
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
        window.keyboard.press("m")  # the mask is no difference: it stays as it is
        shown = pixels(window, ".pair")[50]
        assert shown[10].tolist() == [138, 15, 15]
        assert shown[180].tolist() == [80] * 3
        window.keyboard.press("m")
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


def test_all_pages_are_zoomed_and_moved_together(tmp_path: Path) -> None:
    sizes = [(200, 300), (200, 300), (100, 150)]  # (height, width) of each page
    for name, shift in (("before", 0), ("after", 9)):
        with tifffile.TiffWriter(tmp_path / f"{name}.tif") as file:
            for height, width in sizes:
                grey = np.asarray(colourful(width, height))[..., 0] // 2 + shift
                file.write(grey.astype(np.uint8))
    html = slider.page(tmp_path / "before.tif", tmp_path / "after.tif")
    (tmp_path / "page.html").write_text(html, encoding="utf-8")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        window = browser.new_page(viewport={"width": 400, "height": 600})
        window.goto((tmp_path / "page.html").as_uri())

        def widths() -> list[float]:
            return window.evaluate(
                "[...document.querySelectorAll('.pair')].map(p => p.getBoundingClientRect().width)"
            )

        def middles() -> np.ndarray:
            """Return the point in the middle of each frame, as shares of its page's sides."""
            return np.array(
                window.evaluate("""[...document.querySelectorAll('.frame')].map(f =>
              [(f.scrollLeft + f.clientWidth / 2) / f.scrollWidth,
               (f.scrollTop + f.clientHeight / 2) / f.scrollHeight])""")
            )

        assert widths() == [400, 400, 400]  # each has its room
        window.keyboard.press("1")
        assert widths() == [300, 300, 150]
        for _ in range(5):
            window.keyboard.press("+")
        assert widths() == pytest.approx([300 * 1.5**5, 300 * 1.5**5, 150 * 1.5**5], abs=1)
        assert np.allclose(middles(), 0.5, atol=0.01)
        second = window.locator(".frame").nth(1)
        second.scroll_into_view_if_needed()
        second.evaluate("f => f.scrollTo(1300, 200)")
        window.wait_for_function("document.querySelector('.frame').scrollLeft == 1300")
        at = middles()
        assert np.allclose(at[0], at[1], atol=0.001)
        assert at[0, 0] > 0.6
        box = second.bounding_box()  # the wheel of one zooms all, and its own point stays
        window.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        window.keyboard.down("Control")
        window.mouse.wheel(0, -60)
        window.keyboard.up("Control")
        window.wait_for_function("document.getElementById('zoom').value != '759 %'")
        wider = np.array(widths())
        assert (wider > 300 * 1.5**5 / np.array([1, 1, 2]) + 100).all()
        window.wait_for_timeout(100)  # the others follow by events
        assert np.allclose(middles()[:2], at[1], atol=0.01)
        browser.close()
