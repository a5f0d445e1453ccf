"""The page in a real browser, where the system has one: paint, restore, slide, save, come back."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import colourful, run_command
from tests.web.served import IN_BROWSER, LONG, Served, counted, playwright, said, stroke

pytestmark = IN_BROWSER


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture for each test, with noise: so that what is restored is not what was there."""
    folder = tmp_path_factory.mktemp("folder")
    for number, name in enumerate(("photo", "reloaded", "typed", "waiting")):
        noise = np.random.default_rng(number).normal(0, 12, (48, 64, 3))
        values = np.asarray(colourful(64, 48)) / 2 + 64 + noise
        Image.fromarray(values.clip(0, 255).astype(np.uint8)).save(folder / f"{number}-{name}.png")
    return folder


def test_paint_restore_slide_and_save(served: Served, folder: Path) -> None:
    page = served.window()
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
    said(page, "#mask-said", "Saved as 0-photo.mask.png")
    with Image.open(folder / "0-photo.mask.png") as mask:
        assert int(np.asarray(mask).sum()) == painted

    page.click("#restore")
    said(page, "#told", "Fill in what is painted")
    before = page.locator("#canvas").screenshot()
    page.locator("#divider").fill("900")
    assert page.locator("#canvas").screenshot() != before
    page.click("#save button")
    said(page, "#saved", "Saved as 0-photo.restored.png")
    page.click("#save button")  # once more changes nothing
    (folder / "taken.png").write_bytes(b"another file")
    page.fill("#name", "taken.png")
    page.click("#save button")
    said(page, "#saved", "exists already")
    assert (folder / "taken.png").read_bytes() == b"another file"
    assert page.locator("#save button").inner_text() == "Replace"
    page.fill("#name", "0-photo.png")
    page.click("#save button")
    said(page, "#wrong", "is the original, which is never replaced")

    assert run_command("restore", folder / "0-photo.png", "--mask", folder / "0-photo.mask.png",
                       "--device", "cpu", "-o", folder / "by-command.png",
                       "--quiet") == 0  # fmt: skip
    written = (folder / "0-photo.restored.png").read_bytes()
    assert written == (folder / "by-command.png").read_bytes()

    # Paint more, and go on from what was restored.
    page.check("[name=from][value=made]")
    said(page, "#marked", "^$")
    stroke(page, -100)
    page.click("#restore")
    page.wait_for_selector("#work", timeout=LONG)
    page.wait_for_selector("#work", state="hidden", timeout=LONG)
    page.fill("#name", "twice.png")
    page.click("#save button")
    said(page, "#saved", "Saved as twice.png")
    changed = np.asarray(Image.open(folder / "twice.png")) != np.asarray(
        Image.open(folder / "0-photo.restored.png")
    )
    assert 0 < changed.any(-1).sum() < painted * 2


def test_a_page_that_is_opened_again_finds_its_work(served: Served) -> None:
    page = served.window(1)
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
    other = served.window(1)  # another window sees the same line, and can wait in it
    other.wait_for_selector("#work:not([hidden])", timeout=LONG)
    page.wait_for_selector("#to-compare:not([disabled])", timeout=LONG)  # the picture appears
    page.click("#stop")
    said(page, "#told", "Stopped: this is the best so far")
    said(other, "#told", "Stopped: this is the best so far")


def test_by_keyboard_alone(served: Served) -> None:
    page = served.window(2)
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
    said(page, "#saved", "Saved as 2-typed.restored.png")


def test_a_wrong_file_and_a_server_that_stops_are_said(
    chromium: object, folder: Path, tmp_path: Path
) -> None:
    served = Served(chromium, folder)
    page = served.window()
    (tmp_path / "wrong.png").write_text("no picture")
    page.set_input_files("#file", tmp_path / "wrong.png")
    said(page, "#wrong", r"^wrong\.png: not a picture that can be read")
    colourful(50, 30).save(tmp_path / "right.png")
    page.set_input_files("#file", tmp_path / "right.png")
    playwright.expect(page.locator("#name")).to_have_value("right.restored.png", timeout=LONG)
    said(page, "#advice", "It will")
    served.kill()
    page.click("#restore")
    said(page, "#wrong", "The server has stopped")
    served.close()
    assert not served.errors


def test_fifty_megapixels_stay_smooth(chromium: object, tmp_path: Path) -> None:
    down, right = np.mgrid[:6000, :8400]
    values = (down // 8 + right // 8) % 256
    Image.fromarray(values.astype(np.uint8)).save(tmp_path / "large.png", compress_level=1)
    served = Served(chromium, tmp_path / "large.png")
    try:
        page = served.open()
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
