"""What is painted, in a real browser: by fingers, from a file, found by the tool, on many pages."""

import io
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.conftest import colourful
from tests.web.served import IN_BROWSER, LONG, Served, counted, playwright, said, stroke

pytestmark = IN_BROWSER
PHOTO, BROKEN, SCAN, OTHER = range(4)  # of the folder, in order of their names


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A smooth picture, one with a scratch and a dead pixel, two scans of two pages."""
    folder = tmp_path_factory.mktemp("scans", numbered=False)
    colourful(64, 48).save(folder / "a.png")
    values = np.asarray(colourful(96, 80)).copy() // 2
    values[10:70, 40] = 250
    values[30, 70] = 255
    Image.fromarray(values).save(folder / "broken.png")
    pages = np.random.default_rng(0).normal(0, 12, (2, 48, 64, 3)) + 64
    pages += np.stack([np.asarray(colourful(64, 48).rotate(turn)) for turn in (0, 180)]) / 2
    for name in ("scan.tif", "scan2.tif"):
        tifffile.imwrite(folder / name, pages.clip(0, 255).astype(np.uint8), photometric="rgb")
    return folder


@pytest.fixture(scope="module")
def window() -> dict[str, object]:
    """What a window can do: fingers."""
    return {"has_touch": True}


def test_a_mask_is_loaded_from_a_file(served: Served, tmp_path: Path) -> None:
    page = served.window(PHOTO)
    mask = Image.new("L", (64, 48))
    mask.paste(255, (10, 20, 40, 24))
    mask.save(tmp_path / "mask.png")
    page.click("#mask-files summary")
    page.set_input_files("#mask-file", tmp_path / "mask.png")
    said(page, "#marked", "^120 pixels are painted")
    said(page, "#advice", "It will fill in what is painted")
    playwright.expect(page.locator("#strength")).to_be_hidden()  # no noise is taken away
    page.click("#undo")
    said(page, "#marked", "^$")
    playwright.expect(page.locator("#strength")).to_be_visible()
    page.click("#redo")
    mask.putpixel((0, 0), 100)
    mask.save(tmp_path / "mask.png")
    page.set_input_files("#mask-file", tmp_path / "mask.png")
    said(page, "#mask-said", "has greys; what is lighter than half is repaired")
    mask.crop((0, 0, 64, 40)).save(tmp_path / "mask.png")
    page.set_input_files("#mask-file", tmp_path / "mask.png")
    said(page, "#wrong", "is 64×40 pixels, the picture 64×48: make a mask of the picture's size")
    assert counted(page) == 120  # what was painted stays
    page.reload()
    said(page, "#marked", "^120 pixels")


def test_one_finger_paints_and_two_zoom_and_move(served: Served) -> None:
    page = served.window(PHOTO)
    page.click("#clear")
    session = served.context.new_cdp_session(page)
    box = page.locator("#canvas").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def touch(kind: str, *at: tuple[float, float]) -> None:
        points = [{"x": x + dx, "y": y + dy, "id": k} for k, (dx, dy) in enumerate(at)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def zoom() -> int:
        return int(page.locator("#zoom").inner_text().split()[0])

    def pinch(*spans: int) -> None:
        """Put a finger in the middle, then one beside it, and pull them apart."""
        touch("touchStart", (0, 0))
        touch("touchMove", (3, 3))
        touch("touchStart", (0, 0), (spans[0], 0))
        for span in spans[1:]:
            touch("touchMove", (0, 0), (span, 0))
        touch("touchEnd")

    before = zoom()
    pinch(50, 70, 100, 150)
    page.wait_for_timeout(200)
    assert zoom() == pytest.approx(3 * before, rel=0.05)
    said(page, "#marked", "^$")  # the first finger was no stroke
    touch("touchStart", (0, 0))
    for k in range(1, 5):
        touch("touchMove", (20 * k, 0))
    touch("touchEnd")
    said(page, "#marked", "painted")
    painted = counted(page)
    pinch(150, 100, 50)  # begins on what is painted already: that stays
    page.wait_for_timeout(200)
    assert zoom() == pytest.approx(before, rel=0.05)
    assert counted(page) == painted
    page.click("#undo")
    said(page, "#marked", "^$")


def test_scratches_are_found_and_can_be_painted_over(served: Served) -> None:
    page = served.window(BROKEN)
    page.click("#find")
    said(page, "#marked", "painted")
    found = counted(page)
    assert 60 <= found < 600  # the scratch of 60 pixels and the dead one, with what is around
    stroke(page, -100)
    assert counted(page) > found
    page.click("#undo")
    page.click("#undo")
    said(page, "#marked", "^$")
    page = served.window(PHOTO)
    page.click("#find")
    said(page, "#news", "No dead pixels, scratches or dust were found")


def test_pages_are_looked_at_one_by_one_and_restored_together(served: Served, folder: Path) -> None:
    page = served.window(SCAN)
    first = page.locator("#canvas").screenshot()
    page.select_option("#page", index=1)
    for _ in range(100):
        if page.locator("#canvas").screenshot() != first:
            break
        page.wait_for_timeout(100)
    else:
        raise AssertionError("the second page is not shown")
    stroke(page)
    said(page, "#marked", "They are the same on all pages")
    mask = counted(page)
    page.click("#restore")
    page.wait_for_selector("#result:not([hidden])", timeout=LONG)
    playwright.expect(page.locator("#page")).to_have_value("1")
    page.click("#save button")
    said(page, "#saved", "Saved as scan.restored.tif")
    before, after = (tifffile.imread(folder / f"scan{end}.tif") for end in ("", ".restored"))
    assert after.shape == before.shape == (2, 48, 64, 3)
    changed = (before != after).any(-1)
    assert 0 < changed.any(0).sum() <= mask
    assert changed.any((1, 2)).all()


def test_what_is_painted_stays_with_its_picture(served: Served) -> None:
    page = served.window(OTHER)
    stroke(page)
    painted = counted(page)
    page.select_option("#page", index=1)  # at once: before the server has what is painted
    playwright.expect(page.locator("#undo")).to_be_disabled()  # it is opened
    assert counted(page) == painted
    stroke(page, -100)
    more = counted(page)
    page.select_option("#pictures", str(PHOTO))
    playwright.expect(page.locator("#name")).to_have_value("a.restored.png")
    page.select_option("#pictures", str(OTHER))
    playwright.expect(page.locator("#name")).to_have_value("scan2.restored.tif")
    said(page, "#marked", f"^{more} pixels")


def test_what_is_found_of_a_picture_is_painted_on_no_other(served: Served) -> None:
    page = served.window(BROKEN)
    page.click("#clear")
    held = []
    page.route("**/found", lambda route: held.append(route), times=1)
    page.click("#find")
    playwright.expect(page.locator("#find")).to_be_disabled()
    while not held:
        page.wait_for_timeout(50)
    page.select_option("#pictures", str(PHOTO))
    playwright.expect(page.locator("#name")).to_have_value("a.restored.png")
    held[0].continue_()
    page.wait_for_timeout(1000)
    assert page.locator("#undo").is_disabled()  # nothing was painted here
    playwright.expect(page.locator("#find")).to_be_enabled()
    page.select_option("#pictures", str(BROKEN))
    said(page, "#marked", "painted")


def test_the_picture_that_was_chosen_last_is_shown(served: Served) -> None:
    page = served.window(PHOTO)
    held = []
    page.route(f"**/api/pictures/{BROKEN}", lambda route: held.append(route))
    page.select_option("#pictures", str(BROKEN))
    said(page, "#opening", "Opening broken.png…")
    playwright.expect(page.locator("#opening")).to_be_visible()
    page.select_option("#pictures", str(SCAN))
    playwright.expect(page.locator("#name")).to_have_value("scan.restored.tif")
    held[0].continue_()
    page.wait_for_timeout(500)
    playwright.expect(page.locator("#name")).to_have_value("scan.restored.tif")
    playwright.expect(page.locator("#pictures")).to_have_value(str(SCAN))
    playwright.expect(page.locator("#opening")).to_be_hidden()


def test_a_stroke_that_is_painted_while_another_is_sent_is_sent_too(served: Served) -> None:
    page = served.window(PHOTO)
    page.click("#clear")
    held = []
    page.route("**/masks", lambda route: held.append(route), times=1)
    stroke(page)
    while not held:
        page.wait_for_timeout(50)
    first = counted(page)
    stroke(page, -100)
    with page.expect_response("**/masks", timeout=LONG):
        held[0].continue_()
    painted = counted(page)
    assert painted > first
    page.select_option("#pictures", str(BROKEN))
    playwright.expect(page.locator("#name")).to_have_value("broken.restored.png")
    page.select_option("#pictures", str(PHOTO))
    said(page, "#marked", f"^{painted} pixels")


def test_what_another_picture_became_is_not_said_of_this_one(served: Served) -> None:
    page = served.window(PHOTO)
    page.click("#clear")
    stroke(page)
    page.click("#restore")
    said(page, "#told", "Fill in")
    playwright.expect(page.locator("#names span").first).to_be_visible()
    said(page, "#advice", "the rest stays")
    page.click("#save button")
    said(page, "#saved", "Saved as a.restored.png in the folder scans")
    page.select_option("#pictures", str(BROKEN))
    playwright.expect(page.locator("#name")).to_have_value("broken.restored.png")
    for element in ("#names span >> nth=0", "#divider", "#result", "#line"):
        playwright.expect(page.locator(element)).to_be_hidden()
    playwright.expect(page.locator("#to-paint")).to_have_attribute("aria-pressed", "true")
    said(page, "#saved", "^$")


def test_each_picture_has_choices_of_its_own(served: Served) -> None:
    page = served.window(SCAN)
    first = {"#task": "auto", "#strength": "0", "#limit": ""}

    def chosen() -> dict[str, str]:
        return {each: page.locator(each).input_value() for each in first}

    page.select_option("#task", "denoise")
    page.locator("#strength").fill("1")
    page.select_option("#limit", "60")
    mine = chosen()
    page.select_option("#pictures", str(OTHER))
    playwright.expect(page.locator("#name")).to_have_value("scan2.restored.tif")
    assert chosen() == first
    page.select_option("#pictures", str(SCAN))
    playwright.expect(page.locator("#name")).to_have_value("scan.restored.tif")
    assert chosen() == mine


@pytest.mark.parametrize("colour", ["#ff2d55", "#ffffff", "#000000", "#808080"])
def test_what_is_painted_is_seen_on_any_colour(served: Served, tmp_path: Path, colour: str) -> None:
    picture = Image.new("RGB", (64, 48), colour)
    picture.save(tmp_path / f"plain{colour[1:]}.png")
    page = served.window(PHOTO)
    page.set_input_files("#file", tmp_path / f"plain{colour[1:]}.png")
    playwright.expect(page.locator("#name")).to_have_value(f"plain{colour[1:]}.restored.png")
    stroke(page)
    page.keyboard.press("Control+z")
    said(page, "#marked", "^$")
    page.locator("h1").hover()
    page.wait_for_timeout(200)

    def seen() -> np.ndarray:
        data = io.BytesIO(page.locator("#canvas").screenshot())
        return np.asarray(Image.open(data).convert("L")).astype(int)

    before = seen()
    page.keyboard.press("Control+y")
    said(page, "#marked", "painted")
    for _ in range(50):
        if (np.abs(seen() - before) > 90).sum() > 200:  # of 255: the outline of 120 pixels
            return
        page.wait_for_timeout(100)
    raise AssertionError("it is not seen")


def test_what_is_painted_is_widened_by_two_pixels(served: Served, tmp_path: Path) -> None:
    Image.new("RGB", (600, 300)).save(tmp_path / "wide.png")
    mask = Image.new("L", (600, 300))
    for place in ((100, 100), (255, 255), (599, 0)):  # alone, where tiles meet, in the corner
        mask.putpixel(place, 255)
    mask.save(tmp_path / "mask.png")
    page = served.window(PHOTO)
    page.set_input_files("#file", tmp_path / "wide.png")
    playwright.expect(page.locator("#name")).to_have_value("wide.restored.png")
    playwright.expect(page.locator("#widen")).to_be_disabled()
    page.click("#mask-files summary")
    page.set_input_files("#mask-file", tmp_path / "mask.png")
    said(page, "#marked", "^3 pixels")
    page.click("#widen")
    said(page, "#marked", f"^{21 + 21 + 8} pixels")
    page.click("#undo")
    said(page, "#marked", "^3 pixels")
