"""The page in a real browser, where the system has one: paint, restore, slide, save, come back."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import clean_environment, colourful, run_command

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium"),
    pytest.mark.filterwarnings("default"),
]
LONG = 60_000  # ms, for what waits for a restoration


@pytest.fixture(scope="module")
def chromium() -> Iterator[object]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "folder"
    folder.mkdir()
    noise = np.random.default_rng(0).integers(-20, 21, (40, 60, 3))
    picture = (np.asarray(colourful(60, 40)).astype(int) + noise).clip(0, 255).astype(np.uint8)
    Image.fromarray(picture).save(folder / "photo.png")
    return folder


class Served:
    """A server of its own process, and windows that show its page."""

    def __init__(self, chromium: object, *arguments: object) -> None:
        self.chromium = chromium
        self.process = subprocess.Popen(
            [sys.executable, "-m", "convprior.cli", "paint", *map(str, arguments),
             "--no-browser", "--device", "cpu"],
            stdout=subprocess.PIPE, text=True, env=clean_environment(),
        )  # fmt: skip
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().split()[-1]
        self.context = chromium.new_context(viewport={"width": 1280, "height": 800})
        self.errors: list[str] = []

    def window(self) -> object:
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(self.address)
        return page

    def close(self) -> None:
        self.context.close()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def served(chromium: object, folder: Path) -> Iterator[Served]:
    served = Served(chromium, folder)
    yield served
    served.close()
    assert not served.errors


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


def test_paint_restore_slide_and_save(served: Served, folder: Path) -> None:
    page = served.window()
    said(page, "#advice", "It will")
    assert "token" not in page.url
    stroke(page)
    said(page, "#marked", r"\d+ pixels are painted")
    painted = counted(page)
    page.keyboard.press("Control+z")
    said(page, "#marked", "^$")
    page.keyboard.press("Control+y")
    assert counted(page) == painted
    said(page, "#advice", "It will fill in what is painted: some is missing")
    page.click("#mask-files summary")
    page.click("#save-mask button")
    said(page, "#mask-said", "Saved as photo.mask.png")
    with Image.open(folder / "photo.mask.png") as mask:
        assert int(np.asarray(mask).sum()) == painted

    page.click("#restore")
    said(page, "#told", "Fill in what is painted")
    before = page.locator("#canvas").screenshot()
    page.locator("#divider").fill("900")
    assert page.locator("#canvas").screenshot() != before
    page.click("#save button")
    said(page, "#saved", "Saved as photo.restored.png")
    (folder / "taken.png").write_bytes(b"another file")
    page.fill("#name", "taken.png")
    page.click("#save button")
    said(page, "#saved", "exists already")
    assert (folder / "taken.png").read_bytes() == b"another file"
    assert page.locator("#save button").inner_text() == "Replace"
    page.fill("#name", "photo.png")
    page.click("#save button")
    said(page, "#wrong", "is the original, which is never replaced")

    assert run_command("restore", folder / "photo.png", "--mask", folder / "photo.mask.png",
                       "--device", "cpu", "-o", folder / "by-command.png",
                       "--quiet") == 0  # fmt: skip
    written = (folder / "photo.restored.png").read_bytes()
    assert written == (folder / "by-command.png").read_bytes()

    # Paint more, and go on from what was restored.
    page.check("[name=from][value=made]")
    said(page, "#marked", "^$")
    stroke(page, -100)
    page.click("#restore")
    page.wait_for_selector("#work", state="hidden", timeout=LONG)
    page.fill("#name", "twice.png")
    page.click("#save button")
    said(page, "#saved", "Saved as twice.png")
    changed = np.asarray(Image.open(folder / "twice.png")) != np.asarray(
        Image.open(folder / "photo.restored.png")
    )
    assert 0 < changed.any(-1).sum() < painted * 2


def test_a_page_that_is_opened_again_finds_its_work(served: Served) -> None:
    page = served.window()
    said(page, "#advice", "It will")
    stroke(page)
    said(page, "#marked", "painted")
    painted = counted(page)
    page.select_option("#task", "denoise")
    page.select_option("#limit", "60")
    page.click("#restore")
    page.wait_for_selector("#bar[value]", timeout=LONG)
    page.reload()
    page.wait_for_selector("#work:not([hidden])", timeout=LONG)
    assert counted(page) == painted
    playwright.expect(page.locator("#task")).to_have_value("denoise")
    other = served.window()  # another window sees the same line, and can wait in it
    other.wait_for_selector("#work:not([hidden])", timeout=LONG)
    page.wait_for_selector("#to-compare:not([disabled])", timeout=LONG)  # the picture appears
    page.click("#stop")
    said(page, "#told", "Stopped: this is the best so far")
    said(other, "#told", "Stopped: this is the best so far")


def test_by_keyboard_alone(served: Served) -> None:
    page = served.window()
    said(page, "#advice", "It will")
    page.locator("#canvas").focus()
    for key in ("b", "Space", "ArrowRight", "ArrowRight", "Shift+ArrowDown", "Space"):
        page.keyboard.press(key)
    said(page, "#marked", "painted")
    painted = counted(page)
    for key in ("e", "Space", "ArrowUp", "Space"):
        page.keyboard.press(key)
    assert counted(page) < painted
    page.locator("#restore").focus()
    page.keyboard.press("Enter")
    said(page, "#told", "Fill in")
    page.locator("#canvas").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#divider").input_value() == "510"
    page.locator("#name").focus()
    page.keyboard.press("Enter")
    said(page, "#saved", "Saved as photo.restored.png")


def test_a_wrong_file_and_a_server_that_stops_are_said(served: Served, tmp_path: Path) -> None:
    page = served.window()
    said(page, "#advice", "It will")
    (tmp_path / "wrong.png").write_text("no picture")
    page.set_input_files("#file", tmp_path / "wrong.png")
    said(page, "#wrong", r"^wrong\.png: not a picture that can be read")
    colourful(50, 30).save(tmp_path / "right.png")
    page.set_input_files("#file", tmp_path / "right.png")
    said(page, "#advice", "It will")
    playwright.expect(page.locator("#name")).to_have_value("right.restored.png")
    served.process.kill()
    page.click("#restore")
    said(page, "#wrong", "The server has stopped")


def test_fifty_megapixels_stay_smooth(chromium: object, tmp_path: Path) -> None:
    down, right = np.mgrid[:6000, :8400]
    values = np.stack([down // 8 % 256, right // 8 % 256, (down + right) // 16 % 256], -1)
    Image.fromarray(values.astype(np.uint8)).save(tmp_path / "large.png", compress_level=1)
    served = Served(chromium, tmp_path / "large.png")
    try:
        page = served.window()
        page.wait_for_selector("#restore:not([disabled])", timeout=LONG)
        page.locator("#size").fill("80")
        frames = """async (act) => {
          const canvas = document.getElementById('canvas'), times = [];
          const box = canvas.getBoundingClientRect();
          const fire = (type, x, y, more) => canvas.dispatchEvent(new (type === 'wheel' ?
            WheelEvent : PointerEvent)(type, { clientX: box.x + x, clientY: box.y + y,
              pointerId: 1, bubbles: true, cancelable: true, ...more }));
          canvas.setPointerCapture = () => {};
          if (act === 'paint') fire('pointerdown', 100, 100, { button: 0 });
          for (let k = 0; k < 40; k++) {
            const begun = performance.now();
            if (act === 'paint') fire('pointermove', 100 + 15 * k, 100 + 10 * k, {});
            else fire('wheel', 400, 300, { deltaY: k < 20 ? -150 : 150 });
            await new Promise(requestAnimationFrame);
            await new Promise(requestAnimationFrame);
            times.push(performance.now() - begun);
          }
          if (act === 'paint') fire('pointerup', 700, 500, { button: 0 });
          return times.sort((a, b) => a - b)[20];
        }"""
        zooming, painting = (page.evaluate(frames, act) for act in ("zoom", "paint"))
        print(f"two frames take {zooming:.0f} ms while zooming, {painting:.0f} ms while painting")
        assert max(zooming, painting) < 500  # on two slow cores without a graphics card
        said(page, "#marked", "painted")
        assert counted(page) > 100_000
    finally:
        served.close()
    assert not served.errors
